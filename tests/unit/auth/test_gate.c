/* The gate: what takes time comes back to its desk, refusals come late, and nobody who is gone is told. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "../unit.h"
#include "auth/gate.h"
#include "config/config.h"
#include "util/clock.h"

#define HASH "$2b$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW" /* of "sesame" */

enum { DELAY_MAX_MS = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static unsigned wake_count;

static struct config *config;
static struct users *users;
static struct gate *gate;
static struct gate_desk desk;
static unsigned told_count;
static const struct user *told_user;

static void wake(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    wake_count++;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&lock);
}

static void on_told(void *owner, const struct user *user, struct slice name)
{
    ck_assert_ptr_eq(owner, &desk);
    ck_assert_uint_gt(name.size, 0);
    told_user = user;
    told_count++;
}

static void begin(void)
{
    struct config_error error;
    char sentence[USERS_SENTENCE_SIZE];
    static const char text[] = "[user ann]\npassword = " HASH "\n[user tom]\npassword = plain\n";
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "x", slice_of(text), NULL, 0, &config, &error), 0);
    ck_assert_int_eq(users_create(config, &users, sentence), 0);
    gate = gate_create();
    gate_reset(gate, DELAY_MAX_MS);
    gate_desk_init(&desk, gate, wake, NULL);
    wake_count = told_count = 0;
    told_user = NULL;
}

static void finish(void)
{
    gate_desk_forget(&desk);
    gate_destroy(gate);
    users_destroy(users);
    config_destroy(config);
}

static int try(const char *name, const char *password, const struct user **ret_user, struct proof **ret_proof)
{
    const struct credentials shown = { .name = slice_of(name), .password = slice_of(password),
                                       .place = slice_of("here") };
    const struct gate_attempt attempt = { users, &shown, 0, on_told, &desk };
    return gate_try(&desk, &attempt, ret_user, ret_proof);
}

static int ask(const char *name, const char *password)
{
    const struct user *user;
    struct proof *proof;
    return try(name, password, &user, &proof);
}

static void await_wakes(unsigned count)
{
    pthread_mutex_lock(&lock);
    while (wake_count < count)
        pthread_cond_wait(&woken, &lock);
    pthread_mutex_unlock(&lock);
    gate_desk_turn(&desk, users);
}

START_TEST(a_slow_hash_is_checked_elsewhere_and_then_known)
{
    const struct user *user;
    struct proof *proof;
    begin();
    ck_assert_int_eq(try("ann", "sesame", &user, &proof), -EINPROGRESS);
    await_wakes(1);
    ck_assert_uint_eq(told_count, 1);
    ck_assert_str_eq(told_user->name, "ann");
    ck_assert_int_eq(try("ann", "sesame", &user, &proof), 0);
    ck_assert_ptr_eq(user, told_user);
    gate_reset(gate, DELAY_MAX_MS);
    ck_assert_int_eq(try("ann", "sesame", &user, &proof), -EINPROGRESS);
    await_wakes(2);
    finish();
}
END_TEST

START_TEST(an_unknown_name_takes_as_long_as_a_wrong_password)
{
    begin();
    ck_assert_int_eq(ask("ann", "wrong"), -EINPROGRESS);
    ck_assert_int_eq(ask("nobody", "wrong"), -EINPROGRESS);
    ck_assert_int_eq(ask("nobody", "sesame"), -EINPROGRESS); /* by the hash of somebody else */
    await_wakes(3);
    ck_assert_uint_eq(told_count, 3);
    ck_assert_ptr_null(told_user);
    finish();
}
END_TEST

START_TEST(refusals_are_held_back_and_what_is_right_is_not)
{
    const struct user *user;
    struct proof *proof;
    begin();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ask("tom", "wrong"), -EACCES);
    uint64_t start_ms = clock_monotonic_ms();
    ck_assert_int_eq(ask("tom", "wrong"), -EINPROGRESS);
    ck_assert_int_eq(ask("tom", "wrong"), -EINPROGRESS);
    ck_assert_int_eq(try("tom", "plain", &user, &proof), 0);
    await_wakes(2);
    ck_assert_uint_ge(clock_monotonic_ms() - start_ms, DELAY_MAX_MS);
    ck_assert_uint_eq(told_count, 2);
    finish();
}
END_TEST

START_TEST(too_many_from_a_place_are_not_looked_at)
{
    unsigned begun = 0;
    int error;
    begin();
    gate_reset(gate, 60000);
    while ((error = ask("tom", "wrong")) != -EAGAIN)
        begun += error == -EINPROGRESS;
    ck_assert_uint_eq(begun, 256);
    ck_assert_int_eq(ask("tom", "plain"), -EAGAIN);
    finish(); /* with all of them held back */
}
END_TEST

START_TEST(nobody_who_is_gone_is_told)
{
    const struct user *user;
    struct proof *proof;
    begin();
    ck_assert_int_eq(try("ann", "sesame", &user, &proof), -EINPROGRESS);
    proof_cancel(proof);
    await_wakes(1);
    ck_assert_uint_eq(told_count, 0);
    ck_assert_uint_eq(desk.away_count, 0);
    finish();
}
END_TEST

START_TEST(what_was_proven_of_another_hash_proves_nothing)
{
    struct config_error error;
    struct config *changed;
    struct users *others;
    char sentence[USERS_SENTENCE_SIZE];
    static const char text[] = "[user ann]\npassword = $2b$04$abcdefghijklmnopqrstuuJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJ\n";
    begin();
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "x", slice_of(text), NULL, 0, &changed, &error), 0);
    ck_assert_int_eq(users_create(changed, &others, sentence), 0);
    ck_assert_int_eq(ask("ann", "sesame"), -EINPROGRESS);
    pthread_mutex_lock(&lock);
    while (wake_count < 1)
        pthread_cond_wait(&woken, &lock);
    pthread_mutex_unlock(&lock);
    gate_desk_turn(&desk, others);
    ck_assert_uint_eq(told_count, 1);
    ck_assert_ptr_null(told_user);
    users_destroy(others);
    config_destroy(changed);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_slow_hash_is_checked_elsewhere_and_then_known,
        an_unknown_name_takes_as_long_as_a_wrong_password,
        refusals_are_held_back_and_what_is_right_is_not,
        too_many_from_a_place_are_not_looked_at,
        nobody_who_is_gone_is_told,
        what_was_proven_of_another_hash_proves_nothing,
        NULL,
    };
    return unit_run("gate", tests);
}
