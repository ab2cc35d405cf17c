/*
 * interrupt: Ctrl-C and SIGTERM as something to poll for, in commands that have work to finish. The second signal
 * ends the process at once. Commands with nothing to finish never watch: they simply die of the signal, as everybody
 * expects of a small tool.
 */
#ifndef POSTHORN_INTERRUPT_H
#define POSTHORN_INTERRUPT_H

#include <stdbool.h>

/* From now on signals are noted. Says why if it cannot. */
bool interrupt_watch(void);

/* Readable once a signal came, until interrupt_hear. */
int interrupt_fd(void);

/* Clears that, for those who go on waiting for other things. interrupted() stays as it is. */
void interrupt_hear(void);

/* Has a signal come? */
bool interrupted(void);

/* Ends the process by the signal that came, so that the shell and scripts see what happened. Returns if none came. */
void interrupt_end(void);

#endif
