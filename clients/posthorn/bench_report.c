#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "quantity.h"

static const struct {
    const char *name;
    double percent;
} percentiles[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p99.9", 99.9 } };
enum { PERCENTILE_COUNT = sizeof percentiles / sizeof *percentiles };

static const char *server_address(const struct bench *bench)
{
    return ph_server(bench->workers[0].connection.conn)->address;
}

static double per_second(const struct bench_result *result)
{
    return result->seconds > 0 ? (double)result->messages / result->seconds : 0;
}

/* ---- for eyes ---- */

static void print_parts(const struct bench *bench)
{
    size_t seen;
    for (size_t i = 0; i < bench->worker_count; i += seen) {
        const struct bench_role *role = bench->workers[i].role;
        for (seen = 1; i + seen < bench->worker_count && bench->workers[i + seen].role == role;)
            seen++;
        printf("%s%zu %s%s", i ? ", " : "", seen, role->name, seen == 1 ? "" : "s");
    }
}

static void print_latency(const struct histogram *latency)
{
    char text[QUANTITY_TEXT_SIZE];
    printf("latency    min %s", quantity_print_duration((double)latency->least, text));
    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        printf(", %s %s", percentiles[i].name,
               quantity_print_duration((double)histogram_percentile(latency, percentiles[i].percent), text));
    printf(", max %s\n", quantity_print_duration((double)latency->most, text));
}

static void report_text(const struct bench *bench, const struct bench_result *result)
{
    char size[QUANTITY_TEXT_SIZE], time[QUANTITY_TEXT_SIZE], rate[QUANTITY_TEXT_SIZE], traffic[QUANTITY_TEXT_SIZE];
    printf("%s at %s: ", bench->shape->name, server_address(bench));
    print_parts(bench);
    printf(", %llu messages of %s\n", (unsigned long long)bench->values->messages,
           quantity_print_size((double)bench->values->size, size));
    printf("%-10s %llu in %s: %s/s, %s/s\n", bench->shape->verb, (unsigned long long)result->messages,
           quantity_print_duration(result->seconds * 1e9, time), quantity_print_count(per_second(result), rate),
           quantity_print_size(per_second(result) * (double)bench->values->size, traffic));
    if (result->latency.count)
        print_latency(&result->latency);
}

/* ---- for programs ---- */

static void print_json_latency(const struct histogram *latency)
{
    printf(",\"latency_us\":{\"min\":%.3f", (double)latency->least / 1e3);
    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        printf(",\"%s\":%.3f", percentiles[i].name,
               (double)histogram_percentile(latency, percentiles[i].percent) / 1e3);
    printf(",\"max\":%.3f}", (double)latency->most / 1e3);
}

static void report_json(const struct bench *bench, const struct bench_result *result)
{
    const char *address = server_address(bench);
    printf("{\"bench\":\"%s\",\"server\":", bench->shape->name);
    json_string(stdout, address, strlen(address));
    printf(",\"messages\":%llu,\"size\":%llu,\"clients\":%llu", (unsigned long long)bench->values->messages,
           (unsigned long long)bench->values->size, (unsigned long long)bench->values->clients);
    if (bench->values->subscribers)
        printf(",\"subscribers\":%llu", (unsigned long long)bench->values->subscribers);
    if (bench->values->responders)
        printf(",\"responders\":%llu", (unsigned long long)bench->values->responders);
    printf(",\"%s\":%llu,\"seconds\":%.6f,\"per_second\":%.1f", bench->shape->verb,
           (unsigned long long)result->messages, result->seconds, per_second(result));
    if (result->latency.count)
        print_json_latency(&result->latency);
    puts("}");
}

void bench_report(const struct bench *bench, const struct bench_result *result)
{
    (bench->values->json ? report_json : report_text)(bench, result);
}
