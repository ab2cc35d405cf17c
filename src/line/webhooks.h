/*
 * webhooks: what is asked of webhooks by messages. A message under $POSTHORN.API.webhook. is a request, looked at on
 * the worker where it was published, and answered on its reply topic when the office (broker/webhooks.h) has answered.
 * Whoever has left meanwhile is not missed: the answer goes to nobody.
 */
#ifndef LINE_WEBHOOKS_H
#define LINE_WEBHOOKS_H

#include <stdbool.h>
#include <stddef.h>

struct broker;
struct line_webhooks;
struct loop;

/* Begins to listen. An answer has at most answer_size_max bytes. NULL: out of memory. */
struct line_webhooks *line_webhooks_create(struct loop *loop, struct broker *broker, size_t answer_size_max);
/* When every call is back from the office. Takes NULL. */
void line_webhooks_destroy(struct line_webhooks *webhooks);

void line_webhooks_set_limit(struct line_webhooks *webhooks, size_t answer_size_max);

/* Looks at what has come. Before the loop flushes. */
void line_webhooks_turn(struct line_webhooks *webhooks);

/* The server is about to stop: what is under way may go on for a moment, and is then told that it stops. Busy tells
 * whether something is. */
void line_webhooks_quiesce(struct line_webhooks *webhooks);
bool line_webhooks_are_busy(const struct line_webhooks *webhooks);

#endif
