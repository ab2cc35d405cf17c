/* What /metrics tells of the files behind streams, and of the database of settings and positions. */
#include "http/monitor.h"
#include "meta/meta.h"
#include "metrics/prometheus.h"
#include "stream/engine.h"

struct number {
    struct prometheus_family family;
    double value;
};

static void put_numbers(FILE *out, const struct number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        prometheus_put_family(out, &numbers[i].family);
        prometheus_put_sample(out, numbers[i].family.name, NULL, NULL, numbers[i].value);
    }
}

static void put_engine(FILE *out, struct stream_engine *engine)
{
    struct stream_engine_stats stats;
    stream_engine_get_stats(engine, &stats);
    const struct number numbers[] = {
        { { "store_commits_total", "Commits of streams in files", "counter" }, (double)stats.commit_count },
        { { "store_syncs_total", "Syncs of their files", "counter" }, (double)stats.sync_count },
        { { "store_sync_seconds_total", "Time that syncs took", "counter" }, (double)stats.sync_ns / 1e9 },
        { { "store_written_bytes_total", "Bytes written to them", "counter" }, (double)stats.written_bytes },
        { { "store_fetches_total", "Times that readers had to wait for the disk", "counter" },
          (double)stats.fetch_count },
        { { "store_fetched_bytes_total", "Bytes that were read for them", "counter" }, (double)stats.fetched_bytes },
        { { "store_cached_bytes", "Memory for what is on disk too", "gauge" }, (double)stats.cached_bytes },
    };
    put_numbers(out, numbers, sizeof numbers / sizeof *numbers);
}

static void put_meta(FILE *out, struct meta *meta)
{
    struct meta_stats stats;
    meta_get_stats(meta, &stats);
    const struct number numbers[] = {
        { { "meta_commits_total", "Commits of settings and positions", "counter" }, (double)stats.commit_count },
        { { "meta_puts_total", "Settings and positions stored", "counter" }, (double)stats.put_count },
        { { "meta_lost_puts_total", "Those that could not be stored", "counter" }, (double)stats.failed_count },
    };
    put_numbers(out, numbers, sizeof numbers / sizeof *numbers);
}

void monitor_put_store(FILE *out, const struct http *http)
{
    const struct http_identity *identity = http->identity;
    if (identity->engine)
        put_engine(out, identity->engine);
    if (identity->meta)
        put_meta(out, identity->meta);
}
