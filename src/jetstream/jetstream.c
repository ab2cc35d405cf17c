#include "jetstream/jetstream.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/asked.h"
#include "broker/session.h"
#include "jetstream/api.h"
#include "jetstream/home.h"
#include "util/log.h"
#include "util/random.h"

enum {
    ROOM_MIN = 64 << 10,
    QUIET_MAX_MS = 1000, /* what is under way may take so long when the server stops */
};

/* Sending. */

char *jetstream_room(struct jetstream *jetstream, size_t size)
{
    if (size <= jetstream->byte_room)
        return jetstream->bytes;
    size_t room = size < ROOM_MIN ? ROOM_MIN : size;
    char *bytes = malloc(room);
    if (!bytes)
        return NULL;
    free(jetstream->bytes);
    jetstream->bytes = bytes;
    jetstream->byte_room = room;
    return bytes;
}

void jetstream_send(struct jetstream *jetstream, struct slice topic, char *text, size_t size)
{
    memcpy(text + size, "\r\n", 2);
    const struct message message = { .body = text, .body_size = (uint32_t)size };
    broker_send(jetstream->broker, topic, &message, 1);
}

void jetstream_ask(struct jetstream *jetstream, struct slice topic, char *text, size_t size)
{
    memcpy(text + size, "\r\n", 2);
    const struct message message = { .body = text, .body_size = (uint32_t)size };
    broker_ask(jetstream->broker, topic, &message);
}

void jetstream_send_head(struct jetstream *jetstream, struct slice topic, struct slice reply, char *head, size_t size)
{
    memcpy(head + size, "\r\n", 2);
    const struct message message = {
        .body = head,
        .reply = reply.data,
        .head_size = (uint32_t)size,
        .body_size = (uint32_t)size,
        .reply_size = (uint32_t)reply.size,
    };
    broker_send(jetstream->broker, topic, &message, 1);
}

struct consumer_time jetstream_time(struct jetstream *jetstream)
{
    return (struct consumer_time){ loop_now_ms(jetstream->loop), loop_wall_ms(jetstream->loop) };
}

/* Listening: sinks of nobody's session, so that no client's limits hold for them. */

static void announce(struct broker *broker, struct slice pattern, int delta)
{
    if (broker->hooks.interest)
        broker->hooks.interest(broker->hooks.arg, pattern, slice_make(NULL, 0), delta);
}

int jetstream_listen(struct jetstream *jetstream, struct sink *sink, struct slice pattern)
{
    int error = router_add(jetstream->broker->router, sink, pattern, slice_make(NULL, 0));
    if (!error)
        announce(jetstream->broker, pattern, +1);
    return error;
}

void jetstream_listen_no_more(struct jetstream *jetstream, struct sink *sink)
{
    char pattern[UINT16_MAX];
    size_t size = router_pattern(sink, pattern, sizeof pattern);
    announce(jetstream->broker, slice_make(pattern, size), -1);
    router_remove(jetstream->broker->router, sink);
}

/* Of whom the server asks itself, nothing is told. */
static bool take_request(struct jetstream *jetstream, const struct batch *batch, const struct message *message)
{
    struct session *session = (struct session *)batch->origin;
    const struct rights *rights = session ? session->rights : NULL;
    struct asked *asked = session ? asked_open(session, batch->topic) : NULL;
    if (letters_add(&jetstream->letters, batch->topic, message, batch->user, rights, asked))
        return true;
    asked_done(asked, jetstream->broker, "out of memory");
    return false;
}

/* What is asked on this worker. What comes from another has been taken there. */
static unsigned take_requests(struct sink *sink, const struct batch *batch)
{
    struct jetstream *jetstream = LIST_OWNER(sink, struct jetstream, api);
    unsigned count = 0;
    if (batch->hops || jetstream->is_quiet || !api_knows(batch->topic))
        return 0;
    while (count < batch->count && take_request(jetstream, batch, &batch->messages[count]))
        count++;
    loop_again(jetstream->loop);
    return count;
}

static const struct sink_ops api_sink_ops = { .deliver = take_requests };

/* The turn. */

static const struct {
    const char *prefix;
    void (*read)(struct jetstream *jetstream, const struct letter_text *letter);
} letter_kinds[] = {
    { "$JS.ACK.", ack_read },
    { "$JS.API.CONSUMER.MSG.NEXT.", next_read },
    { "$JS.FC.", flow_read },
    { "$JS.API.", request_begin },
};

static void read_letter(struct jetstream *jetstream, const struct letter_text *letter)
{
    for (size_t i = 0; i < sizeof letter_kinds / sizeof *letter_kinds; i++)
        if (slice_starts_with(letter->topic, slice_of(letter_kinds[i].prefix))) {
            letter_kinds[i].read(jetstream, letter);
            return;
        }
}

/* What comes meanwhile is for the next turn. */
static void read_letters(struct jetstream *jetstream)
{
    struct letters letters = jetstream->letters;
    struct letter_text letter;
    size_t cursor = 0;
    jetstream->letters = (struct letters){ 0 };
    while (letters_next(&letters, &cursor, &letter))
        read_letter(jetstream, &letter);
    letters_clear(&letters);
    if (jetstream->letters.size) {
        letters_finish(&letters);
    } else {
        letters_finish(&jetstream->letters);
        jetstream->letters = letters;
    }
}

static void take_jobs(struct jetstream *jetstream)
{
    struct meta_job *job;
    struct clerk_job *change;
    while (jetstream->meta && (job = meta_done(jetstream->meta, &jetstream->desk)))
        job->finished(job);
    while ((change = clerk_done(jetstream->clerk, &jetstream->clerk_desk)))
        change->finished(change);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)timer; /* that there is a turn is all that is wanted */
    (void)now_ms;
}

void jetstream_wake_by(struct jetstream *jetstream, uint64_t due_ms)
{
    if (!jetstream->timer.place || jetstream->timer.due_ms > due_ms)
        timer_set(&jetstream->loop->timers, &jetstream->timer, due_ms);
}

bool jetstream_turn(struct jetstream *jetstream)
{
    take_jobs(jetstream);
    keepers_turn(jetstream->keepers);
    if (jetstream->letters.size)
        read_letters(jetstream);
    bool more = api_go_on(jetstream);
    seats_look_for_listeners(jetstream);
    more |= seats_run(jetstream);
    more |= retention_sweep(jetstream);
    seats_save(jetstream);
    if (jetstream->save_due_ms != UINT64_MAX)
        jetstream_wake_by(jetstream, jetstream->save_due_ms);
    jetstream->broker->stall_ms = 0; /* nobody's whom it could hold back */
    return more || jetstream->letters.size;
}

void jetstream_turn_end(struct jetstream *jetstream)
{
    keepers_commit(jetstream->keepers);
}

/* Life. */

static void wake(void *arg)
{
    const struct jetstream *jetstream = arg;
    loop_wake(jetstream->loop);
}

static void on_advanced(void *arg, struct keeper *keeper)
{
    home_advanced(arg, keeper);
}

static int open(struct jetstream *jetstream)
{
    const struct keepers_hooks hooks = { jetstream, home_tied, home_untied, on_advanced };
    struct broker *broker = jetstream->broker;
    jetstream->keepers = keepers_create(broker, jetstream->registry, wake, jetstream);
    if (!jetstream->keepers)
        return -ENOMEM;
    broker->keepers = jetstream->keepers;
    broker->jetstream = jetstream;
    broker->judge = (struct broker_judge){ jetstream, jetstream_may_ask };
    keepers_set_hooks(jetstream->keepers, &hooks);
    jetstream->api = (struct sink){ .ops = &api_sink_ops, .weight = 1 };
    int error = router_add(broker->router, &jetstream->api, slice_of("$JS.API.>"), slice_make(NULL, 0));
    jetstream->is_open = !error;
    return error;
}

int jetstream_create(const struct jetstream_setup *setup, struct jetstream **ret_jetstream)
{
    struct jetstream *jetstream = calloc(1, sizeof *jetstream);
    if (!jetstream)
        return -ENOMEM;
    *jetstream = (struct jetstream){
        .number = setup->number,
        .worker_count = setup->worker_count,
        .loop = setup->loop,
        .broker = setup->broker,
        .registry = setup->registry,
        .meta = setup->meta,
        .clerk = setup->clerk,
        .roll = setup->roll,
        .desk = { .wake = wake, .arg = jetstream },
        .stored = setup->stored,
        .save_due_ms = UINT64_MAX,
        .timer = { .fire = on_timer },
    };
    clerk_desk_init(&jetstream->clerk_desk, wake, jetstream);
    random_bytes(&jetstream->hash_seed, sizeof jetstream->hash_seed);
    list_init(&jetstream->away);
    list_init(&jetstream->again);
    list_init(&jetstream->outside);
    list_init(&jetstream->homes);
    list_init(&jetstream->ready);
    list_init(&jetstream->leaving);
    list_init(&jetstream->unsaved);
    list_init(&jetstream->pushing);
    int error = open(jetstream);
    if (error) {
        jetstream_destroy(jetstream);
        return error;
    }
    *ret_jetstream = jetstream;
    return 0;
}

int jetstream_start(struct jetstream *jetstream)
{
    int error = keepers_sync(jetstream->keepers);
    jetstream->stored = NULL;
    return error;
}

void jetstream_quiesce(struct jetstream *jetstream)
{
    jetstream->is_quiet = true;
    jetstream->quiet_by_ms = loop_now_ms(jetstream->loop) + QUIET_MAX_MS;
    jetstream_wake_by(jetstream, jetstream->quiet_by_ms);
}

bool jetstream_is_busy(struct jetstream *jetstream)
{
    bool busy = jetstream->outside_count || jetstream->letters.size || keepers_have_waiting(jetstream->keepers);
    return busy && loop_now_ms(jetstream->loop) < jetstream->quiet_by_ms;
}

void jetstream_leave(struct jetstream *jetstream)
{
    seats_save_last(jetstream);
}

void jetstream_destroy(struct jetstream *jetstream)
{
    struct meta_job *job;
    if (!jetstream)
        return;
    jetstream->broker->hooks.interest = NULL; /* nobody is there to be told */
    jetstream->is_ending = true;
    while ((job = meta_done(NULL, &jetstream->desk)))
        job->finished(job);
    api_finish(jetstream);
    homes_finish(jetstream);
    seats_finish(jetstream);
    keepers_destroy(jetstream->keepers);
    if (jetstream->is_open)
        router_remove(jetstream->broker->router, &jetstream->api);
    jetstream->broker->keepers = NULL;
    jetstream->broker->jetstream = NULL;
    jetstream->broker->judge = (struct broker_judge){ 0 };
    timer_clear(&jetstream->loop->timers, &jetstream->timer);
    letters_finish(&jetstream->letters);
    free(jetstream->bytes);
    free(jetstream);
}
