/*
 * libposthorn in one page: a service that answers requests, and a client that asks it and listens to what happens.
 *
 *     cc -o example example.c $(pkg-config --cflags --libs posthorn)
 *     ./example nats://127.0.0.1:4222
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <posthorn.h>

static void die(const struct ph_conn *conn, const char *what, int error)
{
    fprintf(stderr, "%s: %s: %s\n", what, ph_strerror(error), conn ? ph_last_error(conn) : "");
    exit(EXIT_FAILURE);
}

static void on_event(struct ph_conn *conn, const struct ph_event *event, void *arg)
{
    (void)conn, (void)arg;
    fprintf(stderr, "event: %s %s\n", ph_event_name(event->kind), event->text);
}

/* Answers "price of NAME". The message is borrowed: it is gone when this returns. */
static void on_request(struct ph_sub *sub, const struct ph_message *request, void *arg)
{
    struct ph_conn *conn = ph_sub_conn(sub);
    char answer[64];
    (void)arg;
    int size = snprintf(answer, sizeof answer, "%.*s costs %d", (int)request->payload_size, request->payload, 42);
    int error = ph_reply(conn, request, NULL, answer, (size_t)size);
    if (error)
        fprintf(stderr, "reply: %s\n", ph_strerror(error));
}

/* Publishes an order with a header, and reads it back from a pull subscription. */
static void publish_and_pull(struct ph_conn *conn)
{
    struct ph_sub *orders;
    struct ph_message *message;
    struct ph_text trace;
    struct ph_headers *headers = ph_headers_create();
    int error = ph_subscribe(conn, "orders.*", NULL, NULL, NULL, &orders);
    if (!error)
        error = headers ? ph_headers_add(headers, "Trace-Id", "7f3a") : PH_E_MEMORY;
    if (!error)
        error = ph_publish_with(conn, "orders.new", NULL, headers, "three apples", 12);
    if (!error)
        error = ph_next(orders, 2000, &message);
    if (error)
        die(conn, "orders", error);
    if (ph_message_header(message, "trace-id", &trace))
        printf("%s [%.*s]: %s\n", message->topic, (int)trace.size, trace.data, message->payload);
    ph_message_free(message);
    ph_headers_destroy(headers);
    ph_sub_destroy(orders);
}

static void ask(struct ph_conn *conn, const char *topic, const char *question)
{
    struct ph_message *answer;
    int error = ph_request(conn, topic, NULL, question, strlen(question), 2000, &answer);
    if (error == PH_E_NO_RESPONDERS) {
        printf("%s: nobody is there\n", topic);
        return;
    }
    if (error)
        die(conn, topic, error);
    printf("%s: %s\n", topic, answer->payload);
    ph_message_free(answer);
}

int main(int argc, char **argv)
{
    struct ph_options options = PH_OPTIONS_INIT;
    struct ph_conn *conn;
    options.url = argc > 1 ? argv[1] : NULL;
    options.name = "example";
    options.on_event = on_event;

    int error = ph_create(&options, &conn);
    if (error)
        die(NULL, "create", error);
    error = ph_connect(conn);
    if (!error)
        error = ph_subscribe(conn, "prices", "shop", on_request, NULL, NULL);
    if (error)
        die(conn, "connect", error);

    ask(conn, "prices", "an apple");
    ask(conn, "weather", "tomorrow");
    publish_and_pull(conn);

    error = ph_drain(conn, 5000); /* everything that is under way arrives, then the connection is closed */
    if (error)
        die(conn, "drain", error);
    ph_destroy(conn);
    return EXIT_SUCCESS;
}
