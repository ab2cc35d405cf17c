/* Topics on which messages of consumers are acknowledged. */
#include "http/delivery.h"

#include "../unit.h"

START_TEST(a_topic_tells_what_was_delivered)
{
    struct delivery delivery;
    ck_assert(delivery_read(slice_of("$JS.ACK.orders.work.2.17.40.1795448711954335705.3"), &delivery));
    ck_assert(slice_is(delivery.stream, "orders") && slice_is(delivery.consumer, "work"));
    ck_assert_uint_eq(delivery.count, 2);
    ck_assert_uint_eq(delivery.sequence, 17);
    ck_assert_uint_eq(delivery.time_ms, 1795448711954);
}
END_TEST

static const char *const others[] = {
    "", "$JS.ACK", "$JS.ACK.S.C.1.1.1.1", "$JS.ACK.S.C.1.1.1.1.1.1", "$JS.API.S.C.1.1.1.1.1", "$KV.ACK.S.C.1.1.1.1.1",
    "$JS.ACK.S.C.x.1.1.1.1", "$JS.ACK.S.C.1..1.1.1", "$JS.ACK.S.C.1.99999999999999999999.1.1.1", "_INBOX.a.b",
};

START_TEST(another_topic_is_none)
{
    struct delivery delivery;
    ck_assert_msg(!delivery_read(slice_of(others[_i]), &delivery), "%s", others[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("delivery");
    TCase *tcase = tcase_create("delivery");
    tcase_add_test(tcase, a_topic_tells_what_was_delivered);
    tcase_add_loop_test(tcase, another_topic_is_none, 0, (int)(sizeof others / sizeof *others));
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
