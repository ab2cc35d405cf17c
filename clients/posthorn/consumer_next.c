/* posthorn consumer next: takes messages from a consumer. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "consumer.h"
#include "interrupt.h"
#include "output.h"
#include "pull.h"
#include "say.h"
#include "util/clock.h"

struct values {
    struct server_values server;
    struct output_values output;
    uint64_t count;
    uint64_t timeout_ns;
    const char *answer;
};

#define FIELD(member) offsetof(struct values, member)

static const uint64_t ANSWER_NS = 5000000000u; /* that the server may take to tell of the consumer */

static const struct option options[] = {
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), "1", "take N messages" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "5s", "wait so long for them; 0: take what is there" },
    { "answer", 0, "ack|nak|term|none", OPTION_TEXT, FIELD(answer), "ack",
      "what to say of each when it is printed: done, again, never again, or nothing" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", options, 0 },
    OUTPUT_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example examples[] = {
    { "Do one job:", "posthorn consumer next jobs workers" },
    { "Look at ten without taking them:", "posthorn consumer next jobs workers --count 10 --answer nak --json" },
    { 0 },
};

const struct command_details consumer_next_details = {
    .operands = "STREAM CONSUMER",
    .operand_min = 2,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = groups,
    .about = "Takes messages from a consumer that is pulled from, prints each as '%p%N' (the payload, with a newline "
             "if it has none at its end) unless an output option says otherwise, and acknowledges it when it is "
             "printed. When fewer came than were asked for, the exit code is 4.\n\n" OUTPUT_FORMAT_ABOUT,
    .examples = examples,
};

static const struct {
    const char *word, *answer; /* NULL: none */
} answers[] = { { "ack", "+ACK" }, { "nak", "-NAK" }, { "term", "+TERM" }, { "none", NULL } };

static enum exit_code find_answer(const char *word, const char **ret_answer)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strcmp(answers[i].word, word) == 0) {
            *ret_answer = answers[i].answer;
            return EXIT_OK;
        }
    return fail(EXIT_USAGE, "--answer: '%s' is not one of ack, nak, term and none", word);
}

struct taker {
    struct api api;
    struct pull pull;
    struct output output;
    const struct values *values;
    const char *answer;
    uint64_t deadline_ns;
};

static void taken(void *arg, const struct ph_message *message)
{
    struct taker *taker = arg;
    output_message(&taker->output, message);
    if (taker->answer)
        pull_note(&taker->pull, message);
}

static enum exit_code print_and_answer(struct taker *taker)
{
    enum exit_code code = output_flush(&taker->output);
    return code == EXIT_OK && taker->answer ? pull_answer(&taker->pull, taker->answer) : code;
}

/* The server ends the request when its time is over; the deadline is for one that says nothing. */
static enum exit_code take(struct taker *taker)
{
    struct pollfd fds[CONNECTION_FDS];
    uint64_t now_ns;
    enum exit_code code = EXIT_OK;
    while (code == EXIT_OK && !pull_is_idle(&taker->pull) && !interrupted() &&
           (now_ns = clock_monotonic_ns()) < taker->deadline_ns) {
        code = connection_turn(&taker->api.connection, fds, CONNECTION_FDS, milliseconds(taker->deadline_ns - now_ns));
        if (code == EXIT_OK)
            code = print_and_answer(taker);
    }
    if (code == EXIT_OK)
        code = taker->pull.failure;
    if (code == EXIT_OK)
        code = connection_flush(&taker->api.connection, taker->values->server.connect_timeout_ns);
    return code;
}

static enum exit_code count_them(const struct taker *taker)
{
    uint64_t count = taker->output.count, wanted = taker->values->count;
    if (count >= wanted || interrupted())
        return EXIT_OK;
    if (count == 0)
        return fail(EXIT_TIMEOUT, "no message in time");
    return fail(EXIT_TIMEOUT, "%llu of %llu messages came in time", (unsigned long long)count,
                (unsigned long long)wanted);
}

/* A request to one that is not there, or that pushes, might be answered by nobody. */
static enum exit_code check_consumer(struct taker *taker, const char *stream, const char *consumer)
{
    cJSON *answer = NULL;
    enum exit_code code = consumer_ask(&taker->api, NULL, &answer, "take from", "INFO", stream, consumer);
    const char *target = object_text(object_member(answer, "config"), "deliver_subject");
    if (code == EXIT_OK && *target)
        code = fail(EXIT_FAILED, "the consumer %s pushes to %s; subscribe to that topic", consumer, target);
    cJSON_Delete(answer);
    return code;
}

static enum exit_code next(struct taker *taker, const char *stream, const char *consumer)
{
    enum { GRACE_NS = 2000000000 };
    enum exit_code code = check_consumer(taker, stream, consumer);
    if (code == EXIT_OK)
        code = pull_init(&taker->pull, &taker->api, stream, consumer, taken, taker);
    if (code == EXIT_OK)
        code = pull_ask(&taker->pull, taker->values->count, taker->values->timeout_ns, false);
    taker->deadline_ns = clock_monotonic_ns() + taker->values->timeout_ns + GRACE_NS;
    if (code == EXIT_OK)
        code = take(taker);
    pull_finish(&taker->pull);
    return code == EXIT_OK ? count_them(taker) : code;
}

enum exit_code consumer_next_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    const struct api_values asking = { .timeout_ns = ANSWER_NS };
    struct taker taker = { .values = values };
    enum exit_code code = values->count ? find_answer(values->answer, &taker.answer)
                                        : fail(EXIT_USAGE, "--count: at least 1");
    if (code == EXIT_OK)
        code = output_init(&taker.output, &values->output, "%p%N");
    if (code == EXIT_OK)
        code = consumer_open(&taker.api, &values->server, &asking, operands.texts[0], operands.texts[1]);
    if (code == EXIT_OK && !interrupt_watch())
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = next(&taker, operands.texts[0], operands.texts[1]);
    api_close(&taker.api);
    output_finish(&taker.output);
    return code;
}
