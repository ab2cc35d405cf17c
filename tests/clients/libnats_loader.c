/*
 * libnats_loader: publishes lines with acknowledgement, in order, over any number of crashes of the daemon.
 *
 *   libnats_loader URL <FILE
 *
 * FILE has a message a line: its topic, a tab, its id, a tab, its bytes. After each window that is acknowledged it says
 * on stdout how many messages that makes: "acked 3000". real_data.test.js runs it.
 *
 * The order is kept although many are in flight: a window is sent on one connection, which never comes back by itself,
 * so what was kept of it is its beginning. Whatever fails, it is sent again from its beginning, on a new connection and
 * with the same ids.
 */
#include <nats/nats.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 500,
    ACK_WAIT_MS = 5000,
    RETRY_WAIT_MS = 20,
    TRIES_MAX = 3000,
};

struct line {
    char *text;           /* topic and id, each ended by NUL, and the bytes */
    const char *topic, *id, *bytes;
    int size;
};

struct loader {
    const char *url;
    natsConnection *client;
    jsCtx *js;
    struct line window[WINDOW];
    int count;
    atomic_int acked;
    long total;
};

/* False: the connection is of no use any more, or there never was one. */
#define TRY(call)                  \
    do {                           \
        if ((call) != NATS_OK)     \
            return false;          \
    } while (0)

static void on_ack(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *failure, void *closure)
{
    struct loader *loader = closure;

    (void)js;
    (void)ack;
    if (!failure)
        loader->acked++;
    natsMsg_Destroy(msg);
}

static void loader_close(struct loader *loader)
{
    jsCtx_Destroy(loader->js);
    natsConnection_Destroy(loader->client);
    loader->js = NULL;
    loader->client = NULL;
}

static bool connect_with(struct loader *loader, natsOptions *options)
{
    jsOptions js_options;

    TRY(natsOptions_SetURL(options, loader->url));
    TRY(natsOptions_SetAllowReconnect(options, false));
    TRY(natsConnection_Connect(&loader->client, options));
    TRY(jsOptions_Init(&js_options));
    js_options.PublishAsync.MaxPending = WINDOW;
    js_options.PublishAsync.AckHandler = on_ack;
    js_options.PublishAsync.AckHandlerClosure = loader;
    TRY(natsConnection_JetStream(&loader->js, loader->client, &js_options));
    return true;
}

static bool loader_open(struct loader *loader)
{
    natsOptions *options = NULL;

    TRY(natsOptions_Create(&options));
    bool good = connect_with(loader, options);
    natsOptions_Destroy(options);
    return good;
}

static bool send_line(struct loader *loader, const struct line *line)
{
    jsPubOptions options;

    TRY(jsPubOptions_Init(&options));
    options.MsgId = line->id;
    TRY(js_PublishAsync(loader->js, line->topic, line->bytes, line->size, &options));
    return true;
}

static bool try_window(struct loader *loader)
{
    jsPubOptions options;

    if (!loader->js && !loader_open(loader))
        return false;
    loader->acked = 0;
    for (int i = 0; i < loader->count; i++)
        if (!send_line(loader, &loader->window[i]))
            return false;
    TRY(jsPubOptions_Init(&options));
    options.MaxWait = ACK_WAIT_MS;
    TRY(js_PublishAsyncComplete(loader->js, &options));
    return loader->acked == loader->count;
}

/* Sends the window until all of it is acknowledged. */
static bool window_finish(struct loader *loader)
{
    for (int tries = 0; !try_window(loader); tries++) {
        if (tries == TRIES_MAX)
            return false;
        loader_close(loader);
        nats_Sleep(RETRY_WAIT_MS);
    }
    loader->total += loader->count;
    printf("acked %ld\n", loader->total);
    fflush(stdout);
    for (int i = 0; i < loader->count; i++)
        free(loader->window[i].text);
    loader->count = 0;
    return true;
}

/* Cuts a line of the file; takes its text. */
static bool line_cut(char *text, ssize_t size, struct line *ret_line)
{
    char *id = strchr(text, '\t');
    char *bytes = id ? strchr(id + 1, '\t') : NULL;

    if (!bytes || text[size - 1] != '\n')
        return false;
    *id = *bytes = '\0';
    *ret_line = (struct line){ .text = text, .topic = text, .id = id + 1, .bytes = bytes + 1,
                               .size = (int)(text + size - 1 - (bytes + 1)) };
    return true;
}

static bool load(struct loader *loader)
{
    for (;;) {
        char *text = NULL;
        size_t room = 0;
        ssize_t size = getline(&text, &room, stdin);
        if (size < 0) {
            free(text);
            return window_finish(loader);
        }
        if (!line_cut(text, size, &loader->window[loader->count++]))
            return false;
        if (loader->count == WINDOW && !window_finish(loader))
            return false;
    }
}

int main(int argc, char **argv)
{
    static struct loader loader;

    if (argc != 2) {
        fprintf(stderr, "usage: %s URL <FILE\n", argv[0]);
        return 2;
    }
    loader.url = argv[1];
    bool good = load(&loader);
    loader_close(&loader);
    nats_Close();
    if (!good)
        fprintf(stderr, "%s: gave up after %ld messages\n", argv[0], loader.total);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
