#include "sidecar/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/acks.h"
#include "broker/broker.h"
#include "config/config.h"
#include "core/topic.h"
#include "libposthorn/posthorn.h"
#include "net/loop.h"
#include "sidecar/brake.h"
#include "sidecar/burial.h"
#include "sidecar/sender.h"
#include "sidecar/suspect.h"
#include "sidecar/uplink.h"
#include "sidecar/waiters.h"
#include "sidecar/window.h"
#include "store/log.h"
#include "stream/stream.h"
#include "util/json.h"
#include "util/list.h"
#include "util/log.h"
#include "util/random.h"

enum {
    OUTPUT_SIZE_MAX = 512 << 10, /* of the connection, beyond which nothing is added */
    RUNS_A_TURN = 8,             /* stretches of the stream that are sent before others have their turn */
    WORDS_SIZE_MAX = 512,
    SYNC_INTERVAL_MS = 1000,     /* of what has been taken out: power that fails brings back no more than that */
};

struct spool {
    struct loop *loop;
    struct broker *broker;
    struct uplink *uplink;
    const struct config *config;
    struct stream *stream;
    struct stream_watch watch;
    struct uplink_watcher uplink_watcher;
    struct window window;
    uint64_t purged;              /* up to here they have been taken out of the stream, */
    uint64_t synced;              /* ... and up to here that is on the disk, or will be with the next commit */
    uint64_t sync_due_ms;         /* not before */
    uint64_t full_floor;          /* window.floor + 1 when it last had no room for a message; 0: it always had */

    /* This connection. */
    bool is_up;
    struct ph_sub *answers;       /* NULL: none */
    struct sender sender;
    struct timer timer;
    uint64_t quiet_since_ms;      /* since then the broker has said nothing of what is on its way */

    struct brake brake;           /* where the broker could not take one */
    struct random random;         /* of its pauses */
    bool is_held_told;
    struct suspect suspect;
    struct burials burials;
    struct waiters waiters;

    struct spool_state state;     /* what is counted */
    uint64_t answered_at_ms;      /* 0: never */
    uint64_t lost_sequence;       /* up to here what is lost has been counted */
};

/* Waiting. */

bool spool_wait(struct spool *spool, struct outlet_waiter *waiter, uint64_t sequence)
{
    waiter->link = NULL;
    if (sequence <= spool->window.floor)
        return false;
    waiters_add(&spool->waiters, waiter, sequence);
    return true;
}

void spool_unwait(struct spool *spool, struct outlet_waiter *waiter)
{
    waiters_remove(&spool->waiters, waiter);
}

/* Time. */

static uint64_t now_ms(const struct spool *spool)
{
    return loop_now_ms(spool->loop);
}

/* A timer that is set too early only looks again. */
static void wake_by(struct spool *spool, uint64_t due_ms)
{
    if (!spool->timer.place || due_ms < spool->timer.due_ms)
        timer_set(&spool->loop->timers, &spool->timer, due_ms);
}

static void on_timer(struct timer *timer, uint64_t now)
{
    struct spool *spool = LIST_OWNER(timer, struct spool, timer);
    (void)now;
    loop_again(spool->loop); /* the turn looks what is due */
}

/* What is not done is sent once more, in another train: what is still on its way in this one may be refused. */
static void send_anew(struct spool *spool)
{
    window_rewind(&spool->window);
    sender_begin_train(&spool->sender);
}

/* Not now. */

static void hold(struct spool *spool)
{
    brake_apply(&spool->brake);
    spool->state.repeated_count++;
}

/* What the broker says of the first, and not of those behind it. */
static void tell_held(struct spool *spool, uint64_t sequence, const struct ack_found *found)
{
    if (found->verdict == RECEIPT_BEHIND)
        return;
    if (!spool->is_held_told)
        log_warning("spool_held", "sequence=%" PRIu64 " stream=%.*s error=%.*s", sequence, SLICE_ARGS(found->stream),
                    SLICE_ARGS(found->description));
    spool->is_held_told = true;
}

/* True while nothing is to be sent. */
static bool is_held(struct spool *spool)
{
    uint32_t chance = (uint32_t)(random_next(&spool->random) >> 32);
    enum brake_state state = brake_look(&spool->brake, now_ms(spool), spool->window.sent_count, chance);
    if (state == BRAKE_RELEASED)
        send_anew(spool);
    if (state == BRAKE_ON && spool->brake.due_ms)
        wake_by(spool, spool->brake.due_ms);
    return state == BRAKE_ON;
}

/* Never. */

static bool bury_message(struct spool *spool, const struct stream_message *message, struct slice why)
{
    return bury(&spool->burials, message, why, now_ms(spool), broker_wall_ms(spool->broker));
}

/* It counts as on its way until it is on disk there. What cannot be buried now is sent again, and refused again. */
static void bury_sequence(struct spool *spool, uint64_t sequence, struct slice why)
{
    struct stream_run run;
    struct stream_message message;
    bool is_buried = false;
    if (stream_read_at(spool->stream, sequence, &run) == STREAM_FOUND) {
        is_buried = stream_run_next(&run, &message) && bury_message(spool, &message, why);
        stream_release(&run);
    }
    if (!is_buried && window_failed(&spool->window, sequence))
        hold(spool);
}

static void on_buried(void *arg, uint64_t sequence)
{
    struct spool *spool = arg;
    window_drop(&spool->window, sequence);
}

/* Answers. */

static void note_taken(struct spool *spool)
{
    spool->state.taken_count++;
    spool->answered_at_ms = now_ms(spool);
    suspect_clear(&spool->suspect);
    if (!brake_ease(&spool->brake))
        return;
    if (spool->is_held_told)
        log_info("spool_goes_on", "sequence=%" PRIu64, spool->window.floor);
    spool->is_held_told = false;
}

/* A JSON string as the value of a header. */
static struct slice read_words(struct slice text, char room[WORDS_SIZE_MAX])
{
    size_t size = 0;
    if (text.size < 2 || text.size > WORDS_SIZE_MAX || !json_read_string(text, room, &size))
        return slice_of("refused");
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)room[i] < ' ' || room[i] == 0x7f)
            room[i] = ' ';
    return slice_make(room, size);
}

static void take_refusal(struct spool *spool, uint64_t sequence, struct slice answer)
{
    char room[WORDS_SIZE_MAX];
    struct ack_found found;
    if (is_being_buried(&spool->burials, sequence) || !window_is_sent(&spool->window, sequence))
        return;
    if (ack_words_read(answer, &found) && verdict_is_final(found.verdict)) {
        waiters_tell(&spool->waiters, sequence - 1, sequence, answer);
        bury_sequence(spool, sequence, read_words(found.description, room));
    } else if (window_failed(&spool->window, sequence)) {
        tell_held(spool, sequence, &found);
        hold(spool);
    }
}

/* The answer to one of a run, which was kept so many before the last. */
static struct slice words_before(const struct ack_found *found, uint64_t before, char room[WORDS_SIZE_MAX])
{
    int size = snprintf(room, WORDS_SIZE_MAX, "{\"stream\":%.*s, \"seq\":%" PRIu64 "}", SLICE_ARGS(found->stream),
                        found->sequence - before);
    return slice_make(room, size < WORDS_SIZE_MAX ? (size_t)size : 0);
}

/* The broker has it, and those of its run. */
static void take_answer(struct spool *spool, uint64_t sequence, struct slice answer)
{
    char room[WORDS_SIZE_MAX];
    struct ack_found found;
    if (!ack_words_read(answer, &found) || !found.run || found.run > spool->window.room)
        return;
    for (uint64_t before = found.run; before-- > 0;) {
        if (!window_done(&spool->window, sequence - before))
            continue;
        note_taken(spool);
        if (spool->waiters.first)
            waiters_tell(&spool->waiters, sequence - before - 1, sequence - before,
                         found.run > 1 ? words_before(&found, before, room) : answer);
    }
}

/* What the broker has it has, by whatever train; but what was refused in an earlier one has been sent once more. */
static void on_answer(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct spool *spool = arg;
    struct slice answer = slice_make(message->payload, message->payload_size);
    uint64_t sequence;
    bool is_old;
    if (sub != spool->answers || message->headers_size ||
        !sender_read_answer(&spool->sender, slice_make(message->topic, message->topic_size), &sequence, &is_old))
        return;
    spool->quiet_since_ms = now_ms(spool);
    if (!slice_starts_with(answer, slice_make("{\"error\"", 8)))
        take_answer(spool, sequence, answer);
    else if (!is_old)
        take_refusal(spool, sequence, answer);
}

/* Where the broker is stopped and says nothing, all is sent once more: it may have been lost on its way. */
static void look_for_silence(struct spool *spool)
{
    uint64_t timeout_ms = spool->config->spool.answer_timeout_ms;
    if (spool->window.sent_count <= spool->burials.count)
        return;
    if (now_ms(spool) - spool->quiet_since_ms >= timeout_ms) {
        log_warning("spool_unanswered", "sequence=%" PRIu64 " in_flight=%" PRIu32, spool->window.floor + 1,
                    spool->window.sent_count);
        spool->quiet_since_ms = now_ms(spool);
        send_anew(spool);
    }
    wake_by(spool, spool->quiet_since_ms + timeout_ms);
}

/* The connection. */

static void go_down(struct spool *spool)
{
    if (spool->is_up)
        suspect_note_break(&spool->suspect, uplink_why(spool->uplink), spool->window.sent_count,
                           spool->window.next - 1);
    spool->is_up = false;
    ph_sub_destroy(spool->answers);
    spool->answers = NULL;
    window_rewind(&spool->window);
}

/* False: not now. */
static bool listen_for_answers(struct spool *spool)
{
    char pattern[sizeof spool->sender.reply];
    if (spool->answers)
        return true;
    sender_write_pattern(&spool->sender, pattern, sizeof pattern);
    int error = ph_subscribe(uplink_conn(spool->uplink), pattern, NULL, on_answer, spool, &spool->answers);
    if (error)
        log_error("spool_deaf", "error=\"%s\"", ph_strerror(error));
    return !error;
}

static void come_up(struct spool *spool)
{
    spool->is_up = true;
    brake_reset(&spool->brake, spool->suspect.is_sought);
    window_rewind(&spool->window);
    sender_begin(&spool->sender);
}

static void on_uplink(struct uplink_watcher *watcher, bool is_up)
{
    struct spool *spool = LIST_OWNER(watcher, struct spool, uplink_watcher);
    go_down(spool);
    if (is_up)
        come_up(spool);
}

/* Sending. */

/* False: not now. *ret_why: it cannot be sent at all, and is to be buried; NULL: it has been. */
static bool try_to_send(struct spool *spool, const struct stream_message *message, const char **ret_why)
{
    bool is_to_blame = suspect_is(&spool->suspect, message->sequence);
    int error = is_to_blame ? PH_E_SERVER : sender_send(&spool->sender, uplink_conn(spool->uplink), message);
    bool is_final = is_to_blame || error == PH_E_PAYLOAD_SIZE || error == PH_E_HEADER || error == PH_E_ARGUMENT;
    *ret_why = is_to_blame ? spool->suspect.why : is_final ? ph_strerror(error) : NULL;
    return !error || is_final;
}

/* True: go on with the next. */
static bool offer(struct spool *spool, const struct stream_message *message)
{
    struct window *window = &spool->window;
    window_skip(window, message->sequence - 1);
    if (!window_has_room(window, message->sequence) || window->sent_count >= spool->brake.limit)
        return false;
    if (!window_wants(window, message->sequence)) {
        window_pass(window, message->sequence);
        return true;
    }
    if (!listen_for_answers(spool))
        return false;
    if (is_being_buried(&spool->burials, message->sequence)) {
        window_sent(window, message->sequence);
        return true;
    }
    const char *why;
    if (!try_to_send(spool, message, &why))
        return false;
    if (!window->sent_count)
        spool->quiet_since_ms = now_ms(spool);
    window_sent(window, message->sequence);
    spool->state.sent_count++;
    if (why && !bury_message(spool, message, slice_of(why)) && window_failed(window, message->sequence))
        hold(spool);
    return !spool->brake.is_on;
}

/* What was to be sent and is gone. */
static void note_gap(struct spool *spool, const struct stream_run *run)
{
    uint64_t first = run->gap_first > spool->lost_sequence ? run->gap_first : spool->lost_sequence + 1;
    if (!run->gap_first || first > run->gap_last)
        return;
    spool->state.lost_count += run->gap_last - first + 1;
    spool->lost_sequence = run->gap_last;
    log_error("spool_lost", "first=%" PRIu64 " last=%" PRIu64 " count=%" PRIu64, first, run->gap_last,
              spool->state.lost_count);
    waiters_tell(&spool->waiters, first - 1, run->gap_last, slice_make(NULL, 0));
}

/* True: there is more. */
static bool send_run(struct spool *spool)
{
    struct stream_run run;
    struct stream_message message;
    bool goes_on = true;
    uint64_t last = stream_last(spool->stream);
    enum stream_found found = stream_read(spool->stream, spool->window.next - 1, broker_wall_ms(spool->broker), &run);
    note_gap(spool, &run);
    if (found == STREAM_NONE)
        window_skip(&spool->window, last);
    if (found != STREAM_FOUND)
        return false;
    while (goes_on && stream_run_next(&run, &message))
        goes_on = offer(spool, &message);
    if (goes_on)
        window_skip(&spool->window, run.last_sequence);
    stream_release(&run);
    return goes_on && spool->window.next > run.last_sequence;
}

static bool output_is_full(const struct spool *spool)
{
    struct ph_statistics now = PH_STATISTICS_INIT;
    return ph_statistics(uplink_conn(spool->uplink), &now) != PH_OK || now.output_size >= OUTPUT_SIZE_MAX;
}

/* True: there is more, and it can be sent at once. */
static bool send_some(struct spool *spool)
{
    for (unsigned i = 0; i < RUNS_A_TURN; i++)
        if (output_is_full(spool) || !send_run(spool))
            return false;
    return !output_is_full(spool);
}

/* Turns. */

static void take_out(struct spool *spool)
{
    if (spool->window.floor <= spool->purged)
        return;
    spool->purged = spool->window.floor;
    stream_purge(spool->stream, slice_make(NULL, 0), spool->purged + 1, 0);
}

/* What the broker has would else be sent again when the power comes back, perhaps when it knows the ids no more. */
static void sync_taken_out(struct spool *spool)
{
    if (spool->synced == spool->purged)
        return;
    if (now_ms(spool) < spool->sync_due_ms) {
        wake_by(spool, spool->sync_due_ms);
        return;
    }
    spool->synced = spool->purged;
    spool->sync_due_ms = now_ms(spool) + SYNC_INTERVAL_MS;
    stream_remember(spool->stream);
}

bool spool_turn(struct spool *spool)
{
    stream_watch_take(&spool->watch);
    burials_settle(&spool->burials, on_buried, spool);
    bool more = spool->is_up && !is_held(spool) && send_some(spool);
    take_out(spool);
    sync_taken_out(spool);
    if (spool->is_up)
        look_for_silence(spool);
    return more;
}

bool spool_keeps(const struct spool *spool, struct slice topic)
{
    const struct config_list *topics = &spool->config->spool.topics;
    for (size_t i = 0; i < topics->item_count; i++) {
        struct slice pattern = slice_of(topics->items[i]);
        if (topic_is_private(pattern) == topic_is_private(topic) && pattern_matches(pattern, topic))
            return true;
    }
    return false;
}

void spool_note_full(struct spool *spool)
{
    spool->full_floor = spool->window.floor + 1;
}

void spool_get_state(struct spool *spool, struct spool_state *ret_state)
{
    struct stream_state stream;
    uint64_t wall_ms = broker_wall_ms(spool->broker);
    stream_get_state(spool->stream, &stream);
    *ret_state = spool->state;
    ret_state->waiting_count = stream.message_count + stream.uncommitted_count;
    ret_state->waiting_bytes = stream.byte_count;
    if (stream.message_count && stream.first_time_ms && stream.first_time_ms < wall_ms)
        ret_state->oldest_ms = wall_ms - stream.first_time_ms;
    ret_state->answered_ms = spool->answered_at_ms ? now_ms(spool) - spool->answered_at_ms : UINT64_MAX;
    ret_state->in_flight = spool->window.sent_count;
    ret_state->is_held = spool->brake.is_on;
    ret_state->refused_count = spool->burials.total;
    ret_state->is_full = stream.health == STREAM_FULL || spool->full_floor == spool->window.floor + 1;
    ret_state->is_failed = stream.health == STREAM_FAILED;
}

/* Life. */

static void wake(void *arg)
{
    const struct spool *spool = arg;
    loop_wake(spool->loop);
}

static void watch(struct spool *spool)
{
    spool->watch = (struct stream_watch){ .wake = wake, .arg = spool };
    stream_watch(spool->stream, &spool->watch);
    spool->uplink_watcher.changed = on_uplink;
    uplink_watch(spool->uplink, &spool->uplink_watcher);
    if (uplink_is_up(spool->uplink))
        come_up(spool);
}

void spool_reconfigure(struct spool *spool, const struct config *config)
{
    spool->config = config;
    brake_set(&spool->brake, config->spool.in_flight, config->spool.retry_wait_ms, config->spool.retry_wait_max_ms);
}

/* Where sending begins: at the oldest message, or at what is damaged right before it, which is told as lost then. */
static uint64_t first_to_send(const struct stream *stream, uint64_t first)
{
    struct log_findings findings;
    stream_get_findings(stream, &findings);
    for (size_t i = findings.damage_count; i-- > 0;) {
        const struct log_damage *damage = &findings.damages[i];
        if (damage->first < first && damage->last + 1 >= first)
            first = damage->first;
    }
    return first;
}

int spool_create(const struct spool_setup *setup, struct spool **ret_spool)
{
    struct spool *spool = calloc(1, sizeof *spool);
    struct stream_state state;
    uint64_t seed;
    if (!spool)
        return -ENOMEM;
    random_bytes(&seed, sizeof seed);
    random_init(&spool->random, seed);
    stream_get_state(setup->stream, &state);
    uint64_t first = first_to_send(setup->stream, state.first_sequence);
    if (window_init(&spool->window, setup->config->spool.in_flight, first - 1) != 0) {
        free(spool);
        return -ENOMEM;
    }
    spool->loop = setup->loop;
    spool->broker = setup->broker;
    spool->uplink = setup->uplink;
    spool->stream = stream_ref(setup->stream);
    stream_count_no_topics(spool->stream);
    burials_init(&spool->burials, setup->refused, wake, spool);
    spool->purged = spool->synced = spool->lost_sequence = spool->window.floor;
    waiters_init(&spool->waiters);
    spool->timer.fire = on_timer;
    sender_init(&spool->sender, setup->name, stream_epoch(spool->stream));
    spool_reconfigure(spool, setup->config);
    watch(spool);
    *ret_spool = spool;
    return 0;
}

void spool_destroy(struct spool *spool)
{
    if (!spool)
        return;
    waiters_tell(&spool->waiters, 0, UINT64_MAX, slice_make(NULL, 0));
    uplink_unwatch(&spool->uplink_watcher);
    ph_sub_destroy(spool->answers);
    timer_clear(&spool->loop->timers, &spool->timer);
    stream_unwatch(spool->stream, &spool->watch);
    stream_destroy(spool->stream);
    burials_finish(&spool->burials);
    window_finish(&spool->window);
    free(spool);
}
