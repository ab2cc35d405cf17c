/*
 * What /metrics tells of webhooks: of each of the first hundred under the label webhook; what the others have together
 * is under webhook="".
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "broker/webhooks.h"
#include "http/monitor.h"
#include "metrics/prometheus.h"

enum { ROWS_MAX = 100 };

static const struct {
    struct prometheus_family family;
    size_t at;
} numbers[] = {
#define AT(field) offsetof(struct webhook_tally, field)
    { { "webhook_guarded_total", "Attempts whose address the guard has refused", "counter" }, AT(guarded) },
    { { "webhook_dead_total", "Messages that were given up", "counter" }, AT(dead) },
    { { "webhook_filtered_total", "Messages that their filters did not want", "counter" }, AT(filtered) },
    { { "webhook_lost_total", "Messages that were gone before they could be sent", "counter" }, AT(lost) },
    { { "webhook_in_flight", "Attempts that are under way", "gauge" }, AT(in_flight) },
    { { "webhook_unsettled", "Messages that are being sent, or wait to be sent again", "gauge" }, AT(unsettled) },
    { { "webhook_enabled", "1, or 0 where it is disabled; without a name, how many are enabled", "gauge" },
      AT(enabled) },
    { { "webhook_breaker_open", "1 where the receiver fails and is left alone; without a name, how many are", "gauge" },
      AT(open) },
#undef AT
};

static const char *const results[WEBHOOK_RESULT_COUNT] = { "delivered", "failed", "slow_down", "refused", "gone" };

static void put_numbers(FILE *out, const struct webhook_row *rows, size_t count)
{
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
        prometheus_put_family(out, &numbers[n].family);
        for (size_t i = 0; i < count; i++) {
            const void *at = (const char *)&rows[i].tally + numbers[n].at;
            prometheus_put_sample(out, numbers[n].family.name, "webhook", rows[i].name,
                                  (double)*(const uint64_t *)at);
        }
    }
}

static void put_attempts(FILE *out, const struct webhook_row *rows, size_t count)
{
    static const struct prometheus_family family = {
        "webhook_attempts_total", "Attempts, by what came of them", "counter",
    };
    prometheus_put_family(out, &family);
    for (size_t i = 0; i < count; i++)
        for (unsigned result = 0; result < WEBHOOK_RESULT_COUNT; result++)
            prometheus_put_pair(out, family.name, "webhook", rows[i].name, "result", results[result],
                                (double)rows[i].tally.attempts[result]);
}

static void put_histogram(FILE *out, const struct webhook_row *row)
{
    uint64_t sum = 0;
    char bound[32];
    for (unsigned i = 0; i < WEBHOOK_BUCKET_COUNT; i++) {
        unsigned bound_ms = webhook_bucket_ms(i);
        sum += row->tally.buckets[i];
        snprintf(bound, sizeof bound, "%g", bound_ms / 1000.0);
        prometheus_put_pair(out, "webhook_attempt_seconds_bucket", "webhook", row->name, "le",
                            bound_ms ? bound : "+Inf", (double)sum);
    }
    prometheus_put_sample(out, "webhook_attempt_seconds_sum", "webhook", row->name,
                          (double)row->tally.duration_ms / 1000);
    prometheus_put_sample(out, "webhook_attempt_seconds_count", "webhook", row->name, (double)sum);
}

static void put_histograms(FILE *out, const struct webhook_row *rows, size_t count)
{
    static const struct prometheus_family family = {
        "webhook_attempt_seconds", "How long attempts took", "histogram",
    };
    prometheus_put_family(out, &family);
    for (size_t i = 0; i < count; i++)
        put_histogram(out, &rows[i]);
}

/* What is in none of the rows. */
static void take_rest(struct webhook_tally *all, const struct webhook_row *rows, size_t count)
{
    uint64_t of_all[sizeof *all / sizeof(uint64_t)], of_row[sizeof *all / sizeof(uint64_t)];
    memcpy(of_all, all, sizeof of_all);
    for (size_t i = 0; i < count; i++) {
        memcpy(of_row, &rows[i].tally, sizeof of_row);
        for (size_t k = 0; k < sizeof of_all / sizeof *of_all; k++)
            of_all[k] -= of_row[k];
    }
    memcpy(all, of_all, sizeof of_all);
}

void monitor_put_webhooks(FILE *out, const struct http *http)
{
    static const struct prometheus_family family = { "webhooks", "Webhooks that there are", "gauge" };
    const struct webhook_office *office = http->broker->webhooks.office;
    struct webhook_row *rows = office && office->count ? calloc(ROWS_MAX + 1, sizeof *rows) : NULL;
    struct webhook_tally all;
    if (!rows)
        return;
    size_t count = office->count(office->arg, &all, rows, ROWS_MAX);
    prometheus_put_family(out, &family);
    prometheus_put_sample(out, family.name, NULL, NULL, (double)all.count);
    take_rest(&all, rows, count);
    if (all.count)
        rows[count++].tally = all;
    put_attempts(out, rows, count);
    put_histograms(out, rows, count);
    put_numbers(out, rows, count);
    free(rows);
}
