#include "server.h"

#include <event2/event.h>

#include "fuzz.h"
#include "jetstream/state.h"

enum { WALL_MS = 1795448711, TURNS_MAX = 10000 };

/* One for all, one after the other: a thread costs more than most inputs. */
static struct clerk *clerk;

static uint64_t wall_ms(void *arg)
{
    const struct server *server = arg;
    return (uint64_t)WALL_MS * 1000 + server->loop.now_ms;
}

/* As the only worker's does. */
static void send_survey(void *arg, struct survey *survey)
{
    struct server *server = arg;
    survey->visit(survey, &server->broker);
    survey->next = server->answered;
    server->answered = survey;
}

static void finish_surveys(struct server *server)
{
    struct survey *survey = server->answered;
    server->answered = NULL;
    while (survey) {
        struct survey *next = survey->next;
        survey->done(survey);
        survey = next;
    }
}

static void show_address(const struct address *address, char *out)
{
    (void)address;
    out[0] = '\0';
}

static bool before_flush(void *arg)
{
    struct server *server = arg;
    finish_surveys(server);
    bool more = jetstream_turn(server->jetstream);
    more |= server->turn && server->turn(server->arg);
    return more || server->answered;
}

static void turn_end(void *arg)
{
    struct server *server = arg;
    jetstream_turn_end(server->jetstream);
}

static void open_streams(struct server *server)
{
    const struct stream_engine_options options = { .boot_id = "", .wall_ms = wall_ms, .arg = server };
    fuzz_require(stream_engine_create(&options, &server->engine) == 0);
    server->registry = stream_registry_create(server->engine);
    fuzz_require(server->registry && roll_create(&server->roll) == 0);
    if (!clerk)
        fuzz_require(clerk_create(&clerk) == 0);
}

void server_init(struct server *server, const struct users *users, const struct broker_limits *limits)
{
    *server = (struct server){ .turn = NULL };
    fuzz_require(loop_init(&server->loop) == 0);
    server->loop.now_ms = SERVER_START_MS;
    server->loop.wall_ms = wall_ms(server);
    server->loop.hooks = (struct loop_hooks){ .arg = server, .before_flush = before_flush, .turn_end = turn_end };
    open_streams(server);
    fuzz_require(broker_init(&server->broker, &server->loop.counters, users, limits) == 0);
    server->broker.hooks = (struct broker_hooks){
        .arg = server, .wall_ms = wall_ms, .survey = send_survey, .show_address = show_address,
    };
    const struct jetstream_setup setup = {
        .worker_count = 1,
        .loop = &server->loop,
        .broker = &server->broker,
        .registry = server->registry,
        .clerk = clerk,
        .roll = server->roll,
    };
    fuzz_require(jetstream_create(&setup, &server->jetstream) == 0 && jetstream_start(server->jetstream) == 0);
}

void server_finish(struct server *server)
{
    jetstream_leave(server->jetstream);
    jetstream_destroy(server->jetstream);
    broker_finish(&server->broker);
    stream_registry_destroy(server->registry);
    roll_destroy(server->roll);
    stream_engine_destroy(server->engine);
    loop_finish(&server->loop);
}

void server_add_stream(struct server *server, const char *name, const char *const *topics, unsigned topic_count)
{
    struct stream_settings settings;
    settings_init(&settings);
    settings.storage = STREAM_MEMORY;
    settings.messages_max = 20;
    fuzz_require(settings_set_text(&settings.name, name) == 0);
    for (unsigned i = 0; i < topic_count; i++)
        fuzz_require(settings_add_topic(&settings, topics[i]) == 0);
    fuzz_require(stream_registry_add(server->registry, &settings, NULL) == 0);
    settings_finish(&settings);
}

static void turn(struct server *server, uint64_t advance_ms, int flags)
{
    struct loop *loop = &server->loop;
    event_base_loop(loop->base, EVLOOP_ONCE | flags);
    loop->now_ms += advance_ms;
    loop->wall_ms = wall_ms(server);
    timers_run(&loop->timers, loop->now_ms);
    loop->again = false;
    loop_stop(loop);
    fuzz_require(loop_run(loop) == 0); /* has been stopped: ends the turn and returns */
}

void server_turn(struct server *server, uint64_t advance_ms)
{
    turn(server, advance_ms, EVLOOP_NONBLOCK);
}

/* The clerk wakes the loop when it is done; a consumer that gives its messages again at once may go on for ever. */
void server_settle(struct server *server)
{
    const struct jetstream *jetstream = server->jetstream;
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        bool waits = jetstream->outside_count && !server->answered && !server->loop.again;
        turn(server, 0, waits ? 0 : EVLOOP_NONBLOCK);
        if (!jetstream->outside_count && !server->answered && !server->loop.again && !jetstream->letters.size)
            return;
    }
    fuzz_require(!jetstream->outside_count);
}
