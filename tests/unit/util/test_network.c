#include "util/network.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "../unit.h"
#include "util/random.h"

START_TEST(networks_are_read_strictly)
{
    static const char *const bad[] = {
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.1/8", "10.0.0", "010.0.0.0/8",
        "localhost", "fd00::/129", "fd00::1/8", "[::1]", "10.0.0.0/8/8", "0x7f000001", "2130706433", "1.2.3.4.5",
        "256.0.0.0", "1.2.3.", ":", ":::", "::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::",
        "1:2:3:4:5:6:7::8", "::1.2.3", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0", "1:", ":1", "1:2:",
        "1:2:3:4:5:6:7:8:", "1:1.2.3.4::",
    };
    struct network network = { .bits = 7 };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!network_read(bad[i], &network) && network.bits == 7, "%s", bad[i]);
    ck_assert(network_read("192.168.1.7", &network));
    ck_assert_uint_eq(network.bits, 32);
    ck_assert(network_read("::1", &network));
    ck_assert_uint_eq(network.bits, 128);
    ck_assert(network_read("0.0.0.0/0", &network));
    ck_assert_uint_eq(network.bits, 0);
}
END_TEST

/* The system's reader is the second opinion. */
static void compare(const char *text)
{
    unsigned char wanted[16];
    struct network network;
    bool is_ipv6 = inet_pton(AF_INET6, text, wanted) == 1;
    bool is_good = is_ipv6 || inet_pton(AF_INET, text, wanted) == 1;
    unit_assert(network_read(text, &network) == is_good);
    if (is_good) {
        unit_assert(network.size == (is_ipv6 ? 16 : 4));
        unit_assert(memcmp(network.bytes, wanted, network.size) == 0);
    }
}

START_TEST(addresses_are_read_as_the_system_reads_them)
{
    static const char *const texts[] = {
        "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "::ffff:1.2.3.4", "1::1.2.3.4", "fe80::aBcD",
        "1:2:3:4:5:6::8", "::2:3:4:5:6:7:8", "127.0.0.1", "255.255.255.255", "0.0.0.0", "0001::00ff",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        compare(texts[i]);
}
END_TEST

START_TEST(any_text_is_read_as_the_system_reads_it)
{
    static const char letters[] = "0:1:.2af:";
    struct random dice;
    random_init(&dice, unit_seed("network"));
    for (unsigned i = 0; i < 200000; i++) {
        char text[24];
        unsigned size = random_below(&dice, sizeof text);
        for (unsigned k = 0; k < size; k++)
            text[k] = letters[random_below(&dice, sizeof letters - 1)];
        text[size] = '\0';
        compare(text);
    }
}
END_TEST

START_TEST(a_network_contains_what_begins_as_it_does)
{
    struct network ten, odd;
    static const unsigned char inside[4] = { 10, 1, 15, 255 }, outside[4] = { 10, 1, 16, 0 }, six[16] = { 10, 1 };
    ck_assert(network_read("10.1.0.0/20", &ten));
    ck_assert(network_contains(&ten, inside, 4));
    ck_assert(!network_contains(&ten, outside, 4));
    ck_assert(!network_contains(&ten, six, 16));
    ck_assert(network_read("0.0.0.0/0", &odd));
    ck_assert(network_contains(&odd, outside, 4));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        networks_are_read_strictly,
        addresses_are_read_as_the_system_reads_them,
        any_text_is_read_as_the_system_reads_it,
        a_network_contains_what_begins_as_it_does,
        NULL,
    };
    return unit_run("network", tests);
}
