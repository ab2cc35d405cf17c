/* Messages as events, lines and list elements. */
#include "feed/format.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

enum { TIME_MS = 1000 }; /* 1970-01-01T00:00:01.000Z */

static const struct feed_format plain = { .shape = FEED_EVENTS, .data = FEED_DATA_PLAIN };

/* What the format makes of a message of topic "a.b", sequence 35 ("z"), epoch 36 ("10"); size as for strings: the
 * payload may hold NUL. */
static void expect_message(struct feed_format format, const char *head, const char *payload, size_t size,
                           uint64_t sequence, const char *expected)
{
    const struct stream_message message = {
        .sequence = sequence,
        .time_ms = TIME_MS,
        .topic = slice_of("a.b"),
        .head = slice_of(head),
        .payload = slice_make(payload, size),
    };
    struct slice name = slice_of("recent");
    size_t size_max = format_size_max(format, &message, name);
    char *out = malloc(size_max + 1);
    char *end = format_write(format, &message, name, 36, out);
    ck_assert_uint_le((size_t)(end - out), size_max);
    *end = '\0';
    ck_assert_str_eq(out, expected);
    free(out);
}

static void expect(struct feed_format format, const char *payload, const char *expected)
{
    expect_message(format, NULL, payload, strlen(payload), 35, expected);
}

START_TEST(an_event_has_an_id_and_its_data)
{
    expect(plain, "hello", "id: 10-z\ndata: hello\n\n");
    expect(plain, "", "id: 10-z\ndata: \n\n");
}
END_TEST

START_TEST(every_kind_of_line_end_begins_a_line)
{
    expect(plain, "a\nb\rc\r\nd", "id: 10-z\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    expect(plain, "\n", "id: 10-z\ndata: \ndata: \n\n");
    expect(plain, "a\r\n", "id: 10-z\ndata: a\ndata: \n\n");
    expect(plain, "\r\r\n\n", "id: 10-z\ndata: \ndata: \ndata: \ndata: \n\n");
}
END_TEST

START_TEST(an_event_may_be_named_by_its_topic)
{
    const struct feed_format named = { .shape = FEED_EVENTS, .event_is_topic = true };
    expect(named, "x", "id: 10-z\nevent: a.b\ndata: x\n\n");
}
END_TEST

START_TEST(what_is_no_text_is_a_data_url)
{
    expect_message(plain, NULL, "\0\1\2", 3, 35, "id: 10-z\ndata: data:;base64,AAEC\n\n");
    expect_message(plain, NULL, "a\0b", 3, 35, "id: 10-z\ndata: data:;base64,YQBi\n\n");
    expect_message(plain, NULL, "\xff", 1, 35, "id: 10-z\ndata: data:;base64,/w==\n\n");
}
END_TEST

START_TEST(all_data_may_be_base64)
{
    const struct feed_format base64 = { .shape = FEED_EVENTS, .data = FEED_DATA_BASE64 };
    expect(base64, "hello", "id: 10-z\ndata: aGVsbG8=\n\n");
    expect(base64, "", "id: 10-z\ndata: \n\n");
}
END_TEST

START_TEST(json_says_everything)
{
    const struct feed_format json = { .shape = FEED_EVENTS, .data = FEED_DATA_JSON };
    const struct feed_format lines = { .shape = FEED_LINES }, list = { .shape = FEED_LIST };
#define OBJECT \
    "{\"topic\":\"a.b\",\"stream\":\"recent\",\"seq\":35,\"id\":\"10-z\",\"time\":\"1970-01-01T00:00:01.000Z\"," \
    "\"data\":\"say \\\"hi\\\"\\n\"}"
    expect(json, "say \"hi\"\n", "id: 10-z\ndata: " OBJECT "\n\n");
    expect(lines, "say \"hi\"\n", OBJECT "\n");
    expect(list, "say \"hi\"\n", "," OBJECT);
}
END_TEST

START_TEST(json_declares_binary_data)
{
    const struct feed_format lines = { .shape = FEED_LINES };
    expect_message(lines, NULL, "\xff\xfe", 2, 35,
                   "{\"topic\":\"a.b\",\"stream\":\"recent\",\"seq\":35,\"id\":\"10-z\","
                   "\"time\":\"1970-01-01T00:00:01.000Z\",\"data_base64\":\"//4=\"}\n");
}
END_TEST

START_TEST(headers_that_repeat_share_an_array)
{
    const struct feed_format lines = { .shape = FEED_LINES };
    expect_message(lines, "NATS/1.0\r\nA: 1\r\nB: x\r\na: 2\r\nA:3\r\n\r\n", "", 0, 35,
                   "{\"topic\":\"a.b\",\"stream\":\"recent\",\"seq\":35,\"id\":\"10-z\","
                   "\"time\":\"1970-01-01T00:00:01.000Z\",\"headers\":{\"A\":[\"1\",\"2\",\"3\"],\"B\":\"x\"},"
                   "\"data\":\"\"}\n");
}
END_TEST

START_TEST(a_message_that_is_not_kept_has_no_place)
{
    const struct feed_format lines = { .shape = FEED_LINES };
    expect_message(plain, NULL, "x", 1, 0, "data: x\n\n");
    expect_message(lines, NULL, "x", 1, 0,
                   "{\"topic\":\"a.b\",\"time\":\"1970-01-01T00:00:01.000Z\",\"data\":\"x\"}\n");
}
END_TEST

/* Many headers and the worst of payloads stay within what format_size_max promises. */
START_TEST(nothing_is_longer_than_promised)
{
    char head[4096] = "NATS/1.0\r\n", payload[256];
    for (unsigned i = 0; i < 200; i++)
        sprintf(head + strlen(head), "H%u: \x01\x02\r\n", i % 7);
    strcat(head, "\r\n");
    for (unsigned shape = 0; shape < FEED_SHAPE_COUNT; shape++)
        for (unsigned data = 0; data <= FEED_DATA_JSON; data++)
            for (unsigned byte = 0; byte < 256; byte++) {
                const struct feed_format format = { .shape = (uint8_t)shape, .data = (uint8_t)data };
                memset(payload, (int)byte, sizeof payload);
                const struct stream_message message = { 1, TIME_MS, slice_of("a"), slice_of(head),
                                                        slice_make(payload, sizeof payload) };
                size_t size_max = format_size_max(format, &message, slice_of("s"));
                char *out = malloc(size_max);
                char *end = format_write(format, &message, slice_of("s"), 1, out);
                unit_assert((size_t)(end - out) <= size_max);
                free(out);
            }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_event_has_an_id_and_its_data,
        every_kind_of_line_end_begins_a_line,
        an_event_may_be_named_by_its_topic,
        what_is_no_text_is_a_data_url,
        all_data_may_be_base64,
        json_says_everything,
        json_declares_binary_data,
        headers_that_repeat_share_an_array,
        a_message_that_is_not_kept_has_no_place,
        nothing_is_longer_than_promised,
        NULL,
    };
    return unit_run("feed_format", tests);
}
