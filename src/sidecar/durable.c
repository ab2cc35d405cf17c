#include "sidecar/durable.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/topic.h"
#include "http/delivery.h"
#include "libposthorn/posthorn.h"
#include "net/loop.h"
#include "util/decimal.h"
#include "util/json_tree.h"
#include "util/list.h"
#include "util/log.h"

enum {
    ANSWER_TIMEOUT_MS = 5000,
    RETRY_MIN_MS = 250, RETRY_MAX_MS = 15000, /* until what has failed is tried again */
    ASK_EXPIRES_MS = 60000,
    ASK_GRACE_MS = 5000,             /* beyond that nobody will answer a request for messages */
    NAME_SIZE_MAX = 255,
    TOPIC_SIZE_MAX = 64 + 2 * NAME_SIZE_MAX,
    PENDING_MAX = 65536,             /* messages that are delivered and not done with, unless it is ordered */
    NS_IN_MS = 1000000,
};

enum durable_state { STATE_AWAY, STATE_LATER, STATE_ASKING, STATE_READY };

struct durable {
    struct loop *loop;
    struct durable_settings settings; /* its texts are copies */
    char *name, *pattern, *wanted_stream;
    const struct durable_ops *ops;
    void *arg;
    struct ph_conn *conn;            /* NULL: it is gone */
    enum durable_state state;
    unsigned generation;             /* answers of an earlier one are too late */
    char stream[NAME_SIZE_MAX + 1];  /* "": not known */
    struct timer timer;              /* to try again, or because nobody answers */
    uint64_t retry_ms;
    bool has_complained;
    bool is_quiescing;
    /* Where messages come in. */
    struct ph_sub *sub;              /* NULL: nothing is asked for */
    struct ph_sub *drained;          /* the one before, by which the last still come */
    char inbox[PH_INBOX_SIZE];
    unsigned asked_count;
    uint64_t asked_until_ms;
    struct list errands;             /* whose answers are awaited */
    struct list words;               /* said and not stored */
    unsigned word_count;
};

/* Asking the API. */

typedef void answer_fn(struct durable *durable, const cJSON *json);

/* A question, until it is answered. */
struct errand {
    struct durable *durable;         /* NULL: nobody wants to know any more */
    struct list place;
    unsigned generation;
    answer_fn *then;
};

/* It is said once what is wrong, and once that it is well again. */
static void complain(struct durable *durable, const char *error)
{
    if (!durable->has_complained)
        log_warning("delivery_waits", "name=%s pattern=%s stream=%s error=\"%s\"", durable->settings.name,
                    durable->settings.pattern, durable->stream, error);
    durable->has_complained = true;
}

static void set_timer(struct durable *durable, uint64_t due_ms)
{
    if (timer_set(&durable->loop->timers, &durable->timer, due_ms) != 0)
        log_error("delivery_stops", "name=%s error=\"out of memory\"", durable->settings.name);
}

static void try_later(struct durable *durable, const char *error)
{
    complain(durable, error);
    durable->state = STATE_LATER;
    durable->generation++;
    set_timer(durable, loop_now_ms(durable->loop) + durable->retry_ms);
    durable->retry_ms = durable->retry_ms * 2 < RETRY_MAX_MS ? durable->retry_ms * 2 : RETRY_MAX_MS;
}

/* NULL: nothing is wrong. */
static const char *error_in(const cJSON *json)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "description"));
    if (!json)
        return "the broker's answer cannot be read";
    return !error ? NULL : text ? text : "the broker has refused";
}

static void take_answer(struct durable *durable, const struct ph_message *message, answer_fn *then)
{
    cJSON *json = json_tree_parse(slice_make(message->payload, message->payload_size), JSON_DEPTH_MAX);
    const char *error = error_in(json);
    if (error)
        try_later(durable, error);
    else
        then(durable, json);
    cJSON_Delete(json);
}

static void on_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    struct errand *errand = arg;
    struct durable *durable = errand->durable;
    bool is_wanted = durable && errand->generation == durable->generation;
    answer_fn *then = errand->then;
    (void)conn;
    list_remove(&errand->place);
    free(errand);
    if (is_wanted && error != PH_OK)
        try_later(durable, ph_strerror(error));
    else if (is_wanted)
        take_answer(durable, message, then);
}

/* Takes the request. */
static void ask_api(struct durable *durable, const char *topic, cJSON *request, answer_fn *then)
{
    struct errand *errand = calloc(1, sizeof *errand);
    char *text = cJSON_PrintUnformatted(request);
    int error = PH_E_MEMORY;
    cJSON_Delete(request);
    durable->state = STATE_ASKING;
    if (errand && text) {
        *errand = (struct errand){ .durable = durable, .generation = durable->generation, .then = then };
        list_append(&durable->errands, &errand->place);
        error = ph_request_start(durable->conn, topic, NULL, text, strlen(text), ANSWER_TIMEOUT_MS, on_answer, errand);
        if (error != PH_OK)
            list_remove(&errand->place);
    }
    cJSON_free(text);
    if (error == PH_OK)
        return;
    free(errand);
    try_later(durable, ph_strerror(error));
}

/* The consumer. */

static void on_made(struct durable *durable, const cJSON *json)
{
    (void)json;
    if (durable->has_complained)
        log_info("delivery_goes_on", "name=%s stream=%s", durable->settings.name, durable->stream);
    durable->has_complained = false;
    durable->retry_ms = RETRY_MIN_MS;
    durable->state = STATE_READY;
    durable->ops->ready(durable->arg);
}

static cJSON *describe_consumer(const struct durable *durable)
{
    const struct durable_settings *settings = &durable->settings;
    cJSON *config = cJSON_CreateObject();
    cJSON_AddStringToObject(config, "durable_name", settings->name);
    cJSON_AddStringToObject(config, "name", settings->name);
    cJSON_AddStringToObject(config, "filter_subject", settings->pattern);
    cJSON_AddStringToObject(config, "deliver_policy", settings->begins_with_new ? "new" : "all");
    cJSON_AddStringToObject(config, "replay_policy", "instant");
    cJSON_AddStringToObject(config, "ack_policy", "explicit");
    cJSON_AddNumberToObject(config, "ack_wait", (double)(settings->ack_wait_ms * NS_IN_MS));
    cJSON_AddNumberToObject(config, "max_deliver", -1);
    cJSON_AddNumberToObject(config, "max_ack_pending", settings->is_ordered ? 1 : PENDING_MAX);
    return config;
}

static void make(struct durable *durable)
{
    char topic[TOPIC_SIZE_MAX];
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "stream_name", durable->stream);
    cJSON_AddItemToObject(request, "config", describe_consumer(durable));
    snprintf(topic, sizeof topic, "$JS.API.CONSUMER.DURABLE.CREATE.%s.%s", durable->stream, durable->settings.name);
    ask_api(durable, topic, request, on_made);
}

/* The stream. */

static bool covers(const cJSON *config, struct slice pattern)
{
    const cJSON *topic;
    cJSON_ArrayForEach(topic, cJSON_GetObjectItemCaseSensitive(config, "subjects"))
        if (cJSON_IsString(topic) && pattern_covers(slice_of(topic->valuestring), pattern))
            return true;
    return false;
}

static void on_listed(struct durable *durable, const cJSON *json)
{
    const cJSON *stream;
    cJSON_ArrayForEach(stream, cJSON_GetObjectItemCaseSensitive(json, "streams")) {
        const cJSON *config = cJSON_GetObjectItemCaseSensitive(stream, "config");
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "name"));
        if (!name || strlen(name) > NAME_SIZE_MAX || !covers(config, slice_of(durable->settings.pattern)))
            continue;
        strcpy(durable->stream, name);
        make(durable);
        return;
    }
    try_later(durable, "no stream keeps all that the pattern names");
}

static void find(struct durable *durable)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "subject", durable->settings.pattern);
    ask_api(durable, "$JS.API.STREAM.LIST", request, on_listed);
}

static void begin(struct durable *durable)
{
    snprintf(durable->stream, sizeof durable->stream, "%s", durable->settings.stream);
    if (*durable->stream)
        make(durable);
    else
        find(durable);
}

/* Messages. */

bool durable_read_reply(struct slice reply, struct durable_message *ret_message)
{
    struct delivery delivery;
    if (!delivery_read(reply, &delivery))
        return false;
    ret_message->stream = delivery.stream;
    ret_message->delivery_count = delivery.count;
    ret_message->sequence = delivery.sequence;
    ret_message->time_ms = delivery.time_ms;
    return true;
}

static void forget_asked(struct durable *durable, uint64_t count)
{
    durable->asked_count -= count < durable->asked_count ? (unsigned)count : durable->asked_count;
}

static void set_ask_timer(struct durable *durable)
{
    if (durable->state == STATE_READY && durable->asked_count)
        set_timer(durable, durable->asked_until_ms);
}

static bool is_passing(int status, struct slice text)
{
    static const char *const passing[] = { "Leadership Change", "Server Shutdown", "Batch Completed" };
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (slice_is(text, passing[i]))
            return true;
    return status == 404 || status == 408;
}

/* What the broker says of a request itself. */
static void take_status(struct durable *durable, const struct ph_message *message)
{
    struct ph_text text = { "", 0 }, left;
    uint64_t count = durable->asked_count;
    int status = ph_message_status(message, &text);
    if (status == 100)
        return;
    if (ph_message_header(message, "Nats-Pending-Messages", &left))
        decimal_read(slice_make(left.data, left.size), &count);
    forget_asked(durable, count);
    if (durable->state != STATE_READY)
        return;
    if (is_passing(status, slice_make(text.data, text.size))) {
        durable->ops->ready(durable->arg);
        return;
    }
    durable_ask_no_more(durable);
    try_later(durable, status == 503 ? "nobody delivers for the consumer" : "the consumer delivers no more");
}

static bool say_again(struct durable *durable, const char *reply, uint64_t sequence);

static void on_message(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct durable *durable = arg;
    struct durable_message taken = {
        .topic = slice_make(message->topic, message->topic_size),
        .head = slice_make(message->headers, message->headers_size),
        .payload = slice_make(message->payload, message->payload_size),
        .reply = message->reply,
    };
    bool is_current = sub == durable->sub;
    if (!durable_read_reply(slice_make(message->reply, message->reply_size), &taken)) {
        if (is_current && message->payload_size == 0)
            take_status(durable, message);
        return;
    }
    if (is_current)
        forget_asked(durable, 1);
    if (!say_again(durable, message->reply, taken.sequence))
        durable->ops->message(durable->arg, &taken);
}

static int open_inbox(struct durable *durable)
{
    ph_sub_destroy(durable->drained);
    durable->drained = NULL;
    if (durable->sub)
        return PH_OK;
    ph_inbox(durable->conn, durable->inbox);
    return ph_subscribe(durable->conn, durable->inbox, NULL, on_message, durable, &durable->sub);
}

void durable_ask(struct durable *durable, unsigned count)
{
    char topic[TOPIC_SIZE_MAX], request[96];
    int error = open_inbox(durable);
    snprintf(topic, sizeof topic, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", durable->stream, durable->settings.name);
    int size = snprintf(request, sizeof request, "{\"batch\":%u,\"expires\":%" PRIu64 "}", count,
                        (uint64_t)ASK_EXPIRES_MS * NS_IN_MS);
    if (error == PH_OK)
        error = ph_publish_with(durable->conn, topic, durable->inbox, NULL, request, (size_t)size);
    if (error != PH_OK) {
        try_later(durable, ph_strerror(error));
        return;
    }
    durable->asked_count += count;
    durable->asked_until_ms = loop_now_ms(durable->loop) + ASK_EXPIRES_MS + ASK_GRACE_MS;
    set_ask_timer(durable);
}

unsigned durable_asked_count(const struct durable *durable)
{
    return durable->asked_count;
}

/* The broker delivers nothing to where nobody listens. */
void durable_ask_no_more(struct durable *durable)
{
    durable->asked_count = 0;
    if (!durable->sub)
        return;
    ph_sub_destroy(durable->drained);
    durable->drained = durable->sub;
    durable->sub = NULL;
    ph_sub_drain(durable->drained);
}

/* What is said of messages. */

struct word {
    struct durable *durable;         /* NULL: it is gone */
    struct list place;
    uint64_t sequence;
    bool is_under_way;
    char *reply, *text;              /* behind it */
};

static void send_word(struct word *word);

static void word_destroy(struct word *word)
{
    if (word->durable)
        word->durable->word_count--;
    list_remove(&word->place);
    free(word);
}

/* Where the connection is gone it is said again when that is back. */
static void on_stored(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    struct word *word = arg;
    (void)conn;
    (void)message;
    word->is_under_way = false;
    if (!word->durable || error == PH_OK || error == PH_E_NO_RESPONDERS)
        word_destroy(word);
    else if (error == PH_E_TIMEOUT)
        send_word(word);
}

static void send_word(struct word *word)
{
    struct ph_conn *conn = word->durable->conn;
    if (!conn || word->is_under_way)
        return;
    word->is_under_way = ph_request_start(conn, word->reply, NULL, word->text, strlen(word->text), ANSWER_TIMEOUT_MS,
                                          on_stored, word) == PH_OK;
}

/* Where memory has run out the message comes again. */
void durable_say(struct durable *durable, const char *reply, uint64_t sequence, const char *text)
{
    size_t reply_size = strlen(reply) + 1, text_size = strlen(text) + 1;
    struct word *word = malloc(sizeof *word + reply_size + text_size);
    if (!word)
        return;
    *word = (struct word){ .durable = durable, .sequence = sequence, .reply = (char *)(word + 1) };
    word->text = word->reply + reply_size;
    memcpy(word->reply, reply, reply_size);
    memcpy(word->text, text, text_size);
    list_append(&durable->words, &word->place);
    durable->word_count++;
    send_word(word);
}

static struct word *find_word(const struct durable *durable, uint64_t sequence)
{
    for (struct list *at = durable->words.next; at != &durable->words; at = at->next) {
        struct word *word = LIST_OWNER(at, struct word, place);
        if (word->sequence == sequence && *word->text == '+')
            return word;
    }
    return NULL;
}

/* True where it is done with, and only the broker does not know that yet. */
static bool say_again(struct durable *durable, const char *reply, uint64_t sequence)
{
    const struct word *word = find_word(durable, sequence);
    if (word)
        durable_say(durable, reply, sequence, word->text);
    return word;
}

void durable_keep(struct durable *durable, const char *reply)
{
    if (durable->conn)
        ph_publish(durable->conn, reply, "+WPI", 4);
}

unsigned durable_unstored_count(const struct durable *durable)
{
    return durable->word_count;
}

bool durable_is_quiet(const struct durable *durable)
{
    bool is_drained = !durable->drained || ph_sub_ended(durable->drained);
    return !durable->conn || (!durable->sub && is_drained && !durable->word_count);
}

/* The connection. */

void durable_connected(struct durable *durable, struct ph_conn *conn)
{
    durable->conn = conn;
    durable->retry_ms = RETRY_MIN_MS;
    for (struct list *at = durable->words.next; at != &durable->words; at = at->next)
        send_word(LIST_OWNER(at, struct word, place));
    if (!durable->is_quiescing)
        begin(durable);
}

void durable_quiesce(struct durable *durable)
{
    durable->is_quiescing = true;
    durable->generation++;
    if (durable->state != STATE_AWAY)
        durable_ask_no_more(durable);
    timer_clear(&durable->loop->timers, &durable->timer);
}

void durable_disconnected(struct durable *durable)
{
    ph_sub_destroy(durable->sub);
    ph_sub_destroy(durable->drained);
    durable->sub = durable->drained = NULL;
    durable->asked_count = 0;
    durable->conn = NULL;
    durable->generation++;
    durable->state = STATE_AWAY;
    timer_clear(&durable->loop->timers, &durable->timer);
}

const char *durable_stream(const struct durable *durable)
{
    return durable->stream;
}

bool durable_is_ready(const struct durable *durable)
{
    return durable->state == STATE_READY;
}

/* Nobody has answered for longer than was asked for: the same is asked anew, elsewhere. */
static void on_timer(struct timer *timer, uint64_t now_ms)
{
    struct durable *durable = LIST_OWNER(timer, struct durable, timer);
    if (durable->is_quiescing)
        return;
    if (durable->state == STATE_LATER)
        begin(durable);
    else if (durable->state == STATE_READY && durable->asked_count && now_ms < durable->asked_until_ms)
        set_ask_timer(durable);
    else if (durable->state == STATE_READY && durable->asked_count) {
        durable_ask_no_more(durable);
        durable->ops->ready(durable->arg);
    }
}

/* Coming and going. */

static int copy_texts(struct durable *durable)
{
    struct durable_settings *settings = &durable->settings;
    settings->name = durable->name = strdup(settings->name);
    settings->pattern = durable->pattern = strdup(settings->pattern);
    settings->stream = durable->wanted_stream = strdup(settings->stream);
    return settings->name && settings->pattern && settings->stream ? 0 : -ENOMEM;
}

int durable_create(struct loop *loop, const struct durable_settings *settings, const struct durable_ops *ops,
                   void *arg, struct durable **ret_durable)
{
    struct durable *durable = calloc(1, sizeof *durable);
    if (!durable)
        return -ENOMEM;
    durable->loop = loop;
    durable->settings = *settings;
    durable->ops = ops;
    durable->arg = arg;
    durable->timer.fire = on_timer;
    list_init(&durable->errands);
    list_init(&durable->words);
    if (copy_texts(durable) != 0) {
        durable_destroy(durable);
        return -ENOMEM;
    }
    *ret_durable = durable;
    return 0;
}

/* Those whose answers are still to come are freed by them. */
static void let_go(struct durable *durable)
{
    while (!list_is_empty(&durable->errands)) {
        struct errand *errand = LIST_OWNER(durable->errands.next, struct errand, place);
        list_remove(&errand->place);
        errand->durable = NULL;
    }
    while (!list_is_empty(&durable->words)) {
        struct word *word = LIST_OWNER(durable->words.next, struct word, place);
        list_remove(&word->place);
        word->durable = NULL;
        if (!word->is_under_way)
            word_destroy(word);
    }
}

void durable_destroy(struct durable *durable)
{
    if (!durable)
        return;
    durable_disconnected(durable);
    let_go(durable);
    free(durable->name);
    free(durable->pattern);
    free(durable->wanted_stream);
    free(durable);
}
