/* Letters to a home: what clients say of messages, what they ask for, and answers to flow control. */
#include <stdlib.h>

#include "core/topic.h"
#include "jetstream/home.h"
#include "util/decimal.h"
#include "util/json_tree.h"
#include "util/units.h"
#include "wire/format.h"

enum { NS_IN_MS = 1000000 };

/* Reading. */

static struct slice trim(struct slice text)
{
    while (text.size && (unsigned char)text.data[0] <= ' ')
        text = slice_make(text.data + 1, text.size - 1);
    while (text.size && (unsigned char)text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

/* The seat that a topic names behind a prefix of so many tokens, and where the walk stands behind it. */
static struct seat *find_seat(struct jetstream *jetstream, struct slice topic, unsigned prefix, size_t *ret_cursor)
{
    struct slice stream, consumer;
    size_t cursor = 0;
    while (prefix-- > 0)
        topic_next_token(topic, &cursor, &stream);
    if (!topic_next_token(topic, &cursor, &stream) || !topic_next_token(topic, &cursor, &consumer))
        return NULL;
    *ret_cursor = cursor;
    struct home *home = home_find(jetstream, stream);
    return home ? home_find_seat(home, consumer) : NULL;
}

/* A nonnegative number of an object; what is not there, or no number, is 0. */
static double number_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    if (!cJSON_IsNumber(item) || item->valuedouble <= 0)
        return 0;
    return item->valuedouble < 9e18 ? item->valuedouble : 9e18;
}

/* Nanoseconds as milliseconds; less than one counts as one. */
static uint64_t whole_ms(uint64_t ns)
{
    return ns / NS_IN_MS + (ns % NS_IN_MS != 0);
}

static uint64_t duration_of(const cJSON *json, const char *name)
{
    return whole_ms((uint64_t)number_of(json, name));
}

/* Requests. */

static void send_bad_request(struct jetstream *jetstream, struct slice topic)
{
    const struct consumer_status status = { .kind = CONSUMER_STATUS_BAD_REQUEST, .detail = "malformed request" };
    status_send(jetstream, topic, &status, slice_make(NULL, 0));
}

static void read_object(const cJSON *json, struct consumer_request *request)
{
    const cJSON *expires = cJSON_GetObjectItemCaseSensitive(json, "expires");
    request->batch = (uint64_t)number_of(json, "batch");
    request->expires_ms = duration_of(json, "expires");
    request->max_bytes = (uint64_t)number_of(json, "max_bytes");
    request->idle_heartbeat_ms = duration_of(json, "idle_heartbeat");
    request->no_wait = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "no_wait"));
    if (cJSON_IsNumber(expires) && expires->valuedouble < 0)
        request->expires_ms = 1; /* its time was over before it came */
}

/* "" and what is neither a number nor an object ask for one. False: a malformed object. */
static bool read_request(struct slice text, struct consumer_request *request)
{
    text = trim(text);
    if (!text.size || *text.data != '{') {
        if (!decimal_read(text, &request->batch))
            request->batch = 1;
        return true;
    }
    cJSON *json = json_tree_parse(text, JSON_TREE_DEPTH);
    if (json)
        read_object(json, request);
    cJSON_Delete(json);
    return json;
}

static void ask(struct jetstream *jetstream, struct seat *seat, struct slice reply, struct slice text)
{
    struct consumer_request request = { .reply = reply };
    if (!reply.size)
        return;
    if (!read_request(text, &request)) {
        send_bad_request(jetstream, reply);
        return;
    }
    consumer_add_request(seat->consumer, &request, jetstream_time(jetstream));
    seat_is_ready(seat);
}

void next_read(struct jetstream *jetstream, const struct letter_text *letter)
{
    size_t cursor;
    struct seat *seat = find_seat(jetstream, letter->topic, 5, &cursor);
    if (seat)
        ask(jetstream, seat, letter->reply, letter->payload);
    else if (letter->reply.size)
        broker_send_no_responders(jetstream->broker, letter->reply);
}

/* Acknowledgements. */

/* The numbers of $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending> */
static bool read_numbers(struct slice topic, size_t cursor, struct consumer_ack *ack)
{
    struct slice token;
    uint64_t *const places[] = { &ack->delivery_count, &ack->sequence, &ack->consumer_sequence };
    for (unsigned i = 0; i < 3; i++)
        if (!topic_next_token(topic, &cursor, &token) || !decimal_read(token, places[i]))
            return false;
    return true;
}

static uint64_t read_duration(struct slice text)
{
    char word[32];
    uint64_t ns = 0;
    if (!text.size || text.size >= sizeof word)
        return 0;
    memcpy(word, text.data, text.size);
    word[text.size] = '\0';
    return units_parse_duration(word, &ns) ? whole_ms(ns) : 0;
}

/* `-NAK {"delay": ns, "begun": false}` or "-NAK 5s" */
static void read_refusal(struct slice text, struct consumer_ack *ack)
{
    text = trim(text);
    if (!text.size || *text.data != '{') {
        ack->delay_ms = read_duration(text);
        return;
    }
    cJSON *json = json_tree_parse(text, JSON_TREE_DEPTH);
    ack->delay_ms = duration_of(json, "delay");
    ack->is_unbegun = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "begun"));
    cJSON_Delete(json);
}

static const struct {
    const char *word;
    enum consumer_ack_kind kind;
} words[] = {
    { "+ACK", CONSUMER_ACK }, { "-NAK", CONSUMER_NAK },  { "+WPI", CONSUMER_PROGRESS },
    { "+NXT", CONSUMER_ACK }, { "+TERM", CONSUMER_TERM },
};

/* What it says; "" acknowledges. False: nothing that is known. */
static bool read_word(struct slice payload, struct consumer_ack *ack, struct slice *ret_rest)
{
    *ret_rest = slice_make(NULL, 0);
    ack->kind = CONSUMER_ACK;
    if (!payload.size)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct slice word = slice_of(words[i].word);
        if (slice_starts_with(payload, word)) {
            ack->kind = words[i].kind;
            *ret_rest = trim(slice_make(payload.data + word.size, payload.size - word.size));
            return true;
        }
    }
    return false;
}

void ack_read(struct jetstream *jetstream, const struct letter_text *letter)
{
    struct consumer_ack ack = { .kind = CONSUMER_ACK };
    struct slice rest, reply = letter->reply;
    size_t cursor;
    struct seat *seat = find_seat(jetstream, letter->topic, 2, &cursor);
    if (!seat && reply.size)
        broker_send_no_responders(jetstream->broker, reply);
    if (!seat || !read_numbers(letter->topic, cursor, &ack) || !read_word(letter->payload, &ack, &rest))
        return;
    if (ack.kind == CONSUMER_NAK)
        read_refusal(rest, &ack);
    else if (ack.kind == CONSUMER_TERM)
        ack.words = rest;
    jetstream->broker->counters->acknowledgements++;
    consumer_acknowledge(seat->consumer, &ack, jetstream_time(jetstream));
    if (slice_starts_with(letter->payload, slice_make("+NXT", 4))) {
        ask(jetstream, seat, reply, rest);
        reply.size = 0; /* the next message is the answer */
    }
    seat_has_changed(seat, reply);
    seat_is_ready(seat);
}

/* Flow control: $JS.FC.<stream>.<consumer>.<id> */
void flow_read(struct jetstream *jetstream, const struct letter_text *letter)
{
    struct slice token;
    uint64_t id;
    size_t cursor;
    struct seat *seat = find_seat(jetstream, letter->topic, 2, &cursor);
    if (!seat || !topic_next_token(letter->topic, &cursor, &token) || !decimal_read(token, &id))
        return;
    consumer_flow_answered(seat->consumer, id);
    seat_is_ready(seat);
}
