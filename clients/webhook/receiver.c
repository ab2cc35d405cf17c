/*
 * A receiver of webhooks in one page of C: it takes what is signed by its secret, fresh, and new.
 *
 *     cc -o receiver receiver.c -levent -lcrypto
 *     WEBHOOK_SECRET=whsec_... ./receiver 3000
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOLERANCE_S = 300, SEEN_MAX = 4096, BODY_MAX = 1 << 20, KEY_MAX = 64, ID_MAX = 64, DIGEST = 32 };
enum { SIGNATURE = 44 }; /* base64 of a digest */

struct receiver {
    unsigned char key[KEY_MAX];
    size_t key_size;
    char seen[SEEN_MAX][ID_MAX]; /* the last ids, in a ring */
    unsigned seen_count;
};

/* "whsec_" and base64. False where it is none. */
static bool read_secret(struct receiver *receiver, const char *text)
{
    static const char prefix[] = "whsec_";
    unsigned char bytes[KEY_MAX + 3];
    size_t size;
    if (!text)
        return false;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    size = strlen(text);
    if (size % 4 || size < 32 || size / 4 * 3 > sizeof bytes ||
        EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size) < 0)
        return false;
    receiver->key_size = size / 4 * 3 - (text[size - 1] == '=') - (text[size - 2] == '=');
    if (receiver->key_size > KEY_MAX)
        return false;
    memcpy(receiver->key, bytes, receiver->key_size);
    return true;
}

/* What was recorded on its way cannot be sent again later. */
static bool is_fresh(const char *timestamp)
{
    char *end;
    long long sent = strtoll(timestamp, &end, 10), now = time(NULL);
    return *timestamp && !*end && sent >= now - TOLERANCE_S && sent <= now + TOLERANCE_S;
}

/* base64 of HMAC-SHA256 of id "." timestamp "." body, the body as it came. False: out of memory. */
static bool sign(const struct receiver *receiver, const char *id, const char *timestamp, const unsigned char *body,
                 size_t body_size, unsigned char signature[SIGNATURE + 1])
{
    unsigned char digest[DIGEST];
    size_t head_size = strlen(id) + strlen(timestamp) + 2;
    char *text = malloc(head_size + body_size + 1);
    if (!text)
        return false;
    sprintf(text, "%s.%s.", id, timestamp);
    if (body_size)
        memcpy(text + head_size, body, body_size);
    bool is_good = HMAC(EVP_sha256(), receiver->key, (int)receiver->key_size, (const unsigned char *)text,
                        head_size + body_size, digest, NULL);
    free(text);
    return is_good && EVP_EncodeBlock(signature, digest, DIGEST) == SIGNATURE;
}

/* The header is a list, "v1,BASE64 v1,BASE64", and one good signature in it is enough: during a rotation there is one
 * by each secret. */
static bool is_among(const char *list, const unsigned char wanted[SIGNATURE])
{
    while (*list) {
        size_t size = strcspn(list, " ");
        if (size == 3 + SIGNATURE && strncmp(list, "v1,", 3) == 0 && CRYPTO_memcmp(list + 3, wanted, SIGNATURE) == 0)
            return true;
        list += size + strspn(list + size, " ");
    }
    return false;
}

/* A message whose answer was lost comes again under its id. A real receiver keeps the ids in its database, in the
 * transaction that does the work. */
static bool is_new(struct receiver *receiver, const char *id)
{
    unsigned kept = receiver->seen_count < SEEN_MAX ? receiver->seen_count : SEEN_MAX;
    for (unsigned i = 0; i < kept; i++)
        if (strcmp(receiver->seen[i], id) == 0)
            return false;
    snprintf(receiver->seen[receiver->seen_count++ % SEEN_MAX], ID_MAX, "%s", id);
    return true;
}

static const char *header(struct evhttp_request *request, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value ? value : "";
}

/* Whatever is not 2xx comes again; so what has been done before is answered as if it were done now. */
static int take(struct receiver *receiver, struct evhttp_request *request)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(input);
    const unsigned char *body = evbuffer_pullup(input, -1);
    const char *id = header(request, "webhook-id"), *timestamp = header(request, "webhook-timestamp");
    unsigned char wanted[SIGNATURE + 1];
    if (!*id || strlen(id) >= ID_MAX || !is_fresh(timestamp))
        return 401;
    if (!sign(receiver, id, timestamp, body, size, wanted))
        return 500;
    if (!is_among(header(request, "webhook-signature"), wanted))
        return 401;
    if (is_new(receiver, id)) {
        printf("%s %s %.*s\n", id, header(request, "posthorn-topic"), (int)size, body ? (const char *)body : "");
        fflush(stdout);
    }
    return 204;
}

static void on_request(struct evhttp_request *request, void *arg)
{
    int status = take(arg, request);
    evhttp_send_reply(request, status, NULL, NULL);
}

static unsigned port_of(struct evhttp_bound_socket *listener)
{
    struct sockaddr_in address = { .sin_port = 0 };
    socklen_t size = sizeof address;
    getsockname(evhttp_bound_socket_get_fd(listener), (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

int main(int argc, char **argv)
{
    static struct receiver receiver;
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    if (!read_secret(&receiver, getenv("WEBHOOK_SECRET"))) {
        fprintf(stderr, "set WEBHOOK_SECRET to the webhook's secret, whsec_...\n");
        return EXIT_FAILURE;
    }
    unsigned short port = (unsigned short)atoi(argc > 1 ? argv[1] : "3000");
    struct evhttp_bound_socket *listener = http ? evhttp_bind_socket_with_handle(http, "127.0.0.1", port) : NULL;
    if (!listener) {
        perror("cannot listen");
        return EXIT_FAILURE;
    }
    evhttp_set_allowed_methods(http, EVHTTP_REQ_POST);
    evhttp_set_max_body_size(http, BODY_MAX);
    evhttp_set_gencb(http, on_request, &receiver);
    printf("listening on 127.0.0.1:%u\n", port_of(listener));
    fflush(stdout);
    event_base_dispatch(base);
    evhttp_free(http);
    event_base_free(base);
    return EXIT_SUCCESS;
}
