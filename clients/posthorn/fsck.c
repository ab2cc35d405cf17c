/* posthorn fsck: looks through a data directory, and says of each stream what is there and what is wrong. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "offline.h"
#include "quantity.h"
#include "say.h"
#include "store/inspect.h"
#include "table.h"

struct values {
    bool json;
    bool segments;
};

#define FIELD(member) offsetof(struct values, member)

static const struct option options[] = {
    { "json", 'j', NULL, OPTION_FLAG, FIELD(json), NULL, "a JSON object a line for each stream" },
    { "segments", 0, NULL, OPTION_FLAG, FIELD(segments), NULL, "tell of each file" },
    { 0 },
};

static const struct option_group groups[] = { { "Options", options, 0 }, { 0 } };

static const struct example examples[] = {
    { "The directory of the service, while it is stopped:", "posthorn fsck /var/lib/posthorn" },
    { 0 },
};

const struct command_details fsck_details = {
    .operands = "DIRECTORY [STREAM]...",
    .operand_min = 1,
    .operand_max = -1,
    .values_size = sizeof(struct values),
    .groups = groups,
    .about =
        "Reads all that the streams below a data directory (server.data_dir) have on disk, checks every sum, and says "
        "what is there and what is wrong. It changes nothing: posthornd deals with each of these by itself, and starts "
        "whatever it finds. STREAMs are names; where there is none, all are checked.\n\n"
        "Torn bytes at the end are what a daemon that was killed had begun to write, and had not acknowledged; they "
        "are no fault. Damage is what had been kept and cannot be read any more: those messages are gone, and their "
        "readers are told of the gap. The exit code is 1 where there is damage, or a file that cannot be used.\n\n"
        "The settings of streams and the places of consumers, in meta.db, are SQLite's to check.",
    .examples = examples,
};

/* What is wrong with a file, in words; and whether that is a fault, or merely told. */
static const struct {
    const char *what;
    bool is_fault;
} troubles[] = {
    [INSPECT_UNBORN] = { "its head was never written: power went before it counted", false },
    [INSPECT_HEADLESS] = { "its head cannot be read, nor what is in it", true },
    [INSPECT_GONE] = { "it had been removed, and came back when power failed: posthornd removes it again", false },
    [INSPECT_FOREIGN] = { "it does not belong here: its head says otherwise than its name or its neighbours", true },
    [INSPECT_NO_DEAD] = { "there is no good list of its deleted messages: some may be there again", true },
    [INSPECT_BAD_ENTRY] = { "an entry of its deleted messages cannot be read: some may be there again", true },
    [INSPECT_DEAD_ALONE] = { "the list of deleted messages of a segment that is not there", false },
    [INSPECT_UNKNOWN] = { "posthornd knows no such name, and leaves it alone", false },
};

struct damage {
    uint64_t first, last;
};

struct trouble {
    char *name;
    enum inspect_trouble kind;
};

/* What was found in the directory of a stream. */
struct findings {
    const struct values *values;
    const char *stream;
    uint64_t segment_count, message_count, dead_count, byte_count;
    uint64_t first_sequence, last_sequence;
    uint64_t torn_bytes;
    bool is_unclean;    /* the daemon did not stop in peace */
    bool has_fault;
    struct damage *damages;
    size_t damage_count;
    struct trouble *troubles;
    size_t trouble_count;
    struct table files; /* of --segments */
};

/* ---- gathering ---- */

static int on_record(void *arg, const struct inspect_segment *segment, const struct record *record, uint64_t at,
                     bool is_dead)
{
    struct findings *findings = arg;
    (void)segment;
    (void)at;
    if (is_dead) {
        findings->dead_count++;
        return 0;
    }
    findings->message_count++;
    findings->byte_count += record->size;
    if (!findings->first_sequence)
        findings->first_sequence = record->sequence;
    return 0;
}

static int on_end(void *arg, const struct inspect_segment *segment)
{
    struct findings *findings = arg;
    char size[QUANTITY_TEXT_SIZE];
    findings->segment_count++;
    findings->is_unclean = segment->is_last && !segment->is_clean;
    table_put(&findings->files, "  %s", segment->name);
    table_put(&findings->files, "%s", quantity_print_size((double)segment->size, size));
    table_put(&findings->files, "sequences %llu to %llu", (unsigned long long)segment->first_sequence,
              (unsigned long long)segment->last_sequence);
    return 0;
}

static int on_damage(void *arg, uint64_t first, uint64_t last)
{
    struct findings *findings = arg;
    findings->damages = must(realloc(findings->damages, (findings->damage_count + 1) * sizeof *findings->damages));
    findings->damages[findings->damage_count++] = (struct damage){ first, last };
    findings->has_fault = true;
    return 0;
}

/* Not of the log, but of the stream that has it. */
static bool is_of_stream(const char *name)
{
    return strcmp(name, "epochs") == 0 || strcmp(name, "epochs.new") == 0;
}

static int on_trouble(void *arg, const char *name, enum inspect_trouble kind)
{
    struct findings *findings = arg;
    if (kind == INSPECT_UNKNOWN && is_of_stream(name))
        return 0;
    findings->troubles = must(realloc(findings->troubles, (findings->trouble_count + 1) * sizeof *findings->troubles));
    findings->troubles[findings->trouble_count++] = (struct trouble){ must(strdup(name)), kind };
    findings->has_fault = findings->has_fault || troubles[kind].is_fault;
    return 0;
}

static void findings_finish(struct findings *findings)
{
    for (size_t i = 0; i < findings->trouble_count; i++)
        free(findings->troubles[i].name);
    free(findings->troubles);
    free(findings->damages);
    table_finish(&findings->files);
}

/* ---- telling ---- */

static void print_troubles(const struct findings *findings)
{
    struct table table;
    table_init(&table, "ll");
    for (size_t i = 0; i < findings->trouble_count; i++) {
        table_put(&table, "  %s", findings->troubles[i].name);
        table_put(&table, "%s", troubles[findings->troubles[i].kind].what);
    }
    table_print(&table, stdout);
    table_finish(&table);
}

static void print_findings(const struct findings *findings)
{
    char size[QUANTITY_TEXT_SIZE];
    printf("%s: %s; %llu messages, %s, in %llu segments", findings->stream, findings->has_fault ? "DAMAGED" : "good",
           (unsigned long long)findings->message_count, quantity_print_size((double)findings->byte_count, size),
           (unsigned long long)findings->segment_count);
    if (findings->message_count)
        printf("; sequences %llu to %llu", (unsigned long long)findings->first_sequence,
               (unsigned long long)findings->last_sequence);
    if (findings->dead_count)
        printf("; %llu deleted", (unsigned long long)findings->dead_count);
    putchar('\n');
    for (size_t i = 0; i < findings->damage_count; i++)
        printf("  damage: the sequences from %llu to %llu are lost\n", (unsigned long long)findings->damages[i].first,
               (unsigned long long)findings->damages[i].last);
    if (findings->torn_bytes)
        printf("  torn: %llu bytes at the end, never acknowledged\n", (unsigned long long)findings->torn_bytes);
    else if (findings->is_unclean)
        printf("  the daemon did not stop by itself, or runs\n");
    print_troubles(findings);
    if (findings->values->segments)
        table_print(&findings->files, stdout);
}

static void print_json(const struct findings *findings)
{
    printf("{\"stream\":");
    json_string(stdout, findings->stream, strlen(findings->stream));
    printf(",\"good\":%s,\"messages\":%llu,\"bytes\":%llu,\"deleted\":%llu,\"segments\":%llu,\"first\":%llu,\"last\""
           ":%llu,\"torn_bytes\":%llu,\"damages\":[", findings->has_fault ? "false" : "true",
           (unsigned long long)findings->message_count, (unsigned long long)findings->byte_count,
           (unsigned long long)findings->dead_count, (unsigned long long)findings->segment_count,
           (unsigned long long)findings->first_sequence, (unsigned long long)findings->last_sequence,
           (unsigned long long)findings->torn_bytes);
    for (size_t i = 0; i < findings->damage_count; i++)
        printf("%s{\"first\":%llu,\"last\":%llu}", i ? "," : "", (unsigned long long)findings->damages[i].first,
               (unsigned long long)findings->damages[i].last);
    printf("],\"troubles\":[");
    for (size_t i = 0; i < findings->trouble_count; i++) {
        const struct trouble *trouble = &findings->troubles[i];
        printf("%s{\"file\":", i ? "," : "");
        json_string(stdout, trouble->name, strlen(trouble->name));
        printf(",\"what\":\"%s\",\"fault\":%s}", troubles[trouble->kind].what,
               troubles[trouble->kind].is_fault ? "true" : "false");
    }
    printf("]}\n");
}

/* ---- one stream, all streams ---- */

static enum exit_code check_directory(const struct values *values, const char *path, const char *stream)
{
    struct findings findings = { .values = values, .stream = stream };
    const struct inspect_visitor visitor = {
        .arg = &findings, .record = on_record, .damage = on_damage, .end = on_end, .trouble = on_trouble,
    };
    struct inspect_result result = { 0 };
    table_init(&findings.files, "lrl");
    int error = inspect_directory(&files_system, path, &visitor, &result);
    findings.last_sequence = result.last_sequence;
    findings.torn_bytes = result.torn_bytes;
    if (!error && values->json)
        print_json(&findings);
    else if (!error)
        print_findings(&findings);
    enum exit_code code = error ? offline_fail(path, error) : findings.has_fault ? EXIT_FAILED : EXIT_OK;
    findings_finish(&findings);
    return code;
}

static enum exit_code check_stream(const struct values *values, const char *directory, const char *stream)
{
    char *path;
    enum exit_code code = offline_find(directory, stream, &path);
    if (code == EXIT_OK)
        code = check_directory(values, path, stream);
    free(path);
    return code;
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* What lies beside the streams and is none is nobody's, and no fault. */
static bool may_be_stream(const char *path, const char *name)
{
    struct stat facts;
    char *whole;
    if (asprintf(&whole, "%s/%s", path, name) < 0)
        must(NULL);
    bool is = strpbrk(name, ". *>\\") == NULL && stat(whole, &facts) == 0 && S_ISDIR(facts.st_mode);
    free(whole);
    return is;
}

static enum exit_code check_entry(const struct values *values, const char *directory, const char *path,
                                  const char *name)
{
    if (may_be_stream(path, name))
        return check_stream(values, directory, name);
    if (!values->json)
        printf("%s: no stream; posthornd leaves it alone\n", name);
    return EXIT_OK;
}

static enum exit_code check_all(const struct values *values, const char *directory)
{
    struct dirent **names;
    char *path;
    enum exit_code code = EXIT_OK;
    if (asprintf(&path, "%s/streams", directory) < 0)
        must(NULL);
    int count = scandir(path, &names, is_name, alphasort);
    if (count < 0)
        code = fail(EXIT_FAILED, "no data directory: cannot read %s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        enum exit_code one = check_entry(values, directory, path, names[i]->d_name);
        code = code == EXIT_OK ? one : code;
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    free(path);
    return code;
}

/* What is written meanwhile looks torn, or is not seen. */
static void warn_of_daemon(const char *directory)
{
    char *path;
    if (asprintf(&path, "%s/lock", directory) < 0)
        must(NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        say("a posthornd uses %s: what it writes just now may look torn", directory);
    if (fd >= 0)
        close(fd);
    free(path);
}

enum exit_code fsck_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    const char *directory = operands.texts[0];
    enum exit_code code = EXIT_OK;
    warn_of_daemon(directory);
    if (operands.count == 1)
        return check_all(values, directory);
    for (int i = 1; i < operands.count; i++) {
        enum exit_code one = check_stream(values, directory, operands.texts[i]);
        code = code == EXIT_OK ? one : code;
    }
    return code;
}
