#include "broker/acks.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "util/decimal.h"
#include "util/json.h"
#include "wire/format.h"

enum { ROOM_MIN = 4096 };

bool acks_reserve(struct acks *acks, size_t size)
{
    size_t used = acks->tail - acks->head, room = acks->room ? acks->room : ROOM_MIN;
    if (acks->tail + size <= acks->room)
        return true;
    if (used && acks->head)
        memmove(acks->bytes, acks->bytes + acks->head, used);
    acks->head = 0;
    acks->tail = used;
    while (room < 2 * (used + size)) /* so that moving them stays seldom */
        room *= 2;
    if (room == acks->room)
        return true;
    char *bytes = realloc(acks->bytes, room);
    if (!bytes)
        return used + size <= acks->room;
    acks->bytes = bytes;
    acks->room = room;
    return true;
}

void acks_add(struct acks *acks, const struct ack *ack, const char *reply)
{
    char *at = acks->bytes + acks->tail;
    memcpy(at, ack, sizeof *ack);
    memcpy(at + sizeof *ack, reply, ack->reply_size);
    acks->tail += ack_size(ack->reply_size);
}

/* Cuts a reply of a run before its number. False: it is none. */
static bool cut_number(struct slice reply, size_t *ret_prefix, uint64_t *ret_number)
{
    uint64_t number = 0, power = 1;
    size_t at = reply.size;
    for (; at && reply.data[at - 1] >= '0' && reply.data[at - 1] <= '9'; power *= 10)
        number += power * (uint64_t)(reply.data[--at] - '0');
    *ret_prefix = at;
    *ret_number = number;
    return at && at < reply.size && reply.size - at < 20 && reply.data[at - 1] == '.' && reply_asks_broker(reply);
}

static bool is_new(const struct ack *ack)
{
    return ack->verdict == RECEIPT_KEPT && !ack->duplicate;
}

static bool follows(const struct ack *ack, struct slice reply, const struct ack *next, struct slice next_reply)
{
    size_t prefix, next_prefix;
    uint64_t number, next_number;
    return is_new(ack) && is_new(next) && next->sequence == ack->sequence + 1 &&
           cut_number(reply, &prefix, &number) && cut_number(next_reply, &next_prefix, &next_number) &&
           next_number == number + 1 &&
           slice_equal(slice_make(reply.data, prefix), slice_make(next_reply.data, next_prefix));
}

uint32_t acks_drop_run(struct acks *acks, uint64_t last)
{
    uint32_t count = 0;
    struct slice reply, next_reply;
    const struct ack *next, *ack = acks_first(acks, &reply);
    for (; ack && ack->sequence < last && count < UINT32_MAX - 1; count++, ack = next, reply = next_reply) {
        struct acks rest = *acks;
        acks_drop_first(&rest);
        next = acks_first(&rest, &next_reply);
        if (!next || !follows(ack, reply, next, next_reply))
            break;
        *acks = rest;
    }
    return count;
}

void acks_finish(struct acks *acks)
{
    free(acks->bytes);
    *acks = (struct acks){ 0 };
}

/* The words. */

#define PUT(out, text) format_bytes(out, text, sizeof(text) - 1)

static const char name_begin[] = "{\"stream\":", sequence_begin[] = ", \"seq\":", run_begin[] = ",\"run\":";

int ack_words_init(struct ack_words *words, const char *stream)
{
    size_t size = sizeof name_begin + json_string_size(slice_of(stream)) + sizeof sequence_begin;
    *words = (struct ack_words){ .text = malloc(size) };
    if (!words->text)
        return -ENOMEM;
    char *name = PUT(words->text, name_begin), *out = json_write_string(name, slice_of(stream));
    words->name_at = (size_t)(name - words->text);
    words->name_size = (size_t)(out - name);
    words->size = (size_t)(PUT(out, sequence_begin) - words->text);
    return 0;
}

void ack_words_finish(struct ack_words *words)
{
    free(words->text);
    words->text = NULL;
}

/* What a publisher is told of a message that was not kept; codes and sentences are those that clients of NATS know. */
static const struct {
    const char *code, *error_code, *description;
} refusals[] = {
    [RECEIPT_NO_MEMORY] = { "503", "10023", "insufficient resources" },
    [RECEIPT_WRONG_STREAM] = { "400", "10060", "expected stream does not match" },
    [RECEIPT_WRONG_SEQUENCE] = { "400", "10071", "wrong last sequence: " },
    [RECEIPT_WRONG_ID] = { "400", "10070", "wrong last msg ID: " },
    [RECEIPT_TOO_LARGE] = { "400", "10054", "message size exceeds maximum allowed" },
    [RECEIPT_TOO_MANY] = { "503", "10077", "maximum messages exceeded" },
    [RECEIPT_TOO_MANY_BYTES] = { "503", "10077", "maximum bytes exceeded" },
    [RECEIPT_TOO_MANY_OF_TOPIC] = { "503", "10077", "maximum messages per subject exceeded" },
    [RECEIPT_OVER_QUOTA] = { "400", "10002", "resource limits exceeded for account" },
    [RECEIPT_SEALED] = { "400", "10109", "invalid operation on sealed stream" },
    [RECEIPT_NO_ROLLUP] = { "500", "10111", "rollup not permitted" },
    [RECEIPT_NOT_READY] = { "503", "10163", "expected last sequence per subject temporarily unavailable" },
    [RECEIPT_DISK_FULL] = { "500", "10047", "insufficient storage resources available" },
    [RECEIPT_FAILED] = { "503", "10077", "the stream's storage has failed" },
    [RECEIPT_BEHIND] = { "503", "19001", "one before it in its train was refused" },
    [RECEIPT_LONG_TOPIC] = { "400", "19002", "the topic is over a limit" },
    [RECEIPT_NO_RIGHT] = { "403", "19003", "no right to publish under this topic" },
};

size_t ack_write_size_max(const struct ack_words *words, struct slice detail)
{
    return words->size + json_string_size_max(detail) + FORMAT_NUMBER_SIZE_MAX + ACK_REFUSAL_SIZE_MAX;
}

/* A string of JSON without its quotes: the rest of a sentence that has begun. */
static char *write_detail(char *out, struct slice detail)
{
    char *end = json_write_string(out, detail) - 1;
    memmove(out, out + 1, (size_t)(end - out) - 1);
    return end - 1;
}

static char *write_refusal(char *out, const struct ack_words *words, const struct ack *ack, struct slice detail)
{
    out = PUT(out, "{\"error\":{\"code\":");
    out = format_slice(out, slice_of(refusals[ack->verdict].code));
    out = PUT(out, ",\"err_code\":");
    out = format_slice(out, slice_of(refusals[ack->verdict].error_code));
    out = PUT(out, ",\"description\":\"");
    out = format_slice(out, slice_of(refusals[ack->verdict].description));
    if (ack->verdict == RECEIPT_WRONG_SEQUENCE)
        out = format_number(out, ack->sequence);
    else if (ack->verdict == RECEIPT_WRONG_ID)
        out = write_detail(out, detail);
    out = PUT(out, "\"},\"stream\":");
    out = format_bytes(out, words->text + words->name_at, words->name_size);
    return PUT(out, ",\"seq\":0}");
}

char *ack_write(char *out, const struct ack_words *words, const struct ack *ack, struct slice detail)
{
    if (ack->verdict == RECEIPT_KEPT) {
        out = format_bytes(out, words->text, words->size);
        out = format_number(out, ack->sequence);
        out = ack->duplicate ? PUT(out, ",\"duplicate\": true") : out;
        if (ack->run > 1)
            out = format_number(PUT(out, run_begin), ack->run);
        out = PUT(out, "}");
    } else {
        out = write_refusal(out, words, ack, detail);
    }
    memcpy(out, "\r\n", 2);
    return out;
}

/* Reading. */

/* Of those that share a code the first: what to do about them is the same. Words of other servers that are not known
 * are told apart by whose fault it is. */
static enum receipt_verdict find_verdict(struct slice error_code, uint64_t code)
{
    for (size_t i = RECEIPT_NO_MEMORY; i < sizeof refusals / sizeof *refusals; i++)
        if (slice_is(error_code, refusals[i].error_code))
            return (enum receipt_verdict)i;
    return code >= 500 ? RECEIPT_FAILED : RECEIPT_WRONG_STREAM;
}

static void read_error(struct slice error, struct ack_found *found)
{
    struct slice name, value, error_code = { NULL, 0 };
    uint64_t code = 0;
    size_t cursor = 0;
    while (json_next_member(error, &cursor, &name, &value))
        if (slice_is(name, "\"code\""))
            decimal_cut(value, &code);
        else if (slice_is(name, "\"err_code\""))
            error_code = value;
        else if (slice_is(name, "\"description\""))
            found->description = value;
    found->verdict = find_verdict(error_code, code);
}

bool ack_words_read(struct slice text, struct ack_found *ret_found)
{
    struct slice name, value;
    size_t cursor = 0;
    uint64_t run = 1;
    bool is_delivered = false;
    *ret_found = (struct ack_found){ .verdict = RECEIPT_KEPT };
    if (!text.size || *text.data != '{')
        return false;
    while (json_next_member(text, &cursor, &name, &value))
        if (slice_is(name, "\"stream\""))
            ret_found->stream = value;
        else if (slice_is(name, "\"seq\""))
            decimal_cut(value, &ret_found->sequence);
        else if (slice_is(name, "\"duplicate\""))
            ret_found->duplicate = slice_is(value, "true");
        else if (slice_is(name, "\"run\""))
            decimal_cut(value, &run);
        else if (slice_is(name, "\"delivered\""))
            is_delivered = slice_is(value, "true");
        else if (slice_is(name, "\"error\"") && value.size && *value.data == '{')
            read_error(value, ret_found);
    ret_found->run = (uint32_t)run;
    return is_delivered || ret_found->verdict || (ret_found->stream.size && ret_found->sequence);
}
