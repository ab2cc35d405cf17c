/* Where a message stands in its stream, as its reply topic says. */
#include "posthorn/kept.h"

#include <string.h>

#include "../unit.h"

static bool read_reply(const char *reply, struct kept *kept)
{
    struct ph_message message = { .reply = reply, .reply_size = strlen(reply) };
    return kept_read(&message, kept);
}

START_TEST(a_delivery_says_where_it_stands)
{
    struct kept kept;
    ck_assert(read_reply("$JS.ACK.orders.billing.2.41.57.1795448711954335705.3", &kept));
    ck_assert_uint_eq(kept.stream.size, 6);
    ck_assert_mem_eq(kept.stream.data, "orders", 6);
    ck_assert_uint_eq(kept.delivered, 2);
    ck_assert_uint_eq(kept.sequence, 41);
    ck_assert_uint_eq(kept.time_ns, 1795448711954335705u);
}
END_TEST

START_TEST(servers_with_domains_say_more)
{
    struct kept kept;
    ck_assert(read_reply("$JS.ACK._.ACCHASH.orders.billing.1.9.9.1795448711954335705.0.token", &kept));
    ck_assert_mem_eq(kept.stream.data, "orders", 6);
    ck_assert_uint_eq(kept.sequence, 9);
    ck_assert(read_reply("$JS.ACK.hub.ACCHASH.orders.billing.1.9.9.1795448711954335705.0", &kept));
    ck_assert_uint_eq(kept.sequence, 9);
}
END_TEST

START_TEST(other_replies_say_nothing)
{
    static const char *const others[] = {
        "", "_INBOX.a", "$JS.ACK.", "$JS.ACK.a.b.1.2.3.4", "$JS.ACK.a.b.x.2.3.4.5", "$JS.ACK.a.b.1..3.4.5",
        "$JS.ACK.a.b.1.99999999999999999999999.3.4.5", "$JS.ACKa.b.1.2.3.4.5.6", "$JS.ACK.a.b.1.2.3.-4.5",
    };
    struct kept kept = { .sequence = 7 };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!read_reply(others[i], &kept), "%s", others[i]);
    ck_assert_uint_eq(kept.sequence, 7);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_delivery_says_where_it_stands, servers_with_domains_say_more, other_replies_say_nothing, NULL,
    };
    return unit_run("kept", tests);
}
