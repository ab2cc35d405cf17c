/*
 * Fuzz target: what the daemon has stored of streams, consumers and webhooks, as it reads it again when it starts.
 *
 *   input = what it is (S, C, W or H: a webhook's history), and the value that stands in meta.db
 *
 * Whatever stands there makes one that works, or is refused by a sentence; and what is taken is stored again as the
 * same.
 */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "consumer/consumer.h"
#include "consumer/json.h"
#include "push/history.h"
#include "push/settings.h"
#include "stream/settings.h"
#include "stream/stream.h"
#include "util/json_tree.h"

enum { SENTENCE_SIZE = 256 };

static const struct consumer_time start = { 1000, 100000 };

static void require_sentence(const char *sentence)
{
    size_t size = strnlen(sentence, SENTENCE_SIZE);
    fuzz_require(size > 0 && size < SENTENCE_SIZE);
}

/* Streams. */

static void check_stream(const struct stream_settings *settings)
{
    char room[SENTENCE_SIZE], *text = settings_save(settings);
    struct stream_settings again;
    fuzz_require(text && settings_load(&again, slice_of(text), room) == 0);
    fuzz_require(settings_equal(settings, &again) && !settings_check(&again, room));
    settings_finish(&again);
    free(text);
}

static void try_stream(struct slice text)
{
    char room[SENTENCE_SIZE] = "";
    struct stream_settings settings;
    struct stream *stream;
    int error = settings_load(&settings, text, room);
    fuzz_require(error == 0 || error == -EINVAL);
    if (error) {
        require_sentence(room);
    } else if (!settings_check(&settings, room)) {
        check_stream(&settings);
        settings.storage = STREAM_MEMORY;
        fuzz_require(stream_open(NULL, &settings, &stream) == 0);
        stream_destroy(stream);
    }
    settings_finish(&settings);
}

/* Consumers. */

static void deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    (void)arg;
    (void)topic;
    (void)deliveries;
    (void)count;
}

static void status(void *arg, struct slice topic, const struct consumer_status *words)
{
    (void)arg;
    (void)topic;
    (void)words;
}

static enum consumer_interest interest(void *arg, struct slice topic, struct slice group)
{
    (void)arg;
    (void)topic;
    (void)group;
    return CONSUMER_LISTENS;
}

static const struct consumer_ops ops = { .deliver = deliver, .status = status, .interest = interest };

static struct stream *open_stream(void)
{
    static char name[] = "s", all[] = "t.>", *topics[] = { all };
    struct stream_settings settings;
    struct stream *stream;
    const struct message message = { .body = "x\r\n", .body_size = 1 };
    struct batch batch = { .topic = slice_of("t.a"), .messages = &message, .count = 1 };
    settings_init(&settings);
    settings.name = name;
    settings.topics = topics;
    settings.topic_count = 1;
    settings.storage = STREAM_MEMORY;
    fuzz_require(stream_open(NULL, &settings, &stream) == 0);
    fuzz_require(stream_append(stream, &batch, 100000, NULL) == 1);
    return stream;
}

static void run_consumer(struct consumer *consumer)
{
    const struct consumer_request request = { .reply = slice_of("in"), .batch = 10 };
    struct consumer_time time = start;
    uint64_t deadline_ms;
    consumer_add_request(consumer, &request, time);
    for (unsigned turn = 0; turn < 4; turn++) {
        for (unsigned i = 0; i < 10 && consumer_run(consumer, time, 100, &deadline_ms) == CONSUMER_MORE; i++)
            continue;
        time.now_ms += 40000;
        time.wall_ms += 40000;
    }
}

static void check_consumer(const struct consumer_settings *settings)
{
    char room[CONSUMER_FAULT_TEXT_SIZE];
    struct consumer_settings again;
    cJSON *json = consumer_settings_to_json(settings), *read;
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    fuzz_require(text && (read = json_tree_parse(slice_of(text), JSON_DEPTH_MAX)));
    consumer_settings_init(&again);
    fuzz_require(consumer_settings_from_json(&again, read, room) == 0 && consumer_settings_equal(settings, &again));
    consumer_settings_finish(&again);
    cJSON_Delete(read);
    cJSON_Delete(json);
    free(text);
}

static bool is_good(struct stream *stream, const struct consumer_settings *settings)
{
    char room[CONSUMER_FAULT_TEXT_SIZE];
    struct stream_settings of_stream;
    fuzz_require(stream_get_settings(stream, &of_stream) == 0);
    enum consumer_fault fault = consumer_settings_check(settings, &of_stream, room);
    settings_finish(&of_stream);
    if (fault)
        require_sentence(room);
    return !fault;
}

/* The daemon does not ask whether those are good that it has stored itself: they are only not to do harm. */
static void try_consumer(struct slice text)
{
    static struct stream *stream;
    char room[CONSUMER_FAULT_TEXT_SIZE] = "";
    struct consumer_settings settings;
    struct consumer *consumer;
    if (!stream)
        stream = open_stream();
    cJSON *json = json_tree_parse(text, JSON_DEPTH_MAX);
    if (!json)
        return;
    consumer_settings_init(&settings);
    int error = consumer_settings_from_json(&settings, json, room);
    fuzz_require(error == 0 || error == -EINVAL);
    if (error)
        require_sentence(room);
    if (!error && settings.name) {
        consumer_settings_complete(&settings);
        if (is_good(stream, &settings))
            check_consumer(&settings);
        if (consumer_create(stream, &settings, &ops, NULL, start, &consumer) == 0) {
            run_consumer(consumer);
            consumer_destroy(consumer);
        }
    }
    consumer_settings_finish(&settings);
    cJSON_Delete(json);
}

/* Webhooks. */

static void check_webhook(const struct webhook_settings *settings)
{
    char room[WEBHOOK_FAULT_SIZE], *text = webhook_settings_save(settings);
    struct webhook_settings again;
    webhook_settings_init(&again);
    fuzz_require(text && webhook_settings_load(&again, slice_of(text), room) == 0);
    fuzz_require(webhook_settings_equal(settings, &again) && !webhook_settings_check(&again, room));
    webhook_settings_finish(&again);
    webhook_text_free(text);
}

static void try_webhook(struct slice text)
{
    char room[WEBHOOK_FAULT_SIZE] = "";
    struct webhook_settings settings;
    webhook_settings_init(&settings);
    int error = webhook_settings_load(&settings, text, room);
    fuzz_require(error == 0 || error == -EINVAL);
    if (error)
        require_sentence(room);
    else if (webhook_settings_complete(&settings) == 0 && !webhook_settings_check(&settings, room))
        check_webhook(&settings);
    webhook_settings_finish(&settings);
}

/* It reads counts and attempts, and nothing else of its hook. */
static void hook_clean(struct hook *hook)
{
    memset(hook, 0, sizeof *hook);
    attempts_init(&hook->attempts, HISTORY_ATTEMPTS_MAX);
}

static void try_history(struct slice bytes)
{
    struct hook hook, again;
    hook_clean(&hook);
    hook_clean(&again);
    if (history_read(&hook, bytes)) {
        size_t size = history_size(&hook);
        char *written = malloc(size), *twice = malloc(size);
        fuzz_require(written && twice);
        fuzz_require(history_write(&hook, written) == size && history_read(&again, slice_make(written, size)));
        fuzz_require(history_write(&again, twice) == size && memcmp(written, twice, size) == 0);
        free(written);
        free(twice);
    }
    attempts_finish(&hook.attempts);
    attempts_finish(&again.attempts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice value = slice_make((const char *)data + 1, size ? size - 1 : 0);
    if (!size)
        return 0;
    if (data[0] == 'S')
        try_stream(value);
    else if (data[0] == 'C')
        try_consumer(value);
    else if (data[0] == 'W')
        try_webhook(value);
    else if (data[0] == 'H')
        try_history(value);
    return 0;
}
