/* consumer: what the commands of `posthorn consumer` share: the settings of consumers, for the options and for what is
 * shown, and asking about one. */
#ifndef POSTHORN_CONSUMER_H
#define POSTHORN_CONSUMER_H

#include "api.h"
#include "settings.h"

/* X(member, option, field, kind, word, none, help); see settings.h. */
#define CONSUMER_SETTINGS(X) \
    X(description, "description", "description", TEXT, "TEXT", NULL, "a word on what it is for") \
    X(ack_wait, "ack-wait", "ack_wait", DURATION, "TIME", NULL, \
      "deliver a message again that has not been acknowledged for so long (30s)") \
    X(backoff, "backoff", "backoff", DURATIONS, "TIMES", "none", \
      "wait so long before the second delivery, the third, ...: 1s,10s,1m; in place of --ack-wait") \
    X(deliveries_max, "deliveries-max", "max_deliver", COUNT, "N", "unlimited", \
      "deliver a message so often; then it is a dead letter") \
    X(pending_max, "pending-max", "max_ack_pending", COUNT, "N", "unlimited", \
      "deliver no more while so many wait for their acknowledgement (1000)") \
    X(headers_only, "headers-only", "headers_only", FLAG, "yes|no", NULL, "deliver no payloads") \
    X(inactive_threshold, "inactive-threshold", "inactive_threshold", DURATION, "TIME", "never", \
      "remove it when nobody has used it for so long") \
    X(rate_limit, "rate-limit", "rate_limit_bps", COUNT, "BITS", NULL, "push so many bits a second at most") \
    X(target, "target", "deliver_subject", TEXT, "TOPIC", NULL, \
      "push messages to this topic; where it is not given they are to be pulled")

/* Those that stay as they were when the consumer was made. */
#define CONSUMER_SETTINGS_FIXED(X) \
    X(ack, "ack", "ack_policy", CHOICE, "explicit|all|none", NULL, \
      "each message is acknowledged, or one with all before it, or none needs to be (explicit)") \
    X(replay, "replay", "replay_policy", CHOICE, "instant|original", NULL, \
      "deliver as fast as possible, or at the pace at which they were published (instant)") \
    X(group, "group", "deliver_group", TEXT, "NAME", NULL, "push to the members of this group in turn") \
    X(heartbeat, "heartbeat", "idle_heartbeat", DURATION, "TIME", "off", "push a sign of life when idle for so long") \
    X(flow_control, "flow-control", "flow_control", FLAG, "yes|no", NULL, "push no faster than is taken") \
    X(waiting_max, "waiting-max", "max_waiting", COUNT, "N", NULL, "so many pulls wait at most (512)")

struct consumer_settings {
    CONSUMER_SETTINGS_FIXED(SETTING_MEMBER)
    CONSUMER_SETTINGS(SETTING_MEMBER)
};

/* All of them. */
extern const struct setting consumer_settings[];

/* Where names are and the connection is good: asks $JS.API.CONSUMER.CALL.STREAM.CONSUMER. See api_ask. */
enum exit_code consumer_ask(struct api *api, cJSON *request, cJSON **ret_answer, const char *verb, const char *call,
                            const char *stream, const char *consumer);

/* Checks both names (consumer may be NULL) and connects. Close the api, whatever the answer. */
enum exit_code consumer_open(struct api *api, const struct server_values *server, const struct api_values *values,
                             const char *stream, const char *consumer);

/* Writes patterns into the config of a consumer, as what it is to deliver. */
void consumer_set_filters(cJSON *config, const char *const *patterns, size_t count);

/* Makes a consumer out of a config object, which it takes; name NULL: the server names it. action is "create" or
 * "update". See api_ask. */
enum exit_code consumer_make(struct api *api, cJSON *config, cJSON **ret_answer, const char *verb, const char *action,
                             const char *stream, const char *name);

#endif
