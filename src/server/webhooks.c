#include "server/webhooks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/network.h"
#include "util/units.h"

/* The choices of the options stand in the order of these. */
_Static_assert(WEBHOOK_PARALLEL == 0 && WEBHOOK_KEYED == 1 && WEBHOOK_ORDERED == 2, "order of mode");
_Static_assert(BODY_PAYLOAD == 0 && BODY_ENVELOPE == 1 && BODY_CLOUDEVENTS == 2 && BODY_CLOUDEVENTS_STRUCTURED == 3,
               "order of body");
_Static_assert(WEBHOOK_VERIFY_NONE == 0 && WEBHOOK_VERIFY_OPTIONS == 1 && WEBHOOK_VERIFY_CHALLENGE == 2,
               "order of verify");
_Static_assert(WEBHOOK_CLIENT_RETRY == 0 && WEBHOOK_CLIENT_DEAD == 1, "order of client_errors");

enum { FILE_SIZE_MAX = 8192, NS_PER_MS = 1000000 };

static int refuse(char sentence[RELOAD_SENTENCE_SIZE], const char *name, const char *what)
{
    snprintf(sentence, RELOAD_SENTENCE_SIZE, "[webhook %s]: %s", name, what);
    return -EINVAL;
}

/* Secrets. */

/* One of those that are named. 0, -ENOMEM or -EINVAL. */
static int add_secret(struct webhook_settings *settings, struct slice text)
{
    struct secret secret;
    if (!secret_read(text, &secret))
        return -EINVAL;
    int error = webhook_secrets_add(settings, &secret, 0);
    secret_wipe(&secret);
    return error == -E2BIG ? -EINVAL : error;
}

/* One a line, blanks around it. */
static int add_lines(struct webhook_settings *settings, char *text)
{
    char *rest = NULL;
    int error = 0;
    for (char *line = strtok_r(text, " \t\r\n", &rest); line && !error; line = strtok_r(NULL, " \t\r\n", &rest))
        error = add_secret(settings, slice_of(line));
    return error;
}

static int read_secret_file(struct webhook_settings *settings, const struct config_webhook *webhook,
                            char sentence[RELOAD_SENTENCE_SIZE])
{
    char text[FILE_SIZE_MAX], what[512];
    ssize_t size = file_read(webhook->secret_file, text, sizeof text - 1);
    if (size < 0) {
        explicit_bzero(text, sizeof text);
        snprintf(what, sizeof what, "secret_file %.300s cannot be read: %s", webhook->secret_file,
                 strerror((int)-size));
        return refuse(sentence, webhook->name, what);
    }
    text[size] = '\0';
    int error = add_lines(settings, text);
    explicit_bzero(text, sizeof text);
    if (error == -EINVAL)
        return refuse(sentence, webhook->name, "secret_file has one secret a line, whsec_... or whsk_..., 8 at most");
    return error;
}

static int add_secrets(struct webhook_settings *settings, const struct config_webhook *webhook,
                       char sentence[RELOAD_SENTENCE_SIZE])
{
    int error = webhook->secret_file ? read_secret_file(settings, webhook, sentence) : 0;
    for (size_t i = 0; i < webhook->secrets.item_count && !error; i++)
        if ((error = add_secret(settings, slice_of(webhook->secrets.items[i]))) == -EINVAL)
            refuse(sentence, webhook->name, "one of secrets is none: whsec_ and 24 to 64 bytes as base64, or whsk_ and "
                   "a key of ed25519; and there are 8 at most");
    return error;
}

static int make_secret(struct webhook_settings *settings)
{
    unsigned char chance[SECRET_HALF_SIZE];
    struct secret secret;
    random_bytes(chance, sizeof chance);
    int error = secret_make(SECRET_SHARED, chance, &secret) ? webhook_secrets_add(settings, &secret, 0) : -ENOMEM;
    explicit_bzero(chance, sizeof chance);
    secret_wipe(&secret);
    return error;
}

/* The rest. */

static int set_texts(struct webhook_settings *settings, const struct config_webhook *webhook)
{
    const struct { char **field; const char *text; } texts[] = {
        { &settings->name, webhook->name }, { &settings->url, webhook->url }, { &settings->pattern, webhook->pattern },
        { &settings->start, webhook->start }, { &settings->key, webhook->key },
        { &settings->description, webhook->description },
    };
    int error = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !error; i++)
        error = webhook_set_text(texts[i].field, texts[i].text && *texts[i].text ? texts[i].text : NULL);
    return error;
}

/* "NAME=VALUE" each, as the option has checked. */
static int add_pairs(struct webhook_pairs *pairs, const struct config_list *list)
{
    int error = 0;
    for (size_t i = 0; i < list->item_count && !error; i++) {
        const char *equals = strchr(list->items[i], '=');
        char *name = strndup(list->items[i], (size_t)(equals - list->items[i]));
        error = name ? webhook_pairs_add(pairs, name, equals + 1) : -ENOMEM;
        free(name);
    }
    return error;
}

static int set_retries(struct webhook_settings *settings, const struct config_list *list)
{
    uint64_t delays_ms[RETRY_DELAYS_MAX], ns;
    unsigned count = 0;
    for (; count < list->item_count && units_parse_duration(list->items[count], &ns); count++)
        delays_ms[count] = ns / NS_PER_MS;
    return webhook_set_retries(settings, delays_ms, count);
}

static void set_numbers(struct webhook_settings *settings, const struct config_webhook *webhook)
{
    settings->mode = webhook->mode;
    settings->body = webhook->body;
    settings->client_errors = webhook->client_errors;
    settings->concurrency = webhook->concurrency;
    settings->rate = webhook->rate;
    settings->timeout_ms = webhook->timeout_ms;
    settings->retry_after_max_ms = webhook->retry_after_max_ms;
    settings->disable_after_ms = webhook->disable_after_ms;
    settings->verify = webhook->verify;
    settings->enabled = webhook->enabled;
    settings->from_configuration = true;
}

static int fill_in(struct webhook_settings *settings, const struct config_webhook *webhook)
{
    set_numbers(settings, webhook);
    int error = set_texts(settings, webhook);
    if (!error)
        error = add_pairs(&settings->filter, &webhook->filter);
    if (!error && webhook->authorization)
        error = webhook_pairs_add(&settings->headers, "Authorization", webhook->authorization);
    if (!error)
        error = add_pairs(&settings->headers, &webhook->headers);
    if (!error)
        error = set_retries(settings, &webhook->retries);
    return error ? error : webhook_settings_complete(settings);
}

static int plan_webhook(struct webhooks_plan *plan, const struct config_webhook *webhook,
                        char sentence[RELOAD_SENTENCE_SIZE])
{
    char room[WEBHOOK_FAULT_SIZE];
    struct webhook_settings *settings = &plan->items[plan->count];
    webhook_settings_init(settings);
    bool *has_made_secret = &plan->has_made_secret[plan->count++];
    int error = fill_in(settings, webhook);
    if (!error)
        error = add_secrets(settings, webhook, sentence);
    *has_made_secret = !error && !settings->secret_count;
    if (*has_made_secret)
        error = make_secret(settings);
    const char *wrong = error ? NULL : webhook_settings_check(settings, room);
    return wrong ? refuse(sentence, webhook->name, wrong) : error;
}

/* NULL: out of memory. */
static char *own_name(const char *configured)
{
    char name[HOST_NAME_MAX + 1] = "";
    if (!*configured)
        gethostname(name, sizeof name - 1);
    return strdup(*configured ? configured : *name ? name : "posthorn");
}

static int plan_options(struct webhooks_plan *plan, const struct config_webhooks *all)
{
    plan->allowed = calloc(all->allow_networks.item_count + 1, sizeof *plan->allowed);
    plan->ca = *all->ca ? strdup(all->ca) : NULL;
    plan->proxy = *all->proxy ? strdup(all->proxy) : NULL;
    plan->origin = own_name(all->origin);
    if (!plan->allowed || !plan->origin || (*all->ca && !plan->ca) || (*all->proxy && !plan->proxy))
        return -ENOMEM;
    for (size_t i = 0; i < all->allow_networks.item_count; i++)
        network_read(all->allow_networks.items[i], &plan->allowed[i]);
    plan->options = (struct deliverer_options){
        .allowed = plan->allowed,
        .allowed_count = all->allow_networks.item_count,
        .ca = plan->ca,
        .proxy = plan->proxy,
        .origin = plan->origin,
        .connections_max = all->connections_max,
        .attempts_kept = all->attempts_kept,
    };
    return 0;
}

int webhooks_plan_make(const struct config *config, struct webhooks_plan **ret_plan,
                       char sentence[RELOAD_SENTENCE_SIZE])
{
    struct webhooks_plan *plan = calloc(1, sizeof *plan);
    int error = plan ? plan_options(plan, &config->webhooks_all) : -ENOMEM;
    snprintf(sentence, RELOAD_SENTENCE_SIZE, "out of memory");
    if (!error) {
        plan->items = calloc(config->webhook_count + 1, sizeof *plan->items);
        plan->has_made_secret = calloc(config->webhook_count + 1, sizeof *plan->has_made_secret);
        error = plan->items && plan->has_made_secret ? 0 : -ENOMEM;
    }
    for (size_t i = 0; i < config->webhook_count && !error; i++)
        error = plan_webhook(plan, &config->webhooks[i], sentence);
    if (error)
        webhooks_plan_free(plan);
    else
        *ret_plan = plan;
    return error;
}

void webhooks_plan_free(struct webhooks_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->count; i++)
        webhook_settings_finish(&plan->items[i]);
    free(plan->items);
    free(plan->has_made_secret);
    free(plan->allowed);
    free(plan->ca);
    free(plan->proxy);
    free(plan->origin);
    free(plan);
}

/* Applying. */

/* What the configuration does not say stays: when it was made, the secret that was made for it, and that it was
 * disabled for what its receiver did. 0 or -ENOMEM. */
static int carry_over(struct webhook_settings *settings, const struct webhook_settings *there, bool has_made_secret)
{
    int error = 0;
    settings->created_ms = there->created_ms;
    settings->failing_since_ms = there->failing_since_ms;
    webhook_carry_verification(settings, there);
    if (there->disabled_reason && settings->enabled) {
        settings->enabled = false;
        settings->disabled_ms = there->disabled_ms;
        error = webhook_set_text(&settings->disabled_reason, there->disabled_reason);
    }
    if (!has_made_secret || !there->secret_count)
        return error;
    secret_wipe(&settings->secrets[0].secret);
    settings->secret_count = 0;
    for (unsigned i = 0; i < there->secret_count && !error; i++)
        error = webhook_secrets_add(settings, &there->secrets[i].secret, there->secrets[i].until_ms);
    return error;
}

/* It is told when it is there: whoever reads that may publish to it. */
static int apply_settings(struct deliverer *deliverer, const char *name, struct webhook_settings *settings,
                          bool has_made_secret)
{
    const struct hook *hook = deliverer_find(deliverer, slice_of(name));
    bool is_new = !hook;
    int error = hook ? carry_over(settings, &hook->settings, has_made_secret) : 0;
    if (!hook)
        settings->created_ms = clock_wall_ms();
    if (error || (hook && webhook_settings_equal(settings, &hook->settings)))
        return error;
    error = deliverer_put(deliverer, settings);
    if (!error)
        log_info(is_new ? "webhook_added" : "webhook_changed", "webhook=%s", name);
    return error;
}

static void apply_item(struct deliverer *deliverer, const struct webhook_settings *item, bool has_made_secret)
{
    struct webhook_settings settings;
    int error = webhook_settings_copy(&settings, item);
    if (!error) {
        error = apply_settings(deliverer, item->name, &settings, has_made_secret);
        webhook_settings_finish(&settings);
    }
    if (error)
        log_error("webhook_not_changed", "webhook=%s error=\"%s\"", item->name, strerror(-error));
}

struct release {
    const struct webhooks_plan *plan;
    struct deliverer *deliverer;
};

static bool is_named(const struct webhooks_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->items[i].name, name) == 0)
            return true;
    return false;
}

static void release(void *arg, struct hook *hook)
{
    const struct release *release = arg;
    struct webhook_settings settings;
    if (!hook->settings.from_configuration || is_named(release->plan, hook->settings.name) ||
        webhook_settings_copy(&settings, &hook->settings) != 0)
        return;
    log_info("webhook_released", "webhook=%s meaning=\"the configuration does not name it any more; it stays\"",
             settings.name);
    settings.from_configuration = false;
    deliverer_put(release->deliverer, &settings);
    webhook_settings_finish(&settings);
}

void webhooks_plan_apply(const struct webhooks_plan *plan, struct deliverer *deliverer)
{
    struct release all = { plan, deliverer };
    if (deliverer_change(deliverer, &plan->options) != 0)
        log_error("webhooks_not_changed", "error=\"out of memory\"");
    for (size_t i = 0; i < plan->count; i++)
        apply_item(deliverer, &plan->items[i], plan->has_made_secret[i]);
    deliverer_visit(deliverer, release, &all);
}

static void run(struct deliverer_call *call, struct deliverer *deliverer)
{
    struct webhooks_plan *plan = (struct webhooks_plan *)call;
    webhooks_plan_apply(plan, deliverer);
    webhooks_plan_free(plan);
}

static void abandon(struct deliverer_call *call)
{
    webhooks_plan_free((struct webhooks_plan *)call);
}

void webhooks_plan_send(struct webhooks_plan *plan, struct deliverer *deliverer)
{
    plan->call.run = run;
    plan->call.abandon = abandon;
    deliverer_call(deliverer, &plan->call);
}
