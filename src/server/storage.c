#include "server/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "config/config.h"
#include "jetstream/clerk.h"
#include "jetstream/roll.h"
#include "jetstream/jetstream.h"
#include "meta/meta.h"
#include "push/api.h"
#include "push/deliverer.h"
#include "server/streams.h"
#include "server/webhooks.h"
#include "stream/engine.h"
#include "util/file.h"
#include "util/random.h"

enum { DIRECTORY_MODE = 0700 };

static int refuse(char sentence[RELOAD_SENTENCE_SIZE], int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char sentence[RELOAD_SENTENCE_SIZE], int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, RELOAD_SENTENCE_SIZE, format, args);
    va_end(args);
    return code;
}

static int out_of_memory(char sentence[RELOAD_SENTENCE_SIZE])
{
    return refuse(sentence, EX_OSERR, "out of memory");
}

/* The directory. */

/* What the configuration names, or what systemd has set up, the first of several. NULL: none, or out of memory. */
static char *find_directory(const struct config *config)
{
    const char *named = config->server.data_dir, *state = getenv("STATE_DIRECTORY");
    if (strcmp(named, "auto") != 0)
        return strdup(named);
    return state && *state ? strndup(state, strcspn(state, ":")) : NULL;
}

/* So that the name of a new directory outlives the machine's power. */
static int sync_parent(const char *path)
{
    char *parent = strdup(path);
    if (!parent)
        return -ENOMEM;
    for (size_t size = strlen(parent); size > 1 && parent[size - 1] == '/'; size--)
        parent[size - 1] = '\0';
    char *slash = strrchr(parent, '/');
    slash[slash == parent] = '\0';
    int error = files_system.sync_directory(files_system.arg, parent);
    free(parent);
    return error;
}

static int make_directory(const char *path, char sentence[RELOAD_SENTENCE_SIZE])
{
    if (mkdir(path, DIRECTORY_MODE) == 0)
        return sync_parent(path) == 0 ? 0 : refuse(sentence, EX_CANTCREAT, "%s cannot be made", path);
    if (errno == EEXIST)
        return 0;
    return refuse(sentence, EX_CANTCREAT, "the directory %s cannot be made: %s; make it, give it to the user of "
                  "posthornd, and start again, or name another as server.data_dir", path, strerror(errno));
}

/* Names this run of the machine. The service manager hands it over where /proc is hidden from the service. */
static void read_boot_id(char id[64])
{
    const char *given = getenv("POSTHORN_BOOT_ID");
    snprintf(id, 64, "%s", given ? given : "");
    if (*id)
        return;
    ssize_t size = file_read("/proc/sys/kernel/random/boot_id", id, 63);
    id[size > 0 ? size : 0] = '\0';
    id[strcspn(id, "\n")] = '\0';
}

static int open_engine(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    char boot_id[64];
    read_boot_id(boot_id);
    const struct stream_engine_options options = {
        .directory = storage->directory,
        .segment_size = config->server.segment_size,
        .cache_size = config->server.cache_size,
        .boot_id = boot_id,
    };
    int error = stream_engine_create(&options, &storage->engine);
    if (error == -EBUSY)
        return refuse(sentence, EX_CANTCREAT, "the directory %s is in use by another posthornd; stop that one, or name "
                      "another directory as server.data_dir", storage->directory);
    if (error == -ENOMEM)
        return out_of_memory(sentence);
    if (error)
        return refuse(sentence, EX_CANTCREAT, "the directory %s cannot be used: %s; give it to the user of posthornd, "
                      "or name another as server.data_dir", storage->directory, strerror(-error));
    return 0;
}

static int open_meta(struct storage *storage, char sentence[RELOAD_SENTENCE_SIZE])
{
    char why[256];
    if (!storage->directory || meta_open(storage->directory, &storage->meta, why) == 0)
        return 0;
    return refuse(sentence, EX_CANTCREAT, "%s (in %s)", why, storage->directory);
}

/* The secret. */

static int take_secret(void *arg, struct slice key, struct slice value)
{
    struct storage *storage = arg;
    bool good = slice_is(key, "reply") && value.size == sizeof storage->secret;
    if (good)
        memcpy(storage->secret, value.data, value.size);
    return good ? 1 : 0;
}

/* Puts are committed in order: a stream that is stored later is not stored without it. */
static int open_secret(struct storage *storage, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct slice secret = slice_make((const char *)storage->secret, sizeof storage->secret);
    random_bytes(storage->secret, sizeof storage->secret);
    int found = storage->meta ? meta_load(storage->meta, "secret", take_secret, storage) : 1;
    if (found < 0)
        return refuse(sentence, EX_CANTCREAT, "meta.db cannot be read: %s", strerror(-found));
    if (!found && meta_put_copy(storage->meta, "secret", slice_of("reply"), secret) != 0)
        return out_of_memory(sentence);
    return 0;
}

/* Those that are stored, and those that the configuration names. */
static int open_webhooks(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct webhooks_plan *plan;
    int error = webhooks_plan_make(config, &plan, sentence);
    if (error)
        return error == -EINVAL ? EX_CONFIG : EX_OSERR;
    const struct deliverer_setup setup = { storage->registry, storage->recent, storage->meta, plan->options };
    error = deliverer_create(&setup, &storage->deliverer);
    if (!error && deliverer_load(storage->deliverer) != 0)
        error = refuse(sentence, EX_CANTCREAT, "meta.db cannot be read: the webhooks in it");
    else if (error)
        error = out_of_memory(sentence);
    if (!error) {
        webhooks_plan_apply(plan, storage->deliverer);
        push_api_open(storage->deliverer, &storage->webhooks);
    }
    webhooks_plan_free(plan);
    return error;
}

int storage_open(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    storage->directory = find_directory(config);
    int code = storage->directory ? make_directory(storage->directory, sentence) : 0;
    if (!code)
        code = open_engine(storage, config, sentence);
    if (!code)
        code = open_meta(storage, sentence);
    if (!code)
        code = open_secret(storage, sentence);
    if (code)
        return code;
    storage->registry = stream_registry_create(storage->engine);
    code = storage->registry ? streams_open(storage, config, sentence) : out_of_memory(sentence);
    if (!code && storage->meta && jetstream_load(storage->meta, storage->registry, &storage->consumers) != 0)
        code = refuse(sentence, EX_CANTCREAT, "meta.db cannot be read: the consumers in it");
    if (!code && config->program == PROGRAM_BROKER)
        code = open_webhooks(storage, config, sentence);
    if (!code && (stream_engine_start(storage->engine) != 0 || (storage->meta && meta_start(storage->meta) != 0) ||
                  clerk_create(&storage->clerk) != 0 || roll_create(&storage->roll) != 0))
        code = refuse(sentence, EX_OSERR, "no thread can be started");
    return code;
}

int storage_reload(struct storage *storage, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct webhooks_plan *plan;
    if (config->program == PROGRAM_SIDECAR)
        return streams_reload(storage, config, sentence);
    int error = webhooks_plan_make(config, &plan, sentence);
    if (error)
        return error;
    error = streams_reload(storage, config, sentence);
    if (error)
        webhooks_plan_free(plan);
    else
        webhooks_plan_send(plan, storage->deliverer);
    return error;
}

/* The end. */

void storage_settle(struct storage *storage)
{
    deliverer_stop(storage->deliverer);
    clerk_destroy(storage->clerk);
    storage->clerk = NULL;
    meta_close(storage->meta);
    storage->meta = NULL;
    deliverer_settle(storage->deliverer);
}

void storage_close(struct storage *storage)
{
    storage_settle(storage);
    deliverer_destroy(storage->deliverer);
    jetstream_stored_destroy(storage->consumers);
    roll_destroy(storage->roll);
    stream_registry_destroy(storage->registry);
    stream_engine_destroy(storage->engine);
    free(storage->directory);
    *storage = (struct storage){ .directory = NULL };
}
