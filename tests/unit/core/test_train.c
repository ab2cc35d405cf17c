/* Which train a reply topic names. */
#include "core/train.h"

#include "../unit.h"

START_TEST(a_reply_names_publisher_and_number)
{
    struct train train;
    ck_assert(train_read(slice_of("$POSTHORN.ACK.TRAIN.side.12.345"), &train));
    ck_assert(slice_is(train.publisher, "side"));
    ck_assert_uint_eq(train.number, 12);
    ck_assert(slice_is(train.text, "$POSTHORN.ACK.TRAIN.side.12."));
    ck_assert(train_read(slice_of("$POSTHORN.ACK.TRAIN.s.9999999999999999999."), &train)); /* a topic has no such end */
    ck_assert_uint_eq(train.number, 9999999999999999999u);
    ck_assert(train_read(slice_of("$POSTHORN.ACK.TRAIN.s.0.a.b"), &train));
    ck_assert(slice_is(train.text, "$POSTHORN.ACK.TRAIN.s.0."));
}
END_TEST

START_TEST(others_name_none)
{
    static const char *const replies[] = {
        "", "$POSTHORN.ACK.", "$POSTHORN.ACK.side.12.345", "$POSTHORN.ACK.TRAIN.", "$POSTHORN.ACK.TRAIN.side",
        "$POSTHORN.ACK.TRAIN.side.12", "$POSTHORN.ACK.TRAIN..12.1", "$POSTHORN.ACK.TRAIN.side..1",
        "$POSTHORN.ACK.TRAIN.side.-1.1", "$POSTHORN.ACK.TRAIN.side.1x.1",
        "$POSTHORN.ACK.TRAIN.side.10000000000000000000.1",
    };
    struct train train;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
        ck_assert_msg(!train_read(slice_of(replies[i]), &train), "%s", replies[i]);
    ck_assert(!train_read(slice_make(NULL, 0), &train));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { a_reply_names_publisher_and_number, others_name_none, NULL };
    return unit_run("train", tests);
}
