/*
 * api: what clients ask for under $JS.API.: the table of endpoints, and one request on its way through them.
 *
 *   letter -> request -> endpoint's function --request_answer / request_fail--> answer, and the end
 *                              |--request_await------> when the stream goes on: its function once more
 *                              |--request_change-----> by the clerk, then like a survey
 *                              |--request_survey-----> visits every worker --.
 *                              `--request_put--------> is committed in meta --`--> then(request), when both are done
 *
 * A request belongs to the worker that was asked, but while a survey has it.
 */
#ifndef JETSTREAM_API_H
#define JETSTREAM_API_H

#include "jetstream/answer.h"
#include "jetstream/state.h"

struct asked;
struct endpoint;

struct request {
    struct list place;               /* in jetstream->away or ->again */
    struct jetstream *jetstream;
    const struct endpoint *endpoint;
    const struct rights *rights;     /* of who asks; a reference */
    struct slice user;               /* and his name; empty: nobody in particular */
    struct asked *asked;             /* until the audit is told; NULL: it is not, or has been */
    struct slice reply, payload;
    struct slice names[TOKENS_MAX];  /* the stream, the consumer; empty: not in the topic */
    struct slice rest;               /* what the topic has behind them */
    cJSON *json;                     /* the payload; NULL: there is none */

    /* While it waits. */
    struct slice awaited;            /* the stream that it waits for */
    void (*go)(struct request *request); /* what is tried again: the endpoint's function, or what it has put here */
    struct survey survey;
    struct meta_job job;
    struct clerk_job change_job;
    void (*change)(struct request *request);
    bool surveying, putting;
    bool was_at_home;                /* the survey has found the stream's home */
    bool was_there;                  /* what is to be made is there already, as it is to be */
    void (*visit)(struct request *request, struct jetstream *here);
    void (*then)(struct request *request);

    /* The endpoints' own. */
    char *key, *value;               /* of the job; freed with it */
    struct stream_settings *stream_settings;     /* freed with it */
    struct consumer_settings *consumer_settings; /* freed with it */
    cJSON *found;                    /* what a survey has gathered; freed with it */
    int fault;                       /* what a survey has met, by its number; 0: nothing */
    char sentence[CONSUMER_FAULT_TEXT_SIZE];     /* and in words; "": those of the table */
    uint64_t sequence, count;        /* how far it has come */
    void (*settled)(struct request *request);
    char text[];                     /* the user, topic, reply and payload */
};

/* What is asked for by topic: true where there is such an endpoint. */
bool api_knows(struct slice topic);

/* Begins a request. Out of memory: it comes to nothing, as a message that is lost. */
void request_begin(struct jetstream *jetstream, const struct letter_text *letter);

/* The stream has gone on, or has gone: those who wait for it are tried again. */
void api_retry(struct jetstream *jetstream, struct slice stream);

/* Goes on with those that were not done in the last turn. True where there are some again. */
bool api_go_on(struct jetstream *jetstream);

/* Reads an object of JSON; NULL: it is none. */
cJSON *api_parse(struct slice text);

/* Ends all that wait; nobody is answered. */
void api_finish(struct jetstream *jetstream);

/* Each is the last that its function does. */

/* Takes json; NULL stands for what ran out of memory. */
void request_answer(struct request *request, cJSON *json);
/* number: enum api_error or enum consumer_fault; sentence may be NULL. */
void request_fail(struct request *request, int number, const char *sentence);
/* A message, its headers made here: head as headers.h builds them, and a payload. */
void request_answer_message(struct request *request, char *body, size_t head_size, size_t size);
/* "NATS/1.0 404 Message Not Found" and the like, without a payload. */
void request_answer_status(struct request *request, const char *status);
void request_end(struct request *request);

/* Tries request->go again when the stream has gone on; or in the next turn. */
void request_await(struct request *request, struct stream *stream);
void request_again(struct request *request);

/* Has visit run on every worker, and then then(request) here. */
void request_survey(struct request *request, void (*visit)(struct request *request, struct jetstream *here),
                    void (*then)(struct request *request));

/*
 * When messages of the stream have been taken out: has its consumers look whether what they wait for is still there,
 * and answers by `then` when that they are gone is stored.
 */
void request_settle(struct request *request, struct stream *stream, void (*then)(struct request *request));

/* Has change run by the clerk, then the workers tie what has changed; then(request) comes when all that is done, and
 * what change has put is stored. */
void request_change(struct request *request, void (*change)(struct request *request),
                    void (*then)(struct request *request));

/* From a visit or a change: puts request->key and request->value (NULL: removal) into meta; then waits for that as
 * well. */
void request_put(struct request *request, const char *kind);

/* The envelope of the endpoint's answer. */
cJSON *request_envelope(const struct request *request);

/* "offset" of a list; false where it is no number, and then the request has failed. */
bool request_offset(struct request *request, double *ret_offset);

/* A member of the payload, by type; what is not there is "", 0, false. False where it has another type, and then the
 * request has failed. */
bool request_text(struct request *request, const char *name, struct slice *ret_text);
bool request_number(struct request *request, const char *name, uint64_t *ret_number);
bool request_flag(struct request *request, const char *name, bool *ret_flag);

/* The stream that the topic names, with a reference; NULL: there is none, and then the request has failed. */
struct stream *request_stream(struct request *request);

/* judge.c */

/* For struct broker_judge; arg is the jetstream. */
bool jetstream_may_ask(void *arg, const struct rights *rights, struct slice topic);

/* Whether who asks has the right of the endpoint, as far as it is no matter of what is read; stream: the one that is
 * named, NULL: there is none. */
bool request_may(const struct request *request, struct stream *stream, enum right right);

/* Whether he may read what a consumer of these settings does, and have it delivered where they say. Any thread. */
bool request_may_consume(const struct request *request, struct stream *stream,
                         const struct consumer_settings *settings);
bool request_may_deliver(const struct request *request, const struct consumer_settings *settings);

/* The right of an endpoint by its place in the table, for tests: NULL and RIGHT_UNSAID behind the last. */
const char *api_endpoint(unsigned place, enum right *ret_right);

/* The endpoints. */
typedef void endpoint_fn(struct request *request);
endpoint_fn api_info;                                          /* streams.c */
endpoint_fn stream_create_api, stream_update_api, stream_info_api, stream_delete_api, stream_purge_api,
    stream_names_api, stream_list_api;
endpoint_fn message_get_api, message_delete_api, direct_get_api, direct_get_last_api; /* messages.c */
endpoint_fn consumer_create_api, consumer_durable_create_api, consumer_info_api, consumer_delete_api,
    consumer_names_api, consumer_list_api;                     /* consumers.c */

#endif
