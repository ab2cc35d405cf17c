#include "push/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../unit.h"

static const struct guard strict = { NULL, 0 };

static const char *refuses(const struct guard *guard, const char *text)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return guard_refuses(guard, (const struct sockaddr *)&in);
    ck_assert_msg(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1, "%s", text);
    return guard_refuses(guard, (const struct sockaddr *)&in6);
}

static const struct { const char *address, *reason; } refused[] = {
    { "0.0.0.0", "this network" }, { "0.1.2.3", "this network" },
    { "10.0.0.1", "private" }, { "10.255.255.255", "private" },
    { "100.64.0.1", "shared address space" }, { "100.127.255.255", "shared address space" },
    { "127.0.0.1", "loopback" }, { "127.255.255.254", "loopback" },
    { "169.254.169.254", "link-local" }, { "169.254.0.1", "link-local" },
    { "172.16.0.1", "private" }, { "172.31.255.255", "private" },
    { "192.0.0.192", "protocol assignments" }, { "::ffff:0.0.0.0", "not global" },
    { "192.168.0.1", "private" }, { "192.168.255.255", "private" },
    { "198.18.0.1", "benchmarking" }, { "198.19.255.255", "benchmarking" },
    { "168.63.129.16", "metadata" },
    { "192.0.2.1", "documentation" }, { "198.51.100.1", "documentation" }, { "203.0.113.1", "documentation" },
    { "224.0.0.1", "multicast" }, { "239.255.255.255", "multicast" },
    { "240.0.0.1", "reserved" }, { "255.255.255.255", "reserved" },
    { "::", "this network" }, { "::1", "loopback" }, { "::2", "not global" },
    { "fe80::1", "link-local" }, { "febf::1", "link-local" }, { "fec0::1", "private" },
    { "fc00::1", "private" }, { "fdff::1", "private" }, { "fd00:ec2::254", "private" },
    { "ff02::1", "multicast" }, { "2001:db8::1", "documentation" }, { "3fff::1", "documentation" },
    { "4000::1", "not global" }, { "100::1", "not global" }, { "fe00::1", "not global" }, { "f800::1", "not global" },
};

START_TEST(what_is_not_public_is_refused_with_a_reason)
{
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *reason = refuses(&strict, refused[i].address);
        ck_assert_msg(reason != NULL, "%s", refused[i].address);
        ck_assert_str_eq(reason, refused[i].reason);
    }
}
END_TEST

START_TEST(what_is_public_passes)
{
    static const char *const addresses[] = {
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
        "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
        "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001::1", "2001:200::1", "3ffe::1",
    };
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++)
        ck_assert_msg(!refuses(&strict, addresses[i]), "%s: %s", addresses[i], refuses(&strict, addresses[i]));
}
END_TEST

START_TEST(an_address_within_an_address_is_found)
{
    static const struct { const char *address, *reason; } hidden[] = {
        { "::ffff:127.0.0.1", "loopback" },
        { "::ffff:169.254.169.254", "link-local" },
        { "::ffff:0:10.0.0.1", "private" },
        { "::127.0.0.1", "loopback" },
        { "64:ff9b::10.0.0.1", "private" },
        { "64:ff9b::7f00:1", "loopback" },
        { "64:ff9b:1::192.168.1.1", "private" },
        { "2002:7f00:1::1", "loopback" },
        { "2002:a9fe:a9fe::", "link-local" },
        { "2001:0:1:2:3:4:80ff:fffe", "loopback" }, /* 127.0.0.1, inverted */
        { "2606:4700::5efe:10.0.0.1", "private" },
        { "2606:4700::200:5efe:127.0.0.1", "loopback" },
    };
    for (unsigned i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        const char *reason = refuses(&strict, hidden[i].address);
        ck_assert_msg(reason != NULL, "%s", hidden[i].address);
        ck_assert_str_eq(reason, hidden[i].reason);
    }
}
END_TEST

START_TEST(forms_that_go_through_strange_relays_are_refused_for_themselves)
{
    ck_assert_str_eq(refuses(&strict, "2002:808:808::1"), "6to4");
    ck_assert_str_eq(refuses(&strict, "::8.8.8.8"), "not global");
    ck_assert_str_eq(refuses(&strict, "64:ff9b:1::8.8.8.8"), "not global");
    ck_assert_str_eq(refuses(&strict, "2001:0:1:2:3:4:f7f7:f7f7"), "protocol assignments");
    ck_assert_ptr_null(refuses(&strict, "2606:4700::5efe:8.8.8.8"));
}
END_TEST

START_TEST(other_names_of_a_public_address_pass)
{
    ck_assert_ptr_null(refuses(&strict, "::ffff:8.8.8.8"));
    ck_assert_ptr_null(refuses(&strict, "64:ff9b::8.8.8.8"));
}
END_TEST

START_TEST(an_operator_opens_networks)
{
    struct network networks[3];
    const struct guard guard = { networks, 3 };
    ck_assert(network_read("127.0.0.0/8", &networks[0]));
    ck_assert(network_read("10.1.0.0/20", &networks[1]));
    ck_assert(network_read("fd00:1::/33", &networks[2]));
    ck_assert_ptr_null(refuses(&guard, "127.0.0.1"));
    ck_assert_ptr_null(refuses(&guard, "::ffff:127.0.0.1"));
    ck_assert_ptr_null(refuses(&guard, "64:ff9b::127.0.0.1"));
    ck_assert_ptr_null(refuses(&guard, "10.1.15.255"));
    ck_assert_str_eq(refuses(&guard, "10.1.16.0"), "private");
    ck_assert_ptr_null(refuses(&guard, "fd00:1:0:7fff::1"));
    ck_assert_str_eq(refuses(&guard, "fd00:1:8000::1"), "private");
    ck_assert_str_eq(refuses(&guard, "::1"), "loopback");
}
END_TEST

/* Opening all of IPv6 opens nothing of IPv4 but by the forms of IPv6. */
START_TEST(families_are_opened_apart)
{
    struct network all;
    const struct guard guard = { &all, 1 };
    ck_assert(network_read("::/0", &all));
    ck_assert_str_eq(refuses(&guard, "127.0.0.1"), "loopback");
    ck_assert_ptr_null(refuses(&guard, "::1"));
    ck_assert(network_read("0.0.0.0/0", &all));
    ck_assert_ptr_null(refuses(&guard, "127.0.0.1"));
    ck_assert_str_eq(refuses(&guard, "::1"), "loopback");
}
END_TEST

START_TEST(other_families_are_refused)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/docker.sock" };
    ck_assert_str_eq(guard_refuses(&strict, (const struct sockaddr *)&un), "neither IPv4 nor IPv6");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_not_public_is_refused_with_a_reason,
        what_is_public_passes,
        an_address_within_an_address_is_found,
        forms_that_go_through_strange_relays_are_refused_for_themselves,
        other_names_of_a_public_address_pass,
        an_operator_opens_networks,
        families_are_opened_apart,
        other_families_are_refused,
        NULL,
    };
    return unit_run("guard", tests);
}
