/* What a reload can change, what it cannot, and what becomes of the latter. */
#include <stdlib.h>

#include "../unit.h"
#include "config/config.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static struct config *load(const char *text)
{
    struct config *config;
    struct config_error error;
    int rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, &config, &error);
    ck_assert_msg(rc == 0, "%s", error.sentence);
    return config;
}

static const struct {
    const char *text, *names;
} changes[] = {
    { "", NULL },
    { "[server]\nname = x\n", "server.name" },
    { "[server]\nworkers = 2\n", "server.workers" },
    { "[server]\nspin = 1us\n", "server.spin" },
    { "[server]\nlog = /x\n", "server.log" },
    { "[server]\nlog_level = debug\n", NULL },
    { "[server]\ndata_dir = /x\n", "server.data_dir" },
    { "[server]\ncache_size = 1MiB\n", "server.cache_size" },
    { "[server]\nsegment_size = 1MiB\n", "server.segment_size" },
    { "[stream a]\ntopics = a\n", NULL },
    { "[server]\nlame_duck_grace = 1s\n", NULL },
    { "[server]\nlame_duck_duration = 1s\n", NULL },
    { "[server]\nconnections_max = 1\n", NULL },
    { "[server]\nconnections_per_address_max = 1\n", NULL },
    { "[server]\nsubscriptions_per_address_max = 1\npublish_rate_per_address = 1\n", NULL },
    { "[server]\npublish_bytes_rate_per_address = 1MiB\n", NULL },
    { "[line]\nlisten = 127.0.0.1:1\n", "line.listen" },
    { "[line]\nunix_mode = 0600\n", "line.unix_mode" },
    { "[line]\npayload_size_max = 1\n", NULL },
    { "[line]\npending_size_max = 1MiB\n", NULL },
    { "[line]\ncontrol_size_max = 8KiB\n", NULL },
    { "[line]\nsubscriptions_max = 1\n", NULL },
    { "[line]\ntopic_size_max = 1\n", NULL },
    { "[line]\ntopic_depth_max = 1\n", NULL },
    { "[line]\nauth_timeout = 1s\n", NULL },
    { "[line]\nhello_timeout = 1s\n", NULL },
    { "[line]\nwrite_timeout = 1s\n", NULL },
    { "[line]\nping_interval = 1s\n", NULL },
    { "[line]\npings_outstanding_max = 1\n", NULL },
    { "[user alice]\ntoken = t\n", NULL },
    { "[user alice]\ntoken = t\nstreams_max = 1\nstored_bytes_max = 1GiB\n", NULL },
    { "[server]\nworkers = 0\nspin = 0\n[line]\nunix_mode = 660\nlisten = 127.0.0.1:4222,[::1]:4222\n", NULL },
    { "[line]\nlisten = [::1]:4222, 127.0.0.1:4222\n[server]\nlog_level = error\nworkers = 2\n",
      "server.workers, line.listen" },
};

START_TEST(change_that_needs_a_restart_is_named)
{
    struct config *old_config = load(""), *new_config = load(changes[_i].text);
    char *names = NULL;
    ck_assert_int_eq(config_changes_needing_restart(old_config, new_config, &names), 0);
    ck_assert_pstr_eq(names, changes[_i].names);
    free(names);
    ck_assert_int_eq(config_changes_needing_restart(new_config, old_config, &names), 0);
    ck_assert_pstr_eq(names, changes[_i].names);
    free(names);
    config_destroy(new_config);
    config_destroy(old_config);
}
END_TEST

START_TEST(what_cannot_change_is_carried_over_and_named_again_by_the_next_reload)
{
    static const char edited[] =
        "[server]\nworkers = 8\nlog_level = error\n[line]\nlisten = 127.0.0.1:2\nping_interval = 9s\n"
        "[user alice]\ntoken = t\n";
    struct config *running = load("[server]\nworkers = 2\n[line]\nlisten = 127.0.0.1:1\n[user bob]\ntoken = u\n");
    struct config *reloaded = load(edited);
    ck_assert_int_eq(config_carry_over(running, reloaded), 0);
    ck_assert_uint_eq(running->server.workers, 2);
    config_destroy(running);
    ck_assert_uint_eq(reloaded->server.workers, 2);
    ck_assert_str_eq(reloaded->line.listen.items[0], "127.0.0.1:1");
    ck_assert_uint_eq(reloaded->server.log_level, 0);
    ck_assert_uint_eq(reloaded->line.ping_interval_ms, 9000);
    ck_assert_uint_eq(reloaded->user_count, 1);
    ck_assert_str_eq(reloaded->users[0].name, "alice");

    struct config *next = load(edited);
    char *names = NULL;
    ck_assert_int_eq(config_changes_needing_restart(reloaded, next, &names), 0);
    ck_assert_str_eq(names, "server.workers, line.listen");
    free(names);
    config_destroy(next);
    config_destroy(reloaded);
}
END_TEST

START_TEST(a_copy_of_a_section_says_the_same_and_lives_on)
{
    static const char text[] = "[user alice]\ntoken = t\n[user bob]\ntoken = u\n";
    struct config *config = load(text), *other = load("[user alice]\ntoken = v\n[user bob]\ntoken = u\n");
    struct config_user *copy = config_copy("user", &config->users[0]);
    ck_assert(config_is_same("user", &config->users[0], copy));
    ck_assert(!config_is_same("user", &config->users[1], copy));
    config_destroy(config);
    ck_assert(!config_is_same("user", &other->users[0], copy));
    ck_assert_str_eq(copy->name, "alice");
    ck_assert_str_eq(copy->token, "t");
    config_free_copy("user", copy);
    config_free_copy("user", NULL);
    config_destroy(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *reload = tcase_create("reload");
    tcase_add_loop_test(reload, change_that_needs_a_restart_is_named, 0, COUNT(changes));
    tcase_add_test(reload, what_cannot_change_is_carried_over_and_named_again_by_the_next_reload);
    tcase_add_test(reload, a_copy_of_a_section_says_the_same_and_lives_on);
    suite_add_tcase(suite, reload);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
