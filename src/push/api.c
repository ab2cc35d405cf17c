#include "push/api.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "push/errand.h"
#include "push/state.h"
#include "util/clock.h"
#include "util/json_tree.h"
#include "util/random.h"
#include "util/units.h"
#include "util/utf8.h"

enum { NS_PER_MS = 1000000 };
#define OVERLAP_MS ((uint64_t)24 * 3600 * 1000)

/* Answering. */

void errand_finish(struct errand *errand)
{
    struct webhook_call *asked = errand->asked;
    struct deliverer *deliverer = errand->deliverer;
    free(errand->key);
    webhook_text_free(errand->value);
    free(errand);
    deliverer_give_back(deliverer, asked);
}

void errand_answer(struct errand *errand, enum webhook_verdict verdict, const char *sentence)
{
    errand->asked->verdict = verdict;
    errand->asked->text = sentence ? strdup(sentence) : NULL;
}

void errand_answer_gone(struct errand *errand)
{
    if (errand->deliverer->stop_ms)
        errand_answer(errand, WEBHOOK_STOPPING, NULL);
    else
        errand_answer(errand, WEBHOOK_MISSING, "the webhook was removed, or made anew, meanwhile");
}

/* Takes the document. */
void errand_answer_json(struct errand *errand, enum webhook_verdict verdict, cJSON *json)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    webhook_json_delete(json);
    errand->asked->verdict = text ? verdict : WEBHOOK_SHORT;
    errand->asked->text = text;
}

/* Reading what is asked. */

struct hook *errand_find(struct errand *errand)
{
    struct hook *hook = deliverer_find(errand->deliverer, errand->asked->name);
    if (!hook)
        errand_answer(errand, WEBHOOK_MISSING, "there is no webhook of that name");
    return hook;
}

/* One that may be changed from outside. */
struct hook *errand_find_own(struct errand *errand)
{
    struct hook *hook = errand_find(errand);
    if (hook && hook->settings.from_configuration) {
        errand_answer(errand, WEBHOOK_CONFIGURED, "the configuration owns this webhook: change it there, and reload");
        return NULL;
    }
    return hook;
}

/* Stricter than cJSON, which takes for JSON what is nearly so. */
static bool is_json(struct slice body)
{
    size_t blanks = json_blank_size(body);
    return json_value_size(slice_make(body.data + blanks, body.size - blanks)) && utf8_valid(body) &&
           !json_has_nul(body);
}

/* An object; empty where nothing was said. NULL: answered. */
cJSON *errand_read_body(struct errand *errand)
{
    struct slice body = errand->asked->body;
    cJSON *json = !body.size ? cJSON_CreateObject()
                  : is_json(body) ? json_tree_parse(body, JSON_DEPTH_MAX) : NULL;
    if (json && cJSON_IsObject(json))
        return json;
    webhook_json_delete(json);
    errand_answer(errand, WEBHOOK_BAD, "the body is a JSON object in UTF-8, without NUL characters");
    return NULL;
}

/* Takes "secret" out of a document and reads it, or makes one. 0, -ENOMEM, or -EINVAL where it is none. */
static int take_secret(cJSON *json, struct secret *ret_secret, bool *ret_is_made)
{
    unsigned char chance[SECRET_HALF_SIZE];
    cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(json, "secret");
    int error = -EINVAL;
    *ret_is_made = !item;
    if (cJSON_IsString(item) && secret_read(slice_of(item->valuestring), ret_secret) &&
        ret_secret->kind != SECRET_PUBLIC)
        error = 0;
    if (!item) {
        random_bytes(chance, sizeof chance);
        error = secret_make(SECRET_SHARED, chance, ret_secret) ? 0 : -ENOMEM;
        explicit_bzero(chance, sizeof chance);
    }
    webhook_json_delete(item);
    return error;
}

static const char no_secret[] = "secret is whsec_ and 24 to 64 bytes as base64, or whsk_ and a key of ed25519";

/* True where it may go on. */
bool errand_goes_on(struct errand *errand, int error, const char *sentence)
{
    if (error)
        errand_answer(errand, error == -EINVAL ? WEBHOOK_BAD : WEBHOOK_SHORT, error == -EINVAL ? sentence : NULL);
    return error == 0;
}

/* Storing. */

static void on_stored(struct meta_job *job)
{
    struct errand *errand = LIST_OWNER(job, struct errand, job);
    if (job->error && errand->asked->verdict <= WEBHOOK_MADE) {
        webhook_text_free(errand->asked->text);
        errand_answer(errand, WEBHOOK_NOT_STORED, strerror(-job->error));
    }
    errand_finish(errand);
}

/* Waits until the settings of that name are as they are to be, in meta as well. False: there is nothing to wait for. */
bool errand_await_stored(struct errand *errand, const struct webhook_settings *settings, struct slice name)
{
    errand->key = strndup(name.data, name.size);
    errand->value = settings ? webhook_settings_save(settings) : NULL;
    if (!errand->key || (settings && !errand->value))
        return false;
    errand->job = (struct meta_job){
        .finished = on_stored,
        .kind = DELIVERER_SETTINGS_KIND,
        .key = slice_of(errand->key),
        .value = slice_of(errand->value),
    };
    return deliverer_await(errand->deliverer, &errand->job);
}

/* What is asked. Each answers, and returns whether the answer has to wait. */

static bool ask_get(struct errand *errand)
{
    struct hook *hook = errand_find(errand);
    if (hook)
        errand_answer_json(errand, WEBHOOK_GOOD, errand_document(errand->deliverer, hook));
    return false;
}

struct listing {
    const struct deliverer *deliverer;
    cJSON *array;
    double offset, limit;            /* of the page */
    double total;                    /* of all, as far as it was looked */
    bool is_short;
};

static void list_one(void *arg, struct hook *hook)
{
    struct listing *listing = arg;
    double place = listing->total++;
    if (place < listing->offset || place - listing->offset >= listing->limit)
        return;
    cJSON *json = errand_document(listing->deliverer, hook);
    listing->is_short |= !json || !cJSON_AddItemToArray(listing->array, json);
}

/* "offset" and "limit" of the page. False: answered. */
static bool read_page(struct errand *errand, struct listing *listing)
{
    cJSON *json = errand_read_body(errand);
    const cJSON *offset = json ? cJSON_GetObjectItemCaseSensitive(json, "offset") : NULL;
    const cJSON *limit = json ? cJSON_GetObjectItemCaseSensitive(json, "limit") : NULL;
    bool is_good = (!offset || cJSON_IsNumber(offset)) && (!limit || cJSON_IsNumber(limit));
    listing->offset = is_good && offset ? offset->valuedouble : 0;
    listing->limit = is_good && limit ? limit->valuedouble : WEBHOOK_PAGE_MAX;
    if (listing->limit > WEBHOOK_PAGE_MAX)
        listing->limit = WEBHOOK_PAGE_MAX;
    if (json && !is_good)
        errand_answer(errand, WEBHOOK_BAD, "offset and limit are numbers");
    is_good = json && is_good;
    cJSON_Delete(json);
    return is_good;
}

static bool ask_list(struct errand *errand)
{
    struct listing listing = { .deliverer = errand->deliverer };
    if (!read_page(errand, &listing))
        return false;
    cJSON *json = cJSON_CreateObject();
    listing.array = json ? cJSON_AddArrayToObject(json, "webhooks") : NULL;
    if (listing.array)
        deliverer_visit(errand->deliverer, list_one, &listing);
    if (!listing.array || listing.is_short || !cJSON_AddNumberToObject(json, "total", listing.total) ||
        !cJSON_AddNumberToObject(json, "offset", listing.offset) ||
        !cJSON_AddNumberToObject(json, "limit", listing.limit)) {
        webhook_json_delete(json);
        json = NULL;
    }
    errand_answer_json(errand, WEBHOOK_GOOD, json);
    return false;
}

/* Whoever asks is to be allowed to read what the webhook sends. False: answered. */
static bool may_read(struct errand *errand, const struct webhook_settings *settings)
{
    const struct rights *rights = errand->asked->rights;
    if (!settings->pattern || rights_reach(rights, slice_of(settings->pattern), slice_make(NULL, 0)) == REACH_WHOLE)
        return true;
    errand_answer(errand, WEBHOOK_FORBIDDEN, NULL);
    return false;
}

/* Puts the settings, which it takes, and answers with the document; secret (may be NULL) is shown this once. */
static bool put(struct errand *errand, struct webhook_settings *settings, enum webhook_verdict verdict,
                const struct secret *secret)
{
    char room[WEBHOOK_FAULT_SIZE], text[SECRET_TEXT_SIZE];
    struct hook *hook = NULL;
    int error = webhook_settings_complete(settings);
    const char *wrong = error ? NULL : webhook_settings_check(settings, room);
    if (!errand_goes_on(errand, error ? error : wrong ? -EINVAL : 0, wrong) || !may_read(errand, settings))
        return false;
    char *name = strdup(settings->name);
    error = name ? deliverer_put(errand->deliverer, settings) : -ENOMEM;
    if (!error)
        hook = deliverer_find(errand->deliverer, slice_of(name));
    free(name);
    if (!errand_goes_on(errand, error, NULL))
        return false;
    cJSON *json = errand_document(errand->deliverer, hook);
    if (json && secret)
        cJSON_AddStringToObject(json, "secret", secret_write(secret, text));
    explicit_bzero(text, sizeof text);
    errand_answer_json(errand, verdict, json);
    return errand_await_stored(errand, &hook->settings, slice_of(hook->settings.name));
}

/* One for those who leave it to us. 0 or -ENOMEM. */
static int make_name(struct webhook_settings *settings)
{
    char name[] = "wh-............";
    random_name(name + 3, sizeof name - 4);
    for (char *at = name + 3; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return webhook_set_text(&settings->name, name);
}

static int fill_in(struct webhook_settings *settings, cJSON *json, const struct secret *secret,
                   char room[WEBHOOK_FAULT_SIZE])
{
    int error = webhook_settings_from_json(settings, json, WEBHOOK_JSON_SHOWN, room);
    settings->created_ms = clock_wall_ms();
    if (!error && !settings->name)
        error = make_name(settings);
    return error ? error : webhook_secrets_add(settings, secret, 0);
}

static bool ask_create(struct errand *errand)
{
    char room[WEBHOOK_FAULT_SIZE];
    struct webhook_settings settings;
    struct secret secret = { .size = 0 };
    bool is_made, waits = false;
    cJSON *json = errand_read_body(errand);
    if (!json)
        return false;
    errand_drop_shown(json);
    webhook_settings_init(&settings);
    int error = take_secret(json, &secret, &is_made);
    if (errand_goes_on(errand, error, no_secret) &&
        errand_goes_on(errand, fill_in(&settings, json, &secret, room), room)) {
        if (settings.name && deliverer_find(errand->deliverer, slice_of(settings.name)))
            errand_answer(errand, WEBHOOK_TAKEN, "there is a webhook of that name");
        else
            waits = put(errand, &settings, WEBHOOK_MADE, is_made ? &secret : NULL);
    }
    webhook_settings_finish(&settings);
    secret_wipe(&secret);
    webhook_json_delete(json);
    return waits;
}

/* A name is for ever: positions and dead letters go by it. Whoever enables it takes back why it was disabled. */
static const char *check_change(const struct hook *hook, struct webhook_settings *settings)
{
    if (!settings->name || strcmp(settings->name, hook->settings.name) != 0)
        return "the name of a webhook cannot be changed";
    if (settings->enabled) {
        settings->disabled_ms = 0;
        free(settings->disabled_reason);
        settings->disabled_reason = NULL;
    }
    return NULL;
}

static bool ask_change(struct errand *errand)
{
    char room[WEBHOOK_FAULT_SIZE];
    struct webhook_settings settings;
    struct hook *hook = errand_find_own(errand);
    cJSON *json = hook ? errand_read_body(errand) : NULL;
    bool waits = false;
    if (!json)
        return false;
    errand_drop_shown(json);
    int error = webhook_settings_copy(&settings, &hook->settings);
    if (!error)
        error = webhook_settings_from_json(&settings, json, WEBHOOK_JSON_SHOWN, room);
    const char *wrong = error ? room : check_change(hook, &settings);
    if (errand_goes_on(errand, error ? error : wrong ? -EINVAL : 0, wrong))
        waits = put(errand, &settings, WEBHOOK_GOOD, NULL);
    webhook_settings_finish(&settings);
    webhook_json_delete(json);
    return waits;
}

static cJSON *secret_json(const struct webhook_secret *secret)
{
    char text[SECRET_TEXT_SIZE];
    cJSON *json = cJSON_CreateObject();
    bool is_good = json && json_add(json, "secret", cJSON_CreateString(secret_write(&secret->secret, text))) &&
                   json_add_moment(json, "expires", secret->until_ms);
    explicit_bzero(text, sizeof text);
    if (is_good)
        return json;
    webhook_json_delete(json);
    return NULL;
}

/* Those that still sign. */
static bool ask_secrets(struct errand *errand)
{
    const struct hook *hook = errand_find(errand);
    cJSON *json = hook ? cJSON_CreateObject() : NULL, *array = json ? cJSON_AddArrayToObject(json, "secrets") : NULL;
    bool is_good = array;
    uint64_t now_ms = clock_wall_ms();
    if (!hook)
        return false;
    for (unsigned i = 0; is_good && i < hook->settings.secret_count; i++) {
        const struct webhook_secret *secret = &hook->settings.secrets[i];
        if (secret->until_ms && secret->until_ms <= now_ms)
            continue;
        cJSON *item = secret_json(secret);
        is_good = item && cJSON_AddItemToArray(array, item);
    }
    if (!is_good) {
        webhook_json_delete(json);
        json = NULL;
    }
    errand_answer_json(errand, WEBHOOK_GOOD, json);
    return false;
}

static bool ask_remove(struct errand *errand)
{
    if (!errand_find_own(errand))
        return false;
    deliverer_remove(errand->deliverer, errand->asked->name);
    errand_answer(errand, WEBHOOK_GOOD, NULL);
    return errand_await_stored(errand, NULL, errand->asked->name);
}

/* These are for the operator's hand as well where the configuration owns it: it says how it begins. */
static bool ask_enable(struct errand *errand)
{
    struct hook *hook = errand_find(errand);
    if (!hook)
        return false;
    hook_enable(hook);
    errand_answer_json(errand, WEBHOOK_GOOD, errand_document(errand->deliverer, hook));
    return errand_await_stored(errand, &hook->settings, errand->asked->name);
}

static bool ask_disable(struct errand *errand)
{
    struct hook *hook = errand_find(errand);
    if (!hook)
        return false;
    hook_stop(hook);
    errand_answer_json(errand, WEBHOOK_GOOD, errand_document(errand->deliverer, hook));
    return errand_await_stored(errand, &hook->settings, errand->asked->name);
}

/* The new one comes first; the others sign for a while longer. */
static int rotate(struct webhook_settings *settings, const struct webhook_settings *from, const struct secret *secret,
                  uint64_t until_ms)
{
    uint64_t now_ms = clock_wall_ms();
    int error = webhook_settings_copy(settings, from);
    unsigned count = error ? 0 : settings->secret_count;
    struct webhook_secret *old = settings->secrets;
    if (error)
        return error;
    settings->secrets = NULL;
    settings->secret_count = 0;
    error = webhook_secrets_add(settings, secret, 0);
    for (unsigned i = 0; i < count && !error && settings->secret_count < WEBHOOK_SECRETS_MAX; i++) {
        uint64_t own_ms = old[i].until_ms && old[i].until_ms < until_ms ? old[i].until_ms : until_ms;
        if (own_ms > now_ms)
            error = webhook_secrets_add(settings, &old[i].secret, own_ms);
    }
    for (unsigned i = 0; i < count; i++)
        secret_wipe(&old[i].secret);
    free(old);
    return error;
}

static int read_overlap(const cJSON *json, uint64_t *ret_ms)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "overlap");
    uint64_t ns;
    *ret_ms = OVERLAP_MS;
    if (!item)
        return 0;
    if (!cJSON_IsString(item) || !units_parse_duration(item->valuestring, &ns))
        return -EINVAL;
    *ret_ms = ns / NS_PER_MS;
    return 0;
}

static bool ask_rotate(struct errand *errand)
{
    struct webhook_settings settings;
    struct secret secret = { .size = 0 };
    struct hook *hook = errand_find_own(errand);
    cJSON *json = hook ? errand_read_body(errand) : NULL;
    bool is_made, waits = false;
    uint64_t overlap_ms;
    if (!json)
        return false;
    webhook_settings_init(&settings);
    if (errand_goes_on(errand, read_overlap(json, &overlap_ms), "overlap is a duration such as \"24h\"") &&
        errand_goes_on(errand, take_secret(json, &secret, &is_made), no_secret) &&
        errand_goes_on(errand, rotate(&settings, &hook->settings, &secret, clock_wall_ms() + overlap_ms), NULL))
        waits = put(errand, &settings, WEBHOOK_GOOD, is_made ? &secret : NULL);
    webhook_settings_finish(&settings);
    secret_wipe(&secret);
    webhook_json_delete(json);
    return waits;
}

static bool (*const asks[WEBHOOK_ASK_COUNT])(struct errand *errand) = {
    [WEBHOOK_LIST] = ask_list,
    [WEBHOOK_GET] = ask_get,
    [WEBHOOK_CREATE] = ask_create,
    [WEBHOOK_CHANGE] = ask_change,
    [WEBHOOK_REMOVE] = ask_remove,
    [WEBHOOK_ENABLE] = ask_enable,
    [WEBHOOK_DISABLE] = ask_disable,
    [WEBHOOK_ROTATE] = ask_rotate,
    [WEBHOOK_ATTEMPTS] = ask_attempts,
    [WEBHOOK_RECOVER] = ask_recover,
    [WEBHOOK_RESEND] = ask_resend,
    [WEBHOOK_EXAMPLE] = ask_example,
    [WEBHOOK_DEAD] = ask_dead,
    [WEBHOOK_REPLAY] = ask_replay,
    [WEBHOOK_SECRETS] = ask_secrets,
    [WEBHOOK_VERIFY] = ask_verify,
};

/* The office. */

/* Of one that is there. Whoever stops it need not be allowed to read what it sends. False: answered. */
static bool may_ask(struct errand *errand)
{
    enum webhook_ask ask = errand->asked->ask;
    struct slice name = errand->asked->name;
    const struct hook *hook = name.size ? deliverer_find(errand->deliverer, name) : NULL;
    bool stops = ask == WEBHOOK_REMOVE || ask == WEBHOOK_DISABLE;
    return !hook || stops || webhook_right(ask) != RIGHT_MANAGE || may_read(errand, &hook->settings);
}

static void run(struct deliverer_call *call, struct deliverer *deliverer)
{
    struct errand *errand = (struct errand *)call;
    bool (*ask)(struct errand *errand) = asks[errand->asked->ask];
    (void)deliverer;
    if (!ask && errand_find(errand))
        errand_answer(errand, WEBHOOK_BAD, "this daemon cannot be asked for that");
    if (!ask || !may_ask(errand) || !ask(errand))
        errand_finish(errand);
}

static void abandon(struct deliverer_call *call)
{
    struct errand *errand = (struct errand *)call;
    errand_answer(errand, WEBHOOK_STOPPING, NULL);
    errand_finish(errand);
}

static void submit(void *arg, struct webhook_call *call)
{
    struct errand *errand = calloc(1, sizeof *errand);
    call->text = NULL;
    if (!errand) {
        call->verdict = WEBHOOK_SHORT;
        deliverer_give_back(arg, call);
        return;
    }
    errand->call.run = run;
    errand->call.abandon = abandon;
    errand->deliverer = arg;
    errand->asked = call;
    deliverer_call(arg, &errand->call);
}

static struct webhook_call *done(void *arg, struct webhook_desk *desk)
{
    return deliverer_take_back(arg, desk);
}

static size_t count(void *arg, struct webhook_tally *ret_all, struct webhook_row *rows, size_t room)
{
    return deliverer_count(arg, ret_all, rows, room);
}

void push_api_open(struct deliverer *deliverer, struct webhook_office *ret_office)
{
    *ret_office = (struct webhook_office){ deliverer, submit, done, count };
}
