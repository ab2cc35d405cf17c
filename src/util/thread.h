/* thread: what a thread asks of the system's scheduler. */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

/*
 * The calling thread works in short bursts between waits, and others wait for it: it would have short turns of the
 * processor, and sooner, rather than long ones. Linux 6.12 heeds that; nothing else changes, and where it may not ask,
 * nothing at all.
 */
void thread_ask_short_turns(void);

/* The calling thread has time: others of the process go first where there are too many for the processors. */
void thread_give_way(void);

#endif
