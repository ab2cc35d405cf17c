/*
 * Fuzz target: what is asked of webhooks by HTTP and by messages, as it comes to whoever sends them; nothing is sent.
 *
 *   input = who asks (1 byte: even the operator, odd one who may read open.> alone), entries with FF between them:
 *
 *   LETTER NAME BLANK BODY     the letter is 'a' plus what is asked (enum webhook_ask)
 *
 * Each is answered once, in JSON or by a sentence. Who may not read all that a webhook sends does not make one and does
 * not change one, and nobody is told its secret but by who may change it.
 */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "auth/rights.h"
#include "broker/webhooks.h"
#include "config/config.h"
#include "push/api.h"
#include "push/state.h"
#include "stream/engine.h"
#include "stream/registry.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/utf8.h"

enum { BYTE_END = 0xff, BODY_SIZE_MAX = 4096, SCAN_TURNS = 100 };

/* Of the webhook that the guest may not touch; and what he must not see. */
#define SECRET_TEXT "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

struct scene {
    struct stream_engine *engine;
    struct stream_registry *registry;
    struct deliverer *deliverer;
    struct webhook_office office;
    struct webhook_desk desk;
    const struct rights *rights;     /* of who asks; NULL: he may everything */
    unsigned asked, answered;
};

static struct scene scene;

static uint64_t wall_ms(void *arg)
{
    (void)arg;
    return clock_wall_ms();
}

static void on_wake(void *arg)
{
    (void)arg;
}

/* Answers. */

static void check_text(const struct webhook_call *call)
{
    struct slice text = slice_of(call->text ? call->text : webhook_verdict_sentence(call->verdict));
    fuzz_require(text.size && utf8_valid(text));
    if (scene.rights)
        fuzz_require(!memmem(text.data, text.size, SECRET_TEXT, strlen(SECRET_TEXT)));
    if (call->verdict <= WEBHOOK_MADE && call->text)
        fuzz_require(*text.data == '{' && json_value_size(text) == text.size);
}

static void on_finished(struct webhook_call *call)
{
    scene.answered++;
    check_text(call);
    webhook_text_free(call->text);
    free((char *)call->name.data);
    free((char *)call->body.data);
    free(call);
}

/* What the deliverer's turn does with them, without the rest of it: no attempt is made. */
static void run_calls(void)
{
    struct deliverer *deliverer = scene.deliverer;
    struct deliverer_call *next, *call = deliverer->calls;
    deliverer->calls = NULL;
    deliverer->last_call = &deliverer->calls;
    for (; call; call = next) {
        next = call->next;
        call->run(call, deliverer);
    }
    for (unsigned i = 0; i < SCAN_TURNS && scans_run(deliverer); i++)
        continue;
    webhook_desk_turn(&scene.desk);
}

/* Asking. */

/* In a block of its very size. */
static struct slice copy(struct slice text)
{
    char *data = malloc(text.size ? text.size : 1);
    fuzz_require(data);
    if (text.size)
        memcpy(data, text.data, text.size);
    return slice_make(data, text.size);
}

static void ask(enum webhook_ask what, struct slice name, struct slice body, const struct rights *rights)
{
    struct webhook_call *call = calloc(1, sizeof *call);
    fuzz_require(call);
    call->finished = on_finished;
    call->ask = what;
    call->name = copy(name);
    call->body = copy(body);
    call->rights = rights;
    scene.asked++;
    fuzz_require(webhook_ask(&scene.desk, call));
    run_calls();
}

static void play_entry(struct slice entry)
{
    struct slice rest = slice_make(entry.data + 1, entry.size - 1);
    const char *blank = rest.size ? memchr(rest.data, ' ', rest.size) : NULL;
    struct slice name = slice_make(rest.data, blank ? (size_t)(blank - rest.data) : rest.size);
    struct slice body = slice_make(blank ? blank + 1 : NULL, blank ? rest.size - name.size - 1 : 0);
    unsigned what = (unsigned char)entry.data[0] - 'a';
    if (what < WEBHOOK_ASK_COUNT)
        ask((enum webhook_ask)what, name, body, scene.rights);
}

static void play(const uint8_t *data, size_t size)
{
    for (size_t at = 0, run; at < size; at += run + 1) {
        const uint8_t *end = memchr(data + at, BYTE_END, size - at);
        run = end ? (size_t)(end - data) - at : size - at;
        if (run && run <= BODY_SIZE_MAX)
            play_entry(slice_make((const char *)data + at, run));
    }
}

/* The scene. */

static const struct rights *rights_of_guest(void)
{
    static char open_topics[] = "open.>", *items[] = { open_topics };
    static const struct config_list list = { items, 1 };
    static const struct rights_options options = { .publish = &list, .subscribe = &list, .manage = true };
    static const struct rights *rights;
    if (!rights)
        fuzz_require(rights_create(&options, &rights) == 0);
    return rights;
}

static void add_stream(const char *name, const char *topic)
{
    struct stream_settings settings;
    settings_init(&settings);
    settings.storage = STREAM_MEMORY;
    fuzz_require(settings_set_text(&settings.name, name) == 0 && settings_add_topic(&settings, topic) == 0);
    fuzz_require(stream_registry_add(scene.registry, &settings, NULL) == 0);
    settings_finish(&settings);
}

static void ask_first(const char *body)
{
    ask(WEBHOOK_CREATE, slice_make(NULL, 0), slice_of(body), NULL);
}

static void scene_init(bool is_guest)
{
    const struct stream_engine_options options = { .boot_id = "", .wall_ms = wall_ms };
    scene = (struct scene){ .engine = NULL };
    fuzz_require(stream_engine_create(&options, &scene.engine) == 0);
    scene.registry = stream_registry_create(scene.engine);
    fuzz_require(scene.registry);
    add_stream("S", "open.>");
    add_stream("C", "closed.>");
    const struct deliverer_setup setup = {
        .registry = scene.registry, .options = { .connections_max = 4, .attempts_kept = 10 },
    };
    fuzz_require(deliverer_create(&setup, &scene.deliverer) == 0 && deliverer_load(scene.deliverer) == 0);
    push_api_open(scene.deliverer, &scene.office);
    webhook_desk_init(&scene.desk, &scene.office, on_wake, NULL);
    ask_first("{\"name\":\"open\",\"url\":\"http://127.0.0.1:9/\",\"pattern\":\"open.>\"}");
    ask_first("{\"name\":\"closed\",\"url\":\"http://127.0.0.1:9/\",\"pattern\":\"closed.>\","
              "\"secret\":\"whsec_" SECRET_TEXT "\"}");
    scene.rights = is_guest ? rights_of_guest() : NULL;
}

static void check_hook(void *arg, struct hook *hook)
{
    const struct webhook_settings *settings = &hook->settings;
    struct slice pattern = slice_of(settings->pattern);
    bool *has_closed = arg;
    bool is_closed = strcmp(settings->name, "closed") == 0;
    *has_closed |= is_closed;
    if (scene.rights && is_closed)
        fuzz_require(slice_is(pattern, "closed.>") && strcmp(settings->url, "http://127.0.0.1:9/") == 0);
    else if (scene.rights)
        fuzz_require(rights_reach(scene.rights, pattern, slice_make(NULL, 0)) == REACH_WHOLE);
}

/* What waits for its end is given up. */
static void scene_finish(void)
{
    bool has_closed = false;
    deliverer_visit(scene.deliverer, check_hook, &has_closed);
    deliverer_settle(scene.deliverer);
    webhook_desk_turn(&scene.desk);
    fuzz_require(scene.answered == scene.asked);
    deliverer_destroy(scene.deliverer);
    stream_registry_destroy(scene.registry);
    stream_engine_destroy(scene.engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || memmem(data, size, SECRET_TEXT, strlen(SECRET_TEXT))) /* it would only be told what it said */
        return 0;
    log_set_level(LOG_LEVEL_ERROR);
    scene_init(data[0] & 1);
    play(data + 1, size - 1);
    scene_finish();
    return 0;
}
