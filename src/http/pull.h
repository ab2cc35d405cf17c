/*
 * pull: POST /v1/streams/{stream}/consumers/{consumer}/pull: messages of a consumer as one answer.
 *
 *   look   what is there, without waiting          fill   what came with the first, when it was waited for
 *   wait   for the first message
 *
 * Each is one request to the API with an inbox. A message that comes when its client is gone, or for which the answer
 * has no room, is given back, so that another worker gets it at once. Belongs to the worker's thread.
 */
#ifndef HTTP_PULL_H
#define HTTP_PULL_H

struct calls;

/* Once a turn, where there is something to give back: nothing may be published within a delivery. */
void pull_give_back(struct calls *calls);

/* Lets go of the pulls whose clients are gone. */
void pull_end_orphans(struct calls *calls);

#endif
