/*
 * routes: THE table of what can be asked for over HTTP: method, path, handler, and what right it needs. The OpenAPI
 * description is checked against it. A "*" in a path stands for one segment, "**" at its end for the rest. Another
 * program that is made of this room brings a table of its own.
 */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include <stdio.h>

#include "http/exchange.h"

struct document;

enum route_flags {
    ROUTE_SAFE = 1, /* changes nothing, and is looked at: links from pages of any origin may lead to it */
    ROUTE_BATCH = 2, /* its body may have http.batch_size_max bytes, not line.payload_size_max */
    ROUTE_PASSED = 4, /* what is asked is passed on to another server, as it is: that one knows codings, and tells */
    ROUTE_AUDITED = 8, /* changes something, though it takes no right to manage */
};

enum { ROUTE_PARAMETERS_MAX = 2 }; /* wildcards of a path */

struct route {
    enum http_method method;
    const char *path;
    void (*handle)(struct exchange *exchange);
    enum right right;          /* of auth/rights.h; looked at before the handler runs, and what is a matter of topics by
                                  the handler and at the door */
    unsigned flags;
};

/* The routes of a program. */
struct route_table {
    const struct route *rows;
    size_t row_count;
    /* The route of a request that no row fits; NULL: there is none. Not asked for OPTIONS. May itself be NULL. */
    const struct route *(*beyond)(const struct http *http, const struct http_request *request);
    /* What the program has to tell beside: members of "posthorn" in /varz, and families in /metrics. NULL: nothing. */
    void (*put_facts)(const struct http *http, struct document *document);
    void (*put_metrics)(const struct http *http, FILE *out);
};

extern const struct route_table broker_routes;

/* Finds the route; HEAD finds that of GET. NULL: none, and *ret_allowed is a bit set of the methods that this path has
 * (1 << enum http_method). ret_parameters are what the wildcards stand for, still encoded; empty where there is none.
 * */
const struct route *route_find(const struct route_table *table, enum http_method method, struct slice path,
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
void webhooks_list(struct exchange *exchange);       /* webhooks.c  GET /v1/webhooks */
void webhooks_create(struct exchange *exchange);     /*             POST */
void webhooks_get(struct exchange *exchange);        /*             GET /v1/webhooks/{webhook} */
void webhooks_change(struct exchange *exchange);     /*             PATCH */
void webhooks_delete(struct exchange *exchange);     /*             DELETE */
void webhooks_enable(struct exchange *exchange);     /*             POST .../enable */
void webhooks_disable(struct exchange *exchange);    /*             POST .../disable */
void webhooks_rotate(struct exchange *exchange);     /*             POST .../rotate */
void webhooks_secrets(struct exchange *exchange);    /*             GET .../secrets */
void webhooks_verify(struct exchange *exchange);     /*             POST .../verify */
void webhooks_attempts(struct exchange *exchange);   /*             GET .../attempts */
void webhooks_example(struct exchange *exchange);    /*             POST .../example */
void webhooks_recover(struct exchange *exchange);    /*             POST .../recover */
void webhooks_resend(struct exchange *exchange);     /*             POST .../resend */
void webhooks_dead(struct exchange *exchange);       /*             GET .../dead */
void webhooks_replay(struct exchange *exchange);     /*             POST .../replay */
void tickets_issue(struct exchange *exchange);       /* tickets.c   POST /v1/tickets */
void login_show(struct exchange *exchange);          /* login.c     GET /v1/session */
void login_begin(struct exchange *exchange);         /*             POST */
void login_end(struct exchange *exchange);           /*             DELETE */
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
