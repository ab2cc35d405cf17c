#include "push/secret.h"

#include <string.h>

#include "../unit.h"

/* Of RFC 8032, section 7.1, test 1, as base64. */
#define SEED "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define PAIR "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
#define HALF "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static struct secret read_good(const char *text)
{
    struct secret secret;
    ck_assert_msg(secret_read(slice_of(text), &secret), "%s", text);
    return secret;
}

static bool is_refused(const char *text)
{
    struct secret secret = { .size = 7 };
    bool is_read = secret_read(slice_of(text), &secret);
    ck_assert_uint_eq(secret.size, is_read ? secret.size : 7);
    return !is_read;
}

START_TEST(texts_come_back_as_they_were)
{
    static const char *const texts[] = {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
        "whsk_" PAIR,
        "whpk_" HALF,
    };
    char text[SECRET_TEXT_SIZE];
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct secret secret = read_good(texts[i]);
        ck_assert_str_eq(secret_write(&secret, text), texts[i]);
    }
}
END_TEST

START_TEST(a_seed_alone_gets_its_public_half)
{
    struct secret seed = read_good("whsk_" SEED), pair = read_good("whsk_" PAIR), half;
    char text[SECRET_TEXT_SIZE];
    ck_assert(secret_equal(&seed, &pair));
    secret_public(&seed, &half);
    ck_assert_str_eq(secret_write(&half, text), "whpk_" HALF);
}
END_TEST

START_TEST(what_is_no_secret_is_refused)
{
    ck_assert(is_refused(""));
    ck_assert(is_refused("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    ck_assert(is_refused("whsec_"));
    ck_assert(is_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa="));
    ck_assert(is_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"));
    ck_assert(is_refused("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    ck_assert(is_refused("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    ck_assert(is_refused("whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    ck_assert(is_refused("whpk_" PAIR));
}
END_TEST

START_TEST(sizes_have_bounds)
{
    ck_assert(is_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY="));   /* 23 bytes */
    ck_assert(is_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
                         "P0A="));                                      /* 65 */
    ck_assert(is_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
                         "P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5f"));
}
END_TEST

START_TEST(halves_that_do_not_belong_together_are_refused)
{
    ck_assert(is_refused("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9"
                         "wdRGw=="));
}
END_TEST

START_TEST(a_new_one_is_made_of_chance)
{
    unsigned char chance[SECRET_HALF_SIZE] = { 1, 2, 3 };
    struct secret shared, twin, pair, other;
    char text[SECRET_TEXT_SIZE];
    ck_assert(secret_make(SECRET_SHARED, chance, &shared));
    ck_assert(secret_make(SECRET_PRIVATE, chance, &pair));
    secret_write(&pair, text);
    other = read_good(text);
    ck_assert(secret_equal(&pair, &other));
    ck_assert(!secret_equal(&shared, &pair));
    chance[31] = 1;
    ck_assert(secret_make(SECRET_SHARED, chance, &twin));
    ck_assert(!secret_equal(&shared, &twin));
    ck_assert(!secret_make(SECRET_PUBLIC, chance, &twin));
}
END_TEST

START_TEST(nothing_is_left_of_one_that_was_wiped)
{
    static const struct secret nothing;
    struct secret secret = read_good("whsk_" PAIR);
    secret_wipe(&secret);
    ck_assert_mem_eq(&secret, &nothing, sizeof secret);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        texts_come_back_as_they_were,
        a_seed_alone_gets_its_public_half,
        what_is_no_secret_is_refused,
        sizes_have_bounds,
        halves_that_do_not_belong_together_are_refused,
        a_new_one_is_made_of_chance,
        nothing_is_left_of_one_that_was_wiped,
        NULL,
    };
    return unit_run("secret", tests);
}
