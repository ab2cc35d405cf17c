/*
 * requests: the requests under way. Each has a slot; the last token of its reply topic names slot and generation, so
 * that an answer finds its request without a search, and one that comes too late finds nothing. A heap orders the slots
 * by deadline. Pure.
 */
#ifndef PH_REQUESTS_H
#define PH_REQUESTS_H

#include <stdint.h>

#include "posthorn.h"
#include "util/slice.h"

struct ph_request {
    ph_answer_fn *answer; /* NULL: the slot is free */
    void *arg;
    int64_t deadline_ms;  /* INT64_MAX: none */
    uint32_t generation;  /* how often the slot has been taken */
    uint32_t place;       /* in the heap; of a free slot: the next free one */
};

struct ph_requests {
    struct ph_request *slots;
    uint32_t *heap;        /* slots, the earliest deadline first */
    uint32_t capacity;
    uint32_t used;         /* slots that were ever taken */
    uint32_t free;         /* the first free one below used, or PH_REQUEST_NONE */
    uint32_t count;        /* in the heap */
};

#define PH_REQUEST_NONE UINT32_MAX
#define PH_REQUEST_TOKEN_SIZE 16 /* with its NUL */

void ph_requests_init(struct ph_requests *requests);
void ph_requests_finish(struct ph_requests *requests);

/* Takes a slot and writes its token. False: no memory. */
bool ph_requests_add(struct ph_requests *requests, ph_answer_fn *answer, void *arg, int64_t deadline_ms,
                     uint32_t *ret_slot, char ret_token[PH_REQUEST_TOKEN_SIZE]);

/* The slot that a token names; PH_REQUEST_NONE where there is none, or no longer. */
uint32_t ph_requests_find(const struct ph_requests *requests, struct slice token);

/* Frees a slot; *ret_request (may be NULL) is who waited. */
void ph_requests_remove(struct ph_requests *requests, uint32_t slot, struct ph_request *ret_request);

/* The slot whose deadline comes first; PH_REQUEST_NONE: no request is under way. */
uint32_t ph_requests_first(const struct ph_requests *requests);

/* The first deadline; INT64_MAX: none. */
int64_t ph_requests_deadline(const struct ph_requests *requests);

#endif
