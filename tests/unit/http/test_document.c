#include "http/document.h"

#include "../unit.h"

static struct document document;

static void written(const char *wanted)
{
    ck_assert(!document.failed);
    ck_assert_uint_eq(document.buffer.size, strlen(wanted));
    ck_assert_mem_eq(document.buffer.data, wanted, document.buffer.size);
    document_finish(&document);
    ck_assert_ptr_null(document.buffer.data);
}

START_TEST(members_are_parted_by_commas_however_they_nest)
{
    document_open(&document, NULL, '{');
    document_number(&document, "a", UINT64_MAX);
    document_open(&document, "b", '[');
    document_open(&document, NULL, '{');
    document_close(&document, '}');
    document_open(&document, NULL, '[');
    document_close(&document, ']');
    document_flag(&document, NULL, true);
    document_close(&document, ']');
    document_flag(&document, "c", false);
    document_value(&document, "d", slice_of("null"));
    document_close(&document, '}');
    written("{\"a\":18446744073709551615,\"b\":[{},[],true],\"c\":false,\"d\":null}");
}
END_TEST

START_TEST(texts_are_escaped_and_do_not_look_like_brackets)
{
    document_open(&document, NULL, '[');
    document_text(&document, NULL, slice_of("[{"));
    document_text(&document, NULL, slice_of("\"\\\n"));
    document_text(&document, NULL, slice_make("\xff", 1));
    document_close(&document, ']');
    written("[\"[{\",\"\\\"\\\\\\n\",\"\xef\xbf\xbd\"]");
}
END_TEST

START_TEST(numbers_are_as_short_as_they_can_be)
{
    document_open(&document, NULL, '[');
    document_real(&document, NULL, 0);
    document_real(&document, NULL, 0.25);
    document_real(&document, NULL, 2.0 / 3);
    document_real(&document, NULL, 100);
    document_close(&document, ']');
    written("[0,0.25,0.666667,100]");
}
END_TEST

START_TEST(times_are_written_for_eyes)
{
    document_open(&document, NULL, '[');
    document_moment(&document, NULL, 1795294800123);
    document_span(&document, NULL, 999);
    document_span(&document, NULL, 61000);
    document_span(&document, NULL, 3600000);
    document_span(&document, NULL, 86400000 + 2 * 3600000 + 3 * 60000 + 4000);
    document_close(&document, ']');
    written("[\"2026-11-21T21:00:00.123Z\",\"0s\",\"1m1s\",\"1h0m0s\",\"1d2h3m4s\"]");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        members_are_parted_by_commas_however_they_nest,
        texts_are_escaped_and_do_not_look_like_brackets,
        numbers_are_as_short_as_they_can_be,
        times_are_written_for_eyes,
        NULL,
    };
    return unit_run("document", tests);
}
