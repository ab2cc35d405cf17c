/* posthorn dump: prints the messages that a stream has on disk, without a server. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "offline.h"
#include "output.h"
#include "say.h"
#include "store/inspect.h"

struct values {
    struct output_values output;
    uint64_t since;
    uint64_t count;
    bool deleted;
};

#define FIELD(member) offsetof(struct values, member)

static const struct option options[] = {
    { "since", 0, "SEQUENCE", OPTION_COUNT, FIELD(since), "1", "begin with this one" },
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), NULL, "end after N messages" },
    { "deleted", 0, NULL, OPTION_FLAG, FIELD(deleted), NULL, "print what has been deleted too, as far as it is there" },
    { 0 },
};

static const struct option_group groups[] = { { "Options", options, 0 }, OUTPUT_GROUP(struct values), { 0 } };

static const struct example examples[] = {
    { "All of a stream, as JSON:", "posthorn dump /var/lib/posthorn orders --json >orders.ndjson" },
    { "Publish it to another server:",
      "posthorn dump /var/lib/posthorn log --raw | posthorn pub --server other --lines --ack log" },
    { 0 },
};

const struct command_details dump_details = {
    .operands = "DIRECTORY STREAM",
    .operand_min = 2,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = groups,
    .about = "Prints the messages that a stream has below a data directory (server.data_dir), each as '%q %t %p%n' "
             "(sequence, topic, payload) unless an output option says otherwise. It needs no server, changes nothing, "
             "and steps over damage, of which a line on standard error tells; the exit code is then "
             "1.\n\n" OUTPUT_FORMAT_ABOUT,
    .examples = examples,
};

enum { ENOUGH = 1, STOPPED = 2 }; /* what ends the walk */

struct dump {
    const struct values *values;
    const char *stream;
    struct output output;
    bool has_damage;
};

static void print_record(struct dump *dump, const struct record *record)
{
    const char *topic = record_topic(record), *head = topic + record->topic_size;
    const struct kept kept = {
        .stream = { dump->stream, strlen(dump->stream) },
        .sequence = record->sequence,
        .time_ns = record->time_ms * 1000000,
    };
    const struct ph_message message = {
        .topic = topic,
        .topic_size = record->topic_size,
        .reply = "",
        .headers = head,
        .headers_size = record->head_size,
        .payload = head + record->head_size,
        .payload_size = record->body_size - record->head_size,
    };
    output_kept(&dump->output, &message, &kept);
}

static int on_record(void *arg, const struct inspect_segment *segment, const struct record *record, uint64_t at,
                     bool is_dead)
{
    struct dump *dump = arg;
    (void)segment;
    (void)at;
    if (record->sequence < dump->values->since || (is_dead && !dump->values->deleted))
        return 0;
    if (dump->values->count && dump->output.count == dump->values->count)
        return ENOUGH;
    print_record(dump, record);
    return dump->output.written ? 0 : STOPPED;
}

static int on_damage(void *arg, uint64_t first, uint64_t last)
{
    struct dump *dump = arg;
    if (last < dump->values->since)
        return 0;
    say("damage: the sequences from %llu to %llu are lost", (unsigned long long)first, (unsigned long long)last);
    dump->has_damage = true;
    return 0;
}

/* A reader that has gone away shall not wait for the end of a large stream. */
static int on_end(void *arg, const struct inspect_segment *segment)
{
    struct dump *dump = arg;
    (void)segment;
    return output_flush(&dump->output) == EXIT_OK ? 0 : STOPPED;
}

static enum exit_code dump_stream(struct dump *dump, const char *path)
{
    const struct inspect_visitor visitor = { .arg = dump, .record = on_record, .damage = on_damage, .end = on_end };
    struct inspect_result result;
    int ended = inspect_directory(&files_system, path, &visitor, &result);
    enum exit_code flushed = output_flush(&dump->output);
    if (flushed != EXIT_OK)
        return flushed;
    if (ended < 0)
        return offline_fail(path, ended);
    return dump->has_damage ? EXIT_FAILED : EXIT_OK;
}

enum exit_code dump_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct dump dump = { .values = values, .stream = operands.texts[1] };
    char *path = NULL;
    enum exit_code code = output_init(&dump.output, &values->output, "%q %t %p%n");
    if (code == EXIT_OK)
        code = offline_find(operands.texts[0], operands.texts[1], &path);
    if (code == EXIT_OK)
        code = dump_stream(&dump, path);
    free(path);
    output_finish(&dump.output);
    return code;
}
