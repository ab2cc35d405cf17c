/* prompt: what is asked of the person at the terminal. */
#ifndef POSTHORN_PROMPT_H
#define POSTHORN_PROMPT_H

/* A line of standard input, without its end; not echoed, and asked for as "WHAT: ", where that is a terminal. The
 * caller wipes and frees it. NULL: there is none. */
char *prompt_secret(const char *what);

#endif
