#include "sidecar/tail.h"

#include <errno.h>
#include <stdlib.h>

#include "http/document.h"
#include "metrics/prometheus.h"
#include "sidecar/tail_reader.h"
#include "util/list.h"
#include "util/log.h"

enum {
    BATCH_COUNT = 128,          /* messages that are published together */
    TURN_BATCHES = 8,           /* and in one turn */
    TURN_BYTES = 128 << 10,
    RETRY_MS = 250,             /* after a refusal */
};

struct tails {
    struct broker *broker;
    struct loop *loop;
    struct tail_reader *reader;
    struct tail_parcel *parcels, **last; /* out of the reader, in the order of reading */
    struct timer timer;         /* while it is set, nothing is published */
    bool is_refused;            /* the last try was: it has been logged */
    struct message batch[BATCH_COUNT];
    struct receipt receipts[BATCH_COUNT];
};

static void wake(void *arg)
{
    const struct tails *tails = arg;
    loop_wake(tails->loop);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)timer; /* the turn does the rest */
    (void)now_ms;
}

static void pause(struct tails *tails, uint64_t ms)
{
    timer_set(&tails->loop->timers, &tails->timer, loop_now_ms(tails->loop) + ms);
}

/* Given back in the order in which they came. */
static void give_back(struct tails *tails)
{
    while (tails->parcels && tails->parcels->is_done) {
        struct tail_parcel *parcel = tails->parcels;
        tails->parcels = parcel->next;
        if (!tails->parcels)
            tails->last = &tails->parcels;
        tail_reader_give_back(tails->reader, parcel);
    }
}

/* A stream that has failed will not keep it: it is published again, and refused until that is mended. */
static void on_committed(struct keeper_waiter *waiter, bool committed)
{
    struct tail_parcel *parcel = LIST_OWNER(waiter, struct tail_parcel, waiter);
    struct tails *tails = parcel->owner;
    parcel->is_waiting = false;
    parcel->is_done = committed;
    if (committed) {
        give_back(tails);
        return;
    }
    parcel->published = 0;
    parcel->receipt = (struct receipt){ 0 };
    pause(tails, RETRY_MS);
}

static void wait_for_commit(struct tails *tails, struct tail_parcel *parcel)
{
    parcel->owner = tails;
    parcel->waiter.done = on_committed;
    parcel->is_waiting = keeper_wait(tails->broker->keepers, &parcel->waiter, &parcel->receipt);
    parcel->is_done = !parcel->is_waiting;
}

/* Publishing. */

enum outcome { GOES_ON, WAITS, REFUSED_FOR_GOOD };

/* What a receipt without a sequence means for the message, and how it is told. */
static const struct {
    enum outcome outcome;
    const char *why;
} verdicts[] = {
    [RECEIPT_WRONG_STREAM] = { REFUSED_FOR_GOOD, "another stream was expected" },
    [RECEIPT_WRONG_SEQUENCE] = { REFUSED_FOR_GOOD, "another sequence was expected" },
    [RECEIPT_WRONG_ID] = { REFUSED_FOR_GOOD, "another id was expected" },
    [RECEIPT_TOO_LARGE] = { REFUSED_FOR_GOOD, "too large" },
    [RECEIPT_NO_ROLLUP] = { REFUSED_FOR_GOOD, "no rollup is allowed" },
    [RECEIPT_NO_MEMORY] = { WAITS, "out of memory" },
    [RECEIPT_TOO_MANY] = { WAITS, "the stream is full" },
    [RECEIPT_TOO_MANY_BYTES] = { WAITS, "the stream is full" },
    [RECEIPT_TOO_MANY_OF_TOPIC] = { WAITS, "the topic is full" },
    [RECEIPT_OVER_QUOTA] = { WAITS, "the quota is used up" },
    [RECEIPT_SEALED] = { WAITS, "the stream is sealed" },
    [RECEIPT_NOT_READY] = { WAITS, "the stream is not ready" },
    [RECEIPT_DISK_FULL] = { WAITS, "the disk is full" },
    [RECEIPT_FAILED] = { WAITS, "the disk has failed" },
    [RECEIPT_BEHIND] = { WAITS, "one before it was refused" },
    [RECEIPT_LONG_TOPIC] = { REFUSED_FOR_GOOD, "the topic is too long" },
    [RECEIPT_NO_RIGHT] = { REFUSED_FOR_GOOD, "no right to the topic" },
};

/* What nobody keeps goes to who is subscribed, and that is all. */
static enum outcome judge(const struct receipt *receipt)
{
    return !receipt->stream || receipt->sequence ? GOES_ON : verdicts[receipt->verdict].outcome;
}

static void tell_waiting(struct tails *tails, const struct tail_parcel *parcel, const struct receipt *receipt)
{
    tails->broker->counters->tail_waits++;
    if (!tails->is_refused)
        log_warning("tail_waits", "tail=%.*s stream=%s error=\"%s\"", SLICE_ARGS(parcel->name), receipt->stream,
                    verdicts[receipt->verdict].why);
    tails->is_refused = true;
    pause(tails, RETRY_MS);
}

static void tell_taken(struct tails *tails, struct tail_parcel *parcel, const struct receipt *receipt)
{
    if (tails->is_refused)
        log_info("tail_goes_on", "tail=%.*s", SLICE_ARGS(parcel->name));
    tails->is_refused = false;
    tails->broker->counters->tail_records++;
    if (receipt->sequence > parcel->receipt.sequence)
        parcel->receipt = *receipt;
}

static void tell_refused(struct tails *tails, const struct tail_parcel *parcel, const struct receipt *receipt)
{
    tails->broker->counters->tail_refused++;
    log_warning("tail_record_refused", "tail=%.*s stream=%s error=\"%s\" size=%u", SLICE_ARGS(parcel->name),
                receipt->stream, verdicts[receipt->verdict].why, parcel->messages[parcel->published].body_size);
}

/* False: not now. */
static bool take_receipt(struct tails *tails, struct tail_parcel *parcel, const struct receipt *receipt)
{
    switch (judge(receipt)) {
    case WAITS:
        tell_waiting(tails, parcel, receipt);
        return false;
    case GOES_ON:
        tell_taken(tails, parcel, receipt);
        break;
    case REFUSED_FOR_GOOD:
        tell_refused(tails, parcel, receipt);
        break;
    }
    parcel->published++;
    return true;
}

/* The next of the parcel, no more than one batch, and than bytes_max but for the first. Returns their bytes. */
static size_t gather(struct tails *tails, const struct tail_parcel *parcel, size_t bytes_max, unsigned *ret_count)
{
    unsigned left = parcel->count - parcel->published, count = 0;
    size_t bytes = 0;
    for (; count < left && count < BATCH_COUNT && (!count || bytes < bytes_max); count++) {
        const struct tail_message *next = &parcel->messages[parcel->published + count];
        tails->batch[count] = (struct message){
            .body = parcel->bytes + next->at, .head_size = next->head_size, .body_size = next->body_size,
        };
        bytes += next->body_size;
    }
    *ret_count = count;
    return bytes;
}

/* What has been refused for now, and all behind it, is published again, later. Returns the bytes that were tried. */
static size_t publish_batch(struct tails *tails, struct tail_parcel *parcel, size_t bytes_max)
{
    unsigned count, taken = 0;
    size_t bytes = gather(tails, parcel, bytes_max, &count);
    broker_publish_in_order(tails->broker, parcel->topic, tails->batch, count, tails->receipts);
    while (taken < count && take_receipt(tails, parcel, &tails->receipts[taken]))
        taken++;
    return bytes;
}

static bool is_held_back(struct tails *tails)
{
    struct broker *broker = tails->broker;
    if (broker->stall_ms)
        pause(tails, broker->stall_ms);
    broker->stall_ms = 0;
    return tails->timer.place || broker->parked;
}

static struct tail_parcel *first_unpublished(struct tails *tails)
{
    struct tail_parcel *parcel = tails->parcels;
    while (parcel && (parcel->is_waiting || parcel->is_done))
        parcel = parcel->next;
    return parcel;
}

/* As much as one turn may take. True where there is more that could be published at once. */
static bool publish_stretch(struct tails *tails)
{
    struct tail_parcel *parcel;
    size_t bytes = 0;
    for (unsigned batches = 0; !is_held_back(tails) && (parcel = first_unpublished(tails)); batches++) {
        if (batches == TURN_BATCHES || bytes >= TURN_BYTES)
            return true;
        bytes += publish_batch(tails, parcel, TURN_BYTES - bytes);
        if (parcel->published == parcel->count)
            wait_for_commit(tails, parcel);
    }
    return false;
}

static void take(struct tails *tails)
{
    struct tail_parcel *parcel;
    while ((parcel = tail_reader_take(tails->reader))) {
        *tails->last = parcel;
        tails->last = &parcel->next;
    }
}

bool tails_turn(struct tails *tails)
{
    take(tails);
    bool is_more = publish_stretch(tails);
    give_back(tails);
    return is_more;
}

/* What is told. */

static uint64_t age_ms(const struct tails *tails, const struct tail_lag *lag)
{
    uint64_t now_ms = loop_now_ms(tails->loop);
    return lag->since_ms && lag->since_ms < now_ms ? now_ms - lag->since_ms : 0;
}

void tails_put_progress(const struct tails *tails, struct document *document)
{
    struct tail_lag lag;
    document_open(document, "tail", '[');
    for (size_t i = 0; tail_reader_get_lag(tails->reader, i, &lag); i++) {
        document_open(document, NULL, '{');
        document_text(document, "name", slice_of(lag.name));
        document_number(document, "files", lag.file_count);
        document_number(document, "bytes", lag.bytes);
        document_number(document, "oldest_ms", age_ms(tails, &lag));
        document_close(document, '}');
    }
    document_close(document, ']');
}

static double bytes_of(const struct tails *tails, const struct tail_lag *lag)
{
    (void)tails;
    return (double)lag->bytes;
}

static double age_of(const struct tails *tails, const struct tail_lag *lag)
{
    return (double)age_ms(tails, lag) / 1000;
}

void tails_put_metrics(const struct tails *tails, FILE *out)
{
    static const struct {
        struct prometheus_family family;
        double (*value)(const struct tails *tails, const struct tail_lag *lag);
    } rows[] = {
        { { "tail_lag_bytes", "Bytes of followed files that are not in the spool yet", "gauge" }, bytes_of },
        { { "tail_oldest_seconds", "For how long the oldest of them have been there", "gauge" }, age_of },
    };
    struct tail_lag lag;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        prometheus_put_family(out, &rows[row].family);
        for (size_t i = 0; tail_reader_get_lag(tails->reader, i, &lag); i++)
            prometheus_put_sample(out, rows[row].family.name, "name", lag.name, rows[row].value(tails, &lag));
    }
}

/* Life. */

int tails_create(struct broker *broker, struct loop *loop, const struct config_tail *config, size_t count,
                 const char *directory, struct tails **ret_tails)
{
    struct tails *tails = calloc(1, sizeof *tails);
    if (!tails)
        return -ENOMEM;
    tails->broker = broker;
    tails->loop = loop;
    tails->timer.fire = on_timer;
    tails->last = &tails->parcels;
    int error = tail_reader_create(config, count, directory, wake, tails, &tails->reader);
    if (!error)
        error = tail_reader_start(tails->reader);
    if (error) {
        tails_destroy(tails);
        return error;
    }
    *ret_tails = tails;
    return 0;
}

void tails_quiesce(struct tails *tails)
{
    tail_reader_quiesce(tails->reader);
}

static bool waits_for_commit(const struct tails *tails)
{
    for (const struct tail_parcel *parcel = tails->parcels; parcel; parcel = parcel->next)
        if (parcel->is_waiting)
            return true;
    return false;
}

bool tails_are_settled(const struct tails *tails)
{
    return tail_reader_is_quiet(tails->reader) &&
           (!tails->parcels || (tails->is_refused && !waits_for_commit(tails)));
}

void tails_destroy(struct tails *tails)
{
    if (!tails)
        return;
    while (tails->parcels) {
        struct tail_parcel *parcel = tails->parcels;
        tails->parcels = parcel->next;
        if (parcel->is_waiting)
            keeper_unwait(&parcel->waiter);
        tail_parcel_free(parcel);
    }
    timer_clear(&tails->loop->timers, &tails->timer);
    tail_reader_destroy(tails->reader);
    free(tails);
}
