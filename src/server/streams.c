#include "server/streams.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "config/config.h"
#include "meta/meta.h"
#include "server/plan.h"
#include "server/storage.h"
#include "util/clock.h"
#include "util/log.h"

enum { DAMAGES_LOGGED_MAX = 16 };

static int explain(char sentence[RELOAD_SENTENCE_SIZE], int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int explain(char sentence[RELOAD_SENTENCE_SIZE], int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, RELOAD_SENTENCE_SIZE, format, args);
    va_end(args);
    return code;
}

/* Settings, stored. */

struct loading {
    struct plan *plan;
    char *sentence;
};

static int load_settings(void *arg, struct slice key, struct slice value)
{
    struct loading *loading = arg;
    struct stream_settings settings;
    char why[256];
    int error = settings_load(&settings, value, why);
    if (!error)
        error = plan_add(loading->plan, &settings);
    else if (error == -EINVAL)
        explain(loading->sentence, 0, "what meta.db has as settings of the stream %.*s makes no sense: %s",
               SLICE_ARGS(key), why);
    settings_finish(&settings);
    return error;
}

static int load_plan(struct storage *storage, struct plan *plan, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct loading loading = { plan, sentence };
    *sentence = '\0';
    int error = storage->meta ? meta_load(storage->meta, "stream", load_settings, &loading) : 0;
    if (!error)
        return 0;
    if (error == -ENOMEM)
        return explain(sentence, EX_OSERR, "out of memory");
    return *sentence ? EX_CANTCREAT : explain(sentence, EX_CANTCREAT, "meta.db cannot be read: %s", strerror(-error));
}

static void store_settings(struct storage *storage, const struct stream_settings *settings)
{
    char *text = storage->meta ? settings_save(settings) : NULL;
    if (!storage->meta)
        return;
    if (!text || meta_put_copy(storage->meta, "stream", slice_of(settings->name), slice_of(text)) != 0)
        log_error("settings_lost", "stream=%s error=\"out of memory\"", settings->name);
    free(text);
}

/* Saying what was found. */

static void log_damages(const char *name, const struct log_findings *findings)
{
    for (size_t i = 0; i < findings->damage_count && i < DAMAGES_LOGGED_MAX; i++)
        log_error("stream_damaged", "stream=%s first=%" PRIu64 " last=%" PRIu64, name, findings->damages[i].first,
                  findings->damages[i].last);
    if (findings->damage_count > DAMAGES_LOGGED_MAX)
        log_error("stream_damaged", "stream=%s more=%zu action=\"posthorn fsck tells all of it\"", name,
                  findings->damage_count - DAMAGES_LOGGED_MAX);
}

static void log_opened(struct stream *stream)
{
    struct log_findings findings;
    struct stream_state state;
    const char *name = stream_name(stream);
    stream_get_findings(stream, &findings);
    stream_get_state(stream, &state);
    if (findings.torn_bytes)
        log_warning("stream_torn", "stream=%s bytes=%" PRIu64 " meaning=\"cut off the end: not acknowledged\"", name,
                    findings.torn_bytes);
    log_damages(name, &findings);
    log_info("stream_opened", "stream=%s storage=%s messages=%" PRIu64 " bytes=%" PRIu64 " first=%" PRIu64
             " last=%" PRIu64, name, stream_is_durable(stream) ? "file" : "memory", state.message_count,
             state.byte_count, state.first_sequence, state.last_sequence);
}

static const char *const step_events[] = {
    [PLAN_ADD] = "stream_added",
    [PLAN_CHANGE] = "stream_changed",
    [PLAN_RELEASE] = "stream_released",
};

static void log_step(const struct plan_item *item)
{
    if (item->step == PLAN_RELEASE)
        log_info(step_events[item->step], "stream=%s meaning=\"the configuration does not name it any more; it stays\"",
                 item->settings.name);
    else if (item->step != PLAN_KEEP)
        log_info(step_events[item->step], "stream=%s", item->settings.name);
}

/* Streams. */

static int open_stream(struct storage *storage, const struct stream_settings *settings,
                       char sentence[RELOAD_SENTENCE_SIZE])
{
    struct stream *stream;
    int error = stream_registry_add(storage->registry, settings, &stream);
    if (error == -EADDRINUSE)
        explain(sentence, 0, "the stream %s has a topic that another stream keeps", settings->name);
    else if (error)
        explain(sentence, 0, "the stream %s cannot be opened%s%s: %s", settings->name,
               settings->storage == STREAM_FILE ? " in " : "",
               settings->storage == STREAM_FILE ? storage->directory : "", strerror(-error));
    if (error)
        return error;
    log_opened(stream);
    stream_destroy(stream);
    return 0;
}

static int open_streams(struct storage *storage, const struct plan *plan, char sentence[RELOAD_SENTENCE_SIZE])
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_item *item = &plan->items[i];
        if (open_stream(storage, &item->settings, sentence) != 0)
            return EX_CANTCREAT;
        log_step(item);
        if (item->step != PLAN_KEEP)
            store_settings(storage, &item->settings);
    }
    return 0;
}

/* Directories of streams that nobody knows of: meta.db was lost, or they were copied there. */
static void log_strangers(const struct storage *storage, const struct plan *plan)
{
    char *path;
    if (!storage->directory || asprintf(&path, "%s/streams", storage->directory) < 0)
        return;
    DIR *streams = opendir(path);
    for (const struct dirent *entry; streams && (entry = readdir(streams));) {
        bool known = entry->d_name[0] == '.';
        for (size_t i = 0; i < plan->count && !known; i++)
            known = strcmp(plan->items[i].settings.name, entry->d_name) == 0;
        if (!known)
            log_warning("stream_unknown", "path=\"%s/%s\" action=\"name it in the configuration to have it back\"",
                        path, entry->d_name);
    }
    if (streams)
        closedir(streams);
    free(path);
}

int streams_open(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct plan plan = { .items = NULL };
    int code = load_plan(storage, &plan, sentence), error;
    if (!code && (error = plan_lay(&plan, config, storage->directory, clock_wall_ms(), sentence)) != 0)
        code = error == -EINVAL ? EX_CONFIG : EX_OSERR;
    if (!code)
        code = open_streams(storage, &plan, sentence);
    if (!code)
        log_strangers(storage, &plan);
    plan_finish(&plan);
    return code;
}

/* Reloading. */

static int plan_what_runs(struct storage *storage, struct plan *plan)
{
    size_t count = 0;
    int error = 0;
    struct stream **streams = stream_registry_list(storage->registry, &count);
    for (size_t i = 0; i < count; i++) {
        struct stream_settings settings;
        if (!error)
            error = stream_get_settings(streams[i], &settings);
        if (!error) {
            error = plan_add(plan, &settings);
            settings_finish(&settings);
        }
        stream_destroy(streams[i]);
    }
    free(streams);
    return error;
}

static int apply(struct storage *storage, const struct plan_item *item, char sentence[RELOAD_SENTENCE_SIZE])
{
    int error = item->step == PLAN_ADD ? open_stream(storage, &item->settings, sentence)
                                       : stream_registry_change(storage->registry, &item->settings);
    if (!error) {
        store_settings(storage, &item->settings);
        log_step(item);
    } else if (item->step != PLAN_ADD) {
        explain(sentence, 0, "the stream %s cannot be changed: %s", item->settings.name,
               error == -EADDRINUSE ? "another stream keeps a topic of it" : strerror(-error));
    }
    return error;
}

/* Adds, or does all else. What cannot be done yet, because another stream keeps a topic, is passed over; any other
 * error ends it. */
static int apply_some(struct storage *storage, struct plan *plan, bool adding, bool *advanced,
                      char sentence[RELOAD_SENTENCE_SIZE])
{
    int result = 0;
    for (size_t i = 0; i < plan->count && (!result || result == -EADDRINUSE); i++) {
        struct plan_item *item = &plan->items[i];
        if (item->step == PLAN_KEEP || (item->step == PLAN_ADD) != adding)
            continue;
        int error = apply(storage, item, sentence);
        if (error) {
            result = error;
        } else {
            item->step = PLAN_KEEP;
            *advanced = true;
        }
    }
    return result;
}

/* Streams are added first, because that is what may fail. A stream may take over a topic that another one gives up, so
 * it goes round as long as something can be done. */
static int apply_all(struct storage *storage, struct plan *plan, char sentence[RELOAD_SENTENCE_SIZE])
{
    int error, added;
    bool advanced;
    do {
        advanced = false;
        error = added = apply_some(storage, plan, true, &advanced, sentence);
        if (!added || added == -EADDRINUSE)
            error = apply_some(storage, plan, false, &advanced, sentence);
        error = error ? error : added;
    } while (error == -EADDRINUSE && advanced);
    return error;
}

int streams_reload(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct plan plan = { .items = NULL };
    int error = plan_what_runs(storage, &plan);
    if (error)
        explain(sentence, 0, "out of memory");
    else
        error = plan_lay(&plan, config, storage->directory, clock_wall_ms(), sentence);
    if (!error)
        error = apply_all(storage, &plan, sentence);
    plan_finish(&plan);
    return error;
}
