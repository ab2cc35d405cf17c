#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "line/client.h"
#include "net/secure.h"
#include "net/tls.h"
#include "util/json_tree.h"
#include "util/log.h"
#include "util/random.h"
#include "wire/format.h"

/*
 * Clients switch features on by the server's version, so this is the level of the protocol that is served: consumers
 * with several filters came with 2.10.0. doc/protocol.md says what of that level is left out.
 */
#define PROTOCOL_VERSION "2.10.0"

enum { WORD_SIZE_MAX = 255 };

static void add_tls(cJSON *info, const struct client *client)
{
    const struct line *line = client->line;
    if (client->conn.peer.family == AF_UNIX || line->secure_demand == SECURE_NO)
        return;
    cJSON_AddTrueToObject(info, line->secure_demand == SECURE_REQUIRED ? "tls_required" : "tls_available");
    if (line->tls_verify)
        cJSON_AddTrueToObject(info, "tls_verify");
}

/* The INFO line of a client; freed by the caller, NULL: out of memory. */
static char *info_print(const struct client *client)
{
    const struct line_identity *identity = client->line->identity;
    char ip[ADDRESS_TEXT_SIZE];
    cJSON *info = cJSON_CreateObject();
    cJSON_AddStringToObject(info, "server_id", identity->server_id);
    cJSON_AddStringToObject(info, "server_name", identity->server_name);
    cJSON_AddStringToObject(info, "version", PROTOCOL_VERSION);
    cJSON_AddNumberToObject(info, "proto", 1);
    cJSON_AddStringToObject(info, "host", identity->host);
    cJSON_AddNumberToObject(info, "port", identity->port);
    cJSON_AddTrueToObject(info, "headers");
    if (client->line->broker->jetstream)
        cJSON_AddTrueToObject(info, "jetstream");
    size_t payload_size_max = client->line->wire_limits.body_size_max;
    if (!session_takes_size(&client->session, payload_size_max))
        payload_size_max = client->session.payload_size_max;
    cJSON_AddNumberToObject(info, "max_payload", (double)payload_size_max);
    cJSON_AddNumberToObject(info, "client_id", (double)client->id);
    cJSON_AddStringToObject(info, "client_ip", address_host(&client->conn.peer, ip));
    if (!users_open(client->line->broker->users) && !client->is_known)
        cJSON_AddTrueToObject(info, "auth_required");
    if (*client->nonce)
        cJSON_AddStringToObject(info, "nonce", client->nonce);
    if (client->line->lame_duck)
        cJSON_AddTrueToObject(info, "ldm");
    add_tls(info, client);
    char *text = cJSON_PrintUnformatted(info);
    cJSON_Delete(info);
    return text;
}

void hello_send_info(struct client *client)
{
    char *info = info_print(client);
    if (!info) {
        conn_drop(&client->conn, CONN_OUT_OF_MEMORY);
        return;
    }
    client->informed = true;
    struct iovec parts[] = { { (char *)"INFO ", 5 }, { info, strlen(info) }, { (char *)"\r\n", 2 } };
    conn_write_parts(&client->conn, parts, 3, parts[1].iov_len + 7);
    free(info);
}

/* What is known of a client without its word. */
static struct credentials presence(const struct client *client)
{
    struct credentials credentials = { .place = address_place(&client->conn.peer) };
    const struct tls_identity *identity = conn_identity(&client->conn);
    credentials.has_unix_uid = conn_unix_uid(&client->conn, &credentials.unix_uid);
    if (!identity)
        return credentials;
    credentials.certificate = identity->subject;
    credentials.certificate_names = identity->names;
    credentials.certificate_name_count = identity->name_count;
    return credentials;
}

void hello_recognise(struct client *client)
{
    const struct credentials credentials = presence(client);
    session_recognise(&client->session, &credentials);
    client->is_known = client->session.user != NULL;
    client_take_limits(client);
}

void hello_begin(struct client *client)
{
    hello_recognise(client);
    if (users_have_nkeys(client->line->broker->users))
        random_name(client->nonce, NONCE_SIZE);
    hello_send_info(client);
}

/* A member is of the right type, or null, or not there: anything else makes the whole bad. */

static bool read_bool(const cJSON *json, const char *name, bool fallback, bool *bad)
{
    const cJSON *item = cJSON_GetObjectItem(json, name);
    if (!item || cJSON_IsNull(item))
        return fallback;
    *bad |= !cJSON_IsBool(item);
    return cJSON_IsTrue(item);
}

static struct slice read_text(const cJSON *json, const char *name, bool *bad)
{
    const cJSON *item = cJSON_GetObjectItem(json, name);
    if (!item || cJSON_IsNull(item))
        return slice_make(NULL, 0);
    *bad |= !cJSON_IsString(item);
    return slice_of(cJSON_GetStringValue(item));
}

static int read_protocol(const cJSON *json, int fallback, bool *bad)
{
    const cJSON *item = cJSON_GetObjectItem(json, "protocol");
    if (!item || cJSON_IsNull(item))
        return fallback;
    *bad |= !cJSON_IsNumber(item) || item->valuedouble != item->valueint;
    return item->valueint;
}

/* Clients refuse by themselves what is larger than INFO says, so they are told where it is less for this user. */
static void take_user(struct client *client)
{
    client_take_limits(client);
    if (client->knows_info && !session_takes_size(&client->session, client->line->wire_limits.body_size_max))
        hello_send_info(client);
}

static void log_connect(const struct client *client)
{
    const char *name = client->words ? client->words : "", *lang = *name ? strchr(name, '\0') + 1 : "";
    char name_text[LOG_QUOTE_SIZE], lang_text[LOG_QUOTE_SIZE];
    if (!log_enabled(LOG_LEVEL_DEBUG))
        return;
    log_debug("client_identified", "client=%llu user=%s name=%s lang=%s", (unsigned long long)client->id,
              client->session.user ? client->session.user->name : "-", log_quote(slice_of(name), name_text),
              log_quote(slice_of(lang), lang_text));
}

/* What a client is told that does not come in, and why it ends. */
static const struct refusal {
    int error;
    enum conn_reason reason;
    const char *text;
} refusals[] = {
    { -EACCES, CONN_AUTH_FAILED, "Authorization Violation" },
    { -EAGAIN, CONN_AUTH_FAILED, "maximum authentication attempts exceeded" },
    { -EDQUOT, CONN_LIMIT, "maximum connections exceeded" },
    { -ENOMEM, CONN_OUT_OF_MEMORY, "Out of Memory" },
};

static void refuse(struct client *client, int error)
{
    const struct refusal *refusal = refusals;
    while (refusal->error != error)
        refusal++;
    client_fail(client, refusal->reason, refusal->text);
}

void hello_identified(struct client *client, int error)
{
    if (error) {
        refuse(client, error);
        return;
    }
    take_user(client);
    log_connect(client);
    client_ok(client);
}

/* Without a word of its own it stays who it is: a unix user, or nobody, where nobody need be anybody. */
static void identify(struct client *client, const struct credentials *said)
{
    bool stays = client->session.user && !credentials_are_said(said);
    int error = stays ? 0 : session_identify(&client->session, said);
    if (error == -EINPROGRESS)
        conn_pause(&client->conn, CONN_PAUSE_PROOF);
    else
        hello_identified(client, error);
}

/* Keeps what the client says of itself, for the monitor; cut where it is long, since it stays as long as the client. */
static void keep_words(struct client *client, const cJSON *json)
{
    static const char *const members[] = { "name", "lang", "version" };
    char words[3 * (WORD_SIZE_MAX + 1)], *end = words;
    bool bad = false, any = false;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct slice word = read_text(json, members[i], &bad);
        if (word.size > WORD_SIZE_MAX)
            word.size = WORD_SIZE_MAX;
        any |= word.size != 0;
        end = word.size ? format_slice(end, word) : end;
        *end++ = '\0';
    }
    free(client->words);
    client->words = any ? malloc((size_t)(end - words)) : NULL;
    if (client->words)
        memcpy(client->words, words, (size_t)(end - words));
}

/* Members that say nothing to us, but that must be texts where they are there. */
static const char *const other_texts[] = { "name", "lang", "version" };

/* What it leaves out stays as it was: at the defaults, or as an earlier CONNECT has set it. */
static void take_wishes(struct client *client, const cJSON *json)
{
    bool bad = false;
    struct credentials credentials = presence(client);
    credentials.name = read_text(json, "user", &bad);
    credentials.password = read_text(json, "pass", &bad);
    credentials.token = read_text(json, "auth_token", &bad);
    credentials.jwt = read_text(json, "jwt", &bad);
    credentials.nkey = read_text(json, "nkey", &bad);
    credentials.signature = read_text(json, "sig", &bad);
    credentials.nonce = slice_of(client->nonce);
    struct slice account = read_text(json, "account", &bad);
    int protocol = read_protocol(json, client->knows_info, &bad);
    client->verbose = read_bool(json, "verbose", client->verbose, &bad);
    client->pedantic = read_bool(json, "pedantic", client->pedantic, &bad);
    client->echo = read_bool(json, "echo", client->echo, &bad);
    client->session.no_echo = !client->echo;
    client->headers = read_bool(json, "headers", client->headers, &bad);
    client->no_responders = read_bool(json, "no_responders", client->no_responders, &bad);
    client->knows_info = protocol >= 1;
    read_bool(json, "tls_required", false, &bad);
    for (size_t i = 0; i < sizeof other_texts / sizeof other_texts[0]; i++)
        read_text(json, other_texts[i], &bad);
    if (bad) {
        client->conn.loop->counters.protocol_errors++;
        client_fail(client, CONN_PROTOCOL_ERROR, NULL);
    } else if (account.size) {
        client_fail(client, CONN_AUTH_FAILED, "Authorization Violation");
    } else if (protocol < 0 || protocol > 1) {
        client_fail(client, CONN_PROTOCOL_ERROR, "invalid client protocol");
    } else if (client->no_responders && !client->headers) {
        client_fail(client, CONN_PROTOCOL_ERROR, "no responders requires headers support");
    } else {
        keep_words(client, json);
        identify(client, &credentials);
    }
}

void hello_connect(struct client *client, struct slice text)
{
    cJSON *json = json_tree_parse(text, CJSON_NESTING_LIMIT); /* as deep as other servers let it be */
    if (cJSON_IsObject(json)) {
        take_wishes(client, json);
    } else {
        client->conn.loop->counters.protocol_errors++;
        client_fail(client, CONN_PROTOCOL_ERROR, NULL);
    }
    cJSON_Delete(json);
}
