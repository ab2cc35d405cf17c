#include "exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "libposthorn/posthorn.h"
#include "net/loop.h"
#include "stream/cursor.h"

enum { LINE_SIZE = 64, ORIGIN_SIZE = 512, RETRY_DELAY_MS = 1000 };

static const char signature_name[] = "webhook-signature: ";

struct exchange {
    struct delivery delivery;        /* first */
    struct list place;               /* in setup->under_way */
    struct exchange_setup *setup;
    struct ph_message *message;
    uint64_t attempt;                /* from 1 */
    uint64_t wall_ms;                /* when that began */
    struct body body;
    struct timer timer;              /* of the next */
    char id[CURSOR_TEXT_SIZE];
    char id_line[LINE_SIZE], time_line[LINE_SIZE], signature_line[sizeof signature_name + SIGN_SIZE_MAX(1)];
};

static void exchange_free(struct exchange *exchange)
{
    list_remove(&exchange->place);
    delivery_cancel(&exchange->delivery);
    timer_clear(&exchange->setup->loop->timers, &exchange->timer);
    body_finish(&exchange->body);
    ph_message_free(exchange->message);
    free(exchange);
}

/* Making the request. */

static int make_body(struct exchange *exchange, uint64_t number)
{
    const struct exchange_setup *setup = exchange->setup;
    const struct ph_message *from = exchange->message;
    char origin[ORIGIN_SIZE];
    const struct stream_message message = {
        .sequence = number,
        .time_ms = loop_wall_ms(setup->loop),
        .topic = slice_make(from->topic, from->topic_size),
        .head = slice_make(from->headers, from->headers_size),
        .payload = slice_make(from->payload, from->payload_size),
    };
    snprintf(origin, sizeof origin, "/streams/%.255s", setup->stream);
    const struct body_source source = {
        .message = &message,
        .stream_name = slice_of(setup->stream),
        .epoch = setup->epoch,
        .id = slice_of(exchange->id),
        .origin = slice_of(origin),
    };
    return body_make(setup->body, &source, &exchange->body);
}

static int sign(struct exchange *exchange)
{
    const struct exchange_setup *setup = exchange->setup;
    const struct sign_text text = { slice_of(exchange->id), exchange->wall_ms / 1000, body_content(&exchange->body) };
    snprintf(exchange->id_line, LINE_SIZE, "webhook-id: %s", exchange->id);
    snprintf(exchange->time_line, LINE_SIZE, "webhook-timestamp: %" PRIu64, text.timestamp_s);
    memcpy(exchange->signature_line, signature_name, sizeof signature_name - 1);
    return sign_write(setup->signer, setup->secret, 1, &text, exchange->signature_line + sizeof signature_name - 1);
}

static int add_lines(struct exchange *exchange)
{
    struct delivery *delivery = &exchange->delivery;
    int error = 0;
    for (const char *line = NULL; !error && (line = body_next_line(&exchange->body, line));)
        error = delivery_add_line(delivery, line);
    if (!error)
        error = delivery_add_line(delivery, exchange->id_line);
    if (!error)
        error = delivery_add_line(delivery, exchange->time_line);
    return error ? error : delivery_add_line(delivery, exchange->signature_line);
}

/* Each attempt is signed anew, for its own time. */
static int try(struct exchange *exchange)
{
    exchange->attempt++;
    exchange->wall_ms = loop_wall_ms(exchange->setup->loop);
    int error = sign(exchange);
    if (!error)
        error = add_lines(exchange);
    return error ? error : delivery_start(exchange->setup->deliver, &exchange->delivery);
}

/* What comes of it. */

static void end(struct exchange *exchange, bool is_taken)
{
    const struct exchange_setup *setup = exchange->setup;
    exchange_free(exchange);
    setup->ended(setup->arg, is_taken);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    struct exchange *exchange = LIST_OWNER(timer, struct exchange, timer);
    (void)now_ms;
    if (try(exchange) != 0)
        end(exchange, false);
}

static void on_done(struct delivery *delivery, const struct deliver_result *result)
{
    struct exchange *exchange = (struct exchange *)delivery;
    const struct exchange_setup *setup = exchange->setup;
    const struct report_line line = {
        .message = exchange->message,
        .id = exchange->id,
        .wall_ms = exchange->wall_ms,
        .attempt = exchange->attempt,
        .size = exchange->body.size,
        .result = result,
        .is_taken = result->status / 100 == 2,
    };
    report_print(setup->report, &line);
    if (line.is_taken || exchange->attempt > setup->retries) {
        end(exchange, line.is_taken);
        return;
    }
    delivery_cancel(delivery);
    timer_set(&setup->loop->timers, &exchange->timer, loop_now_ms(setup->loop) + RETRY_DELAY_MS);
}

int exchange_start(struct exchange_setup *setup, struct ph_message *message, uint64_t number)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) {
        ph_message_free(message);
        return -ENOMEM;
    }
    list_append(&setup->under_way, &exchange->place);
    exchange->setup = setup;
    exchange->message = message;
    exchange->timer.fire = on_timer;
    cursor_write((struct cursor){ setup->epoch, number }, exchange->id);
    int error = make_body(exchange, number);
    exchange->delivery.url = setup->url;
    exchange->delivery.content = body_content(&exchange->body);
    exchange->delivery.timeout_ms = setup->timeout_ms;
    exchange->delivery.done = on_done;
    if (!error)
        error = try(exchange);
    if (error)
        exchange_free(exchange);
    return error;
}

void exchanges_drop(struct exchange_setup *setup)
{
    while (!list_is_empty(&setup->under_way))
        exchange_free(LIST_OWNER(setup->under_way.next, struct exchange, place));
}
