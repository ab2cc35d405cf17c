/*
 * routes: THE table of what can be asked for over HTTP: method, path, handler, and what right it needs. The OpenAPI
 * description is checked against it. A "*" in a path stands for one segment, "**" at its end for the rest.
 */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include "http/exchange.h"

/* What a user needs; issue by issue this becomes finer. Looked at before the handler runs. */
enum right {
    RIGHT_NONE,      /* anybody, not even identified: health */
    RIGHT_PUBLISH,
    RIGHT_SUBSCRIBE,
    RIGHT_REQUEST,
    RIGHT_MONITOR,
    RIGHT_MANAGE,    /* streams and consumers */
};

enum route_flags {
    ROUTE_SAFE = 1, /* changes nothing, and is looked at: links from pages of any origin may lead to it */
    ROUTE_BATCH = 2, /* its body may have http.batch_size_max bytes, not line.payload_size_max */
};

enum { ROUTE_PARAMETERS_MAX = 2 }; /* wildcards of a path */

struct route {
    enum http_method method;
    const char *path;
    void (*handle)(struct exchange *exchange);
    enum right right;
    unsigned flags;
};

extern const struct route routes[];
extern const size_t route_count;

/* Finds the route; HEAD finds that of GET. NULL: none, and *ret_allowed is a bit set of the methods that this path has
 * (1 << enum http_method). ret_parameters are what the wildcards stand for, still encoded; empty where there is none.
 * */
const struct route *route_find(enum http_method method, struct slice path,
                               struct slice ret_parameters[ROUTE_PARAMETERS_MAX], unsigned *ret_allowed);

/* The handlers, a file each. */
void publish_topic(struct exchange *exchange);       /* publish.c   POST, PUT /v1/topics/{topic} */
void publish_batch(struct exchange *exchange);       /* batch.c     POST /v1/publish */
void read_topics(struct exchange *exchange);         /* read.c      GET /v1/topics/{patterns}[/sse|/ndjson|/json] */
void request_topic(struct exchange *exchange);       /* call.c      POST /v1/request/{topic} */
void responder_take(struct exchange *exchange);      /* responder.c GET /v1/requests/{pattern} */
void responder_reply(struct exchange *exchange);     /* reply.c     POST /v1/replies/{id} */
void streams_list(struct exchange *exchange);        /* streams.c   GET /v1/streams */
void streams_create(struct exchange *exchange);      /*             POST */
void streams_get(struct exchange *exchange);         /*             GET /v1/streams/{stream} */
void streams_change(struct exchange *exchange);      /*             PATCH */
void streams_delete(struct exchange *exchange);      /*             DELETE */
void streams_purge(struct exchange *exchange);       /*             POST .../purge */
void streams_get_message(struct exchange *exchange); /*             GET .../messages/{sequence} */
void streams_delete_message(struct exchange *exchange); /*          DELETE */
void consumers_list(struct exchange *exchange);      /* consumers.c GET .../consumers */
void consumers_create(struct exchange *exchange);    /*             POST */
void consumers_get(struct exchange *exchange);       /*             GET .../consumers/{consumer} */
void consumers_change(struct exchange *exchange);    /*             PATCH */
void consumers_delete(struct exchange *exchange);    /*             DELETE */
void consumers_pull(struct exchange *exchange);      /* pull.c      POST .../pull */
void consumers_ack(struct exchange *exchange);       /* acks.c      POST .../ack */
void consumers_nak(struct exchange *exchange);       /*             POST .../nak */
void consumers_extend(struct exchange *exchange);    /*             POST .../extend */
void health_alive(struct exchange *exchange);        /* health.c    GET /healthz */
void health_ready(struct exchange *exchange);        /* health.c    GET /readyz */
void monitor_metrics(struct exchange *exchange);     /* metrics.c   GET /metrics */
void monitor_varz(struct exchange *exchange);        /* varz.c      GET /varz */
void monitor_connz(struct exchange *exchange);       /* connz.c     GET /connz */
void monitor_subsz(struct exchange *exchange);       /* subsz.c     GET /subsz */
void monitor_jsz(struct exchange *exchange);         /* jsz.c       GET /jsz: streams and consumers */
void monitor_topics(struct exchange *exchange);      /* topicz.c    GET /topicz: topics seen, for the dashboard */
void page_dashboard(struct exchange *exchange);      /* page.c      GET / */
void page_file(struct exchange *exchange);           /* page.c      GET /ui/{file}: its style, script, picture */
void describe_openapi(struct exchange *exchange);    /* describe.c  GET /openapi.json */
void describe_asyncapi(struct exchange *exchange);   /* describe.c  GET /asyncapi.json */

#endif
