#include "sidecar/durable.h"

#include "../unit.h"

START_TEST(the_reply_of_a_delivery_says_what_it_is_of)
{
    struct durable_message message;
    ck_assert(durable_read_reply(slice_of("$JS.ACK.ORDERS.billing.3.17.20.1764430000123456789.4"), &message));
    ck_assert(slice_is(message.stream, "ORDERS"));
    ck_assert_uint_eq(message.delivery_count, 3);
    ck_assert_uint_eq(message.sequence, 17);
    ck_assert_uint_eq(message.time_ms, 1764430000123);
}
END_TEST

START_TEST(what_is_no_reply_of_a_delivery_is_not_read)
{
    static const char *const replies[] = {
        "", "_INBOX.a.1", "$JS.ACK.S.C.1.1.1.1", "$JS.ACK.S.C.1.1.1.1.1.1", "$JS.FC.S.C.1.1.1.1.1",
        "$JS.ACK.S.C.x.1.1.1.1", "$JS.ACK.S.C.1..1.1.1", "$JS.ACK.S.C.1.1.1.-1.1",
        "$JS.ACK.S.C.1.99999999999999999999.1.1.1",
    };
    struct durable_message message;
    for (unsigned i = 0; i < sizeof replies / sizeof *replies; i++)
        ck_assert_msg(!durable_read_reply(slice_of(replies[i]), &message), "%s", replies[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_reply_of_a_delivery_says_what_it_is_of, what_is_no_reply_of_a_delivery_is_not_read, NULL,
    };
    return unit_run("durable", tests);
}
