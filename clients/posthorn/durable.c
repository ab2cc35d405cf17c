#include "durable.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"
#include "interrupt.h"
#include "pull.h"
#include "say.h"
#include "util/clock.h"

enum { BATCH = 256, ERROR_CONSUMER_ABSENT = 10014 };

static const uint64_t EXPIRES_NS = 30000000000u;
static const uint64_t ANSWER_NS = 5000000000u; /* that the server may take for an answer */

#define FIELD(member) offsetof(struct durable_values, member)

const struct option durable_options[] = {
    { "durable", 0, "NAME", OPTION_TEXT, FIELD(name), NULL,
      "read the stream that keeps the PATTERNs by the consumer of this name, which is made where it is missing" },
    { "ack", 0, NULL, OPTION_FLAG, FIELD(ack), NULL, "acknowledge each message when it is printed" },
    { "stream", 0, "STREAM", OPTION_TEXT, FIELD(stream), NULL, "the stream to read" },
    { 0 },
};

struct durable {
    const struct durable_task *task;
    struct api api;
    struct pull pull;
    struct output *output;
    char *stream;
    uint64_t last_ns; /* when the last message came */
};

enum exit_code durable_check(const struct durable_values *values)
{
    if (!values->name && (values->stream || values->ack))
        return fail(EXIT_USAGE, "--stream and --ack go with --durable NAME");
    enum exit_code code = values->name ? api_check_name("consumer", values->name) : EXIT_OK;
    return code == EXIT_OK && values->stream ? api_check_name("stream", values->stream) : code;
}

/* ---- the stream ---- */

static enum exit_code take_only(const cJSON *names, const char *pattern, char **ret_stream)
{
    int count = cJSON_GetArraySize(names);
    if (count == 0)
        return fail(EXIT_FAILED, "no stream keeps '%s'; posthorn stream add makes one", pattern);
    if (count > 1)
        return fail(EXIT_FAILED, "several streams keep topics of '%s'; --stream names one", pattern);
    *ret_stream = must(strdup(cJSON_GetStringValue(cJSON_GetArrayItem(names, 0))));
    return EXIT_OK;
}

static enum exit_code find_stream(struct durable *durable, const char *pattern, char **ret_stream)
{
    char what[320];
    cJSON *answer = NULL, *request = must(cJSON_CreateObject());
    snprintf(what, sizeof what, "cannot look for the stream that keeps '%.200s'", pattern);
    object_put_text(request, "subject", pattern);
    enum exit_code code = api_ask(&durable->api, request, &answer, what, "STREAM.NAMES");
    if (code == EXIT_OK)
        code = take_only(object_member(answer, "streams"), pattern, ret_stream);
    cJSON_Delete(answer);
    return code;
}

static enum exit_code find_stream_of_all(struct durable *durable)
{
    const struct durable_task *task = durable->task;
    enum exit_code code = EXIT_OK;
    if (task->values->stream) {
        durable->stream = must(strdup(task->values->stream));
        return EXIT_OK;
    }
    for (size_t i = 0; i < task->pattern_count && code == EXIT_OK; i++) {
        char *stream = NULL;
        code = find_stream(durable, task->patterns[i], &stream);
        if (code == EXIT_OK && durable->stream && strcmp(stream, durable->stream) != 0)
            code = fail(EXIT_FAILED, "the streams %s and %s keep these; a consumer reads one", durable->stream, stream);
        free(durable->stream);
        durable->stream = stream;
    }
    return code;
}

/* ---- the consumer ---- */

static bool has_filter(const cJSON *config, const char *pattern)
{
    const cJSON *element;
    if (strcmp(object_text(config, "filter_subject"), pattern) == 0)
        return true;
    cJSON_ArrayForEach(element, object_member(config, "filter_subjects"))
        if (cJSON_IsString(element) && strcmp(element->valuestring, pattern) == 0)
            return true;
    return false;
}

static int count_filters(const cJSON *config)
{
    int several = cJSON_GetArraySize(object_member(config, "filter_subjects"));
    return several ? several : *object_text(config, "filter_subject") != '\0';
}

static bool wants_all(const struct durable_task *task)
{
    return task->pattern_count == 1 && strcmp(task->patterns[0], ">") == 0;
}

static bool delivers_the_same(const cJSON *config, const struct durable_task *task)
{
    bool same = count_filters(config) == (wants_all(task) ? 0 : (int)task->pattern_count);
    for (size_t i = 0; i < task->pattern_count && same && !wants_all(task); i++)
        same = has_filter(config, task->patterns[i]);
    return same;
}

static enum exit_code check_consumer(const struct durable *durable, const cJSON *config)
{
    const char *name = durable->task->values->name;
    bool wants_ack = strcmp(object_text(config, "ack_policy"), "none") != 0;
    if (*object_text(config, "deliver_subject"))
        return fail(EXIT_FAILED, "the consumer %s pushes to %s; subscribe to that topic", name,
                    object_text(config, "deliver_subject"));
    if (!delivers_the_same(config, durable->task))
        return fail(EXIT_FAILED, "the consumer %s is there already, and delivers other topics; posthorn consumer edit "
                    "%s %s --filter changes it", name, durable->stream, name);
    if (wants_ack && !durable->task->values->ack)
        return fail(EXIT_FAILED, "the consumer %s wants its messages acknowledged: --ack", name);
    return EXIT_OK;
}

static enum exit_code make_consumer(struct durable *durable)
{
    const struct durable_task *task = durable->task;
    cJSON *config = must(cJSON_CreateObject());
    object_put_text(config, "durable_name", task->values->name);
    object_put_text(config, "name", task->values->name);
    object_put_text(config, "deliver_policy", "all");
    object_put_text(config, "ack_policy", task->values->ack ? "explicit" : "none");
    object_put_text(config, "replay_policy", "instant");
    consumer_set_filters(config, task->patterns, wants_all(task) ? 0 : task->pattern_count);
    connection_tell(&durable->api.connection, "making the consumer %s of the stream %s", task->values->name,
                    durable->stream);
    return consumer_make(&durable->api, config, NULL, "make", "create", durable->stream, task->values->name);
}

static enum exit_code find_consumer(struct durable *durable)
{
    cJSON *answer = NULL;
    durable->api.absent = ERROR_CONSUMER_ABSENT;
    enum exit_code code = consumer_ask(&durable->api, NULL, &answer, "find", "INFO", durable->stream,
                                       durable->task->values->name);
    durable->api.absent = 0;
    if (code == EXIT_OK)
        code = answer ? check_consumer(durable, object_member(answer, "config")) : make_consumer(durable);
    cJSON_Delete(answer);
    return code;
}

/* ---- its messages ---- */

static bool is_done(const struct durable *durable)
{
    return durable->task->count && durable->output->count == durable->task->count;
}

/* One more than was wanted comes where a request was made anew; it is left for its next delivery. */
static void taken(void *arg, const struct ph_message *message)
{
    struct durable *durable = arg;
    if (is_done(durable))
        return;
    durable->last_ns = clock_monotonic_ns();
    output_message(durable->output, message);
    if (durable->task->values->ack)
        pull_note(&durable->pull, message);
}

static enum exit_code ask_for_more(struct durable *durable)
{
    uint64_t count = durable->task->count ? durable->task->count - durable->output->count : BATCH;
    return pull_ask(&durable->pull, count < BATCH ? count : BATCH, EXPIRES_NS, true);
}

/* Milliseconds until --timeout; -1: never; 0: now. */
static int time_left_ms(const struct durable *durable)
{
    uint64_t timeout_ns = durable->task->timeout_ns, waited_ns = clock_monotonic_ns() - durable->last_ns;
    return !timeout_ns ? -1 : waited_ns < timeout_ns ? milliseconds(timeout_ns - waited_ns) : 0;
}

static int wait_ms(const struct durable *durable, int left_ms)
{
    int pull_ms = pull_timeout_ms(&durable->pull);
    return left_ms < 0 || (pull_ms >= 0 && pull_ms < left_ms) ? pull_ms : left_ms;
}

/* What has come is printed, and only then acknowledged. */
static enum exit_code print_and_acknowledge(struct durable *durable)
{
    enum exit_code code = output_flush(durable->output);
    return code == EXIT_OK ? pull_answer(&durable->pull, "+ACK") : code;
}

static enum exit_code turn(struct durable *durable)
{
    struct pollfd fds[CONNECTION_FDS + 1] = { [CONNECTION_FDS] = { .fd = STDOUT_FILENO, .events = 0 } };
    enum exit_code code = print_and_acknowledge(durable);
    if (code == EXIT_OK)
        code = durable->pull.failure;
    if (code != EXIT_OK || is_done(durable))
        return code;
    int left_ms = time_left_ms(durable);
    if (left_ms == 0)
        return fail(EXIT_TIMEOUT, "no message in time");
    if (pull_is_idle(&durable->pull))
        code = ask_for_more(durable);
    if (code == EXIT_OK)
        code = connection_turn(&durable->api.connection, fds, CONNECTION_FDS + 1, wait_ms(durable, left_ms));
    if (code == EXIT_OK && fds[CONNECTION_FDS].revents & POLLERR)
        code = output_closed();
    return code;
}

static enum exit_code print_messages(struct durable *durable)
{
    enum exit_code code;
    durable->last_ns = clock_monotonic_ns();
    do
        code = turn(durable);
    while (code == EXIT_OK && !is_done(durable) && !interrupted());
    if (code != EXIT_OK && code != EXIT_TIMEOUT)
        return code;
    enum exit_code printed = print_and_acknowledge(durable);
    if (printed == EXIT_OK)
        printed = connection_flush(&durable->api.connection, durable->task->server->connect_timeout_ns);
    return code != EXIT_OK ? code : printed;
}

static enum exit_code read_stream(struct durable *durable)
{
    enum exit_code code = find_stream_of_all(durable);
    if (code == EXIT_OK)
        code = find_consumer(durable);
    if (code == EXIT_OK)
        code = pull_init(&durable->pull, &durable->api, durable->stream, durable->task->values->name, taken, durable);
    if (code == EXIT_OK && !interrupt_watch())
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        connection_tell(&durable->api.connection, "reading the stream %s", durable->stream);
    return code == EXIT_OK ? print_messages(durable) : code;
}

enum exit_code durable_run(const struct durable_task *task, struct output *output)
{
    const struct api_values asking = { .timeout_ns = ANSWER_NS };
    struct durable durable = { .task = task, .output = output };
    enum exit_code code = api_open(&durable.api, task->server, &asking, CONNECTION_KEEP);
    if (code == EXIT_OK)
        code = read_stream(&durable);
    pull_finish(&durable.pull);
    api_close(&durable.api);
    free(durable.stream);
    return code;
}
