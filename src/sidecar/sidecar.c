#include "sidecar/sidecar.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "config/config.h"
#include "net/transfer.h"
#include "sidecar/door.h"
#include "sidecar/duties.h"
#include "sidecar/spool.h"
#include "sidecar/tail.h"
#include "sidecar/uplink.h"
#include "sidecar/web.h"
#include "stream/registry.h"

struct sidecar {
    struct broker *broker;
    struct uplink *uplink; /* NULL: not made */
    struct spool *spool;   /* NULL: nothing is kept here */
    struct door door;
    struct transfers *transfers; /* of all that goes out by HTTP */
    struct web *web;             /* NULL: there is no HTTP */
    struct tails *tails;         /* NULL: there are none */
    struct duties *duties;       /* NULL: not made */
};

/* The broker's outlet. */

static unsigned on_publish(void *arg, const struct match *match, struct batch *batch)
{
    struct sidecar *sidecar = arg;
    return door_publish(&sidecar->door, match, batch);
}

static void on_interest(void *arg, struct slice pattern, struct slice group, int delta)
{
    struct sidecar *sidecar = arg;
    uplink_interest(sidecar->uplink, pattern, group, delta);
}

static bool on_flush(void *arg, struct broker_flush *flush)
{
    struct sidecar *sidecar = arg;
    return uplink_flush(sidecar->uplink, flush);
}

static bool on_wait(void *arg, struct outlet_waiter *waiter, const struct receipt *receipt)
{
    struct sidecar *sidecar = arg;
    return sidecar->spool && spool_wait(sidecar->spool, waiter, receipt->sequence);
}

static void on_unwait(void *arg, struct outlet_waiter *waiter)
{
    struct sidecar *sidecar = arg;
    spool_unwait(sidecar->spool, waiter);
}

/* Life. */

static int open_spool(struct sidecar *sidecar, const struct sidecar_setup *setup)
{
    const struct spool_setup spool = {
        .loop = setup->loop,
        .broker = setup->broker,
        .uplink = sidecar->uplink,
        .stream = stream_registry_find(setup->registry, slice_of(SPOOL_STREAM)),
        .refused = stream_registry_find(setup->registry, slice_of(REFUSED_STREAM)),
        .config = setup->config,
        .name = setup->server_name,
    };
    bool is_there = spool.stream && spool.refused && setup->config->spool.topics.item_count;
    int error = is_there ? spool_create(&spool, &sidecar->spool) : 0;
    stream_destroy(spool.stream);
    stream_destroy(spool.refused);
    return error;
}

static int open_web(struct sidecar *sidecar, const struct sidecar_setup *setup)
{
    const struct web_setup web = {
        .http = setup->http,
        .transfers = sidecar->transfers,
        .uplink = sidecar->uplink,
        .spool = sidecar->spool,
        .duties = sidecar->duties,
        .tails = sidecar->tails,
        .config = setup->config,
    };
    return setup->http ? web_create(&web, &sidecar->web) : 0;
}

static int open_tails(struct sidecar *sidecar, const struct sidecar_setup *setup)
{
    const struct config *config = setup->config;
    return config->tail_count ? tails_create(setup->broker, setup->loop, config->tails, config->tail_count,
                                             setup->directory, &sidecar->tails)
                              : 0;
}

static int open_all(struct sidecar *sidecar, const struct sidecar_setup *setup)
{
    const struct uplink_setup uplink = { setup->loop, setup->broker, setup->config, setup->server_name };
    int error = uplink_create(&uplink, &sidecar->uplink);
    if (error)
        return error;
    error = open_spool(sidecar, setup);
    if (error)
        return error;
    door_init(&sidecar->door, setup->broker, sidecar->uplink, sidecar->spool, setup->config);
    setup->broker->outlet = (struct broker_outlet){ sidecar, on_publish, on_interest, on_flush, on_wait, on_unwait };
    error = transfers_create(setup->loop, setup->config->server.connections_max, &sidecar->transfers);
    if (!error)
        error = duties_create(setup->loop, sidecar->uplink, sidecar->transfers, setup->config, &sidecar->duties);
    if (!error)
        error = open_tails(sidecar, setup);
    return error ? error : open_web(sidecar, setup);
}

int sidecar_create(const struct sidecar_setup *setup, struct sidecar **ret_sidecar)
{
    struct sidecar *sidecar = calloc(1, sizeof *sidecar);
    if (!sidecar)
        return -ENOMEM;
    sidecar->broker = setup->broker;
    int error = open_all(sidecar, setup);
    if (error) {
        sidecar_destroy(sidecar);
        return error;
    }
    *ret_sidecar = sidecar;
    return 0;
}

bool sidecar_turn(struct sidecar *sidecar)
{
    if (sidecar->web)
        web_turn(sidecar->web);
    duties_turn(sidecar->duties);
    bool is_more = sidecar->tails && tails_turn(sidecar->tails);
    is_more |= sidecar->spool && spool_turn(sidecar->spool);
    uplink_turn(sidecar->uplink); /* last: what the others have said leaves now */
    return is_more;
}

/* Logs come last: nobody waits for them. */
void sidecar_turn_end(struct sidecar *sidecar)
{
    uplink_turn(sidecar->uplink);
    duties_turn_end(sidecar->duties);
    if (sidecar->web)
        web_turn_end(sidecar->web);
}

void sidecar_reconfigure(struct sidecar *sidecar, const struct config *config)
{
    uplink_reconfigure(sidecar->uplink, config);
    sidecar->door.config = config;
    if (sidecar->spool)
        spool_reconfigure(sidecar->spool, config);
    transfers_limit(sidecar->transfers, config->server.connections_max);
    if (sidecar->web)
        web_reconfigure(sidecar->web, config);
    duties_reconfigure(sidecar->duties, config);
}

void sidecar_retire(struct sidecar *sidecar)
{
    duties_quiesce(sidecar->duties);
    if (sidecar->web)
        web_retire(sidecar->web);
}

bool sidecar_is_retiring(const struct sidecar *sidecar)
{
    return duties_are_busy(sidecar->duties) || (sidecar->web && web_is_busy(sidecar->web));
}

void sidecar_quiesce(struct sidecar *sidecar)
{
    duties_quiesce(sidecar->duties);
    if (sidecar->tails)
        tails_quiesce(sidecar->tails);
    uplink_turn(sidecar->uplink);
}

bool sidecar_is_busy(const struct sidecar *sidecar)
{
    return duties_are_busy(sidecar->duties) || (sidecar->tails && !tails_are_settled(sidecar->tails)) ||
           uplink_has_output(sidecar->uplink);
}

void sidecar_destroy(struct sidecar *sidecar)
{
    if (!sidecar)
        return;
    tails_destroy(sidecar->tails);
    sidecar->broker->outlet = (struct broker_outlet){ .arg = NULL };
    duties_destroy(sidecar->duties); /* they have subscriptions of the uplink's connection */
    spool_destroy(sidecar->spool);
    uplink_destroy(sidecar->uplink); /* before the web: nobody waits for the broker then */
    web_destroy(sidecar->web);
    transfers_destroy(sidecar->transfers);
    free(sidecar);
}
