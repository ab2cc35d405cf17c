/* Ids by which workers behind HTTP answer: signed, and of no use for another topic or under another key. */
#include "http/reply.h"

#include <stdlib.h>

#include "../unit.h"

static const unsigned char key[REPLY_KEY_SIZE] = "a key of this server";
static const unsigned char other_key[REPLY_KEY_SIZE] = "another";

static bool reads(struct slice id, const unsigned char *with, const char *topic)
{
    char *out = malloc(base64url_data_size_max(id.size) + 1);
    size_t size = 0;
    bool good = reply_id_read(id, with, out, &size) && (!topic || slice_is(slice_make(out, size), topic));
    free(out);
    return good;
}

START_TEST(an_id_is_read_by_whoever_has_the_key)
{
    static const char *const topics[] = { "a", "_INBOX.ABCDEFGHIJ.17", "gr\xc3\xbc\xc3\x9f.e", "\xff" };
    char out[256];
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct slice topic = slice_of(topics[i]);
        struct slice id = slice_make(out, (size_t)(reply_id_write(out, key, topic) - out));
        unit_assert(id.size == reply_id_size(topic));
        unit_assert(reads(id, key, topics[i]));
        unit_assert(!reads(id, other_key, NULL));
    }
}
END_TEST

START_TEST(an_id_that_was_changed_is_none)
{
    static const char topic[] = "_INBOX.ABCDEFGHIJ.17";
    char out[256];
    size_t size = (size_t)(reply_id_write(out, key, slice_of(topic)) - out);
    for (size_t at = 0; at < size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            out[at] ^= (char)(1 << bit);
            unit_assert(!reads(slice_make(out, size), key, NULL));
            out[at] ^= (char)(1 << bit);
        }
    for (size_t cut = 0; cut < size; cut++)
        unit_assert(!reads(slice_make(out, cut), key, NULL));
    out[size] = 'A';
    unit_assert(!reads(slice_make(out, size + 1), key, NULL));
    unit_assert(reads(slice_make(out, size), key, topic));
}
END_TEST

START_TEST(the_signature_of_one_topic_is_of_no_use_for_another)
{
    char mine[256], theirs[256];
    size_t mine_size = (size_t)(reply_id_write(mine, key, slice_of("a.b")) - mine);
    size_t theirs_size = (size_t)(reply_id_write(theirs, key, slice_of("a.c")) - theirs);
    ck_assert_uint_eq(mine_size, theirs_size);
    memcpy(strchr(theirs, '.'), strchr(mine, '.'), base64url_size(REPLY_MAC_SIZE) + 1);
    ck_assert(!reads(slice_make(theirs, theirs_size), key, NULL));
    ck_assert(!reads(slice_of("."), key, NULL));
    ck_assert(!reads(slice_of(".AAAAAAAAAAAAAAAAAAAAAA"), key, NULL));
}
END_TEST

START_TEST(a_permit_is_no_topic_by_which_one_acknowledges)
{
    static const char *const none[] = { "$JS.ACK.S.C.1.1.1.1.1", "17", "17.", ".a", "", "x.a", "-1.a",
                                        "99999999999999999999.a" };
    char out[64];
    struct slice topic;
    uint64_t by_ms;
    size_t size = (size_t)(reply_permit_write(out, 1700000000000, slice_of("_INBOX.a.1")) - out);
    ck_assert_uint_le(size, reply_permit_size_max(slice_of("_INBOX.a.1")));
    ck_assert(reply_permit_read(slice_make(out, size), &by_ms, &topic));
    ck_assert_uint_eq(by_ms, 1700000000000);
    ck_assert(slice_is(topic, "_INBOX.a.1"));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(!reply_permit_read(slice_of(none[i]), &by_ms, &topic), "%s", none[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_id_is_read_by_whoever_has_the_key,
        an_id_that_was_changed_is_none,
        the_signature_of_one_topic_is_of_no_use_for_another,
        a_permit_is_no_topic_by_which_one_acknowledges,
        NULL,
    };
    return unit_run("reply", tests);
}
