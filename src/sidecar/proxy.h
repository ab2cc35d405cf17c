/*
 * proxy: what the sidecar does not answer itself it passes on to the broker's HTTP, with the sidecar's credentials, and
 * the answer back as it comes: event streams, long polls, the dashboard. A client that reads slowly holds back the
 * broker and not the sidecar: what waits for him here is bounded, and the broker deals with slow readers as ever.
 *
 * Which pages may ask is this server's matter (http.origins), so the broker is not told of pages. Belongs to the
 * worker's thread.
 */
#ifndef SIDECAR_PROXY_H
#define SIDECAR_PROXY_H

#include <stdio.h>

struct config_uplink;
struct exchange;
struct loop;
struct proxy;
struct transfers;

/* Borrows all its arguments. NULL: out of memory. */
struct proxy *proxy_create(struct loop *loop, struct transfers *transfers, const struct config_uplink *config);
void proxy_reconfigure(struct proxy *proxy, const struct config_uplink *config);

/* After the last exchange is answered or abandoned. Takes NULL. */
void proxy_destroy(struct proxy *proxy);

/* Holds the exchange, and answers it as the broker does. */
void proxy_pass(struct proxy *proxy, struct exchange *exchange);

/* Once a turn: goes on where there is room again. */
void proxy_turn(struct proxy *proxy);

/* Requests that are passed on at present. */
unsigned proxy_count(const struct proxy *proxy);

/* Puts what is counted, for Prometheus. */
void proxy_put_metrics(const struct proxy *proxy, FILE *out);

#endif
