#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "commands.h"
#include "connection.h"
#include "interrupt.h"
#include "job.h"
#include "say.h"
#include "util/clock.h"
#include "util/units.h"

enum { JOBS_MAX = 256 };

struct reply_values {
    struct server_values server;
    bool echo;
    const char *command;
    struct text_list headers;
    const char *group;
    uint64_t count;
    uint64_t jobs;
    uint64_t timeout_ns;
};

#define FIELD(member) offsetof(struct reply_values, member)

static const struct option options[] = {
    { "echo", 'e', NULL, OPTION_FLAG, FIELD(echo), NULL, "answer with the request's own payload" },
    { "command", 'c', "SCRIPT", OPTION_TEXT, FIELD(command), NULL,
      "answer with what this command of the shell prints; it runs for each request" },
    { "jobs", 'J', "N", OPTION_COUNT, FIELD(jobs), "4",
      "run at most so many commands at a time, 1 to 256; other requests wait" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "30s", "end a command that runs longer" },
    { "header", 'H', "'NAME: VALUE'", OPTION_LIST, FIELD(headers), NULL,
      "add a header to the replies; may be given again and again" },
    { "group", 'g', "NAME", OPTION_TEXT, FIELD(group), "repliers",
      "share the requests with the other members of this group; '' answers every request" },
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), NULL, "end after N requests" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", options, 0 },
    SERVER_GROUP(struct reply_values),
    { 0 },
};

static const struct example examples[] = {
    { "Answer with a text:", "posthorn reply ping pong" },
    { "A service from a command:", "posthorn reply 'count.words' --command 'wc -w'" },
    { "Use the topic and a header of the request:",
      "posthorn reply 'greet.*' --command 'echo \"Good day from ${POSTHORN_TOPIC#greet.}, $POSTHORN_HEADER_NAME\"'" },
    { 0 },
};

const struct command_details reply_details = {
    .operands = "PATTERN [TEXT]",
    .operand_min = 1,
    .operand_max = 2,
    .values_size = sizeof(struct reply_values),
    .groups = groups,
    .about = "Answers requests on the topics that PATTERN matches: with TEXT, with the request's own payload (--echo), "
             "or with the output of a command (--command). Several of them share the requests, since they are in one "
             "group. Messages that ask for no reply are passed over (but count for --count).\n\n"
             "A command finds the payload on its standard input, the topic in POSTHORN_TOPIC, and each header in a "
             "variable such as POSTHORN_HEADER_CONTENT_TYPE; the reply is exactly what it writes to standard output. "
             "When it fails, the reply has the status 500 in its headers, or 504 when its time was up, with a "
             "description, and Nats-Service-Error and Nats-Service-Error-Code say the same; what it had printed is the "
             "payload. Its standard error is that of posthorn.\n\n"
             "Ctrl-C (or SIGTERM) takes no more requests and answers those that have come, letting commands finish; a "
             "second one ends it at once.",
    .examples = examples,
};

struct replier {
    struct connection connection;
    const struct reply_values *values;
    const char *text; /* NULL: not this way */
    struct ph_headers *headers;
    struct ph_sub *sub;
    struct job jobs[JOBS_MAX];
    uint64_t job_count; /* running */
    bool leaving;       /* a signal came: the server is told to send no more */
    bool ended;         /* nothing more comes, and nothing waits */
};

/* ---- answering ---- */

/* A reply that cannot be sent is lost for its requester; others need not suffer, unless the connection is gone. */
static enum exit_code check_answer(const struct replier *replier, const struct ph_message *request, int error)
{
    if (error == PH_E_CLOSED)
        return connection_fail(&replier->connection, error, "cannot reply");
    if (error != PH_OK)
        say("a reply to %s is lost: %s", request->topic, ph_strerror(error));
    return EXIT_OK;
}

static enum exit_code answer(struct replier *replier, const struct ph_message *request, const char *data, size_t size)
{
    return check_answer(replier, request, ph_reply(replier->connection.conn, request, replier->headers, data, size));
}

struct outcome {
    int status; /* 0: all is well */
    char description[128];
};

static struct outcome failure(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
static struct outcome failure(int status, const char *format, ...)
{
    struct outcome outcome = { .status = status };
    va_list list;
    va_start(list, format);
    vsnprintf(outcome.description, sizeof outcome.description, format, list);
    va_end(list);
    return outcome;
}

static struct outcome judge(const struct job *job, uint64_t timeout_ns)
{
    char time[UNITS_TEXT_SIZE];
    if (job->late)
        return failure(504, "the command took longer than %s", units_format_duration(timeout_ns, time));
    if (job->too_long)
        return failure(500, "the command printed more than %zu bytes", job->output_size_max);
    if (WIFSIGNALED(job->wait_status))
        return failure(500, "the command was ended by signal %d", WTERMSIG(job->wait_status));
    if (WEXITSTATUS(job->wait_status) != 0)
        return failure(500, "the command ended with exit code %d", WEXITSTATUS(job->wait_status));
    return (struct outcome){ .status = 0 };
}

/* The failure, as posthorn tells it and as NATS's services do, and the replies' own headers. */
static struct ph_headers *build_error_headers(const struct replier *replier, const struct outcome *outcome)
{
    struct ph_headers *headers = must(ph_headers_create());
    char code[16];
    snprintf(code, sizeof code, "%d", outcome->status);
    ph_headers_status(headers, outcome->status, outcome->description);
    ph_headers_add(headers, "Nats-Service-Error", outcome->description);
    ph_headers_add(headers, "Nats-Service-Error-Code", code);
    headers_add_texts(headers, &replier->values->headers); /* they were good once */
    return headers;
}

static enum exit_code answer_failure(struct replier *replier, const struct job *job, const struct outcome *outcome)
{
    struct ph_headers *headers = build_error_headers(replier, outcome);
    struct ph_conn *conn = replier->connection.conn;
    say("%s: %s", job->message->topic, outcome->description);
    int error = ph_reply(conn, job->message, headers, job->output, job->output_size);
    if (error == PH_E_PAYLOAD_SIZE) /* the failure matters more than what was printed before it */
        error = ph_reply(conn, job->message, headers, NULL, 0);
    ph_headers_destroy(headers);
    return check_answer(replier, job->message, error);
}

/* ---- jobs ---- */

static struct job *find_free_place(struct replier *replier)
{
    for (uint64_t i = 0; i < replier->values->jobs; i++)
        if (!replier->jobs[i].message)
            return &replier->jobs[i];
    return NULL;
}

static enum exit_code start_job(struct replier *replier, struct ph_message *request)
{
    uint64_t deadline_ns = clock_monotonic_ns() + replier->values->timeout_ns;
    size_t output_size_max = ph_server(replier->connection.conn)->payload_size_max;
    if (!job_start(find_free_place(replier), replier->values->command, request, deadline_ns, output_size_max))
        return fail(EXIT_FAILED, "cannot start the command: %s", strerror(errno));
    replier->job_count++;
    return EXIT_OK;
}

static enum exit_code answer_for(struct replier *replier, struct job *job)
{
    struct outcome outcome = judge(job, replier->values->timeout_ns);
    if (outcome.status == 0) {
        int error = ph_reply(replier->connection.conn, job->message, replier->headers, job->output, job->output_size);
        if (error != PH_E_PAYLOAD_SIZE)
            return check_answer(replier, job->message, error);
        job->too_long = true; /* together with the headers */
        outcome = judge(job, replier->values->timeout_ns);
    }
    return answer_failure(replier, job, &outcome);
}

static enum exit_code end_job(struct replier *replier, struct job *job)
{
    enum exit_code code = answer_for(replier, job);
    job_finish(job);
    replier->job_count--;
    return code;
}

static enum exit_code process_jobs(struct replier *replier, const struct pollfd *fds)
{
    enum exit_code code = EXIT_OK;
    uint64_t now = clock_monotonic_ns();
    for (uint64_t i = 0; i < replier->values->jobs && code == EXIT_OK; i++) {
        struct job *job = &replier->jobs[i];
        if (!job->message)
            continue;
        job_process(job, fds + i * JOB_FDS, now);
        if (job_is_over(job))
            code = end_job(replier, job);
    }
    return code;
}

static void kill_jobs(struct replier *replier)
{
    for (uint64_t i = 0; i < replier->values->jobs; i++) {
        if (!replier->jobs[i].message)
            continue;
        job_kill(&replier->jobs[i]);
        job_finish(&replier->jobs[i]);
    }
}

/* ---- taking requests ---- */

static bool has_room(const struct replier *replier)
{
    return !replier->ended && (!replier->values->command || replier->job_count < replier->values->jobs);
}

/* Takes the request. */
static enum exit_code deal_with(struct replier *replier, struct ph_message *request)
{
    enum exit_code code = EXIT_OK;
    if (request->reply_size == 0) {
        connection_tell(&replier->connection, "%s: a message that asks for no reply is passed over", request->topic);
        ph_message_free(request);
        return EXIT_OK;
    }
    if (replier->values->command)
        return start_job(replier, request);
    if (replier->values->echo)
        code = answer(replier, request, request->payload, request->payload_size);
    else
        code = answer(replier, request, replier->text, strlen(replier->text));
    ph_message_free(request);
    return code;
}

static enum exit_code take_requests(struct replier *replier)
{
    enum exit_code code = EXIT_OK;
    struct ph_message *request;
    while (code == EXIT_OK && has_room(replier)) {
        int error = ph_next(replier->sub, 0, &request);
        replier->ended = error == PH_E_ENDED;
        if (error != PH_OK)
            break;
        code = deal_with(replier, request);
    }
    return code;
}

/* ---- the loop ---- */

/* When the next command's time is up; -1: never. */
static int time_left_ms(const struct replier *replier)
{
    uint64_t now = clock_monotonic_ns(), soonest = UINT64_MAX;
    for (uint64_t i = 0; i < replier->values->jobs; i++)
        if (replier->jobs[i].message && replier->jobs[i].deadline_ns < soonest)
            soonest = replier->jobs[i].deadline_ns;
    if (soonest == UINT64_MAX)
        return -1;
    return soonest > now ? milliseconds(soonest - now) : 0;
}

static enum exit_code turn(struct replier *replier)
{
    struct pollfd fds[CONNECTION_FDS + JOBS_MAX * JOB_FDS];
    for (uint64_t i = 0; i < replier->values->jobs; i++)
        job_fds(&replier->jobs[i], fds + CONNECTION_FDS + i * JOB_FDS);
    enum exit_code code = connection_turn(&replier->connection, fds, CONNECTION_FDS + replier->values->jobs * JOB_FDS,
                                          time_left_ms(replier));
    if (code == EXIT_OK)
        code = process_jobs(replier, fds + CONNECTION_FDS);
    if (code == EXIT_OK)
        code = take_requests(replier);
    return code;
}

/*
 * A signal: no more requests. Those that the server has handed us go to nobody else, so they are answered all the
 * same.
 */
static void leave(struct replier *replier)
{
    connection_tell(&replier->connection, "leaving; %llu commands still run", (unsigned long long)replier->job_count);
    replier->leaving = true;
    if (ph_sub_drain(replier->sub) != PH_OK)
        replier->ended = true;
}

static enum exit_code serve(struct replier *replier)
{
    enum exit_code code = take_requests(replier);
    while (code == EXIT_OK && !(replier->ended && replier->job_count == 0)) {
        code = turn(replier);
        if (interrupted() && !replier->leaving)
            leave(replier);
    }
    kill_jobs(replier);
    if (code == EXIT_OK)
        code = connection_flush(&replier->connection, replier->values->server.connect_timeout_ns);
    return code;
}

static enum exit_code subscribe(struct replier *replier, const char *pattern)
{
    const char *group = *replier->values->group ? replier->values->group : NULL;
    int error = ph_subscribe(replier->connection.conn, pattern, group, NULL, NULL, &replier->sub);
    if (error != PH_OK)
        return connection_fail(&replier->connection, error, "cannot subscribe");
    if (replier->values->count)
        ph_unsubscribe(replier->sub, replier->values->count);
    enum exit_code code = connection_flush(&replier->connection, replier->values->server.connect_timeout_ns);
    if (code == EXIT_OK)
        connection_tell(&replier->connection, "subscribed");
    return code;
}

static enum exit_code check(const struct reply_values *values, const char *text)
{
    if ((text != NULL) + values->echo + (values->command != NULL) != 1)
        return fail(EXIT_USAGE, "give one of TEXT, --echo and --command SCRIPT");
    if (values->jobs < 1 || values->jobs > JOBS_MAX)
        return fail(EXIT_USAGE, "--jobs: 1 to %d", JOBS_MAX);
    return EXIT_OK;
}

enum exit_code reply_run(void *arg, struct operands operands)
{
    const struct reply_values *values = arg;
    enum exit_code code = check(values, operands.texts[1]);
    if (code != EXIT_OK)
        return code;
    struct replier *replier = must(calloc(1, sizeof *replier));
    replier->values = values;
    replier->text = operands.texts[1];
    code = headers_from_texts(&values->headers, &replier->headers);
    if (code == EXIT_OK)
        code = connection_open(&replier->connection, &values->server, CONNECTION_KEEP);
    if (code == EXIT_OK && !interrupt_watch())
        code = EXIT_FAILED;
    signal(SIGPIPE, SIG_IGN); /* a command need not read its input */
    if (code == EXIT_OK)
        code = subscribe(replier, operands.texts[0]);
    if (code == EXIT_OK)
        code = serve(replier);
    connection_close(&replier->connection);
    ph_headers_destroy(replier->headers);
    free(replier);
    return code;
}
