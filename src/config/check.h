/*
 * check: what a row of the tables asks of a value beyond its kind and limits. Pure; any thread.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stdbool.h>

#include "config/option.h"

/* "stderr" or an absolute path. */
bool check_log(const char *text);

/* "auto" or an absolute path. */
bool check_data_dir(const char *text);

/* A pattern of topics; blanks are none of its letters. */
bool check_pattern(const char *text);

/* The form of an address; whether the host exists is for who listens there. */
bool check_address(const char *text);

/* An origin as browsers write it (RFC 6454): SCHEME://HOST[:PORT], or "*" for any. */
bool check_origin(const char *text);

/* A host name, an IPv4 address, or an IPv6 address in brackets. */
bool check_host(const char *text);

/* What is wrong with [http] as a whole, or NULL: request_timeout must not exceed request_timeout_max. */
const char *check_http(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* What is wrong with a [stream NAME], alone and beside those before it, or NULL. */
const char *check_stream(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* What a [user NAME] lacks, or NULL: a password or a token, and a token that no user before it has. */
const char *check_user(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

#endif
