/* Passes: a ticket once, a session until it ends, both only as long as the user's secrets are the same. */
#include <string.h>

#include "../unit.h"
#include "auth/passes.h"
#include "config/config.h"

enum { NOW_MS = 1000000, LATER_MS = NOW_MS + 1000 };

static struct config *config;
static struct users *users;
static struct passes *passes;
static const struct user *ann;
static const struct login none;
static struct login login; /* of what was shown last */

static struct users *users_of(const char *text, struct config **ret_config)
{
    struct config_error error;
    struct users *made;
    char sentence[USERS_SENTENCE_SIZE];
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "x", slice_of(text), NULL, 0, ret_config, &error), 0);
    ck_assert_int_eq(users_create(*ret_config, &made, sentence), 0);
    return made;
}

static void begin(void)
{
    const struct credentials shown = { .token = slice_of("t") };
    const char *hash;
    users = users_of("[user ann]\ntoken = t\n", &config);
    passes = passes_create();
    ck_assert_int_eq(users_identify(users, &shown, NOW_MS, &ann, &hash), IDENTITY_PROVEN);
}

static void finish(void)
{
    passes_destroy(passes);
    users_destroy(users);
    config_destroy(config);
}

static const struct user *show(enum pass_kind kind, const char *text, uint64_t now_ms)
{
    return passes_show(passes, kind, slice_of(text), users, now_ms, &login);
}

START_TEST(a_ticket_is_good_once)
{
    char text[PASS_TEXT_SIZE];
    begin();
    ck_assert_int_eq(passes_issue(passes, PASS_TICKET, ann, &none, LATER_MS, text), 0);
    ck_assert_uint_eq(strlen(text), PASS_TEXT_SIZE - 1);
    ck_assert_ptr_null(show(PASS_SESSION, text, NOW_MS)); /* it is no session */
    ck_assert_ptr_eq(show(PASS_TICKET, text, NOW_MS), ann);
    ck_assert_ptr_null(show(PASS_TICKET, text, NOW_MS));
    ck_assert_int_eq(passes_issue(passes, PASS_TICKET, ann, &none, LATER_MS, text), 0);
    ck_assert_ptr_null(show(PASS_TICKET, text, LATER_MS));
    finish();
}
END_TEST

START_TEST(a_session_is_good_until_it_ends)
{
    char text[PASS_TEXT_SIZE];
    begin();
    ck_assert_int_eq(passes_issue(passes, PASS_SESSION, ann, &none, LATER_MS, text), 0);
    ck_assert_ptr_eq(show(PASS_SESSION, text, NOW_MS), ann);
    ck_assert_ptr_eq(show(PASS_SESSION, text, LATER_MS - 1), ann);
    ck_assert_ptr_null(show(PASS_SESSION, text, LATER_MS));
    ck_assert_int_eq(passes_issue(passes, PASS_SESSION, ann, &none, LATER_MS, text), 0);
    ck_assert_uint_ne(passes_revoke(passes, slice_of(text)), 0);
    ck_assert_ptr_null(show(PASS_SESSION, text, NOW_MS));
    ck_assert_uint_eq(login.id, 0);
    ck_assert_uint_eq(passes_revoke(passes, slice_of(text)), 0);
    finish();
}
END_TEST

START_TEST(a_ticket_is_of_the_login_in_which_it_was_asked_for)
{
    char session[PASS_TEXT_SIZE], other[PASS_TEXT_SIZE], ticket[PASS_TEXT_SIZE];
    begin();
    ck_assert_int_eq(passes_issue(passes, PASS_SESSION, ann, &none, LATER_MS, session), 0);
    ck_assert_ptr_eq(show(PASS_SESSION, session, NOW_MS), ann);
    const struct login first = login;
    ck_assert_uint_eq(first.expires_ms, LATER_MS);
    ck_assert_int_eq(passes_issue(passes, PASS_TICKET, ann, &first, NOW_MS + 1, ticket), 0);
    ck_assert_int_eq(passes_issue(passes, PASS_SESSION, ann, &first, LATER_MS, other), 0);
    ck_assert_ptr_eq(show(PASS_TICKET, ticket, NOW_MS), ann);
    ck_assert_uint_eq(login.id, first.id);
    ck_assert_uint_eq(login.expires_ms, LATER_MS);
    ck_assert_ptr_eq(show(PASS_SESSION, other, NOW_MS), ann);
    ck_assert_uint_ne(login.id, first.id);
    ck_assert_uint_eq(passes_revoke(passes, slice_of(session)), first.id);
    finish();
}
END_TEST

START_TEST(other_secrets_end_it)
{
    static const char *const texts[] = { "[user ann]\ntoken = u\n", "[user bob]\ntoken = t\n",
                                         "[user ann]\ntoken = t\npassword = p\n" };
    char text[PASS_TEXT_SIZE];
    begin();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config *other_config;
        struct users *others = users_of(texts[i], &other_config);
        ck_assert_int_eq(passes_issue(passes, PASS_SESSION, ann, &none, LATER_MS, text), 0);
        ck_assert_ptr_null(passes_show(passes, PASS_SESSION, slice_of(text), others, NOW_MS, &login));
        ck_assert_ptr_null(show(PASS_SESSION, text, NOW_MS));
        users_destroy(others);
        config_destroy(other_config);
    }
    finish();
}
END_TEST

START_TEST(a_flood_of_tickets_costs_no_more_than_the_oldest)
{
    char text[PASS_TEXT_SIZE], session[PASS_TEXT_SIZE];
    begin();
    ck_assert_int_eq(passes_issue(passes, PASS_SESSION, ann, &none, UINT64_MAX, session), 0);
    for (unsigned i = 0; i < 50000; i++)
        unit_assert(passes_issue(passes, PASS_TICKET, ann, &none, LATER_MS, text) == 0);
    ck_assert_ptr_eq(show(PASS_TICKET, text, NOW_MS), ann);
    ck_assert_ptr_eq(show(PASS_SESSION, session, NOW_MS), ann);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_ticket_is_good_once,
        a_session_is_good_until_it_ends,
        a_ticket_is_of_the_login_in_which_it_was_asked_for,
        other_secrets_end_it,
        a_flood_of_tickets_costs_no_more_than_the_oldest,
        NULL,
    };
    return unit_run("passes", tests);
}
