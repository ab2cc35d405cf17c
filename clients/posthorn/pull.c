#include "pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "util/clock.h"

static const uint64_t HEARTBEAT_NS = 5000000000u;
static const uint64_t SILENCE_NS = 12000000000u; /* two signs of life are missing */

/* ---- what comes ---- */

/* What the server says of a request itself comes to the inbox under its own name; messages keep their topics. */
static bool is_status(const struct pull *pull, const struct ph_message *message)
{
    return message->payload_size == 0 && strcmp(message->topic, pull->inbox) == 0;
}

static bool ends_for_good(int status, const struct ph_text *description)
{
    static const char *const passing[] = { "Leadership Change", "Server Shutdown", "Batch Completed" };
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (description->size == strlen(passing[i]) && memcmp(description->data, passing[i], description->size) == 0)
            return false;
    return status != 404 && status != 408;
}

static void take_status(struct pull *pull, const struct ph_message *message)
{
    struct ph_text description = { "", 0 };
    int status = ph_message_status(message, &description);
    if (status == 100)
        return;
    pull->left = 0;
    if (!ends_for_good(status, &description))
        return;
    if (status == 503)
        pull->failure = fail(EXIT_RESPONDERS, "nobody delivers for the consumer %s of the stream %s", pull->consumer,
                             pull->stream);
    else
        pull->failure = fail(EXIT_FAILED, "the consumer %s of the stream %s delivers no more: %.*s", pull->consumer,
                             pull->stream, (int)description.size, description.data);
}

static void on_message(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct pull *pull = arg;
    (void)sub;
    pull->heard_ns = clock_monotonic_ns();
    if (is_status(pull, message)) {
        take_status(pull, message);
        return;
    }
    pull->left -= pull->left > 0;
    pull->taken(pull->arg, message);
}

/* ---- asking ---- */

enum exit_code pull_init(struct pull *pull, struct api *api, const char *stream, const char *consumer,
                         void (*taken)(void *arg, const struct ph_message *message), void *arg)
{
    *pull = (struct pull){ .api = api, .stream = stream, .consumer = consumer, .taken = taken, .arg = arg };
    ph_inbox(api->connection.conn, pull->inbox);
    int error = ph_subscribe(api->connection.conn, pull->inbox, NULL, on_message, pull, &pull->sub);
    return error == PH_OK ? EXIT_OK : connection_fail(&api->connection, error, "cannot subscribe for what is pulled");
}

void pull_finish(struct pull *pull)
{
    ph_sub_destroy(pull->sub);
    free(pull->replies);
}

static bool is_lost(const struct pull *pull)
{
    return pull->reconnect_count != pull->api->connection.reconnect_count ||
           (pull->keeps && clock_monotonic_ns() - pull->heard_ns > SILENCE_NS);
}

bool pull_is_idle(const struct pull *pull)
{
    return pull->left == 0 || is_lost(pull);
}

int pull_timeout_ms(const struct pull *pull)
{
    return pull->left && pull->keeps ? milliseconds(HEARTBEAT_NS) : -1;
}

static char *print_request(uint64_t count, uint64_t expires_ns, bool keep)
{
    cJSON *request = must(cJSON_CreateObject());
    object_put_number(request, "batch", (double)count);
    if (expires_ns)
        object_put_number(request, "expires", (double)expires_ns);
    else
        object_put(request, "no_wait", cJSON_CreateTrue());
    if (keep)
        object_put_number(request, "idle_heartbeat", (double)HEARTBEAT_NS);
    char *text = object_print(request);
    cJSON_Delete(request);
    return text;
}

enum exit_code pull_ask(struct pull *pull, uint64_t count, uint64_t expires_ns, bool keep)
{
    char topic[1024], *request = print_request(count, expires_ns, keep);
    snprintf(topic, sizeof topic, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", pull->stream, pull->consumer);
    int error = ph_publish_with(pull->api->connection.conn, topic, pull->inbox, NULL, request, strlen(request));
    free(request);
    pull->left = count;
    pull->keeps = keep;
    pull->heard_ns = clock_monotonic_ns();
    pull->reconnect_count = pull->api->connection.reconnect_count;
    return error == PH_OK ? EXIT_OK : connection_fail(&pull->api->connection, error, "cannot pull");
}

/* ---- answering ---- */

void pull_note(struct pull *pull, const struct ph_message *message)
{
    size_t size = message->reply_size + 1;
    if (message->reply_size == 0)
        return;
    if (pull->replies_room - pull->replies_size < size) {
        pull->replies_room = 2 * pull->replies_room + size;
        pull->replies = must(realloc(pull->replies, pull->replies_room));
    }
    memcpy(pull->replies + pull->replies_size, message->reply, size);
    pull->replies_size += size;
}

enum exit_code pull_answer(struct pull *pull, const char *answer)
{
    int error = PH_OK;
    for (size_t at = 0; at < pull->replies_size && error == PH_OK; at += strlen(pull->replies + at) + 1)
        error = ph_publish(pull->api->connection.conn, pull->replies + at, answer, strlen(answer));
    pull->replies_size = 0;
    return error == PH_OK ? EXIT_OK : connection_fail(&pull->api->connection, error, "cannot acknowledge");
}
