/*
 * responder: workers behind HTTP, who take one request after another and answer each.
 *
 * The first GET for a pattern and a group puts a sink into the router, a *lease*: from then on this worker has a member
 * of the group, whose requests go into a queue that all workers share (stream/queue.h), and from there to whoever asks
 * next. The lease outlives the last GET by http.responder_lease, so that a worker who is busy with an answer does not
 * look absent. A request is handed out once: where the client is gone by then it is lost, as everywhere on the line.
 *
 * Belongs to the worker's thread.
 */
#ifndef HTTP_RESPONDER_H
#define HTTP_RESPONDER_H

struct calls;

/* Tells those whose requests found no room that nobody has time for them. */
void responder_refuse(struct calls *calls);

/* Answers those who have been given a request. */
void responder_serve(struct calls *calls);

/* Takes all leases from the session. Nobody waits. */
void responder_end_leases(struct calls *calls);

#endif
