#include "jetstream/answer.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "stream/stream.h"

/* Takes the object. */
static void printed(cJSON *json, const char *wanted)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, wanted);
    cJSON_free(text);
    cJSON_Delete(json);
}

START_TEST(errors_have_both_numbers_and_a_sentence)
{
    printed(answer_error(API_STREAM_NOT_FOUND, NULL),
            "{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}");
    printed(answer_error(API_STREAM_CONFIG, "max age needs to be >= 100ms"),
            "{\"code\":500,\"err_code\":10052,\"description\":\"max age needs to be >= 100ms\"}");
    printed(answer_error(CONSUMER_FAULT_QUEUE_FILTER, "filtered consumer not unique on workqueue stream"),
            "{\"code\":400,\"err_code\":10100,\"description\":\"filtered consumer not unique on workqueue stream\"}");
}
END_TEST

START_TEST(no_number_stands_for_two_errors)
{
    static const int numbers[] = {
#define X(name, code, number, sentence) number,
        API_ERRORS(X)
#undef X
    };
    for (size_t i = 1; i < sizeof numbers / sizeof *numbers; i++)
        ck_assert_int_lt(numbers[i - 1], numbers[i]);
}
END_TEST

START_TEST(numbers_keep_their_digits)
{
    cJSON *json = answer_add_number(cJSON_CreateObject(), "a", 0);
    json = answer_add_number(json, "b", -1);
    json = answer_add_number(json, "c", 9007199254740991.0);
    json = answer_add_number(json, "d", 31536000000000000.0);
    printed(json, "{\"a\":0,\"b\":-1,\"c\":9007199254740991,\"d\":31536000000000000}");
}
END_TEST

START_TEST(what_never_was_has_a_time_all_the_same)
{
    cJSON *json = answer_add_moment(cJSON_CreateObject(), "never", 0);
    json = answer_add_moment(json, "once", 1795448711651);
    printed(json, "{\"never\":\"0001-01-01T00:00:00Z\",\"once\":\"2026-11-23T15:45:11.651Z\"}");
}
END_TEST

START_TEST(what_ran_out_of_memory_swallows_the_rest)
{
    cJSON *json = answer_add(cJSON_CreateObject(), "a", NULL);
    ck_assert_ptr_null(json);
    json = answer_add_text(json, "b", "c");
    ck_assert_ptr_null(json);
    ck_assert_ptr_null(answer_add_page(json, 1, 2, 3));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        errors_have_both_numbers_and_a_sentence,
        no_number_stands_for_two_errors,
        numbers_keep_their_digits,
        what_never_was_has_a_time_all_the_same,
        what_ran_out_of_memory_swallows_the_rest,
        NULL,
    };
    return unit_run("answer", tests);
}
