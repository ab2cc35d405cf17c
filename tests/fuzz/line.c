/*
 * Fuzz target: the whole front end of the line protocol, with the broker behind it.
 *
 *   input = seed of the fragments (1 byte), who may enter (1), script
 *
 * Three clients over socket pairs send what the script says, in random fragments. A byte of the script is sent by the
 * client whose turn it is, but for FF (the next client's turn), FE (time passes) and FD (this client hangs up). All
 * that comes back must be well formed, and at the end nothing may be left: no session, no subscription.
 */
#include "fuzz.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/users.h"
#include "broker/broker.h"
#include "config/config.h"
#include "line/line.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/loop.h"
#include "util/log.h"
#include "util/random.h"
#include "wire/op.h"

enum {
    CLIENTS = 3,
    HEAD_SIZE = 2,
    BYTE_NEXT = 0xff,
    BYTE_TIME = 0xfe,
    BYTE_HANG_UP = 0xfd,
    OUTPUT_SIZE = 1 << 18, /* of what a client was sent and we have not looked at */
    TURNS_MAX = 1000,
};

struct peer {
    int fd; /* our end; -1: closed */
    size_t size;
    char output[OUTPUT_SIZE];
};

struct scene {
    struct loop loop;
    struct broker broker;
    struct line *line;
    struct random random;
    struct peer peers[CLIENTS];
    struct router_stats own;         /* of the line without clients */
};

static void on_turn_end(void *arg)
{
    struct scene *scene = arg;
    line_turn_end(scene->line);
}

/* Small limits, so that they are met. Loaded once; with users or without. */
static const struct config *config_of(bool users)
{
    static const char *const overrides[] = {
        "line.payload_size_max=2KiB", "line.pending_size_max=64KiB", "line.control_size_max=512",
        "line.topic_size_max=64",     "line.topic_depth_max=8",      "line.subscriptions_max=20",
        "user.alice.password=secret", "user.bob.token=t0ken",
    };
    static struct config *configs[2];
    struct config_error error;
    if (!configs[users])
        fuzz_require(config_load(PROGRAM_BROKER, NULL, overrides, users ? 8 : 6, &configs[users], &error) == 0);
    return configs[users];
}

/* One turn of the loop, advance_ms after the last. */
static void turn(struct scene *scene, uint64_t advance_ms)
{
    struct loop *loop = &scene->loop;
    event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    loop->now_ms += advance_ms;
    timers_run(&loop->timers, loop->now_ms);
    loop_stop(loop);
    fuzz_require(loop_run(loop) == 0); /* has been stopped: ends the turn and returns */
}

/* Cuts what a client was sent into operations, all of which must be a server's. */
static void check_output(struct peer *peer)
{
    static const struct wire_limits limits = { .line_size_max = 1 << 16, .body_size_max = 1 << 16 };
    struct wire_op op;
    size_t at = 0;
    long taken;
    while ((taken = wire_parse(peer->output + at, peer->size - at, &limits, &op, NULL)) > 0) {
        fuzz_require(op.verb == WIRE_INFO || op.verb == WIRE_OK || op.verb == WIRE_ERR || op.verb == WIRE_MSG ||
                     op.verb == WIRE_HMSG || op.verb == WIRE_PING || op.verb == WIRE_PONG);
        at += (size_t)taken;
    }
    fuzz_require(taken == 0);
    memmove(peer->output, peer->output + at, peer->size - at);
    peer->size -= at;
}

static void hang_up(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
}

static void read_output(struct peer *peer)
{
    ssize_t got = 1;
    while (got > 0 && peer->fd >= 0) {
        fuzz_require(peer->size < sizeof peer->output);
        got = recv(peer->fd, peer->output + peer->size, sizeof peer->output - peer->size, MSG_DONTWAIT);
        if (got > 0)
            peer->size += (size_t)got;
        else if (got == 0 || errno != EAGAIN)
            hang_up(peer);
        check_output(peer);
    }
}

static void turn_and_read(struct scene *scene, uint64_t advance_ms)
{
    turn(scene, advance_ms);
    for (unsigned i = 0; i < CLIENTS; i++)
        read_output(&scene->peers[i]);
}

/* Sends a run of bytes, in fragments between which the loop may turn. */
static void send_run(struct scene *scene, struct peer *peer, const uint8_t *data, size_t size)
{
    while (size && peer->fd >= 0) {
        size_t part = 1 + random_below(&scene->random, random_below(&scene->random, 2) ? 10 : 4000);
        ssize_t sent = send(peer->fd, data, part < size ? part : size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            read_output(peer);
            return;
        }
        data += sent > 0 ? sent : 0;
        size -= (size_t)(sent > 0 ? sent : 0);
        if (sent <= 0 || random_below(&scene->random, 2))
            turn_and_read(scene, 1);
    }
}

static void play(struct scene *scene, const uint8_t *data, size_t size)
{
    unsigned speaker = 0;
    for (size_t at = 0, run; at < size; at += run) {
        for (run = 0; at + run < size && data[at + run] < BYTE_HANG_UP; run++)
            ;
        send_run(scene, &scene->peers[speaker], data + at, run);
        if (at + run == size)
            return;
        if (data[at + run] == BYTE_NEXT)
            speaker = (speaker + 1) % CLIENTS;
        else if (data[at + run] == BYTE_TIME)
            turn_and_read(scene, 1 + random_below(&scene->random, 60000));
        else
            hang_up(&scene->peers[speaker]);
        run++;
    }
}

static void scene_init(struct scene *scene, const struct config *config, const struct users *users)
{
    static const struct line_identity identity = { "ID", "fuzz", "127.0.0.1", 4222 };
    static const struct address nowhere = { .family = AF_UNIX };
    const struct broker_limits limits = {
        .topic = { (uint32_t)config->line.topic_size_max, config->line.topic_depth_max },
        .subscriptions_max = config->line.subscriptions_max,
    };
    fuzz_require(loop_init(&scene->loop) == 0);
    scene->loop.hooks = (struct loop_hooks){ .arg = scene, .turn_end = on_turn_end };
    fuzz_require(broker_init(&scene->broker, &scene->loop.counters, users, &limits) == 0);
    scene->line = line_create(&scene->loop, &scene->broker, &identity, config, NULL);
    fuzz_require(scene->line);
    router_stats(scene->broker.router, &scene->own);
    for (unsigned i = 0; i < CLIENTS; i++) {
        int fds[2];
        fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        fuzz_require(line_accept(scene->line, fds[0], &nowhere, i + 1, false) == 0);
        scene->peers[i].fd = fds[1];
        scene->peers[i].size = 0;
    }
}

/* Everybody leaves, and nothing is left but what the line itself listens to. */
static void scene_finish(struct scene *scene)
{
    struct router_stats stats;
    turn_and_read(scene, 1);
    for (unsigned i = 0; i < CLIENTS; i++)
        hang_up(&scene->peers[i]);
    for (unsigned i = 0; i < TURNS_MAX && scene->broker.sessions; i++)
        turn(scene, 10);
    fuzz_require(!scene->broker.sessions);
    router_stats(scene->broker.router, &stats);
    fuzz_require(stats.node_count == scene->own.node_count);
    fuzz_require(scene->loop.counters.connections_closed == CLIENTS);
    fuzz_require(scene->loop.counters.subscriptions_opened == scene->loop.counters.subscriptions_closed);
    line_destroy(scene->line);
    broker_finish(&scene->broker);
    loop_finish(&scene->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct scene scene;
    static struct users *users[2];
    if (size < HEAD_SIZE)
        return 0;
    bool closed = data[1] & 1;
    log_set_level(LOG_LEVEL_ERROR);
    char sentence[USERS_SENTENCE_SIZE];
    if (!users[closed])
        fuzz_require(users_create(config_of(closed), &users[closed], sentence) == 0);
    random_init(&scene.random, data[0]);
    scene_init(&scene, config_of(closed), users[closed]);
    play(&scene, data + HEAD_SIZE, size - HEAD_SIZE);
    scene_finish(&scene);
    return 0;
}
