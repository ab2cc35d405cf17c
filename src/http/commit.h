/*
 * commit: who has published over HTTP and is answered when that is committed: one message, or a batch of them. The
 * answer is written when the messages are published, and goes out when the streams that keep them say so; what never
 * will be committed is told in its place.
 *
 * Belongs to the worker's thread.
 */
#ifndef HTTP_COMMIT_H
#define HTTP_COMMIT_H

#include "core/sink.h"
#include "http/buffer.h"

struct exchange;

/* What has been published so far, as far as somebody is to wait for it: for each stream the last. Zero is nothing. */
struct commit_list {
    struct receipt *receipts;
    unsigned count, room;
};

/* False: out of memory. */
bool commit_note(struct commit_list *list, const struct receipt *receipt);

/*
 * Holds the exchange until all that the list tells of is committed, and then answers it 200 with the text, which is
 * copied. is_batch: the text is {"results":[...]}, else one result. False where there is nothing to wait for: the
 * exchange is neither held nor answered. Where memory runs out it is answered with a problem. Empties the list.
 */
bool commit_wait(struct exchange *exchange, struct commit_list *list, struct slice text, bool is_batch);

void commit_list_finish(struct commit_list *list);

#endif
