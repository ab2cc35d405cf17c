/*
 * settings: what a webhook is told to be. They come from HTTP, from the configuration and from what was stored, and are
 * one JSON object everywhere. webhook_settings_complete puts defaults in the place of what nobody has set. Pure; any
 * thread.
 */
#ifndef PUSH_SETTINGS_H
#define PUSH_SETTINGS_H

#include "broker/webhooks.h"
#include "push/body.h"
#include "push/retry.h"
#include "push/secret.h"
#include "stream/cursor.h"

struct cJSON;

enum {
    WEBHOOK_NAME_SIZE_MAX = 64,
    WEBHOOK_URL_SIZE_MAX = 2048,
    WEBHOOK_TEXT_SIZE_MAX = 4096,    /* of a description, of metadata, and of a header's value */
    WEBHOOK_PAIRS_MAX = 32,
    WEBHOOK_SECRETS_MAX = 8,
    WEBHOOK_CONCURRENCY_MAX = 1024,
    WEBHOOK_RATE_MAX = 1000000,
    WEBHOOK_FAULT_SIZE = 256,
};

/* In the order of webhook_mode_words: which messages wait for one another. */
enum webhook_mode {
    WEBHOOK_PARALLEL,                /* none */
    WEBHOOK_KEYED,                   /* those of a key */
    WEBHOOK_ORDERED,                 /* all of a stream */
};

/* What an answer 4xx means that says nothing more particular. */
enum webhook_client_errors { WEBHOOK_CLIENT_RETRY, WEBHOOK_CLIENT_DEAD };

/* How the receiver is asked whether it wants what will be sent. */
enum webhook_verify {
    WEBHOOK_VERIFY_NONE,
    WEBHOOK_VERIFY_OPTIONS,          /* CloudEvents' web hooks: OPTIONS, and what it allows */
    WEBHOOK_VERIFY_CHALLENGE,        /* a POST, signed, whose word it says again */
};

extern const char *const webhook_mode_words[], *const webhook_client_error_words[], *const webhook_verify_words[];

/* Names and values of headers. */
struct webhook_pairs {
    char **names, **values;
    unsigned count;
};

struct webhook_secret {
    struct secret secret;
    uint64_t until_ms;               /* wall clock: it signs until then; 0: for good */
};

struct webhook_settings {
    char *name;                      /* letters, digits, - and _ */
    char *url;
    char *pattern;                   /* of topics */
    struct webhook_pairs filter;     /* headers that a message must have */
    char *start;                     /* "new", "all", a cursor or a moment */
    unsigned mode;                   /* enum webhook_mode */
    char *key;                       /* of WEBHOOK_KEYED: "topic", or "header:NAME" */
    unsigned body;                   /* enum body_kind */
    struct webhook_pairs headers;    /* that each request has besides */
    struct webhook_secret *secrets;  /* the newest first */
    unsigned secret_count;
    uint64_t concurrency;            /* attempts at once, at most */
    uint64_t rate;                   /* attempts a second, at most; 0: any number */
    uint64_t timeout_ms;             /* of an attempt */
    uint64_t *retries_ms;            /* see struct retry_schedule; NULL: the standard's */
    unsigned retry_count;
    bool has_retries;
    uint64_t retry_after_max_ms;     /* a receiver that asks for more gets no more */
    unsigned client_errors;          /* enum webhook_client_errors */
    uint64_t disable_after_ms;       /* of nothing but failure; UINT64_MAX: never */
    unsigned verify;                 /* enum webhook_verify */
    uint64_t verified_ms;            /* wall clock: when the receiver has said that it wants it; 0: it has not */
    uint64_t allowed_rate;           /* a minute, as it has said; 0: any number */
    bool enabled;
    char *disabled_reason;           /* NULL: nobody has said why */
    uint64_t disabled_ms;            /* wall clock; 0: it is not */
    uint64_t failing_since_ms;       /* wall clock; as was last stored: it has taken nothing since then. 0: it does */
    char *description, *metadata;    /* metadata: a JSON object as text */
    bool from_configuration;
    uint64_t created_ms;             /* wall clock */
};

/* Nothing is set but that it is enabled. */
void webhook_settings_init(struct webhook_settings *settings);
/* Wipes the secrets. */
void webhook_settings_finish(struct webhook_settings *settings);
/* 0 or -ENOMEM. */
int webhook_settings_copy(struct webhook_settings *to, const struct webhook_settings *from);
/* Of what is stored, all. False also where memory has run out. */
bool webhook_settings_equal(const struct webhook_settings *a, const struct webhook_settings *b);

/* 0 or -ENOMEM. Secrets are the caller's to make. */
int webhook_settings_complete(struct webhook_settings *settings);

/* What is wrong with completed settings, a sentence that is static or in room; NULL: nothing. */
const char *webhook_settings_check(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE]);

/* Each replaces what was there. 0 or -ENOMEM; of add, also -E2BIG. */
int webhook_set_text(char **field, const char *text);
int webhook_pairs_add(struct webhook_pairs *pairs, const char *name, const char *value);
int webhook_secrets_add(struct webhook_settings *settings, const struct secret *secret, uint64_t until_ms);
int webhook_set_retries(struct webhook_settings *settings, const uint64_t *delays_ms, unsigned count);

/* Where it begins. */
enum webhook_start { WEBHOOK_START_NEW, WEBHOOK_START_ALL, WEBHOOK_START_CURSOR, WEBHOOK_START_TIME };
bool webhook_start_read(struct slice text, enum webhook_start *ret_start, struct cursor *ret_cursor,
                        uint64_t *ret_time_ms);

/* True where nobody has to be asked, or has been. */
bool webhook_is_verified(const struct webhook_settings *settings);
/* What the receiver has said stays, where it is the same and is asked in the same way. */
void webhook_carry_verification(struct webhook_settings *settings, const struct webhook_settings *from);

/* May whoever registers a webhook have this header sent? */
bool webhook_header_is_allowed(struct slice name);

struct retry_schedule webhook_schedule(const struct webhook_settings *settings);

/* JSON. */

/* Lays an object over the settings: null is what nobody has set. 0, -ENOMEM, or -EINVAL and a sentence in room; what is
 * there is to be finished either way. What only the daemon may set is read with WEBHOOK_JSON_ALL alone. */
enum webhook_json {
    WEBHOOK_JSON_SHOWN,              /* without secrets; reading: what anybody may set */
    WEBHOOK_JSON_ALL,                /* as it is stored */
};
int webhook_settings_from_json(struct webhook_settings *settings, const struct cJSON *json, enum webhook_json which,
                               char room[WEBHOOK_FAULT_SIZE]);

/* NULL: out of memory. With secrets in it it is to be deleted by webhook_json_delete. */
struct cJSON *webhook_settings_to_json(const struct webhook_settings *settings, enum webhook_json which);

/* As text, for what is stored; to be freed by webhook_text_free. NULL: out of memory. */
char *webhook_settings_save(const struct webhook_settings *settings);
/* 0, -ENOMEM, or -EINVAL and a sentence. Begins with webhook_settings_init. */
int webhook_settings_load(struct webhook_settings *settings, struct slice text, char room[WEBHOOK_FAULT_SIZE]);

/* Wipe what they free. Take NULL. */
void webhook_json_delete(struct cJSON *json);

#endif
