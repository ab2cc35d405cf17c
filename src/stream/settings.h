/*
 * settings: what a stream is told to be: its name, the topics that it keeps, its bounds and its habits. They come from
 * the configuration, from the JetStream API and from what was stored; as JSON they are the config object of that API
 * (durations in nanoseconds, -1 for no bound), with one field more, "sync": "always", "never", or a duration such as
 * "1s". Pure; any thread.
 */
#ifndef STREAM_SETTINGS_H
#define STREAM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/log.h"
#include "util/slice.h"

struct cJSON;

enum stream_storage { STREAM_FILE, STREAM_MEMORY };
enum stream_retention { STREAM_LIMITS, STREAM_INTEREST, STREAM_WORKQUEUE };
enum stream_discard { STREAM_DISCARD_OLD, STREAM_DISCARD_NEW };

/* Dead letters are published under DEAD_TOPIC, stream and consumer, and kept by DEAD_STREAM and the stream's name. */
#define DEAD_TOPIC "$DEAD."
#define DEAD_STREAM "DEAD_"

/* The sidecar's: what waits for the broker, and what that has refused for good. */
#define SPOOL_STREAM "spool"
#define REFUSED_STREAM "refused"
#define REFUSED_TOPIC "$REFUSED."

enum { SETTINGS_DUPLICATE_WINDOW_MS = 2 * 60 * 1000 };

struct stream_settings {
    char *name;                      /* no dot, blank, '*', '>' or '/'; at most 255 bytes */
    char *description;               /* NULL: none */
    char **topics;                   /* patterns; none of them overlaps another */
    unsigned topic_count;
    enum stream_storage storage;
    enum stream_retention retention;
    enum stream_discard discard;
    enum log_sync sync;
    uint64_t sync_interval_ms;       /* of LOG_SYNC_INTERVAL */
    /* 0: no such bound. */
    uint64_t messages_max, bytes_max, age_max_ms, messages_per_topic_max, message_size_max;
    uint64_t consumers_max;
    uint64_t duplicate_window_ms;
    bool discard_new_per_topic;      /* with STREAM_DISCARD_NEW: also at messages_per_topic_max */
    bool deny_delete, deny_purge, allow_rollup, allow_direct, sealed;
    bool from_configuration;         /* the INI owns it: the API does not change it */
    char *owner;                     /* the user who made it by the API; NULL: nobody in particular */
    char *metadata;                  /* a JSON object as text; NULL: none */
    uint64_t created_ms;             /* wall clock */
};

/* The defaults: file, limits, old, always, a duplicate window of two minutes, no bounds. */
void settings_init(struct stream_settings *settings);
void settings_finish(struct stream_settings *settings);
/* 0 or -ENOMEM, and then there is nothing to finish. */
int settings_copy(struct stream_settings *to, const struct stream_settings *from);

/* Copies a text (NULL: none) into one of the fields above, and frees what was there; adds a topic. 0 or -ENOMEM. */
int settings_set_text(char **place, const char *text);
int settings_add_topic(struct stream_settings *settings, const char *topic);

/* A sentence that says what is wrong, NULL where all is well. The sentence is static or in room. */
const char *settings_check(const struct stream_settings *settings, char room[256]);

/* A sentence that says what cannot be changed on a stream that is there; NULL: it can become so. */
const char *settings_check_change(const struct stream_settings *from, const struct stream_settings *to, char room[256]);

/* Whatever they came from, whoever made them, and whenever that was. */
bool settings_equal(const struct stream_settings *a, const struct stream_settings *b);

/* Whose limits it counts for; NULL: nobody's. */
const char *settings_owner(const struct stream_settings *settings);

/* The object as the JetStream API shows it. NULL: out of memory. */
struct cJSON *settings_to_json(const struct stream_settings *settings);
/*
 * Reads it into settings that are to be finished by the caller, whatever is returned. Fields that are missing have
 * their default; without subjects the name is the topic. What the server does not know is ignored, but for what asks
 * for something that it does not do. 0, -ENOMEM, or -EINVAL and a sentence in room. What settings_check says is not
 * asked.
 */
int settings_from_json(struct stream_settings *settings, const struct cJSON *json, char room[256]);

/* The same as text to be stored, with from_configuration, owner and created_ms; freed by the caller. NULL: out of
 * memory. */
char *settings_save(const struct stream_settings *settings);
/* As settings_from_json. */
int settings_load(struct stream_settings *settings, struct slice text, char room[256]);

#endif
