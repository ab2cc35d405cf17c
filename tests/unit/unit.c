#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TEST_TIMEOUT_S 150

/* Sanitizers and busy machines need more than 1: see tests/run. */
static double patience(void)
{
    const char *given = getenv("PATIENCE");
    double times = given ? strtod(given, NULL) : 1;
    return times >= 1 ? times : 1;
}

int unit_run_suite(Suite *suite, enum fork_status processes)
{
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, processes);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count ? EXIT_FAILURE : EXIT_SUCCESS;
}

static Suite *suite_of(const char *name, const TTest *const *tests, int count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, TEST_TIMEOUT_S * patience());
    for (; *tests; tests++)
        tcase_add_loop_test(tcase, *tests, 0, count);
    suite_add_tcase(suite, tcase);
    return suite;
}

int unit_run(const char *name, const TTest *const *tests)
{
    return unit_run_suite(suite_of(name, tests, 1), CK_FORK_GETENV);
}

int unit_run_apart(const char *name, const TTest *const *tests)
{
    return unit_run_suite(suite_of(name, tests, 1), CK_FORK);
}

int unit_run_times(const char *name, const TTest *const *tests, int count)
{
    return unit_run_suite(suite_of(name, tests, count), CK_FORK_GETENV);
}

uint64_t unit_rounds(const char *variable, uint64_t count)
{
    const char *given = getenv(variable);
    uint64_t rounds = given ? strtoull(given, NULL, 0) : (uint64_t)((double)count / patience());
    return rounds ? rounds : 1;
}

uint64_t unit_seed(const char *test)
{
    struct timespec now;
    const char *given = getenv("TEST_SEED");
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_nsec * 1000003u + (uint64_t)now.tv_sec;
    printf("%s: TEST_SEED=%" PRIu64 " repeats this run\n", test, seed);
    fflush(stdout);
    return seed;
}
