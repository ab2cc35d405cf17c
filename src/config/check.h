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

/* A pattern, or a pattern and a group, which may be a pattern as well. */
bool check_pattern_and_group(const char *text);

/* What config_read_responses reads. */
bool check_responses(const char *text);

/* The form of an address; whether the host exists is for who listens there. */
bool check_address(const char *text);

/* An origin as browsers write it (RFC 6454): SCHEME://HOST[:PORT], or "*" for any. */
bool check_origin(const char *text);

/* A host name, an IPv4 address, or an IPv6 address in brackets. */
bool check_host(const char *text);

/* A network such as 10.0.0.0/8, or one address. */
bool check_network(const char *text);

/* An absolute path; or nothing. */
bool check_path(const char *text);
bool check_path_or_nothing(const char *text);

/* The form of a URL of http or https, with a host; whether all of it is good is for who sends there. Or nothing. */
bool check_url(const char *text);
bool check_url_or_nothing(const char *text);
bool check_host_or_nothing(const char *text);

/* NAME=VALUE, both of some bytes. */
bool check_pair(const char *text);

/* How a secret begins that signs. */
bool check_secret(const char *text);

/* A duration in whole milliseconds. */
bool check_duration(const char *text);

/* What is wrong with [http] as a whole, or NULL: request_timeout must not exceed request_timeout_max. */
const char *check_http(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* What is wrong with [tls] or a [certificate NAME], or NULL: a certificate where it is needed, and a ca. */
const char *check_tls(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);
const char *check_certificate(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* What is wrong with a [stream NAME], alone and beside those before it, or NULL. */
const char *check_stream(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* What is wrong with a [webhook NAME], or NULL. */
const char *check_webhook(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* Where a line protocol is served: nats://HOST[:PORT], posthorn:// and tls:// alike, HOST[:PORT], unix:/PATH; without
 * credentials. */
bool check_line_url(const char *text);

/* The start of paths: begins with a slash, does not end in one, and is not below /v1, which is the server's. */
bool check_call_path(const char *text);

/* A topic without wildcards. */
bool check_topic(const char *text);

/* What is wrong with [spool], or NULL: topics that overlap. */
const char *check_spool(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* What is wrong with [uplink], or NULL: a url, one kind of credentials, and a certificate with its key. */
const char *check_uplink(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* An extended regular expression. */
bool check_expression(const char *text);

/* What is wrong with a [tail NAME], or NULL: paths and a topic, and records that fit in messages. */
const char *check_tail(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* The same without a query, so that something may be put behind it. */
bool check_base_url(const char *text);

/* A path of a URL, which begins with a slash; or nothing. */
bool check_url_path_or_nothing(const char *text);

/* A group of subscribers: one token. */
bool check_group(const char *text);

/* What is wrong with a [deliver NAME] or [serve NAME], or NULL. */
const char *check_deliver(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);
const char *check_serve(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* A plain password, or a hash that can be checked. */
bool check_password(const char *text);

/* A plain token, or sha256: and 64 hexadecimal digits. */
bool check_token(const char *text);

/* The public nkey of a user, or nothing. */
bool check_nkey(const char *text);

/* What [jwt] lacks, or NULL: beside a file, an issuer and an audience; a user that there is. */
const char *check_jwt(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

/* What a [user NAME] lacks, or NULL: a way to prove who he is. Where there is [jwt], tokens of his name are one. */
const char *check_user(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);

#endif
