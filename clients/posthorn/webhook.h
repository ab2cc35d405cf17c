/* webhook: what the commands of `posthorn webhook` share: the settings of webhooks, and how the server is asked. */
#ifndef POSTHORN_WEBHOOK_H
#define POSTHORN_WEBHOOK_H

#include "api.h"
#include "settings.h"

/* X(member, option, field, kind, word, none, help); see settings.h. The options of posthornd.ini(5) have these names
 * too, with '_' for '-'. */
#define WEBHOOK_SETTINGS(X) \
    X(description, "description", "description", TEXT, "TEXT", NULL, "a word on what it is for") \
    X(mode, "mode", "mode", CHOICE, "parallel|keyed|ordered", NULL, \
      "which messages wait for one another: none, those of a --key, or all") \
    X(key, "key", "key", TEXT, "KEY", NULL, "with --mode keyed: topic, or header:NAME") \
    X(body, "body", "body", CHOICE, "payload|envelope|cloudevents|cloudevents-structured", NULL, \
      "what is sent: the payload as it was published, a JSON object with all of the message, or a CloudEvent") \
    X(concurrency, "concurrency", "concurrency", NUMBER, "N", "default", "so many requests at once") \
    X(rate, "rate", "rate", NUMBER, "N", "unlimited", "so many requests a second") \
    X(timeout, "attempt-timeout", "timeout", TIME, "TIME", NULL, "an attempt may take so long") \
    X(retries, "retries", "retries", TIMES, "TIMES", "none", \
      "wait so long before the second attempt, the third, and so on: 5s,5m,30m") \
    X(retry_after_max, "retry-after-max", "retry_after_max", TIME, "TIME", NULL, \
      "a receiver that asks for a longer wait gets this one") \
    X(client_errors, "client-errors", "client_errors", CHOICE, "retry|dead", NULL, \
      "what comes of an answer 4xx that says nothing more particular") \
    X(disable_after, "disable-after", "disable_after", TIME, "TIME", "never", \
      "disable it when nothing but failure has come for so long") \
    X(verify, "verify", "verify", CHOICE, "none|options|challenge", NULL, \
      "ask the receiver first whether it wants all this") \
    X(metadata, "metadata", "metadata", OBJECT, "JSON", "none", "an object of your own, which is kept with it")

/* Where a webhook begins; it stays as it was when it was made. See `recover`. */
#define WEBHOOK_SETTINGS_FIXED(X) \
    X(start, "start", "start", TEXT, "WHERE", NULL, \
      "begin with new messages, all that are kept, those behind a cursor, or from a time on: new, all, CURSOR, " \
      "2026-01-31T23:59:59Z (new)")

/* What `add` has as operands. */
#define WEBHOOK_SETTINGS_PLACE(X) \
    X(url, "url", "url", TEXT, "URL", NULL, "where it is sent") \
    X(pattern, "pattern", "pattern", TEXT, "PATTERN", NULL, "the topics of the messages that are sent")

struct webhook_settings {
    WEBHOOK_SETTINGS_PLACE(SETTING_MEMBER)
    WEBHOOK_SETTINGS_FIXED(SETTING_MEMBER)
    WEBHOOK_SETTINGS(SETTING_MEMBER)
};

/* All of them. */
extern const struct setting webhook_settings[];

/* Opens the connection for a command on the webhook of that name (NULL: none in particular). Close the api, whatever
 * the answer. */
enum exit_code webhook_open(struct api *api, const struct server_values *server, const struct api_values *values,
                            const char *name);

/* Asks of that webhook; as api_ask. What is said where it fails begins with "cannot VERB the webhook NAME". */
enum exit_code webhook_ask(struct api *api, cJSON *request, cJSON **ret_answer, const char *verb, const char *call,
                           const char *name);

/* Says a warning that an answer has. */
void webhook_warn(const cJSON *answer);

#endif
