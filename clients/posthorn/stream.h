/* stream: what the commands of `posthorn stream` share: the settings of streams, for options and for what is shown. */
#ifndef POSTHORN_STREAM_H
#define POSTHORN_STREAM_H

#include "settings.h"

/* X(member, option, field, kind, word, none, help); see settings.h. The options of posthornd.ini(5) have these names
 * too, with '_' for '-'. */
#define STREAM_SETTINGS(X) \
    X(description, "description", "description", TEXT, "TEXT", NULL, "a word on what it is for") \
    X(sync, "sync", "sync", SYNC, "WHEN", NULL, \
      "force what was written onto the disk: always (before it is acknowledged), never, or as often: 100ms") \
    X(age_max, "age-max", "max_age", DURATION, "TIME", "unlimited", "keep a message so long") \
    X(bytes_max, "bytes-max", "max_bytes", SIZE, "SIZE", "unlimited", "keep so many bytes of messages") \
    X(messages_max, "messages-max", "max_msgs", COUNT, "N", "unlimited", "keep so many messages") \
    X(messages_per_topic_max, "messages-per-topic-max", "max_msgs_per_subject", COUNT, "N", "unlimited", \
      "keep so many messages of each topic") \
    X(message_size_max, "message-size-max", "max_msg_size", SIZE, "SIZE", "unlimited", "refuse larger messages") \
    X(discard, "discard", "discard", CHOICE, "old|new", NULL, "what gives way at --bytes-max and --messages-max") \
    X(discard_new_per_topic, "discard-new-per-topic", "discard_new_per_subject", FLAG, "yes|no", NULL, \
      "with --discard new: refuse what goes over --messages-per-topic-max too") \
    X(duplicate_window, "duplicate-window", "duplicate_window", DURATION, "TIME", "off", \
      "keep a message with the same Nats-Msg-Id only once within this time") \
    X(allow_rollup, "allow-rollup", "allow_rollup_hdrs", FLAG, "yes|no", NULL, \
      "may a message with Nats-Rollup take the place of all before it?") \
    X(allow_direct, "allow-direct", "allow_direct", FLAG, "yes|no", NULL, \
      "may messages be asked for by the short way?") \
    X(deny_delete, "deny-delete", "deny_delete", FLAG, "yes|no", NULL, "single messages can be deleted by nobody") \
    X(deny_purge, "deny-purge", "deny_purge", FLAG, "yes|no", NULL, "it can be emptied by nobody")

/* Those that stay as they were when the stream was made. */
#define STREAM_SETTINGS_FIXED(X) \
    X(storage, "storage", "storage", CHOICE, "file|memory", NULL, "where it is kept (file)") \
    X(retention, "retention", "retention", CHOICE, "limits|interest|workqueue", NULL, \
      "keep a message until a limit is reached, until all consumers are done with it, or until one is (limits)") \
    X(consumers_max, "consumers-max", "max_consumers", COUNT, "N", "unlimited", "it has so many consumers at most")

struct stream_settings {
    STREAM_SETTINGS_FIXED(SETTING_MEMBER)
    STREAM_SETTINGS(SETTING_MEMBER)
};

/* All of them. */
extern const struct setting stream_settings[];

/* The options of `add`, and of `edit`. */
extern const struct option stream_add_options[], stream_edit_options[];

#endif
