/* Operations of the line protocol: what is read, what is refused, and that nothing is decided before it can be. */
#include "wire/op.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "named.h"
#include "util/random.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct wire_limits limits = { .line_size_max = 64, .body_size_max = 100 };

/* Parses bytes that stand in a block of just their size, so that AddressSanitizer sees a read past them. */
static long parse(struct slice bytes, struct wire_op *op, size_t *need)
{
    static char *block;
    free(block); /* the last op borrowed it */
    block = malloc(bytes.size ? bytes.size : 1);
    if (bytes.size)
        memcpy(block, bytes.data, bytes.size);
    return wire_parse(block, bytes.size, &limits, op, need);
}

/* An operation as it is expected; strings that are NULL are empty. */
struct expected {
    const char *bytes;
    enum wire_verb verb;
    const char *topic, *reply, *group, *sid, *text, *body;
    uint32_t head_size, body_size;
    uint64_t max;
};

static void check_field(const char *bytes, const char *name, struct slice field, const char *expected)
{
    if (!slice_is(field, expected))
        ck_abort_msg("%s of '%s': '%.*s', not '%s'", name, bytes, SLICE_ARGS(field), expected ? expected : "");
}

static void check_op(const struct expected *expected, const struct wire_op *parsed)
{
    const struct wire_op named = op_named(parsed), *op = &named;
    const char *bytes = expected->bytes;
    if (op->verb != expected->verb)
        ck_abort_msg("verb of '%s': %s", bytes, wire_verb_name(op->verb));
    check_field(bytes, "topic", op->topic, expected->topic);
    check_field(bytes, "reply", op->reply, expected->reply);
    check_field(bytes, "group", op->group, expected->group);
    check_field(bytes, "sid", op->sid, expected->sid);
    check_field(bytes, "text", op->text, expected->text);
    unit_assert(op->head_size == expected->head_size);
    unit_assert(op->body_size == expected->body_size);
    unit_assert(op->max == expected->max);
    unit_assert((op->body != NULL) == (expected->body != NULL));
    if (expected->body)
        check_field(bytes, "body", slice_make(op->body, op->body_size), expected->body);
}

/* Of the bytes of one whole operation, no fewer make one; verb and need are said once they are known, and stay. */
static void check_prefixes(struct slice bytes, enum wire_verb verb)
{
    struct wire_op op;
    size_t need, line_size = (size_t)((const char *)memchr(bytes.data, '\n', bytes.size) - bytes.data) + 1;
    enum wire_verb known = WIRE_UNKNOWN;
    for (size_t size = 0; size < bytes.size; size++) {
        long taken = parse(slice_make(bytes.data, size), &op, &need);
        if (taken != 0)
            ck_abort_msg("%ld for the first %zu bytes of '%.*s'", taken, size, SLICE_ARGS(bytes));
        unit_assert(op.verb == verb || (known == WIRE_UNKNOWN && op.verb == WIRE_UNKNOWN));
        unit_assert(need == (size < line_size ? 0 : bytes.size));
        unit_assert(size < line_size || op.verb == verb);
        known = op.verb;
    }
}

static void check_whole(const struct expected *expected)
{
    struct wire_op op;
    size_t size = strlen(expected->bytes), need;
    struct slice bytes = slice_make(expected->bytes, size);
    long taken = parse(bytes, &op, &need);
    if (taken != (long)size)
        ck_abort_msg("'%s' gives %ld", expected->bytes, taken);
    check_op(expected, &op);
    check_prefixes(bytes, expected->verb);
    ck_assert_int_eq(wire_parse(bytes.data, bytes.size, &limits, &op, NULL), (long)size);
}

static const struct expected operations[] = {
    { .bytes = "PING\r\n", .verb = WIRE_PING },
    { .bytes = "PONG\r\n", .verb = WIRE_PONG },
    { .bytes = "+OK\r\n", .verb = WIRE_OK },
    { .bytes = "PING\n", .verb = WIRE_PING },
    { .bytes = "ping\r\n", .verb = WIRE_PING },
    { .bytes = "PoNg \t \r\n", .verb = WIRE_PONG },
    { .bytes = "+ok\n", .verb = WIRE_OK },
    { "CONNECT {}\r\n", WIRE_CONNECT, .text = "{}" },
    { "connect\t {\"a\": 1}  \r\n", WIRE_CONNECT, .text = "{\"a\": 1}" },
    { "CONNECT{}\r\n", WIRE_CONNECT, .text = "{}" },
    { .bytes = "CONNECT\r\n", .verb = WIRE_CONNECT },
    { "INFO {\"server_id\":\"x\"}\r\n", WIRE_INFO, .text = "{\"server_id\":\"x\"}" },
    { "-ERR 'Unknown Protocol Operation'\r\n", WIRE_ERR, .text = "Unknown Protocol Operation" },
    { "-err  Bare Words \r\n", WIRE_ERR, .text = "Bare Words" },
    { .bytes = "-ERR ''\r\n", .verb = WIRE_ERR },
    { "-ERR '\r\n", WIRE_ERR, .text = "'" },
    { "-ERR 'a' 'b'\n", WIRE_ERR, .text = "a' 'b" },

    { "PUB a 0\r\n\r\n", WIRE_PUB, .topic = "a", .body = "" },
    { "PUB a.b.c 5\r\nhello\r\n", WIRE_PUB, .topic = "a.b.c", .body = "hello", .body_size = 5 },
    { "PUB a r.1 5\r\nhello\r\n", WIRE_PUB, .topic = "a", .reply = "r.1", .body = "hello", .body_size = 5 },
    { "pUb\ta\t\tr \t 2  \nhi\r\n", WIRE_PUB, .topic = "a", .reply = "r", .body = "hi", .body_size = 2 },
    { "PUB  a  2 \r\n\r\n\r\n", WIRE_PUB, .topic = "a", .body = "\r\n", .body_size = 2 },
    { "PUB a 007\r\n1234567\r\n", WIRE_PUB, .topic = "a", .body = "1234567", .body_size = 7 },
    { "PUB a\rb 1\r\nx\r\n", WIRE_PUB, .topic = "a\rb", .body = "x", .body_size = 1 },
    { "PUB \x80\xff.> 1\r\nx\r\n", WIRE_PUB, .topic = "\x80\xff.>", .body = "x", .body_size = 1 },
    { "PUB a 6\r\nPING\r\n\r\n", WIRE_PUB, .topic = "a", .body = "PING\r\n", .body_size = 6 },

    { "HPUB a 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", WIRE_HPUB, .topic = "a", .body = "NATS/1.0\r\n\r\nhello",
      .head_size = 12, .body_size = 17 },
    { "hpub a r 12 12\r\nNATS/1.0\r\n\r\n\r\n", WIRE_HPUB, .topic = "a", .reply = "r", .body = "NATS/1.0\r\n\r\n",
      .head_size = 12, .body_size = 12 },
    { "HPUB a 0 2\r\nhi\r\n", WIRE_HPUB, .topic = "a", .body = "hi", .body_size = 2 },

    { "SUB a.* 1\r\n", WIRE_SUB, .topic = "a.*", .sid = "1" },
    { "sub a.> workers x-7\r\n", WIRE_SUB, .topic = "a.>", .group = "workers", .sid = "x-7" },
    { "SUB \t a \t 1 \t\n", WIRE_SUB, .topic = "a", .sid = "1" },
    { "UNSUB 1\r\n", WIRE_UNSUB, .sid = "1" },
    { "UNSUB x 0\r\n", WIRE_UNSUB, .sid = "x" },
    { "unsub  1   5\r\n", WIRE_UNSUB, .sid = "1", .max = 5 },
    { "UNSUB 1 9223372036854775807\r\n", WIRE_UNSUB, .sid = "1", .max = INT64_MAX },

    { "MSG a 1 5\r\nhello\r\n", WIRE_MSG, .topic = "a", .sid = "1", .body = "hello", .body_size = 5 },
    { "msg a 1 r 5\r\nhello\r\n", WIRE_MSG, .topic = "a", .sid = "1", .reply = "r", .body = "hello", .body_size = 5 },
    { "HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", WIRE_HMSG, .topic = "a", .sid = "1",
      .body = "NATS/1.0\r\n\r\nhi", .head_size = 12, .body_size = 14 },
    { "HMSG a 1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n", WIRE_HMSG, .topic = "a", .sid = "1", .reply = "r",
      .body = "NATS/1.0\r\n\r\n", .head_size = 12, .body_size = 12 },
};

START_TEST(every_operation_is_read_whole_and_never_before)
{
    for (size_t i = 0; i < COUNT(operations); i++)
        check_whole(&operations[i]);
}
END_TEST

START_TEST(what_follows_an_operation_is_left_alone)
{
    static const char *const followers[] = { "PING\r\n", "\r\n", "x", "\n" };
    char bytes[256];
    struct wire_op op;
    size_t need;
    for (size_t i = 0; i < COUNT(operations); i++)
        for (size_t k = 0; k < COUNT(followers); k++) {
            snprintf(bytes, sizeof bytes, "%s%s", operations[i].bytes, followers[k]);
            unit_assert(parse(slice_of(bytes), &op, &need) == (long)strlen(operations[i].bytes));
            check_op(&operations[i], &op);
        }
}
END_TEST

/* Whatever is refused is refused the same way in one piece and byte by byte, and nothing is made of its beginning. */
static void check_refused(struct slice bytes, enum wire_error error, const struct wire_limits *by)
{
    struct wire_op op;
    size_t need;
    long taken = 0;
    for (size_t size = 0; size <= bytes.size && taken == 0; size++)
        taken = wire_parse(bytes.data, size, by, &op, &need);
    if (taken != error)
        ck_abort_msg("'%.*s' gives %ld byte by byte, not %d", SLICE_ARGS(bytes), taken, error);
    taken = wire_parse(bytes.data, bytes.size, by, &op, &need);
    if (taken != error)
        ck_abort_msg("'%.*s' gives %ld, not %d", SLICE_ARGS(bytes), taken, error);
}

START_TEST(what_is_no_operation_is_refused)
{
    static const struct {
        const char *bytes;
        enum wire_error error;
    } cases[] = {
        { "\r\n", WIRE_E_VERB },
        { "\n", WIRE_E_VERB },
        { " PING\r\n", WIRE_E_VERB },
        { "X", WIRE_E_VERB },
        { "PU\r\n", WIRE_E_VERB },
        { "PUBX a 0\r\n", WIRE_E_VERB },
        { "PUB\r\n", WIRE_E_VERB },
        { "SUB\n", WIRE_E_VERB },
        { "SUBa 1\r\n", WIRE_E_VERB },
        { "UNSUBSCRIBE 1\r\n", WIRE_E_VERB },
        { "MSGa", WIRE_E_VERB },
        { "-ERR\r\n", WIRE_E_VERB },
        { "-OK\r\n", WIRE_E_VERB },
        { "+ERR\r\n", WIRE_E_VERB },
        { "INFO{}\r\n", WIRE_E_VERB },
        { "PIN\r\n", WIRE_E_VERB },
        { "GET / HTTP/1.1\r\n", WIRE_E_VERB },
        { "\x16\x03\x01", WIRE_E_VERB }, /* a TLS greeting */

        { "PUB \r\n", WIRE_E_ARGS },
        { "PUB a\r\n", WIRE_E_ARGS },
        { "PUB 5\r\n", WIRE_E_ARGS },
        { "PUB a b c 5\r\n", WIRE_E_ARGS },
        { "PUB a b\r\n", WIRE_E_ARGS },
        { "PUB a -1\r\n", WIRE_E_ARGS },
        { "PUB a +1\r\n", WIRE_E_ARGS },
        { "PUB a 1x\r\n", WIRE_E_ARGS },
        { "PUB a 0x1\r\n", WIRE_E_ARGS },
        { "PUB a 1.0\r\n", WIRE_E_ARGS },
        { "PUB a 1\r\r\n", WIRE_E_ARGS },
        { "PUB a 2147483648\r\n", WIRE_E_ARGS },
        { "PUB a 4294967296\r\n", WIRE_E_ARGS },
        { "PUB a 18446744073709551616\r\n", WIRE_E_ARGS },
        { "PUB a 00000000000000000000000001\r\n", WIRE_E_ARGS },
        { "PUB a b c d e f g h 5\r\n", WIRE_E_ARGS },
        { "HPUB a 5\r\n", WIRE_E_ARGS },
        { "HPUB a 6 5\r\n", WIRE_E_ARGS },
        { "HPUB a r x 5\r\n", WIRE_E_ARGS },
        { "HPUB a r 5 x\r\n", WIRE_E_ARGS },
        { "HPUB a b r 5 5\r\n", WIRE_E_ARGS },
        { "HPUB a -1 5\r\n", WIRE_E_ARGS },
        { "SUB a\r\n", WIRE_E_ARGS },
        { "SUB \r\n", WIRE_E_ARGS },
        { "SUB a b c d\r\n", WIRE_E_ARGS },
        { "UNSUB \r\n", WIRE_E_ARGS },
        { "UNSUB 1 2 3\r\n", WIRE_E_ARGS },
        { "UNSUB 1 x\r\n", WIRE_E_ARGS },
        { "UNSUB 1 -1\r\n", WIRE_E_ARGS },
        { "UNSUB 1 9223372036854775808\r\n", WIRE_E_ARGS },
        { "UNSUB 1 99999999999999999999\r\n", WIRE_E_ARGS },
        { "MSG a 1\r\n", WIRE_E_ARGS },
        { "MSG a 1 r x 5\r\n", WIRE_E_ARGS },
        { "HMSG a 1 5\r\n", WIRE_E_ARGS },
        { "HMSG a 1 6 5\r\n", WIRE_E_ARGS },
        { "HMSG a 1 r 1 2 3\r\n", WIRE_E_ARGS },

        { "PUB a 101\r\n", WIRE_E_BODY },
        { "PUB a 2147483647\r\n", WIRE_E_BODY },
        { "HPUB a 101 101\r\n", WIRE_E_BODY },
        { "MSG a 1 101\r\n", WIRE_E_BODY },

        { "PUB a 2\r\nhi\n\n", WIRE_E_TAIL },
        { "PUB a 2\r\nhi\r\r", WIRE_E_TAIL },
        { "PUB a 2\r\nhixx", WIRE_E_TAIL },
        { "PUB a 2\r\nhi!\r\n", WIRE_E_TAIL },
        { "PUB a 0\r\n\n\r", WIRE_E_TAIL },
        { "HPUB a 1 2\r\nhi\n\r", WIRE_E_TAIL },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(slice_of(cases[i].bytes), cases[i].error, &limits);
}
END_TEST

START_TEST(zero_bytes_are_bytes)
{
    struct wire_op op;
    size_t need;
    struct slice body = slice_make("PUB a 3\r\n\0x\0\r\n", 14), topic = slice_make("SUB a\0b 1\r\n", 11);
    ck_assert_int_eq(parse(body, &op, &need), 14);
    ck_assert_mem_eq(op.body, "\0x\0", 3);
    ck_assert_int_eq(parse(topic, &op, &need), 11);
    ck_assert(slice_equal(op.topic, slice_make("a\0b", 3)));
    check_refused(slice_make("\0\0\0\0", 4), WIRE_E_VERB, &limits);
    check_refused(slice_make("PUB\0a 0\r\n", 9), WIRE_E_VERB, &limits);
    check_refused(slice_make("PUB a 1\0\r\n", 10), WIRE_E_ARGS, &limits);
}
END_TEST

START_TEST(too_large_a_body_is_refused_with_its_size_said)
{
    struct wire_op op;
    size_t need;
    ck_assert_int_eq(parse(slice_of("HPUB a 7 101\r\n"), &op, &need), WIRE_E_BODY);
    ck_assert_int_eq(op.verb, WIRE_HPUB);
    ck_assert_uint_eq(op.head_size, 7);
    ck_assert_uint_eq(op.body_size, 101);
    ck_assert_int_eq(parse(slice_of("PUB a 100\r\n"), &op, &need), 0);
    ck_assert_uint_eq(need, 11 + 100 + 2);
}
END_TEST

/* "SUB xxx...x 1\r\n" of just so many bytes. */
static struct slice long_line(char *out, size_t size, const char *end)
{
    memset(out, 'x', size);
    memcpy(out, "SUB ", 4);
    memcpy(out + size - strlen(end) - 2, " 1", 2);
    memcpy(out + size - strlen(end), end, strlen(end));
    return slice_make(out, size);
}

START_TEST(a_line_may_be_as_long_as_the_limit_and_no_longer)
{
    static const char *const ends[] = { "\r\n", "\n" };
    char bytes[256];
    struct wire_op op;
    size_t need;
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct slice longest = long_line(bytes, limits.line_size_max, ends[i]);
        ck_assert_int_eq(parse(longest, &op, &need), (long)longest.size);
        check_prefixes(longest, WIRE_SUB);
        check_refused(long_line(bytes, limits.line_size_max + 1, ends[i]), WIRE_E_LINE, &limits);
        check_refused(long_line(bytes, sizeof bytes, ends[i]), WIRE_E_LINE, &limits);
    }
    struct slice endless = long_line(bytes, sizeof bytes, "");
    ck_assert_int_eq(parse(slice_make(endless.data, limits.line_size_max - 1), &op, &need), 0);
    ck_assert_int_eq(parse(slice_make(endless.data, limits.line_size_max), &op, &need), WIRE_E_LINE);
    ck_assert_int_eq(op.verb, WIRE_SUB);
}
END_TEST

START_TEST(a_body_does_not_count_towards_the_line)
{
    char bytes[128];
    struct wire_op op;
    size_t need;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "PUB a 100\r\n", 11);
    memcpy(bytes + 111, "\r\n", 2);
    ck_assert_int_eq(parse(slice_make(bytes, 113), &op, &need), 113);
    check_prefixes(slice_make(bytes, 113), WIRE_PUB);
}
END_TEST

START_TEST(a_verb_is_known_when_no_other_can_come_of_it)
{
    static const struct {
        const char *bytes;
        enum wire_verb verb;
    } cases[] = {
        { "", WIRE_UNKNOWN },    { "P", WIRE_UNKNOWN },   { "PU", WIRE_UNKNOWN },  { "PUB", WIRE_UNKNOWN },
        { "PUB ", WIRE_PUB },    { "pub\t", WIRE_PUB },   { "PUB a", WIRE_PUB },   { "PI", WIRE_UNKNOWN },
        { "PING", WIRE_PING },   { "H", WIRE_UNKNOWN },   { "HMSG ", WIRE_HMSG },  { "CONNEC", WIRE_UNKNOWN },
        { "CONNECT", WIRE_CONNECT }, { "+OK", WIRE_OK },  { "-ERR", WIRE_UNKNOWN }, { "-ERR ", WIRE_ERR },
        { "INFO ", WIRE_INFO },  { "UNSUB ", WIRE_UNSUB }, { "SUB ", WIRE_SUB },   { "HPUB ", WIRE_HPUB },
    };
    struct wire_op op;
    size_t need;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ck_assert_int_eq(parse(slice_of(cases[i].bytes), &op, &need), 0);
        if (op.verb != cases[i].verb)
            ck_abort_msg("'%s' is %s", cases[i].bytes, wire_verb_name(op.verb));
    }
}
END_TEST

START_TEST(every_verb_has_its_name)
{
    static const char *const names[WIRE_VERB_COUNT] = {
        [WIRE_CONNECT] = "CONNECT", [WIRE_PUB] = "PUB",   [WIRE_HPUB] = "HPUB", [WIRE_SUB] = "SUB",
        [WIRE_UNSUB] = "UNSUB",     [WIRE_PING] = "PING", [WIRE_PONG] = "PONG", [WIRE_OK] = "+OK",
        [WIRE_ERR] = "-ERR",        [WIRE_INFO] = "INFO", [WIRE_MSG] = "MSG",   [WIRE_HMSG] = "HMSG",
    };
    for (int verb = WIRE_CONNECT; verb < WIRE_VERB_COUNT; verb++)
        ck_assert_str_eq(wire_verb_name((enum wire_verb)verb), names[verb]);
    ck_assert_ptr_nonnull(wire_verb_name(WIRE_UNKNOWN));
    ck_assert_ptr_nonnull(wire_verb_name(WIRE_VERB_COUNT));
    ck_assert_ptr_nonnull(wire_verb_name((enum wire_verb)-1));
}
END_TEST

/* A stream of the operations above, read through a window that grows by random fragments, gives them one by one. */
START_TEST(a_stream_cut_anywhere_gives_the_same_operations)
{
    enum { LENGTH = 2000 };
    static unsigned order[LENGTH];
    static char stream[LENGTH * 64];
    struct random random;
    size_t size = 0, start = 0, end = 0;
    unsigned read_count = 0;
    random_init(&random, unit_seed("a_stream_cut_anywhere_gives_the_same_operations"));
    for (unsigned i = 0; i < LENGTH; i++) {
        order[i] = random_below(&random, COUNT(operations));
        size += (size_t)sprintf(stream + size, "%s", operations[order[i]].bytes);
    }
    while (read_count < LENGTH) {
        struct wire_op op;
        size_t need;
        long taken = parse(slice_make(stream + start, end - start), &op, &need);
        unit_assert(taken >= 0);
        if (taken == 0) {
            unit_assert(end < size);
            end += 1 + random_below(&random, random_below(&random, 4) ? 8 : 200);
            end = end < size ? end : size;
            continue;
        }
        check_op(&operations[order[read_count++]], &op);
        start += (size_t)taken;
    }
    ck_assert_uint_eq(start, size);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_operation_is_read_whole_and_never_before,
        what_follows_an_operation_is_left_alone,
        what_is_no_operation_is_refused,
        zero_bytes_are_bytes,
        too_large_a_body_is_refused_with_its_size_said,
        a_line_may_be_as_long_as_the_limit_and_no_longer,
        a_body_does_not_count_towards_the_line,
        a_verb_is_known_when_no_other_can_come_of_it,
        every_verb_has_its_name,
        a_stream_cut_anywhere_gives_the_same_operations,
        NULL,
    };
    return unit_run("op", tests);
}
