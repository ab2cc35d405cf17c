/*
 * call: who waits over HTTP for a reply. Each has a number; the reply comes to "_INBOX.NAME.NUMBER", under which one
 * sink stands for all of a worker. The first reply answers; whoever replies later finds nobody there.
 *
 * Belongs to the worker's thread.
 */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

struct calls;
struct inbox;

void inbox_init(struct inbox *inbox);

/* Takes its sink from the session. Nobody waits. */
void inbox_close(struct calls *calls);

/* After inbox_close. */
void inbox_finish(struct inbox *inbox);

#endif
