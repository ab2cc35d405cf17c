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
#include "sidecar/uplink.h"
#include "sidecar/window.h"
#include "store/log.h"
#include "stream/stream.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/list.h"
#include "util/log.h"
#include "util/random.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    OUTPUT_SIZE_MAX = 512 << 10, /* of the connection, beyond which nothing is added */
    RUNS_A_TURN = 8,             /* stretches of the stream that are sent before others have their turn */
    PUBLISHER_SIZE = 16,
    ID_SIZE_MAX = 256,
    WORDS_SIZE_MAX = 512,
    TELL_INTERVAL_MS = 60000,
};

static const char answer_prefix[] = "$POSTHORN.ACK.TRAIN.";
static const char id_header[] = "Nats-Msg-Id", refused_header[] = "Posthorn-Refused";

/* A message that the broker has refused for good, on its way into the stream `refused`. */
struct burial {
    uint64_t sequence, refused_sequence;
};

struct spool {
    struct loop *loop;
    struct broker *broker;
    struct uplink *uplink;
    const struct config *config;
    struct stream *stream, *refused;
    struct stream_watch watch, refused_watch;
    struct uplink_watcher uplink_watcher;
    struct window window;
    uint64_t purged;              /* up to here they have been taken out of the stream */

    /* This connection. */
    bool is_up;
    struct ph_sub *answers;       /* NULL: none */
    uint64_t train, first_train;    /* of what is sent, and of what was sent first */
    char reply[sizeof answer_prefix + PUBLISHER_SIZE + 2 + 2 * FORMAT_NUMBER_SIZE_MAX];
    size_t train_at, reply_size;   /* of its start, which all replies have in common: up to the train, and behind it */
    char lines[sizeof id_header + 2 + ID_SIZE_MAX + FORMAT_NUMBER_SIZE_MAX + 2];
    size_t lines_size;            /* likewise: up to the sequence */
    struct timer timer;
    uint64_t quiet_since_ms;      /* since then the broker has said nothing of what is on its way */

    /* Where the broker could not take one. */
    bool is_held;
    bool is_held_told;
    uint32_t limit;               /* how many may be on their way: few at first after a failure */
    uint64_t retry_due_ms;        /* 0: not before what is on its way has been answered */
    uint64_t retry_wait_ms;

    struct burial *burials;
    size_t burial_count, burial_room;

    struct outlet_waiter *waiters, **last_waiter; /* by sequence */

    struct spool_state state;     /* what is counted */
    uint64_t answered_at_ms;      /* 0: never */
    uint64_t lost_sequence;       /* up to here what is lost has been counted */
    uint64_t refused_told_ms;
};

/* Waiting. */

bool spool_wait(struct spool *spool, struct outlet_waiter *waiter, uint64_t sequence)
{
    struct outlet_waiter **link = spool->last_waiter;
    waiter->link = NULL;
    if (sequence <= spool->window.floor)
        return false;
    if (spool->waiters && sequence < LIST_OWNER(link, struct outlet_waiter, next)->sequence) /* of a duplicate */
        for (link = &spool->waiters; (*link)->sequence <= sequence;)
            link = &(*link)->next;
    waiter->sequence = sequence;
    waiter->next = *link;
    waiter->link = link;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    else
        spool->last_waiter = &waiter->next;
    *link = waiter;
    return true;
}

static void unlink_waiter(struct spool *spool, struct outlet_waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else
        spool->last_waiter = waiter->link;
    waiter->link = NULL;
}

void spool_unwait(struct spool *spool, struct outlet_waiter *waiter)
{
    if (waiter->link)
        unlink_waiter(spool, waiter);
}

/* Those in (after, last]. */
static void tell_waiters(struct spool *spool, uint64_t after, uint64_t last, struct slice answer)
{
    struct outlet_waiter *waiter = spool->waiters, *next;
    for (; waiter && waiter->sequence <= last; waiter = next) {
        next = waiter->next;
        if (waiter->sequence <= after)
            continue;
        unlink_waiter(spool, waiter);
        waiter->told(waiter, answer);
    }
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
    char *end = format_number(spool->reply + spool->train_at, ++spool->train);
    *end++ = '.';
    spool->reply_size = (size_t)(end - spool->reply);
}

/* Not now. */

static void hold(struct spool *spool)
{
    spool->is_held = true;
    spool->retry_due_ms = 0;
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

/* Half of the pause to the whole, and twice as long the next time. */
static void begin_pause(struct spool *spool)
{
    const struct config_spool *config = &spool->config->spool;
    uint64_t whole_ms = spool->retry_wait_ms, half_ms = whole_ms / 2;
    uint32_t chance;
    random_bytes(&chance, sizeof chance);
    spool->retry_due_ms = now_ms(spool) + whole_ms - chance % (half_ms + 1);
    spool->retry_wait_ms = whole_ms < config->retry_wait_max_ms / 2 ? 2 * whole_ms : config->retry_wait_max_ms;
}

/* Behind the oldest nothing is sent until that is done; then ever more. True while it lasts. */
static bool is_holding(struct spool *spool)
{
    if (!spool->is_held || spool->window.sent_count)
        return spool->is_held;
    if (!spool->retry_due_ms)
        begin_pause(spool);
    if (now_ms(spool) < spool->retry_due_ms) {
        wake_by(spool, spool->retry_due_ms);
        return true;
    }
    spool->is_held = false;
    spool->limit = 1;
    send_anew(spool);
    return false;
}

/* Never. */

static bool reserve_burial(struct spool *spool)
{
    if (spool->burial_count < spool->burial_room)
        return true;
    size_t room = spool->burial_room ? 2 * spool->burial_room : 16;
    struct burial *burials = reallocarray(spool->burials, room, sizeof *burials);
    if (!burials)
        return false;
    spool->burials = burials;
    spool->burial_room = room;
    return true;
}

static bool is_being_buried(const struct spool *spool, uint64_t sequence)
{
    for (size_t i = 0; i < spool->burial_count; i++)
        if (spool->burials[i].sequence == sequence)
            return true;
    return false;
}

static void tell_refused(struct spool *spool, struct slice topic, struct slice why)
{
    uint64_t now = now_ms(spool);
    spool->state.refused_count++;
    if (spool->refused_told_ms && now - spool->refused_told_ms < TELL_INTERVAL_MS)
        return;
    spool->refused_told_ms = now;
    log_warning("spool_refused", "topic=\"%.*s\" error=\"%.*s\" count=%" PRIu64 " stream=" REFUSED_STREAM,
                SLICE_ARGS(topic), SLICE_ARGS(why), spool->state.refused_count);
}

/* The topic behind REFUSED_TOPIC, and the message with a header more. Returns its sequence; 0: not now. */
static uint64_t append_refused(struct spool *spool, const struct stream_message *message, struct slice why)
{
    size_t prefix = sizeof REFUSED_TOPIC - 1, topic_size = prefix + message->topic.size;
    size_t head_size = message->head.size ? message->head.size : HEADERS_BEGIN_SIZE + HEADERS_END_SIZE;
    head_size += headers_add_size(slice_of(refused_header), why);
    char *text = malloc(topic_size + head_size + message->payload.size + 2);
    if (!text)
        return 0;
    char *body = format_slice(format_bytes(text, REFUSED_TOPIC, prefix), message->topic), *at = body;
    at = message->head.size ? format_bytes(at, message->head.data, message->head.size - HEADERS_END_SIZE)
                            : headers_begin(at);
    at = headers_end(headers_add(at, slice_of(refused_header), why));
    at = format_bytes(format_slice(at, message->payload), "\r\n", 2);
    const struct message copy = { .body = body, .head_size = (uint32_t)head_size,
                                  .body_size = (uint32_t)(head_size + message->payload.size) };
    struct receipt receipt = { .stream = NULL };
    const struct batch batch = { .topic = slice_make(text, topic_size), .messages = &copy, .count = 1,
                                 .receipts = &receipt };
    stream_append(spool->refused, &batch, broker_wall_ms(spool->broker), NULL);
    free(text);
    return receipt.sequence;
}

static bool bury_message(struct spool *spool, const struct stream_message *message, struct slice why)
{
    uint64_t sequence = reserve_burial(spool) ? append_refused(spool, message, why) : 0;
    if (!sequence)
        return false;
    spool->burials[spool->burial_count++] = (struct burial){ message->sequence, sequence };
    tell_refused(spool, message->topic, why);
    return true;
}

/* It counts as on its way until it is on disk there. What cannot be buried now is sent again, and refused again. */
static void bury(struct spool *spool, uint64_t sequence, struct slice why)
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

static void finish_burials(struct spool *spool)
{
    size_t left = 0;
    uint64_t last = stream_last(spool->refused);
    for (size_t i = 0; i < spool->burial_count; i++)
        if (spool->burials[i].refused_sequence <= last)
            window_drop(&spool->window, spool->burials[i].sequence);
        else
            spool->burials[left++] = spool->burials[i];
    spool->burial_count = left;
}

/* Answers. */

static void note_taken(struct spool *spool)
{
    spool->state.taken_count++;
    spool->answered_at_ms = now_ms(spool);
    if (spool->is_held || spool->limit >= spool->config->spool.in_flight)
        return;
    spool->limit *= 2;
    spool->retry_wait_ms = spool->config->spool.retry_wait_ms;
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
    if (is_being_buried(spool, sequence) || !window_is_sent(&spool->window, sequence))
        return;
    if (ack_words_read(answer, &found) && verdict_is_final(found.verdict)) {
        tell_waiters(spool, sequence - 1, sequence, answer);
        bury(spool, sequence, read_words(found.description, room));
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
        if (spool->waiters)
            tell_waiters(spool, sequence - before - 1, sequence - before,
                         found.run > 1 ? words_before(&found, before, room) : answer);
    }
}

/* The number at the start of a text, which it leaves behind with what comes next. */
static uint64_t cut_number(struct slice *text)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text->data[i] - '0');
    i += i < text->size;
    *text = slice_make(text->data + i, text->size - i);
    return number;
}

/* What the broker has it has, by whatever train; but what was refused in an earlier one has been sent once more. */
static void on_answer(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct spool *spool = arg;
    struct slice answer = slice_make(message->payload, message->payload_size);
    struct slice numbers = slice_make(message->topic + spool->train_at, message->topic_size - spool->train_at);
    uint64_t train = cut_number(&numbers), sequence = cut_number(&numbers);
    if (sub != spool->answers || message->headers_size || train < spool->first_train || train > spool->train)
        return;
    spool->quiet_since_ms = now_ms(spool);
    if (!slice_starts_with(answer, slice_make("{\"error\"", 8)))
        take_answer(spool, sequence, answer);
    else if (train == spool->train)
        take_refusal(spool, sequence, answer);
}

/* Where the broker is stopped and says nothing, all is sent once more: it may have been lost on its way. */
static void look_for_silence(struct spool *spool)
{
    uint64_t timeout_ms = spool->config->spool.answer_timeout_ms;
    if (spool->window.sent_count <= spool->burial_count)
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
    spool->is_up = false;
    ph_sub_destroy(spool->answers);
    spool->answers = NULL;
    window_rewind(&spool->window);
}

/* False: not now. */
static bool listen_for_answers(struct spool *spool)
{
    char pattern[sizeof spool->reply];
    if (spool->answers)
        return true;
    snprintf(pattern, sizeof pattern, "%.*s*.*", (int)spool->train_at, spool->reply);
    int error = ph_subscribe(uplink_conn(spool->uplink), pattern, NULL, on_answer, spool, &spool->answers);
    if (error)
        log_error("spool_deaf", "error=\"%s\"", ph_strerror(error));
    return !error;
}

/* Answers to what was sent on another connection name a train of that. */
static void come_up(struct spool *spool)
{
    uint32_t chance;
    random_bytes(&chance, sizeof chance);
    spool->is_up = true;
    spool->is_held = false;
    spool->limit = spool->config->spool.in_flight;
    spool->train = chance;
    spool->first_train = spool->train + 1;
    send_anew(spool);
}

static void on_uplink(struct uplink_watcher *watcher, bool is_up)
{
    struct spool *spool = LIST_OWNER(watcher, struct spool, uplink_watcher);
    go_down(spool);
    if (is_up)
        come_up(spool);
}

/* Sending. */

/* The header that is the message's id. Empty: it has one. */
static struct slice id_line(struct spool *spool, const struct stream_message *message)
{
    struct slice id;
    if (message->head.size && headers_find(message->head, id_header, &id) && id.size)
        return slice_make(NULL, 0);
    char *end = format_number(spool->lines + spool->lines_size, message->sequence);
    end = format_bytes(end, "\r\n", 2);
    return slice_make(spool->lines, (size_t)(end - spool->lines));
}

static int send_message(struct spool *spool, const struct stream_message *message)
{
    char *end = format_number(spool->reply + spool->reply_size, message->sequence);
    struct slice line = id_line(spool, message);
    const struct ph_raw raw = {
        .topic = message->topic.data,
        .topic_size = message->topic.size,
        .reply = spool->reply,
        .reply_size = (size_t)(end - spool->reply),
        .body = message->head.size ? message->head.data : message->payload.data,
        .headers_size = message->head.size,
        .body_size = message->head.size + message->payload.size,
        .lines = line.data,
        .lines_size = line.size,
    };
    return ph_publish_raw(uplink_conn(spool->uplink), &raw);
}

/* True: go on with the next. */
static bool offer(struct spool *spool, const struct stream_message *message)
{
    struct window *window = &spool->window;
    window_skip(window, message->sequence - 1);
    if (!window_has_room(window, message->sequence) || window->sent_count >= spool->limit)
        return false;
    if (!window_wants(window, message->sequence)) {
        window_pass(window, message->sequence);
        return true;
    }
    if (!listen_for_answers(spool))
        return false;
    if (is_being_buried(spool, message->sequence)) {
        window_sent(window, message->sequence);
        return true;
    }
    int error = send_message(spool, message);
    if (error && error != PH_E_PAYLOAD_SIZE && error != PH_E_HEADER)
        return false;
    if (!window->sent_count)
        spool->quiet_since_ms = now_ms(spool);
    window_sent(window, message->sequence);
    spool->state.sent_count++;
    if (error && !bury_message(spool, message, slice_of(ph_strerror(error))) &&
        window_failed(window, message->sequence))
        hold(spool);
    return !spool->is_held;
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
    tell_waiters(spool, first - 1, run->gap_last, slice_make(NULL, 0));
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

bool spool_turn(struct spool *spool)
{
    stream_watch_take(&spool->watch);
    if (spool->burial_count && stream_watch_take(&spool->refused_watch))
        finish_burials(spool);
    bool more = spool->is_up && !is_holding(spool) && send_some(spool);
    take_out(spool);
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
    ret_state->is_held = spool->is_held;
}

/* Life. */

static void wake(void *arg)
{
    const struct spool *spool = arg;
    loop_wake(spool->loop);
}

static void watch(struct spool *spool)
{
    spool->watch.wake = spool->refused_watch.wake = wake;
    spool->watch.arg = spool->refused_watch.arg = spool;
    stream_watch(spool->stream, &spool->watch);
    stream_watch(spool->refused, &spool->refused_watch);
    spool->uplink_watcher.changed = on_uplink;
    uplink_watch(spool->uplink, &spool->uplink_watcher);
    if (uplink_is_up(spool->uplink))
        come_up(spool);
}

void spool_reconfigure(struct spool *spool, const struct config *config)
{
    spool->config = config;
    spool->retry_wait_ms = config->spool.retry_wait_ms;
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
    if (!spool)
        return -ENOMEM;
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
    spool->refused = stream_ref(setup->refused);
    spool->purged = spool->lost_sequence = spool->window.floor;
    spool->last_waiter = &spool->waiters;
    spool->timer.fire = on_timer;
    uint64_t publisher = hash_bytes(stream_epoch(spool->stream), setup->name, strlen(setup->name));
    spool->train_at = (size_t)snprintf(spool->reply, sizeof spool->reply, "%s%0*" PRIx64 ".", answer_prefix,
                                       PUBLISHER_SIZE, publisher);
    spool->lines_size = (size_t)snprintf(spool->lines, sizeof spool->lines, "%s: %.200s.%" PRIx64 ".", id_header,
                                         setup->name, stream_epoch(spool->stream));
    spool_reconfigure(spool, setup->config);
    watch(spool);
    *ret_spool = spool;
    return 0;
}

void spool_destroy(struct spool *spool)
{
    if (!spool)
        return;
    tell_waiters(spool, 0, UINT64_MAX, slice_make(NULL, 0));
    uplink_unwatch(&spool->uplink_watcher);
    ph_sub_destroy(spool->answers);
    timer_clear(&spool->loop->timers, &spool->timer);
    stream_unwatch(spool->stream, &spool->watch);
    stream_unwatch(spool->refused, &spool->refused_watch);
    stream_destroy(spool->stream);
    stream_destroy(spool->refused);
    window_finish(&spool->window);
    free(spool->burials);
    free(spool);
}
