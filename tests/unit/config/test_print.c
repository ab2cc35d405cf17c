/* The printers: what is printed loads again, secrets stay, and the repository's files are what the table prints. */
#include <errno.h>
#include <stdlib.h>

#include "../unit.h"
#include "config/config.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static struct config_error error;

static struct config *load(const char *text)
{
    struct config *config;
    int rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, &config, &error);
    ck_assert_msg(rc == 0, "%s", error.sentence);
    return config;
}

/* Each returns what is printed, to be freed. */
static char *printed_by(void (*print)(enum program program, FILE *out), enum program program)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print(program, out);
    fclose(out);
    return text;
}

static char *printed(const struct config *config)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    config_print(config, out);
    fclose(out);
    return text;
}

static const char *const texts[] = {
    "",
    "[server]\nname = n ; x\nworkers = 3\nspin = 20us\nlog = /var/log/a b;c\nlog_level = error\nlame_duck_grace = 0\n"
    "connections_per_address_max = 5\nsubscriptions_per_address_max = 6\n"
    "publish_bytes_rate_per_address = 1MiB\nopen = yes\n"
    "[line]\nlisten = 10.0.0.5:4222,\n  unix:/run/x\nunix_mode = 7\npayload_size_max = 1025\nping_interval = 1500ms\n"
    "[stream a]\ntopics = a.>,b\nsync = never\nmessages_max = 5000000000\n[stream b]\ntopics = c\nsync = 1s\n",
};

START_TEST(printed_configuration_loads_as_the_same)
{
    struct config *config = load(texts[_i]);
    char *text = printed(config);
    struct config *again = load(text);
    char *text_again = printed(again);
    ck_assert_str_eq(text, text_again);
    ck_assert_uint_eq(again->line.payload_size_max, config->line.payload_size_max);
    ck_assert_uint_eq(again->line.listen.item_count, config->line.listen.item_count);
    free(text_again);
    config_destroy(again);
    free(text);
    config_destroy(config);
}
END_TEST

START_TEST(defaults_are_printed_as_they_would_be_written)
{
    struct config *config = load("");
    char *text = printed(config);
    ck_assert_ptr_nonnull(
        strstr(text, "[server]\nname =\nworkers = auto\nspin = off\nlog = stderr\nlog_level = info\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "\n\n[line]\nlisten = 127.0.0.1:4222, [::1]:4222\nunix_mode = 0660\ntls = no\n"));
    ck_assert_ptr_null(strstr(text, "[user"));
    free(text);
    config_destroy(config);
}
END_TEST

/* And since they are not, what is printed cannot let anybody in: it is refused. */
START_TEST(secrets_are_not_printed)
{
    struct config *config = load("[user alice]\npassword = hush\n[user bob]\ntoken = quiet\n");
    char *text = printed(config);
    ck_assert_ptr_null(strstr(text, "hush"));
    ck_assert_ptr_null(strstr(text, "quiet"));
    ck_assert_ptr_nonnull(
        strstr(text, "\n\n[user alice]\n; password is set; secrets are not printed\ncertificate =\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n[user bob]\n; token is set; secrets are not printed\ncertificate =\n"));
    struct config *again;
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, &again, &error), -EINVAL);
    ck_assert_str_eq(error.offending, "[user alice]");
    free(text);
    config_destroy(config);
}
END_TEST

START_TEST(lists_of_secrets_are_not_printed_either)
{
    struct config *config = load("[webhook w]\nurl = http://x/\npattern = a\nsecrets = whsec_a, whsk_b\n");
    char *text = printed(config);
    ck_assert_ptr_null(strstr(text, "whs"));
    ck_assert_ptr_nonnull(strstr(text, "; secrets is set; secrets are not printed\n"));
    ck_assert_ptr_null(strstr(text, "headers is set"));
    free(text);
    config_destroy(config);
}
END_TEST

START_TEST(sample_is_the_defaults)
{
    char *sample = printed_by(config_print_sample, PROGRAM_BROKER);
    struct config *config = load(sample), *defaults = load("");
    char *text = printed(config), *wanted = printed(defaults);
    ck_assert_str_eq(text, wanted);
    free(wanted);
    free(text);
    config_destroy(defaults);
    config_destroy(config);
    free(sample);
}
END_TEST

/* Takes the ';' from the lines of options, up to the first section that is commented out itself. */
static void uncomment(char *text)
{
    char *end = strstr(text, "\n;[");
    if (end)
        *end = '\0';
    for (char *at = strstr(text, "\n;"); at; at = strstr(at + 1, "\n;"))
        if (at[2] != ' ' && at[2] != '\n')
            memmove(at + 1, at + 2, strlen(at + 2) + 1);
}

START_TEST(sample_with_every_option_set_is_the_defaults_too)
{
    char *sample = printed_by(config_print_sample, PROGRAM_BROKER);
    uncomment(sample);
    ck_assert_ptr_nonnull(strstr(sample, "\npings_outstanding_max = 2"));
    struct config *config = load(sample), *defaults = load("");
    char *text = printed(config), *wanted = printed(defaults);
    ck_assert_str_eq(text, wanted);
    free(wanted);
    free(text);
    config_destroy(defaults);
    config_destroy(config);
    free(sample);
}
END_TEST

START_TEST(sample_fits_a_terminal)
{
    char *sample = printed_by(config_print_sample, PROGRAM_BROKER);
    for (char *line = strtok(sample, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_msg(strlen(line) <= 100, "%s", line);
    free(sample);
}
END_TEST

static const struct {
    const char *path, *option;
    void (*print)(enum program program, FILE *out);
    enum program program;
} files[] = {
    { "etc/posthornd.ini", "--print-sample", config_print_sample, PROGRAM_BROKER },
    { "doc/posthornd.ini.5", "--print-man", config_print_man, PROGRAM_BROKER },
    { "etc/posthorn-sidecar.ini", "--print-sample", config_print_sample, PROGRAM_SIDECAR },
    { "doc/posthorn-sidecar.ini.5", "--print-man", config_print_man, PROGRAM_SIDECAR },
};

static char *read_whole(FILE *file)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (int byte = getc(file); byte != EOF; byte = getc(file))
        putc(byte, out);
    fclose(out);
    return text;
}

START_TEST(file_of_the_repository_is_what_the_table_prints)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("srcdir") ? getenv("srcdir") : ".", files[_i].path);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "%s: %s", path, strerror(errno));
    char *text = read_whole(file), *wanted = printed_by(files[_i].print, files[_i].program);
    fclose(file);
    ck_assert_msg(strcmp(text, wanted) == 0, "%s is out of date: %s %s > %s", files[_i].path,
                  program_name(files[_i].program), files[_i].option, files[_i].path);
    free(wanted);
    free(text);
}
END_TEST

START_TEST(man_page_has_every_option_of_the_sample)
{
    enum program program = _i ? PROGRAM_SIDECAR : PROGRAM_BROKER;
    char *man = printed_by(config_print_man, program), *sample = printed_by(config_print_sample, program);
    for (char *line = strtok(sample, "\n"); line; line = strtok(NULL, "\n"))
        if (line[0] == ';' && line[1] >= 'a' && line[1] <= 'z') {
            char wanted[128];
            snprintf(wanted, sizeof wanted, ".B %.*s\n", (int)strcspn(line + 1, " ="), line + 1);
            ck_assert_msg(strstr(man, wanted), "%s", wanted);
        }
    free(sample);
    free(man);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print");
    TCase *effective = tcase_create("effective"), *sample = tcase_create("sample"),
          *repository = tcase_create("repository");
    tcase_add_loop_test(effective, printed_configuration_loads_as_the_same, 0, COUNT(texts));
    tcase_add_test(effective, defaults_are_printed_as_they_would_be_written);
    tcase_add_test(effective, secrets_are_not_printed);
    tcase_add_test(effective, lists_of_secrets_are_not_printed_either);
    tcase_add_test(sample, sample_is_the_defaults);
    tcase_add_test(sample, sample_with_every_option_set_is_the_defaults_too);
    tcase_add_test(sample, sample_fits_a_terminal);
    tcase_add_loop_test(repository, file_of_the_repository_is_what_the_table_prints, 0, COUNT(files));
    tcase_add_loop_test(repository, man_page_has_every_option_of_the_sample, 0, 2);
    suite_add_tcase(suite, effective);
    suite_add_tcase(suite, sample);
    suite_add_tcase(suite, repository);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
