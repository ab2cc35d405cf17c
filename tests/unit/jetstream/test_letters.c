#include "jetstream/letters.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

static bool add(struct letters *letters, const char *topic, const char *reply, const char *head, const char *payload)
{
    char body[1024];
    int size = snprintf(body, sizeof body, "%s%s\r\n", head, payload) - 2;
    const struct message message = {
        .body = body,
        .reply = reply,
        .head_size = (uint32_t)strlen(head),
        .body_size = (uint32_t)size,
        .reply_size = (uint32_t)strlen(reply),
    };
    return letters_add(letters, slice_of(topic), &message, slice_of("ann"), NULL, NULL);
}

static void expect(const struct letters *letters, size_t *cursor, const char *topic, const char *reply,
                   const char *head, const char *payload)
{
    struct letter_text text;
    unit_assert(letters_next(letters, cursor, &text));
    unit_assert(slice_is(text.topic, topic) && slice_is(text.reply, reply));
    unit_assert(slice_is(text.user, "ann"));
    unit_assert(slice_is(text.head, head) && slice_is(text.payload, payload));
}

START_TEST(they_are_read_as_they_came)
{
    struct letters letters = { 0 };
    struct letter_text text;
    size_t cursor = 0;
    ck_assert(!letters_next(&letters, &cursor, &text));
    ck_assert(add(&letters, "$JS.ACK.S.C.1.2.3.4.5", "", "", "+ACK"));
    ck_assert(add(&letters, "$JS.API.INFO", "_INBOX.1", "NATS/1.0\r\nA: b\r\n\r\n", ""));
    ck_assert(add(&letters, "t", "r", "", ""));
    expect(&letters, &cursor, "$JS.ACK.S.C.1.2.3.4.5", "", "", "+ACK");
    expect(&letters, &cursor, "$JS.API.INFO", "_INBOX.1", "NATS/1.0\r\nA: b\r\n\r\n", "");
    expect(&letters, &cursor, "t", "r", "", "");
    ck_assert(!letters_next(&letters, &cursor, &text));
    letters_finish(&letters);
}
END_TEST

START_TEST(many_of_any_size_are_read_as_they_came)
{
    struct letters letters = { 0 };
    char payload[600];
    size_t cursor = 0;
    memset(payload, 'x', sizeof payload);
    for (unsigned round = 0; round < 3; round++, cursor = 0, letters_clear(&letters)) {
        for (unsigned i = 0; i < 5000; i++) {
            payload[i % 500] = '\0';
            unit_assert(add(&letters, "topic", i % 3 ? "reply" : "", "", payload));
            payload[i % 500] = 'x';
        }
        for (unsigned i = 0; i < 5000; i++) {
            payload[i % 500] = '\0';
            expect(&letters, &cursor, "topic", i % 3 ? "reply" : "", "", payload);
            payload[i % 500] = 'x';
        }
    }
    ck_assert_uint_le(letters.room, 1 << 20);
    letters_finish(&letters);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        they_are_read_as_they_came,
        many_of_any_size_are_read_as_they_came,
        NULL,
    };
    return unit_run("letters", tests);
}
