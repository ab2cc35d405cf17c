/* GET /subsz: what the routers hold, and how well they remember. */
#include "http/document.h"
#include "http/monitor.h"

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static void subsz_report(struct inquiry *inquiry)
{
    const struct tally *tally = (const struct tally *)inquiry;
    const struct router_stats *router = &tally->router;
    const struct http *http = inquiry->exchange->http;
    struct document document = { 0 };
    document_open(&document, NULL, '{');
    document_text(&document, "server_id", slice_of(http->identity->server_id));
    document_moment(&document, "now", broker_wall_ms(http->broker));
    document_number(&document, "num_subscriptions", tally_subscriptions(tally));
    document_number(&document, "num_cache", router->cached_count);
    document_number(&document, "num_inserts", tally->counters.subscriptions_opened);
    document_number(&document, "num_removes", tally->counters.subscriptions_closed);
    document_number(&document, "num_matches", router->hits + router->misses);
    document_real(&document, "cache_hit_rate", share(router->hits, router->hits + router->misses));
    document_number(&document, "max_fanout", router->fanout_max);
    document_real(&document, "avg_fanout", share(router->cached_sinks, router->cached_count));
    document_close(&document, '}');
    document_answer(&document, inquiry->exchange);
}

void monitor_subsz(struct exchange *exchange)
{
    tally_send(exchange, subsz_report);
}
