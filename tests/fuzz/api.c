/*
 * Fuzz target: whole requests of the JetStream API, as a client sends them, with streams and consumers in memory behind
 * it; and what consumers deliver, and what is said of that.
 *
 *   input = who speaks (1 byte: even the operator, odd a guest), entries with FF between them, each begun by a letter:
 *
 *   =TOPIC BODY   asks $JS.API.TOPIC         <TOPIC BODY   publishes; the body may begin with headers
 *   +BODY         says that of the message delivered last (+ACK, -NAK, +NXT, +WPI, +TERM)
 *   -             listens on to.> or no longer            others: time passes, the longer the higher the byte
 *
 * Each request has one answer, in JSON where that is due; nothing is left at the end; and a guest gets no message of
 * topics that he may not read, whatever he asks.
 */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "auth/rights.h"
#include "broker/session.h"
#include "config/config.h"
#include "jetstream/api.h"
#include "mark.h"
#include "server.h"
#include "util/json.h"
#include "util/log.h"
#include "util/utf8.h"

enum {
    TOPIC_SIZE_MAX = 256,
    BODY_SIZE_MAX = 4096,
    INBOX_SIZE = 48,
    BYTE_END = 0xff,
};

struct listener {
    struct sink sink;
    struct session *session;
    unsigned count;
};

struct scene {
    struct server server;
    struct session session;          /* of who speaks */
    const struct rights *rights;     /* his; NULL: he may everything */
    struct listener answers, others; /* to requests with an answer in JSON; to the rest */
    struct listener deliveries;      /* of consumers, on to.> */
    bool is_listening;
    unsigned asked, asked_others;    /* requests that are to be answered */
    char last_reply[TOPIC_SIZE_MAX]; /* of what was delivered last */
    size_t last_reply_size;
};

static char inbox[INBOX_SIZE]; /* nobody can guess it */

static struct scene scene;

/* Once a run, as the mark is. */
static void draw(void)
{
    mark_draw();
    snprintf(inbox, sizeof inbox, "_INBOX.%.16s", mark + 8);
}

/* Hearing. */

static void check_secret(struct slice text)
{
    fuzz_require(!scene.rights || !text.size || !mark_is_in(text.data, text.size));
}

static void check_answer(struct slice text)
{
    fuzz_require(utf8_valid(text) && text.size && text.data[0] == '{' && json_value_size(text) == text.size);
    cJSON *json = cJSON_ParseWithLength(text.data, text.size);
    fuzz_require(json && cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "type")));
    cJSON_Delete(json);
}

static void keep_reply(struct slice reply)
{
    if (!reply.size || reply.size > sizeof scene.last_reply)
        return;
    memcpy(scene.last_reply, reply.data, reply.size);
    scene.last_reply_size = reply.size;
}

static unsigned hear(struct sink *sink, const struct batch *batch)
{
    struct listener *listener = (struct listener *)sink;
    struct batch left;
    struct message messages[BATCH_MESSAGES_MAX];
    const struct batch *shown = scene.rights ? session_sift(listener->session, sink, batch, &left, messages) : batch;
    for (unsigned i = 0; shown && i < shown->count; i++) {
        const struct message *message = &shown->messages[i];
        struct slice body = slice_make(message->body, message->body_size);
        fuzz_require(memcmp(body.data + body.size, "\r\n", 2) == 0 && message->head_size <= message->body_size);
        check_secret(body);
        check_secret(message_topic(message, shown->topic));
        keep_reply(slice_make(message->reply, message->reply_size));
        if (listener == &scene.answers)
            check_answer(body);
        listener->count++;
    }
    return batch->count;
}

static const struct sink_ops listener_ops = { .deliver = hear };

static void listen(struct listener *listener, struct slice pattern)
{
    *listener = (struct listener){ .sink = { .ops = &listener_ops, .weight = 1 }, .session = &scene.session };
    fuzz_require(session_subscribe(&scene.session, &listener->sink, pattern, slice_make(NULL, 0)) == 0);
}

static void listen_or_not(void)
{
    scene.is_listening = !scene.is_listening;
    if (scene.is_listening)
        listen(&scene.deliveries, slice_of("to.>"));
    else
        session_unsubscribe(&scene.session, &scene.deliveries.sink);
}

/* Speaking. */

static struct slice head_of(struct slice body)
{
    bool begins = slice_starts_with(body, slice_of("NATS/1.0"));
    const char *end = begins ? memmem(body.data, body.size, "\r\n\r\n", 4) : NULL;
    return slice_make(body.data, end ? (size_t)(end - body.data) + 4 : 0);
}

/* In a block of its very size. False: he may not. */
static bool publish(struct slice topic, struct slice body, const char *reply)
{
    const struct match *match;
    if (session_route(&scene.session, topic, &match) != 0)
        return false;
    char *copy = malloc(body.size + 2);
    fuzz_require(copy);
    if (body.size)
        memcpy(copy, body.data, body.size);
    memcpy(copy + body.size, "\r\n", 2);
    const struct message message = {
        .body = copy,
        .reply = reply,
        .head_size = (uint32_t)head_of(body).size,
        .body_size = (uint32_t)body.size,
        .reply_size = (uint32_t)strlen(reply),
    };
    struct batch batch = { .topic = topic, .messages = &message, .count = 1 };
    session_publish(&scene.session, match, &batch);
    scene.server.broker.refusal = NULL;
    free(copy);
    return true;
}

/* These are answered with messages, or not at once. */
static bool is_answered_in_json(struct slice topic)
{
    return !slice_starts_with(topic, slice_of("$JS.API.DIRECT.")) &&
           !slice_starts_with(topic, slice_of("$JS.API.CONSUMER.MSG."));
}

static bool is_valid(struct slice topic)
{
    static const struct topic_limits limits = { TOPIC_SIZE_MAX, 16 };
    return topic_valid(topic, &limits) && topic_is_writable(topic);
}

static void ask(struct slice words, struct slice body)
{
    char topic_text[TOPIC_SIZE_MAX], reply[INBOX_SIZE + 8];
    int size = snprintf(topic_text, sizeof topic_text, "$JS.API.%.*s", SLICE_ARGS(words));
    struct slice topic = slice_make(topic_text, (size_t)size);
    if (topic.size >= sizeof topic_text || memchr(words.data, '\0', words.size) || !is_valid(topic))
        return;
    bool in_json = is_answered_in_json(topic);
    bool known = api_knows(topic);
    snprintf(reply, sizeof reply, "%s.%s", inbox, in_json ? "json" : "else");
    if (!publish(topic, body, reply) || !known)
        return;
    if (in_json)
        scene.asked++;
    else
        scene.asked_others++;
}

static void say_of_last(struct slice body)
{
    char reply[INBOX_SIZE + 8], topic[TOPIC_SIZE_MAX];
    if (!scene.last_reply_size)
        return;
    memcpy(topic, scene.last_reply, scene.last_reply_size); /* the next message comes within the call */
    snprintf(reply, sizeof reply, "%s.else", inbox);
    publish(slice_make(topic, scene.last_reply_size), body, reply);
}

static void play_entry(struct slice entry)
{
    char reply[INBOX_SIZE + 8];
    char letter = entry.data[0];
    struct slice rest = slice_make(entry.data + 1, entry.size - 1);
    const char *blank = rest.size ? memchr(rest.data, ' ', rest.size) : NULL;
    struct slice topic = slice_make(rest.data, blank ? (size_t)(blank - rest.data) : rest.size);
    struct slice body = slice_make(blank ? blank + 1 : NULL, blank ? rest.size - topic.size - 1 : 0);
    snprintf(reply, sizeof reply, "%s.else", inbox);
    if (letter == '=')
        ask(topic, body);
    else if (letter == '<' && is_valid(topic))
        publish(topic, body, reply);
    else if (letter == '+')
        say_of_last(rest);
    else if (letter == '-')
        listen_or_not();
    else
        server_turn(&scene.server, (uint64_t)(unsigned char)letter * 100);
    server_settle(&scene.server);
}

static void play(const uint8_t *data, size_t size)
{
    for (size_t at = 0, run; at < size; at += run + 1) {
        const uint8_t *end = memchr(data + at, BYTE_END, size - at);
        run = end ? (size_t)(end - data) - at : size - at;
        if (run && run <= BODY_SIZE_MAX)
            play_entry(slice_make((const char *)data + at, run));
    }
}

/* The scene. */

static void notice(struct session *session, enum broker_notice what)
{
    (void)session;
    (void)what;
}

static void describe(const struct session *session, struct session_facts *ret_facts)
{
    (void)session;
    (void)ret_facts;
}

static const struct session_ops session_ops = { .notice = notice, .describe = describe };

static const struct rights *rights_of_guest(void)
{
    static char open_topics[] = "open.>", to_topics[] = "to.>", inboxes[] = "_INBOX.>";
    static char *publish_items[] = { open_topics, to_topics }, *read_items[] = { open_topics, to_topics, inboxes };
    static const struct config_list publish_list = { publish_items, 2 }, read_list = { read_items, 3 };
    static const struct rights_options options = { .publish = &publish_list, .subscribe = &read_list };
    static const struct rights *rights;
    if (!rights)
        fuzz_require(rights_create(&options, &rights) == 0);
    return rights;
}

static void set_up(const char *topic, const char *body)
{
    fuzz_require(publish(slice_of(topic), slice_of(body), ""));
    server_settle(&scene.server);
}

/* A stream with what is open to a guest and what is not, and with consumers of both. The operator makes it. */
static void furnish(void)
{
    static const char *const topics[] = { "open.>", "closed.>" };
    char secret[32 + 2 * MARK_SIZE];
    snprintf(secret, sizeof secret, "NATS/1.0\r\nSecret: %s\r\n\r\n%s", mark, mark);
    server_add_stream(&scene.server, "S", topics, 2);
    server_settle(&scene.server);
    set_up("open.a", "1");
    set_up("closed.a", secret);
    set_up("closed.b", mark);
    set_up("open.b", "NATS/1.0\r\nA: b\r\n\r\n2");
    set_up("$JS.API.CONSUMER.CREATE.S.all", "{\"stream_name\":\"S\",\"config\":{\"durable_name\":\"all\","
           "\"name\":\"all\",\"ack_policy\":\"explicit\"}}");
    set_up("$JS.API.CONSUMER.CREATE.S.open.open.>", "{\"stream_name\":\"S\",\"config\":{\"durable_name\":\"open\","
           "\"name\":\"open\",\"ack_policy\":\"explicit\",\"filter_subject\":\"open.>\"}}");
}

static void scene_init(bool is_guest)
{
    const struct broker_limits limits = { .topic = { TOPIC_SIZE_MAX, 16 } };
    memset((char *)&scene + sizeof scene.server, 0, sizeof scene - sizeof scene.server);
    server_init(&scene.server, NULL, &limits);
    session_open(&scene.session, &scene.server.broker, &session_ops);
    furnish();
    if (is_guest)
        scene.session.rights = scene.rights = rights_ref(rights_of_guest());
    char pattern[INBOX_SIZE + 8];
    snprintf(pattern, sizeof pattern, "%s.json", inbox);
    listen(&scene.answers, slice_of(pattern));
    snprintf(pattern, sizeof pattern, "%s.else", inbox);
    listen(&scene.others, slice_of(pattern));
    listen_or_not();
}

/* What a guest may not touch is as it was. */
static void check_stream(void)
{
    struct stream *stream = stream_registry_find(scene.server.registry, slice_of("S"));
    fuzz_require(stream && strcmp(stream_name(stream), "S") == 0);
    stream_destroy(stream);
}

static void scene_finish(void)
{
    server_settle(&scene.server);
    fuzz_require(scene.answers.count <= scene.asked);
    if (!scene.server.jetstream->away_count)
        fuzz_require(scene.answers.count == scene.asked);
    if (scene.rights)
        check_stream();
    if (scene.is_listening)
        listen_or_not();
    session_unsubscribe(&scene.session, &scene.answers.sink);
    session_unsubscribe(&scene.session, &scene.others.sink);
    session_close(&scene.session);
    server_finish(&scene.server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    log_set_level(LOG_LEVEL_ERROR);
    draw();
    if (mark_is_in((const char *)data, size)) /* it would only be told what it said */
        return 0;
    scene_init(data[0] & 1);
    play(data + 1, size - 1);
    scene_finish();
    return 0;
}
