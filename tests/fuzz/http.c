/*
 * Fuzz target: the whole front end for HTTP, with the broker, streams and consumers in memory behind it.
 *
 *   input = seed of the fragments (1 byte), who may enter (1: even anybody, odd one guest), script
 *
 * Three connections over socket pairs send what the script says, in random fragments. A byte of the script is sent by
 * the one whose turn it is, but for FF (the next one's turn), FE (time passes) and FD (this one hangs up); FC stands
 * for "Host: localhost", CR LF, and the guest's token, so that requests need not spell them. Answers begin as answers
 * do; at the end nothing is left; and nobody who may not gets a message of topics that are closed to the guest.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/passes.h"
#include "auth/users.h"
#include "broker/keeper.h"
#include "broker/session.h"
#include "config/config.h"
#include "feed/feed.h"
#include "http/http.h"
#include "mark.h"
#include "net/address.h"
#include "net/conn.h"
#include "server.h"
#include "stream/queue.h"
#include "util/log.h"
#include "util/random.h"

enum {
    CLIENTS = 3,
    HEAD_SIZE = 2,
    BYTE_NEXT = 0xff,
    BYTE_TIME = 0xfe,
    BYTE_HANG_UP = 0xfd,
    BYTE_HOST = 0xfc,
    TURNS_MAX = 1000,
};

struct peer {
    int fd;                          /* our end; -1: closed */
    size_t kept_size;                /* of what was sent last, in case that a mark is split */
    char kept[MARK_SIZE];
    bool has_begun;
};

struct scene {
    struct server server;
    struct http_identity identity;
    struct http *http;
    struct stream *recent;
    struct feed *feed;
    struct keeper_recent keeper;
    struct random random;
    struct peer peers[CLIENTS];
    bool is_closed;                  /* to all but the guest */
};

static const char anybody_ini[] =
    "[line]\npayload_size_max = 2KiB\ntopic_size_max = 64\ntopic_depth_max = 8\nsubscriptions_max = 20\n"
    "[http]\nbatch_size_max = 4KiB\npending_size_max = 64KiB\norigins = https://page.example\n";
static const char guest_ini[] =
    "[line]\npayload_size_max = 2KiB\ntopic_size_max = 64\ntopic_depth_max = 8\nsubscriptions_max = 20\n"
    "[http]\nbatch_size_max = 4KiB\npending_size_max = 64KiB\norigins = https://page.example\n"
    "[user guest]\ntoken = t0ken\npublish = open.>\nsubscribe = open.>, _INBOX.>\n";
static const char host_lines[] = "Host: localhost\r\nAuthorization: Bearer t0ken\r\n";

static struct scene scene;

static const struct config *config_of(bool is_closed)
{
    static struct config *configs[2];
    struct config_error error;
    const char *ini = is_closed ? guest_ini : anybody_ini;
    if (!configs[is_closed])
        fuzz_require(config_parse(PROGRAM_BROKER, "ini", slice_of(ini), NULL, 0, &configs[is_closed], &error) == 0);
    return configs[is_closed];
}

static const struct users *users_of(bool is_closed)
{
    static struct users *users[2];
    char sentence[USERS_SENTENCE_SIZE];
    if (!users[is_closed])
        fuzz_require(users_create(config_of(is_closed), &users[is_closed], sentence) == 0);
    return users[is_closed];
}

/* Reading. */

static void hang_up(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
}

static void check_output(struct peer *peer, char *output, size_t size)
{
    char *seen = output - peer->kept_size; /* there is room in front */
    memcpy(seen, peer->kept, peer->kept_size);
    size += peer->kept_size;
    if (scene.is_closed)
        fuzz_require(!mark_is_in(seen, size));
    if (!peer->has_begun && size >= 9) {
        fuzz_require(memcmp(seen, "HTTP/1.1 ", 9) == 0);
        peer->has_begun = true;
    }
    peer->kept_size = size < MARK_SIZE - 1 ? size : MARK_SIZE - 1;
    memcpy(peer->kept, seen + size - peer->kept_size, peer->kept_size);
}

static void read_output(struct peer *peer)
{
    static char output[MARK_SIZE + (64 << 10)];
    ssize_t got = 1;
    while (got > 0 && peer->fd >= 0) {
        got = recv(peer->fd, output + MARK_SIZE, sizeof output - MARK_SIZE, MSG_DONTWAIT);
        if (got > 0)
            check_output(peer, output + MARK_SIZE, (size_t)got);
        else if (got == 0 || errno != EAGAIN)
            hang_up(peer);
    }
}

static void turn_and_read(uint64_t advance_ms)
{
    server_turn(&scene.server, advance_ms);
    for (unsigned i = 0; i < CLIENTS; i++)
        read_output(&scene.peers[i]);
}

/* Writing. */

/* A run of bytes, in fragments between which the loop may turn. */
static void send_run(struct peer *peer, const uint8_t *data, size_t size)
{
    while (size && peer->fd >= 0) {
        size_t part = 1 + random_below(&scene.random, random_below(&scene.random, 4) ? 4000 : 10);
        ssize_t sent = send(peer->fd, data, part < size ? part : size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            read_output(peer);
            return;
        }
        data += sent > 0 ? sent : 0;
        size -= (size_t)(sent > 0 ? sent : 0);
        if (sent <= 0 || random_below(&scene.random, 2))
            turn_and_read(1);
    }
}

static void play(const uint8_t *data, size_t size)
{
    unsigned speaker = 0;
    for (size_t at = 0, run; at < size; at += run) {
        for (run = 0; at + run < size && data[at + run] < BYTE_HOST; run++)
            ;
        struct peer *peer = &scene.peers[speaker];
        send_run(peer, data + at, run);
        if (at + run == size)
            return;
        if (data[at + run] == BYTE_NEXT)
            speaker = (speaker + 1) % CLIENTS;
        else if (data[at + run] == BYTE_TIME)
            turn_and_read(1 + random_below(&scene.random, 60000));
        else if (data[at + run] == BYTE_HANG_UP)
            hang_up(peer);
        else
            send_run(peer, (const uint8_t *)host_lines, sizeof host_lines - 1);
        run++;
    }
    server_settle(&scene.server);
    turn_and_read(1);
}

/* The scene. */

static bool on_turn(void *arg)
{
    struct scene *here = arg;
    return http_turn(here->http);
}

static uint64_t wall_ms(void *arg)
{
    struct scene *here = arg;
    return loop_wall_ms(&here->server.loop);
}

static void wake(void *arg)
{
    const struct scene *here = arg;
    loop_wake(&here->server.loop);
}

static void set_up(const char *topic, const char *head, const char *text)
{
    char body[1024];
    struct receipt receipt;
    int size = snprintf(body, sizeof body, "%s%s\r\n", head, text);
    const struct message message = {
        .body = body, .head_size = (uint32_t)strlen(head), .body_size = (uint32_t)size - 2,
    };
    broker_publish_one(&scene.server.broker, slice_of(topic), &message, &receipt);
    server_settle(&scene.server);
}

static void furnish(void)
{
    static const char *const topics[] = { "open.>", "closed.>" };
    server_add_stream(&scene.server, "S", topics, 2);
    server_settle(&scene.server);
    set_up("open.a", "", "1");
    set_up("closed.a", "", mark);
    set_up("open.b", "NATS/1.0\r\nA: b\r\nContent-Type: text/plain\r\n\r\n", "{\"a\":1}");
    set_up("closed.b", "", mark);
    set_up("$JS.API.CONSUMER.CREATE.S.all", "", "{\"stream_name\":\"S\",\"config\":{\"durable_name\":\"all\","
           "\"name\":\"all\",\"ack_policy\":\"explicit\"}}");
    set_up("$JS.API.CONSUMER.CREATE.S.open.open.>", "", "{\"stream_name\":\"S\",\"config\":{\"durable_name\":\"open\","
           "\"name\":\"open\",\"ack_policy\":\"explicit\",\"filter_subject\":\"open.>\"}}");
}

static void open_recent(void)
{
    static const struct stream_limits limits = {
        .bytes_max = 1 << 20, .messages_max = 20, .messages_per_topic_max = 5,
    };
    const struct feed_host host = { &scene, wall_ms, wake };
    scene.recent = stream_create("recent", &limits);
    scene.feed = scene.recent ? feed_create(scene.recent, &host, 1) : NULL;
    fuzz_require(scene.feed && keeper_recent_init(&scene.keeper, &scene.server.broker, scene.recent, slice_of(">"),
                                                  feed_watch(scene.feed)) == 0);
}

static void connect_clients(void)
{
    static const struct address near = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 }, .port = 40000, .family = AF_INET };
    for (unsigned i = 0; i < CLIENTS; i++) {
        int fds[2];
        fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        fuzz_require(http_accept(scene.http, fds[0], &near, i + 1, true, false) == 0);
        scene.peers[i] = (struct peer){ .fd = fds[1] };
    }
}

static void scene_init(bool is_closed, unsigned seed)
{
    const struct config *config = config_of(is_closed);
    const struct broker_limits limits = {
        .topic = { (uint32_t)config->line.topic_size_max, config->line.topic_depth_max },
        .subscriptions_max = config->line.subscriptions_max,
    };
    scene.is_closed = is_closed;
    random_init(&scene.random, seed);
    server_init(&scene.server, users_of(is_closed), &limits);
    scene.identity = (struct http_identity){
        .server_id = "ID", .server_name = "fuzz", .line_host = "127.0.0.1", .line_port = 4222,
        .http_host = "127.0.0.1", .http_port = 8222, .start_time_ms = SERVER_START_MS, .worker_count = 1,
        .passes = passes_create(), .queues = queues_create(), .registry = scene.server.registry,
        .engine = scene.server.engine,
    };
    open_recent();
    scene.http = http_create(&scene.server.loop, &scene.server.broker, scene.feed, &scene.identity, config, NULL);
    fuzz_require(scene.http && scene.identity.passes && scene.identity.queues);
    scene.server.turn = on_turn;
    scene.server.arg = &scene;
    furnish();
    connect_clients();
}

static bool clients_are_gone(void)
{
    for (const struct session *session = scene.server.broker.sessions; session; session = session->next)
        if (!session->is_own)
            return false;
    return true;
}

/* Everybody leaves. Whose stream of events has more behind it is noticed when the next heartbeat is written. */
static void scene_finish(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        hang_up(&scene.peers[i]);
    for (unsigned i = 0; i < TURNS_MAX && !clients_are_gone(); i++)
        server_turn(&scene.server, 1000);
    fuzz_require(clients_are_gone());
    server_settle(&scene.server);
    http_destroy(scene.http);
    keeper_recent_finish(&scene.keeper);
    feed_destroy(scene.feed);
    scene.server.turn = NULL;
    server_finish(&scene.server);
    stream_destroy(scene.recent);
    passes_destroy(scene.identity.passes);
    queues_destroy(scene.identity.queues);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_SIZE)
        return 0;
    log_set_level(LOG_LEVEL_ERROR);
    mark_draw();
    if (mark_is_in((const char *)data, size)) /* it would only be told what it said */
        return 0;
    scene_init(data[1] & 1, data[0]);
    play(data + HEAD_SIZE, size - HEAD_SIZE);
    scene_finish();
    return 0;
}
