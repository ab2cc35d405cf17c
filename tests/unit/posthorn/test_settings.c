/* Settings of streams and consumers: what is written into a config object, and what is shown of one. */
#include "posthorn/settings.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#define LIST(X) \
    X(text, "text", "t", TEXT, "TEXT", NULL, "") \
    X(count, "count", "c", COUNT, "N", "unlimited", "") \
    X(size, "size", "s", SIZE, "SIZE", "unlimited", "") \
    X(duration, "duration", "d", DURATION, "TIME", "off", "") \
    X(durations, "durations", "ds", DURATIONS, "TIMES", "none", "") \
    X(sync, "sync", "sync", SYNC, "WHEN", NULL, "") \
    X(choice, "choice", "ch", CHOICE, "old|new", NULL, "") \
    X(flag, "flag", "f", FLAG, "yes|no", NULL, "") \
    X(number, "number", "n", NUMBER, "N", "any", "") \
    X(time, "time", "ti", TIME, "TIME", "never", "") \
    X(times, "times", "tis", TIMES, "TIMES", "none", "") \
    X(object, "object", "o", OBJECT, "JSON", "none", "")

struct values {
    LIST(SETTING_MEMBER)
};
#define SETTING_VALUES values
static const struct setting rows[] = { LIST(SETTING_ROW) { 0 } };

/* The config object as JSON once a setting has been written into it. */
static const char *written(const char *name, const char *text)
{
    static char *json;
    struct values values = { 0 };
    cJSON *config = cJSON_CreateObject();
    for (const struct setting *row = rows; row->name; row++)
        if (strcmp(row->name, name) == 0)
            *(const char **)((char *)&values + row->offset) = text;
    free(json);
    json = NULL;
    if (settings_write(rows, &values, config) == EXIT_OK)
        json = object_print(config);
    cJSON_Delete(config);
    return json;
}

static const struct {
    const char *name, *text, *json; /* json NULL: it is refused */
} cases[] = {
    { "text", "a \"b\"", "{\"t\":\"a \\\"b\\\"\"}" },
    { "count", "5000000000", "{\"c\":5000000000}" },
    { "count", "unlimited", "{\"c\":-1}" },
    { "count", "-1", NULL },
    { "count", "1KiB", NULL },
    { "size", "1GiB", "{\"s\":1073741824}" },
    { "size", "unlimited", "{\"s\":-1}" },
    { "size", "1GB", NULL },
    { "duration", "90s", "{\"d\":90000000000}" },
    { "duration", "365d", "{\"d\":31536000000000000}" }, /* servers do not take 3.1536e+16 for a whole number */
    { "duration", "36500d", "{\"d\":3153600000000000000}" },
    { "duration", "off", "{\"d\":0}" },
    { "duration", "unlimited", NULL },
    { "durations", "1s,10s, 1m", "{\"ds\":[1000000000,10000000000,60000000000]}" },
    { "durations", "none", "{\"ds\":[]}" },
    { "durations", "", NULL },
    { "number", "10", "{\"n\":10}" },
    { "number", "any", "{\"n\":null}" },
    { "number", "-1", NULL },
    { "time", "90s", "{\"ti\":\"90s\"}" },
    { "time", "never", "{\"ti\":\"never\"}" },
    { "time", "90", NULL },
    { "times", "1s,10s, 1m", "{\"tis\":[\"1s\",\"10s\",\"1m\"]}" },
    { "times", "none", "{\"tis\":[]}" },
    { "times", "1s,soon", NULL },
    { "object", "{\"a\": [1]}", "{\"o\":{\"a\":[1]}}" },
    { "object", "none", "{\"o\":null}" },
    { "object", "[1]", NULL },
    { "object", "{", NULL },
    { "durations", "1s,x", NULL },
    { "sync", "always", "{\"sync\":\"always\"}" },
    { "sync", "100ms", "{\"sync\":\"100ms\"}" },
    { "sync", "0", NULL },
    { "choice", "new", "{\"ch\":\"new\"}" },
    { "choice", "ne", NULL },
    { "choice", "old|new", NULL },
    { "choice", "", NULL },
    { "flag", "yes", "{\"f\":true}" },
    { "flag", "no", "{\"f\":false}" },
    { "flag", "true", NULL },
};

START_TEST(what_is_given_is_written)
{
    const char *json = written(cases[_i].name, cases[_i].text);
    ck_assert_pstr_eq(json, cases[_i].json);
}
END_TEST

START_TEST(what_is_not_given_stays)
{
    struct values values = { .flag = "no" };
    cJSON *config = cJSON_Parse("{\"c\":7,\"f\":true,\"other\":[1]}");
    ck_assert_int_eq(settings_write(rows, &values, config), EXIT_OK);
    char *json = object_print(config);
    ck_assert_str_eq(json, "{\"c\":7,\"other\":[1],\"f\":false}");
    free(json);
    cJSON_Delete(config);
}
END_TEST

static char *shown(const char *json)
{
    char *text;
    size_t size;
    struct table table;
    cJSON *config = cJSON_Parse(json);
    FILE *out = open_memstream(&text, &size);
    table_init(&table, "ll");
    settings_show(rows, config, &table);
    table_print(&table, out);
    table_finish(&table);
    fclose(out);
    cJSON_Delete(config);
    return text;
}

START_TEST(what_is_there_is_shown_as_it_would_be_given)
{
    char *text = shown("{\"t\":\"\\u001b[2J\\u00fc\",\"c\":5000000000,\"s\":1073741824,\"d\":31536000000000000,"
                       "\"ds\":[1000000000,60000000000],\"sync\":\"1s\",\"ch\":\"old\",\"f\":true}");
    ck_assert_str_eq(text, "text       \\x1b[2J\xc3\xbc\ncount      5000000000\nsize       1GiB\nduration   365d\n"
                           "durations  1s, 1m\nsync       1s\nchoice     old\nflag       yes\n"
                           "number     any\ntime       never\ntimes      none\nobject     none\n");
    free(text);
    text = shown("{\"c\":-1,\"s\":\"x\",\"d\":0}");
    ck_assert_str_eq(text, "text       -\ncount      unlimited\nsize       unlimited\nduration   off\n"
                           "durations  none\nsync       -\nchoice     -\nflag       no\n"
                           "number     any\ntime       never\ntimes      none\nobject     none\n");
    free(text);
}
END_TEST

static const struct {
    const char *time, *shown;
} moments[] = {
    { "\"2026-11-28T19:11:06.332501332Z\"", "2026-11-28T19:11:06.332Z" },
    { "\"2026-11-28T19:11:06.3Z\"", "2026-11-28T19:11:06.3Z" },
    { "\"2026-11-28T19:11:06Z\"", "2026-11-28T19:11:06Z" },
    { "\"0001-01-01T00:00:00Z\"", "-" },
    { "\"soon\"", "-" },
    { "7", "-" },
};

START_TEST(moments_are_shown_down_to_milliseconds)
{
    char json[64], out[OBJECT_MOMENT_SIZE];
    snprintf(json, sizeof json, "{\"time\":%s}", moments[_i].time);
    cJSON *object = cJSON_Parse(json);
    ck_assert_str_eq(object_moment(object, "time", out), moments[_i].shown);
    cJSON_Delete(object);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("settings");
    tcase_add_loop_test(tcase, what_is_given_is_written, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tcase, what_is_not_given_stays);
    tcase_add_test(tcase, what_is_there_is_shown_as_it_would_be_given);
    tcase_add_loop_test(tcase, moments_are_shown_down_to_milliseconds, 0, (int)(sizeof moments / sizeof *moments));
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
