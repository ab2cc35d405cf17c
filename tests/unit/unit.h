/*
 * unit: what the programs of tests/unit share.
 *
 * Environment: CK_RUN_CASE picks a case (see check's manual), CK_FORK=no keeps everything in one process (for gdb, and
 * for sanitizers, to which a process is dear), and TEST_SEED repeats a random test whose seed was printed.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <stdint.h>

/* Runs a suite of one case: the tests, with a NULL behind the last. Returns main's exit code. */
int unit_run(const char *name, const TTest *const *tests);

/* The same for tests that spoil something for those behind them: each in a process of its own, whatever CK_FORK
 * says. */
int unit_run_apart(const char *name, const TTest *const *tests);

/* The same, each test so many times: it finds in _i which time it is, from 0. */
int unit_run_times(const char *name, const TTest *const *tests, int count);

/* Runs a suite that was made by hand, and frees it. processes: CK_FORK_GETENV leaves it to CK_FORK whether each test
 * has one of its own. Returns main's exit code. */
int unit_run_suite(Suite *suite, enum fork_status processes);

/* TEST_SEED where it is set, else another each time; printed with the name of the test that asks. */
uint64_t unit_seed(const char *test);

/* How often a random test is repeated: as often as that, but less often where PATIENCE says that everything takes
 * longer; or as often as the environment's variable of that name says. At least 1. */
uint64_t unit_rounds(const char *variable, uint64_t count);

/* As ck_assert, for the inside of loops: a hundred times as fast, because it tells the runner only of failure. */
#define unit_assert(condition) \
    do { \
        if (!(condition)) \
            ck_abort_msg("'%s' does not hold", #condition); \
    } while (0)

#endif
