/* The block of headers: reading in place, status lines, building, and what is refused. */
#include <stdlib.h>

#include "../unit.h"
#include "wire/headers.h"

static struct slice text(const char *data)
{
    return slice_of(data);
}

static void expect(struct slice got, const char *wanted)
{
    ck_assert_msg(slice_is(got, wanted), "got '%.*s', wanted '%s'", SLICE_ARGS(got), wanted);
}

static unsigned count(struct slice block)
{
    size_t cursor = 0;
    unsigned found = 0;
    struct slice name, value;
    while (headers_next(block, &cursor, &name, &value))
        found++;
    return found;
}

START_TEST(walk_gives_every_header_in_order)
{
    struct slice block = text("NATS/1.0\r\nA: one\r\nb:two\r\nC:  three \t\r\nEmpty:\r\n\r\n");
    static const char *const wanted[][2] = { { "A", "one" }, { "b", "two" }, { "C", "three" }, { "Empty", "" } };
    size_t cursor = 0;
    struct slice name, value;
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(headers_next(block, &cursor, &name, &value));
        expect(name, wanted[i][0]);
        expect(value, wanted[i][1]);
    }
    ck_assert(!headers_next(block, &cursor, &name, &value));
    ck_assert(!headers_next(block, &cursor, &name, &value));
}
END_TEST

START_TEST(value_may_hold_colons)
{
    struct slice value;
    ck_assert(headers_find(text("NATS/1.0\r\nTime: 12:30:01\r\n\r\n"), "Time", &value));
    expect(value, "12:30:01");
}
END_TEST

START_TEST(find_ignores_case_and_gives_the_first)
{
    struct slice value;
    struct slice block = text("NATS/1.0\r\nX-Key: one\r\nx-key: two\r\nX-Key-Long: three\r\n\r\n");
    ck_assert(headers_find(block, "X-KEY", &value));
    expect(value, "one");
    ck_assert(headers_find(block, "x-key-long", &value));
    expect(value, "three");
    ck_assert(!headers_find(block, "x-ke", &value));
    expect(value, "three");
}
END_TEST

START_TEST(headers_after_a_status_are_found)
{
    struct slice value;
    struct slice block = text("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 7\r\n\r\n");
    ck_assert(headers_find(block, "nats-last-stream", &value));
    expect(value, "7");
}
END_TEST

static const struct {
    const char *block;
    int status;
    const char *description;
} statuses[] = {
    { "NATS/1.0 503\r\n\r\n", 503, "" },
    { "NATS/1.0 404 No Messages\r\n\r\n", 404, "No Messages" },
    { "NATS/1.0   100\tIdle Heartbeat \r\n\r\n", 100, "Idle Heartbeat" },
    { "NATS/1.0\r\n\r\n", 0, NULL },
    { "NATS/1.0 50\r\n\r\n", 0, NULL },
    { "NATS/1.0 5034\r\n\r\n", 0, NULL },
    { "NATS/1.0 abc\r\n\r\n", 0, NULL },
    { "NATS/1.0503\r\n\r\n", 0, NULL },
    { "NATS/1.1 503\r\n\r\n", 0, NULL },
    { "nats/1.0 503\r\n\r\n", 0, NULL },
    { "NATS/1.0 503", 0, NULL },
    { "", 0, NULL },
};

START_TEST(status_is_read_or_zero)
{
    struct slice description = text("untouched");
    ck_assert_int_eq(headers_status(text(statuses[_i].block), &description), statuses[_i].status);
    expect(description, statuses[_i].description ? statuses[_i].description : "untouched");
    ck_assert_int_eq(headers_status(text(statuses[_i].block), NULL), statuses[_i].status);
}
END_TEST

/* Each block holds this many readable headers before it ends or goes wrong. */
static const struct {
    const char *block;
    unsigned count;
} malformed[] = {
    { "", 0 },
    { "\r\n", 0 },
    { "HTTP/1.0\r\nA: 1\r\n\r\n", 0 },
    { "NATS/1.0", 0 },
    { "NATS/1.0\nA: 1\n\n", 0 },
    { "NATS/1.0x\r\nA: 1\r\n\r\n", 0 },
    { "NATS/1.0\r\nA: 1", 0 },
    { "NATS/1.0\r\nA: 1\r\nB 2\r\nC: 3\r\n\r\n", 1 },
    { "NATS/1.0\r\nA: 1\r\n: 2\r\n\r\n", 1 },
    { "NATS/1.0\r\nA: 1\r\nB : 2\r\n\r\n", 1 },
    { "NATS/1.0\r\nA: 1\r\nB: x\ry\r\n\r\n", 1 },
    { "NATS/1.0\r\nA: 1\r\nB: x\ny\r\n\r\n", 1 },
    { "NATS/1.0\r\nA: 1\r\n\r\nB: 2\r\n\r\n", 1 },
    { "NATS/1.0\r\nA: 1\r\n", 1 },
};

START_TEST(malformed_block_ends_the_walk)
{
    ck_assert_uint_eq(count(text(malformed[_i].block)), malformed[_i].count);
}
END_TEST

START_TEST(nul_in_a_value_is_malformed)
{
    static const char block[] = "NATS/1.0\r\nA: 1\0" "2\r\n\r\n";
    ck_assert_uint_eq(count(slice_make(block, sizeof block - 1)), 0);
}
END_TEST

/* Every cut of a good block must be read without touching a byte behind it: run under ASan. */
START_TEST(cut_block_is_never_read_past_its_end)
{
    static const char block[] = "NATS/1.0 503 No Responders\r\nA: one\r\nB: two\r\n\r\n";
    for (size_t size = 0; size < sizeof block; size++) {
        char *copy = malloc(size ? size : 1);
        memcpy(copy, block, size);
        struct slice value;
        ck_assert_uint_le(count(slice_make(copy, size)), 2);
        headers_status(slice_make(copy, size), &value);
        headers_find(slice_make(copy, size), "B", &value);
        free(copy);
    }
    ck_assert_uint_eq(count(slice_make(NULL, 0)), 0);
}
END_TEST

static const struct {
    const char *name, *value;
    bool valid;
} candidates[] = {
    { "A", "", true },
    { "X-Request-Id", "a b: c\t", true },
    { "A", "Grüße", true },
    { "Grüße", "x", false },
    { "", "x", false },
    { "A B", "x", false },
    { "A:", "x", false },
    { "A\r\n", "x", false },
    { "A\x7f", "x", false },
    { "A", "x\r\nB: y", false },
    { "A", "x\n", false },
};

START_TEST(valid_tells_what_can_stand_in_a_block)
{
    ck_assert(headers_valid(text(candidates[_i].name), text(candidates[_i].value)) == candidates[_i].valid);
}
END_TEST

START_TEST(built_block_reads_back_and_has_the_size_foretold)
{
    char out[128];
    size_t size = HEADERS_BEGIN_SIZE + headers_add_size(text("A"), text("one")) +
                  headers_add_size(text("B"), text("")) + HEADERS_END_SIZE;
    char *end = headers_begin(out);
    end = headers_add(end, text("A"), text("one"));
    end = headers_add(end, text("B"), text(""));
    end = headers_end(end);
    ck_assert_uint_eq((size_t)(end - out), size);
    struct slice block = slice_make(out, size), value;
    expect(block, "NATS/1.0\r\nA: one\r\nB: \r\n\r\n");
    ck_assert(headers_find(block, "a", &value));
    expect(value, "one");
    ck_assert(headers_find(block, "b", &value));
    expect(value, "");
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

int main(void)
{
    Suite *suite = suite_create("headers");
    TCase *reading = tcase_create("reading"), *building = tcase_create("building");
    tcase_add_test(reading, walk_gives_every_header_in_order);
    tcase_add_test(reading, value_may_hold_colons);
    tcase_add_test(reading, find_ignores_case_and_gives_the_first);
    tcase_add_test(reading, headers_after_a_status_are_found);
    tcase_add_loop_test(reading, status_is_read_or_zero, 0, COUNT(statuses));
    tcase_add_loop_test(reading, malformed_block_ends_the_walk, 0, COUNT(malformed));
    tcase_add_test(reading, nul_in_a_value_is_malformed);
    tcase_add_test(reading, cut_block_is_never_read_past_its_end);
    tcase_add_loop_test(building, valid_tells_what_can_stand_in_a_block, 0, COUNT(candidates));
    tcase_add_test(building, built_block_reads_back_and_has_the_size_foretold);
    suite_add_tcase(suite, reading);
    suite_add_tcase(suite, building);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
