#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "say.h"
#include "util/clock.h"
#include "util/moment.h"
#include "util/units.h"

#define SETTING_VALUES webhook_settings

const struct setting webhook_settings[] = {
    WEBHOOK_SETTINGS_PLACE(SETTING_ROW) WEBHOOK_SETTINGS_FIXED(SETTING_ROW) WEBHOOK_SETTINGS(SETTING_ROW) { 0 },
};
static const struct option add_settings[] = {
    WEBHOOK_SETTINGS_FIXED(SETTING_OPTION) WEBHOOK_SETTINGS(SETTING_OPTION) { 0 },
};
static const struct option change_settings[] = {
    WEBHOOK_SETTINGS_PLACE(SETTING_OPTION) WEBHOOK_SETTINGS(SETTING_OPTION) { 0 },
};

static const struct option_group no_groups[] = { { 0 } };

const struct command_details webhook_details = {
    .operands = "",
    .groups = no_groups,
    .about = "A webhook sends what is published under its pattern to a URL, signed, and again where that fails: as "
             "long as a stream keeps it, also over a restart. What it gives up becomes a dead letter. Webhooks that "
             "the server's configuration names are changed there.",
};

struct values {
    struct server_values server;
    struct api_values api;
    struct webhook_settings settings;
    struct text_list filters, headers;
    const char *secret, *overlap;
    const char *since, *topic;
    bool disabled, yes;
};

#define FIELD(member) offsetof(struct values, member)

/* ---- asking ---- */

enum exit_code webhook_open(struct api *api, const struct server_values *server, const struct api_values *values,
                            const char *name)
{
    enum exit_code code = name ? api_check_name("webhook", name) : EXIT_OK;
    api->service = &api_webhooks;
    return code == EXIT_OK ? api_open(api, server, values, CONNECTION_ONCE) : code;
}

enum exit_code webhook_ask(struct api *api, cJSON *request, cJSON **ret_answer, const char *verb, const char *call,
                           const char *name)
{
    char what[320];
    snprintf(what, sizeof what, "cannot %s the webhook %s", verb, name);
    return api_ask(api, request, ret_answer, what, "%s.%s", call, name);
}

void webhook_warn(const cJSON *answer)
{
    const char *warning = object_text(answer, "warning");
    if (*warning)
        say("%s", warning);
}

/* A secret that was made is shown this once. */
static void print_made(const struct api *api, const cJSON *answer)
{
    const char *secret = object_text(answer, "secret");
    if (*secret && !api->values.json)
        printf("%s\n", secret);
}

/* Opens, asks once and closes. Takes the request. */
static enum exit_code ask_alone(const struct values *values, cJSON *request, cJSON **ret_answer, const char *verb,
                                const char *call, const char *name)
{
    struct api api = { 0 };
    enum exit_code code = webhook_open(&api, &values->server, &values->api, name);
    if (code == EXIT_OK)
        code = webhook_ask(&api, request, ret_answer, verb, call, name);
    else
        cJSON_Delete(request);
    api_close(&api);
    return code;
}

/* ---- add and change ---- */

#define PAIR_OPTIONS \
    { "filter", 0, "NAME=VALUE", OPTION_LIST, FIELD(filters), NULL, \
      "send only messages that have this header; may be given again and again" }, \
    { "header", 0, "NAME=VALUE", OPTION_LIST, FIELD(headers), NULL, \
      "a header that each request has besides; may be given again and again" }

static const struct option add_options[] = {
    PAIR_OPTIONS,
    { "secret", 0, "SECRET", OPTION_TEXT, FIELD(secret), NULL,
      "sign by this one, whsec_... or whsk_...; without it one is made, and printed" },
    { "disabled", 0, NULL, OPTION_FLAG, FIELD(disabled), NULL, "send nothing until it is enabled" },
    { 0 },
};

static const struct option_group add_groups[] = {
    { "Options", add_options, 0 },
    { "Settings", add_settings, FIELD(settings) },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example add_examples[] = {
    { "Send all orders to a service:", "posthorn webhook add billing https://billing.example.com/hook 'orders.>'" },
    { "Those of a customer in order, in the order of their topics:",
      "posthorn webhook add crm https://crm.example.com/in 'customer.*.>' --mode keyed --key topic" },
    { 0 },
};

const struct command_details webhook_add_details = {
    .operands = "NAME URL PATTERN",
    .operand_min = 3,
    .operand_max = 3,
    .values_size = sizeof(struct values),
    .groups = add_groups,
    .about = "Makes a webhook that sends what is published under the PATTERN to the URL, and prints the secret by "
             "which the receiver verifies it, where none was given. A stream that keeps the topics makes that nothing "
             "is lost while the receiver, or the server, is away; without one a line on standard error says so.",
    .examples = add_examples,
};

/* "NAME=VALUE" each. */
static enum exit_code put_pairs(cJSON *config, const char *field, const char *option, const struct text_list *list)
{
    cJSON *pairs = list->count ? must(cJSON_CreateObject()) : NULL;
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->texts[i], *equals = strchr(text, '=');
        if (!equals || equals == text) {
            cJSON_Delete(pairs);
            return fail(EXIT_USAGE, "--%s: '%s' is not NAME=VALUE", option, text);
        }
        char *name = must(strndup(text, (size_t)(equals - text)));
        object_put_text(pairs, name, equals + 1);
        free(name);
    }
    if (pairs)
        object_put(config, field, pairs);
    return EXIT_OK;
}

static enum exit_code put_settings(cJSON *config, const struct values *values)
{
    enum exit_code code = settings_write(webhook_settings, &values->settings, config);
    if (code == EXIT_OK)
        code = put_pairs(config, "filter", "filter", &values->filters);
    return code == EXIT_OK ? put_pairs(config, "headers", "header", &values->headers) : code;
}

enum exit_code webhook_add_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    char what[320];
    cJSON *answer = NULL, *config = must(cJSON_CreateObject());
    object_put_text(config, "name", operands.texts[0]);
    object_put_text(config, "url", operands.texts[1]);
    object_put_text(config, "pattern", operands.texts[2]);
    if (values->secret)
        object_put_text(config, "secret", values->secret);
    if (values->disabled)
        object_put(config, "enabled", cJSON_CreateFalse());
    enum exit_code code = put_settings(config, values);
    if (code == EXIT_OK)
        code = webhook_open(&api, &values->server, &values->api, operands.texts[0]);
    snprintf(what, sizeof what, "cannot add the webhook %.255s", operands.texts[0]);
    if (code == EXIT_OK)
        code = api_ask(&api, config, &answer, what, "create");
    else
        cJSON_Delete(config);
    print_made(&api, answer);
    webhook_warn(answer);
    cJSON_Delete(answer);
    api_close(&api);
    return code;
}

static const struct option change_options[] = { PAIR_OPTIONS, { 0 } };

static const struct option_group change_groups[] = {
    { "Options", change_options, 0 },
    { "Settings", change_settings, FIELD(settings) },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example change_examples[] = {
    { "The receiver has moved:", "posthorn webhook change billing --url https://new.example.com/hook" },
    { "Give it more at once:", "posthorn webhook change billing --concurrency 32" },
    { 0 },
};

const struct command_details webhook_change_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = change_groups,
    .about = "Changes what the options say, and leaves all else as it is. Each --filter and each --header takes the "
             "place of all those before.",
    .examples = change_examples,
};

enum exit_code webhook_change_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    cJSON *answer = NULL, *config = must(cJSON_CreateObject());
    enum exit_code code = put_settings(config, values);
    if (code == EXIT_OK && !config->child)
        code = fail(EXIT_USAGE, "say what to change: an option");
    if (code == EXIT_OK)
        code = ask_alone(values, config, &answer, "change", "change", operands.texts[0]);
    else
        cJSON_Delete(config);
    webhook_warn(answer);
    cJSON_Delete(answer);
    return code;
}

/* ---- enable, disable, verify, remove ---- */

static const struct option_group plain_groups[] = {
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details webhook_enable_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = plain_groups,
    .about = "Has a webhook send again, also where its receiver's failures have disabled it: what was kept meanwhile "
             "comes first.",
};

enum exit_code webhook_enable_run(void *arg, struct operands operands)
{
    return ask_alone(arg, NULL, NULL, "enable", "enable", operands.texts[0]);
}

const struct command_details webhook_disable_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = plain_groups,
    .about = "Has a webhook send nothing until it is enabled. It remembers how far it has come.",
};

enum exit_code webhook_disable_run(void *arg, struct operands operands)
{
    return ask_alone(arg, NULL, NULL, "disable", "disable", operands.texts[0]);
}

const struct command_details webhook_verify_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = plain_groups,
    .about = "Asks the receiver now whether it wants what the webhook sends, as the setting --verify says.",
};

enum exit_code webhook_verify_run(void *arg, struct operands operands)
{
    return ask_alone(arg, NULL, NULL, "verify", "verify", operands.texts[0]);
}

static const struct option remove_options[] = {
    { "yes", 'y', NULL, OPTION_FLAG, FIELD(yes), NULL, "do not ask whether it is meant" },
    { 0 },
};

static const struct option_group remove_groups[] = {
    { "Options", remove_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details webhook_remove_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = remove_groups,
    .about = "Removes a webhook, with its secrets and with how far it has come. A terminal is asked first.",
};

enum exit_code webhook_remove_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    enum exit_code code = api_confirm(values->yes, "remove the webhook %s?", operands.texts[0]);
    return code == EXIT_OK ? ask_alone(values, NULL, NULL, "remove", "remove", operands.texts[0]) : code;
}

/* ---- rotate ---- */

static const struct option rotate_options[] = {
    { "secret", 0, "SECRET", OPTION_TEXT, FIELD(secret), NULL, "the new one; without it one is made, and printed" },
    { "overlap", 0, "TIME", OPTION_TEXT, FIELD(overlap), "24h", "the old ones sign for so long besides" },
    { 0 },
};

static const struct option_group rotate_groups[] = {
    { "Options", rotate_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details webhook_rotate_details = {
    .operands = "WEBHOOK",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = rotate_groups,
    .about = "Gives a webhook another secret, and prints it where it was made. For a while each request is signed by "
             "both, so that the receiver can change over at any moment.",
};

enum exit_code webhook_rotate_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { .values = values->api };
    cJSON *answer = NULL, *request = must(cJSON_CreateObject());
    object_put_text(request, "overlap", values->overlap);
    if (values->secret)
        object_put_text(request, "secret", values->secret);
    enum exit_code code = ask_alone(values, request, &answer, "rotate the secret of", "rotate", operands.texts[0]);
    print_made(&api, answer);
    cJSON_Delete(answer);
    return code;
}

/* ---- sending again ---- */

const struct command_details webhook_recover_details = {
    .operands = "WEBHOOK WHERE",
    .operand_min = 2,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = plain_groups,
    .about = "Has a webhook begin anew, whatever it has sent before: with all messages that are kept, behind a cursor, "
             "or from a time on. WHERE is all, a cursor, 2026-01-31T23:59:59Z, or 1h (ago).",
};

/* "1h" is that long ago; all else the server reads itself. */
static void put_moment(cJSON *request, const char *name, const char *where)
{
    char text[MOMENT_SIZE + 1];
    uint64_t ago_ns, now_ms = clock_wall_ms();
    bool is_ago = units_parse_duration(where, &ago_ns) && ago_ns / 1000000 < now_ms;
    if (is_ago)
        *moment_write(text, now_ms - ago_ns / 1000000) = '\0';
    object_put_text(request, name, is_ago ? text : where);
}

enum exit_code webhook_recover_run(void *arg, struct operands operands)
{
    cJSON *request = must(cJSON_CreateObject());
    put_moment(request, "start", operands.texts[1]);
    return ask_alone(arg, request, NULL, "recover", "recover", operands.texts[0]);
}

const struct command_details webhook_resend_details = {
    .operands = "WEBHOOK ID...",
    .operand_min = 2,
    .operand_max = -1,
    .values_size = sizeof(struct values),
    .groups = plain_groups,
    .about = "Sends messages once more, whatever came of them before. An ID is what 'log' prints, and what the "
             "receiver has as webhook-id.",
};

enum exit_code webhook_resend_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    enum exit_code code = webhook_open(&api, &values->server, &values->api, operands.texts[0]);
    for (int i = 1; i < operands.count && code == EXIT_OK; i++) {
        cJSON *request = must(cJSON_CreateObject());
        object_put_text(request, "id", operands.texts[i]);
        code = webhook_ask(&api, request, NULL, "resend a message of", "resend", operands.texts[0]);
    }
    api_close(&api);
    return code;
}

static const struct option replay_options[] = {
    { "since", 0, "WHEN", OPTION_TEXT, FIELD(since), NULL,
      "only those that died since then: 2026-01-31T23:59:59Z, or 1h (ago)" },
    { 0 },
};

static const struct option_group replay_groups[] = {
    { "Options", replay_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example replay_examples[] = {
    { "The receiver has been mended:", "posthorn webhook replay billing" },
    { 0 },
};

const struct command_details webhook_replay_details = {
    .operands = "WEBHOOK [ID]...",
    .operand_min = 1,
    .operand_max = -1,
    .values_size = sizeof(struct values),
    .groups = replay_groups,
    .about = "Sends dead letters once more, all of them or those of the IDs, which 'dead' prints, and prints how many. "
             "One that the receiver takes is dead no longer.",
    .examples = replay_examples,
};

enum exit_code webhook_replay_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    cJSON *answer = NULL, *request = must(cJSON_CreateObject());
    cJSON *ids = operands.count > 1 ? must(cJSON_CreateArray()) : NULL;
    for (int i = 1; i < operands.count; i++)
        cJSON_AddItemToArray(ids, must(cJSON_CreateString(operands.texts[i])));
    if (ids)
        object_put(request, "ids", ids);
    if (values->since)
        put_moment(request, "since", values->since);
    enum exit_code code =
        ask_alone(values, request, &answer, "replay the dead letters of", "replay", operands.texts[0]);
    if (answer && !values->api.json)
        printf("%.0f sent once more\n", object_number(answer, "replayed"));
    cJSON_Delete(answer);
    return code;
}

/* ---- test ---- */

static const struct option test_options[] = {
    { "topic", 0, "TOPIC", OPTION_TEXT, FIELD(topic), NULL, "the topic that it says it was published under" },
    { 0 },
};

/* An attempt may take as long as the setting allows. */
static const struct option test_answer_options[] = {
    { "json", 'j', NULL, OPTION_FLAG, offsetof(struct api_values, json), NULL,
      "print the server's answer as it came, a line of JSON" },
    { "timeout", 0, "TIME", OPTION_DURATION, offsetof(struct api_values, timeout_ns), "1m",
      "wait so long for the answer" },
    { 0 },
};

static const struct option_group test_groups[] = {
    { "Options", test_options, 0 },
    { "Answer", test_answer_options, FIELD(api) },
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details webhook_test_details = {
    .operands = "WEBHOOK [PAYLOAD]",
    .operand_min = 1,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = test_groups,
    .about = "Sends an example now, signed and made as the webhook's messages are, and prints what came of it: result, "
             "status, duration and the first bytes of the answer. No stream keeps it, and it is not tried again. Ends "
             "with exit code 1 where the receiver did not take it.",
};

static void put_fact(struct table *table, const char *name, const char *value)
{
    if (*value) {
        table_put(table, "%s", name);
        table_put(table, "%s", value);
    }
}

static void print_exchange(const cJSON *attempt)
{
    char status[32] = "", duration[UNITS_TEXT_SIZE];
    struct table table;
    if (object_number(attempt, "status") > 0)
        snprintf(status, sizeof status, "%.0f", object_number(attempt, "status"));
    units_format_duration((uint64_t)object_number(attempt, "duration_ms") * 1000000, duration);
    table_init(&table, "ll");
    put_fact(&table, "result", object_text(attempt, "result"));
    put_fact(&table, "status", status);
    put_fact(&table, "error", object_text(attempt, "error"));
    put_fact(&table, "duration", duration);
    put_fact(&table, "id", object_text(attempt, "id"));
    put_fact(&table, "answer", object_text(attempt, "answer"));
    table_print(&table, stdout);
    table_finish(&table);
}

enum exit_code webhook_test_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    cJSON *answer = NULL, *request = must(cJSON_CreateObject());
    if (values->topic)
        object_put_text(request, "topic", values->topic);
    if (operands.count > 1)
        object_put_text(request, "payload", operands.texts[1]);
    enum exit_code code = ask_alone(values, request, &answer, "test", "example", operands.texts[0]);
    if (answer && !values->api.json)
        print_exchange(answer);
    if (answer && strcmp(object_text(answer, "result"), "delivered") != 0)
        code = EXIT_FAILED;
    cJSON_Delete(answer);
    return code;
}
