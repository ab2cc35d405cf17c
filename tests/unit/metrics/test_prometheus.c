#include "metrics/prometheus.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

/* Where a test prints to, and what it has printed. */
static char *text;
static size_t text_size;
static FILE *out;

static void begin(void)
{
    out = open_memstream(&text, &text_size);
}

static void printed(const char *wanted)
{
    fclose(out);
    ck_assert_str_eq(text, wanted);
    free(text);
}

static unsigned count_of(const char *needle)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, needle)); at++)
        count++;
    return count;
}

START_TEST(each_counter_has_help_type_and_value)
{
    struct counters counters = { .connections_opened = 7, .bytes_out = UINT64_MAX };
    begin();
    prometheus_put_counters(out, &counters);
    fclose(out);
    ck_assert_uint_eq(count_of("# HELP posthorn_"), COUNTER_COUNT);
    ck_assert_uint_eq(count_of(" counter\n"), COUNTER_COUNT);
    ck_assert_uint_eq(count_of("\n"), 3 * COUNTER_COUNT);
    ck_assert_ptr_eq(strstr(text, "# HELP posthorn_connections_opened_total Connections accepted.\n"
                                  "# TYPE posthorn_connections_opened_total counter\n"
                                  "posthorn_connections_opened_total 7\n"), text);
    ck_assert_ptr_nonnull(strstr(text, "\nposthorn_bytes_out_total 18446744073709551615\n"));
    free(text);
}
END_TEST

START_TEST(a_family_is_announced_once_and_sampled_for_each_label)
{
    const struct prometheus_family family = { "stream_bytes", "Bytes kept", "gauge" };
    begin();
    prometheus_put_family(out, &family);
    prometheus_put_sample(out, family.name, "stream", "recent", 67108864);
    prometheus_put_sample(out, family.name, "stream", "orders", 0.25);
    printed("# HELP posthorn_stream_bytes Bytes kept.\n"
            "# TYPE posthorn_stream_bytes gauge\n"
            "posthorn_stream_bytes{stream=\"recent\"} 67108864\n"
            "posthorn_stream_bytes{stream=\"orders\"} 0.25\n");
}
END_TEST

START_TEST(a_sample_may_have_no_label)
{
    begin();
    prometheus_put_sample(out, "workers", NULL, NULL, 4);
    printed("posthorn_workers 4\n");
}
END_TEST

START_TEST(values_of_labels_are_escaped)
{
    begin();
    prometheus_put_sample(out, "build_info", "version", "a\"b\\c\nd", 1);
    printed("posthorn_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
}
END_TEST

START_TEST(large_whole_numbers_keep_their_digits)
{
    begin();
    prometheus_put_sample(out, "resident_memory_bytes", NULL, NULL, 123456789012345.0);
    printed("posthorn_resident_memory_bytes 123456789012345\n");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_counter_has_help_type_and_value,
        a_family_is_announced_once_and_sampled_for_each_label,
        a_sample_may_have_no_label,
        values_of_labels_are_escaped,
        large_whole_numbers_keep_their_digits,
        NULL,
    };
    return unit_run("prometheus", tests);
}
