/*
 * check: what a row of the tables asks of a value beyond its kind and limits. Pure; any thread.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stdbool.h>

struct config;

/* "stderr" or an absolute path. */
bool check_log(const char *text);

/* The form of an address; whether the host exists is for who listens there. */
bool check_address(const char *text);

/* What a [user NAME] lacks, or NULL: a password or a token, and a token that no user before it has. */
const char *check_user(const struct config *config, const void *instance);

#endif
