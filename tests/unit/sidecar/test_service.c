/* What is remembered of services: who fails is left alone, and nobody is remembered for ever. */
#include <stdio.h>

#include "sidecar/service.h"
#include "../unit.h"

static struct services services;

static void begin(unsigned failures)
{
    services_init(&services, failures, 1000, 20);
}

static struct service *enter(const char *name)
{
    return service_enter(&services, slice_of(name));
}

START_TEST(failures_in_a_row_open_the_breaker)
{
    begin(3);
    struct service *service = enter("users");
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(service_admits(&services, service, 100));
        ck_assert(service_note(&services, service, true, 100) == (i == 2));
    }
    ck_assert(!service_admits(&services, service, 100));
    ck_assert(service_admits(&services, enter("orders"), 100));
    uint64_t pause_ms = service_pause_ms(service, 100);
    ck_assert_uint_ge(pause_ms, 1000);
    ck_assert_uint_le(pause_ms, 1200);
    ck_assert(service_admits(&services, service, 100 + pause_ms));
    ck_assert(!service_admits(&services, service, 100 + pause_ms)); /* one shows whether it is back */
    ck_assert(service_note(&services, service, false, 200 + pause_ms));
    ck_assert(service_admits(&services, service, 200 + pause_ms));
    ck_assert_uint_eq(service_pause_ms(service, 200 + pause_ms), 0);
    services_finish(&services);
}
END_TEST

START_TEST(many_are_under_way_at_once)
{
    begin(3);
    struct service *service = enter("users");
    for (unsigned i = 0; i < 1000; i++)
        ck_assert(service_admits(&services, service, 0));
    services_finish(&services);
}
END_TEST

START_TEST(a_success_between_keeps_it_closed)
{
    begin(3);
    struct service *service = enter("users");
    for (unsigned i = 0; i < 20; i++) {
        ck_assert(service_admits(&services, service, i));
        service_note(&services, service, i % 3 != 2, i);
    }
    services_finish(&services);
}
END_TEST

START_TEST(without_failures_there_is_no_breaker)
{
    begin(0);
    struct service *service = enter("users");
    for (unsigned i = 0; i < 100; i++) {
        ck_assert(service_admits(&services, service, 0));
        ck_assert(!service_note(&services, service, true, 0));
    }
    services_finish(&services);
}
END_TEST

START_TEST(the_one_not_called_for_longest_is_forgotten)
{
    begin(1);
    char name[16];
    struct service *busy = enter("busy"), *first = enter("first");
    service_admits(&services, first, 0);
    service_note(&services, first, true, 0);
    service_leave(first);
    for (unsigned i = 0; i < SERVICES_MAX - 2; i++) {
        snprintf(name, sizeof name, "s%u", i);
        service_leave(enter(name));
    }
    ck_assert_ptr_eq(enter("first"), first);
    service_leave(first);
    service_leave(enter("one-more"));
    ck_assert_uint_eq(services.count, SERVICES_MAX);
    ck_assert_ptr_eq(enter("busy"), busy);
    ck_assert(!service_admits(&services, enter("first"), 0)); /* it was called since: s0 has gone */
    services_finish(&services);
}
END_TEST

START_TEST(where_all_are_being_called_there_is_no_room)
{
    begin(1);
    char name[16];
    for (unsigned i = 0; i < SERVICES_MAX; i++) {
        snprintf(name, sizeof name, "s%u", i);
        ck_assert_ptr_nonnull(enter(name));
    }
    ck_assert_ptr_null(enter("one-more"));
    service_leave(enter("s7"));
    ck_assert_ptr_null(enter("one-more"));
    services_finish(&services);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        failures_in_a_row_open_the_breaker,
        many_are_under_way_at_once,
        a_success_between_keeps_it_closed,
        without_failures_there_is_no_breaker,
        the_one_not_called_for_longest_is_forgotten,
        where_all_are_being_called_there_is_no_room,
        NULL,
    };
    return unit_run("service", tests);
}
