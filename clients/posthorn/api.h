/*
 * api: questions to the server's interfaces: for streams and consumers (NATS calls it the JetStream API) on topics
 * below $JS.API, for webhooks below $POSTHORN.API.webhook. A request, JSON both ways, one answer.
 */
#ifndef POSTHORN_API_H
#define POSTHORN_API_H

#include "connection.h"
#include "object.h"

/* How the answers are wanted; a group of options that all such commands share. */
struct api_values {
    bool json;
    uint64_t timeout_ns;
};

extern const struct option api_options[];

#define API_GROUP(values) \
    { \
        "Answer", api_options, offsetof(values, api) \
    }

/* Who is asked. */
struct api_service {
    const char *prefix;    /* of the topics */
    const char *absence;   /* what it means that nobody answers there */
    const char *missing;   /* what to do where the server says 404 and no more; NULL: nothing */
};

extern const struct api_service api_streams, api_webhooks;

struct api {
    struct connection connection;
    struct api_values values;
    const struct api_service *service; /* NULL: api_streams */
    int absent; /* an err_code by which the server says that there is none, and which is no failure: then there is no
                   answer (NULL) */
};

/* As connection_open. */
enum exit_code api_open(struct api *api, const struct server_values *server, const struct api_values *values,
                        enum connection_flags flags);
void api_close(struct api *api);

/* The names of streams, consumers and webhooks are tokens of topics. Says what is wrong; what is "stream" or the
 * like. */
enum exit_code api_check_name(const char *what, const char *name);

/*
 * Asks on the service's prefix and what the path says. Takes the request; NULL: an empty one. The answer, which is an
 * object and no error, is the caller's; ret_answer may be NULL. With --json it is printed as it came, an error too.
 * Says what is wrong, after `what`, such as "cannot show the stream orders".
 */
enum exit_code api_ask(struct api *api, cJSON *request, cJSON **ret_answer, const char *what, const char *path, ...)
    __attribute__((format(printf, 5, 6)));

/* Asks for a list, page after page, and visits each element of the array of that name. Borrows the request, which is
 * an object. */
enum exit_code api_list(struct api *api, cJSON *request, const char *array, const char *what, const char *path,
                        void (*visit)(void *arg, const cJSON *element), void *arg);

/* Where nobody can be asked, --yes says yes; else the person at the terminal does. EXIT_OK, or it has been said. */
enum exit_code api_confirm(bool yes, const char *question, ...) __attribute__((format(printf, 2, 3)));

#endif
