#include "stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "commands.h"
#include "say.h"

#define SETTING_VALUES stream_settings

const struct setting stream_settings[] = {
    STREAM_SETTINGS_FIXED(SETTING_ROW) STREAM_SETTINGS(SETTING_ROW) { 0 },
};
const struct option stream_add_options[] = {
    STREAM_SETTINGS_FIXED(SETTING_OPTION) STREAM_SETTINGS(SETTING_OPTION) { 0 },
};
const struct option stream_edit_options[] = { STREAM_SETTINGS(SETTING_OPTION) { 0 } };

static const struct option_group no_groups[] = { { 0 } };

const struct command_details stream_details = {
    .operands = "",
    .groups = no_groups,
    .about = "A stream keeps what is published under its topics, each message under a number, its sequence, and "
             "acknowledges it to publishers who ask for that (posthorn pub --ack). Streams that the server's "
             "configuration names cannot be changed from here.",
};

struct values {
    struct server_values server;
    struct api_values api;
    struct stream_settings settings;
    /* of remove and purge */
    bool yes;
    const char *topic;
    uint64_t below, keep;
};

#define FIELD(member) offsetof(struct values, member)

static cJSON *topics_of(const struct operands *operands)
{
    cJSON *topics = must(cJSON_CreateArray());
    for (int i = 1; i < operands->count; i++)
        cJSON_AddItemToArray(topics, must(cJSON_CreateString(operands->texts[i])));
    return topics;
}

/* ---- add ---- */

static const struct option_group add_groups[] = {
    { "Settings", stream_add_options, FIELD(settings) },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example add_examples[] = {
    { "Keep all orders for a year:", "posthorn stream add orders 'orders.>' --age-max 365d" },
    { "Jobs, each to be done once:", "posthorn stream add jobs 'jobs.>' --retention workqueue" },
    { "The latest reading of each sensor:", "posthorn stream add now 'sensor.>' --messages-per-topic-max 1" },
    { 0 },
};

const struct command_details stream_add_details = {
    .operands = "NAME TOPIC...",
    .operand_min = 2,
    .operand_max = -1,
    .values_size = sizeof(struct values),
    .groups = add_groups,
    .about = "Makes a stream that keeps what is published under the TOPICs, which are patterns; quote them. No two "
             "streams keep the same topic.",
    .examples = add_examples,
};

/* What is not given has the server's default. */
static cJSON *new_config(const struct operands *operands)
{
    static const char *const unlimited[] = {
        "max_consumers", "max_msgs", "max_bytes", "max_msgs_per_subject", "max_msg_size",
    };
    cJSON *config = must(cJSON_CreateObject());
    object_put_text(config, "name", operands->texts[0]);
    object_put(config, "subjects", topics_of(operands));
    object_put_text(config, "retention", "limits");
    object_put_text(config, "storage", "file");
    object_put_text(config, "discard", "old");
    object_put_number(config, "num_replicas", 1);
    for (size_t i = 0; i < sizeof unlimited / sizeof *unlimited; i++)
        object_put_number(config, unlimited[i], -1);
    return config;
}

/* Asks about the stream of the first operand; what is said where it fails begins with "cannot VERB the stream". */
static enum exit_code ask(struct api *api, cJSON *request, cJSON **ret_answer, const char *verb, const char *call,
                          const char *name)
{
    char what[320];
    snprintf(what, sizeof what, "cannot %s the stream %s", verb, name);
    return api_ask(api, request, ret_answer, what, "STREAM.%s.%s", call, name);
}

/* Opens the connection for a command on the stream of that name. Close the api, whatever the answer. */
static enum exit_code open_for(struct api *api, const struct values *values, const char *name)
{
    enum exit_code code = api_check_name("stream", name);
    return code == EXIT_OK ? api_open(api, &values->server, &values->api, CONNECTION_ONCE) : code;
}

enum exit_code stream_add_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    cJSON *config = new_config(&operands);
    enum exit_code code = settings_write(stream_settings, &values->settings, config);
    if (code == EXIT_OK)
        code = open_for(&api, values, operands.texts[0]);
    if (code == EXIT_OK)
        code = ask(&api, config, NULL, "add", "CREATE", operands.texts[0]);
    else
        cJSON_Delete(config);
    api_close(&api);
    return code;
}

/* ---- edit ---- */

static const struct option_group edit_groups[] = {
    { "Settings", stream_edit_options, FIELD(settings) },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example edit_examples[] = {
    { "Keep them longer:", "posthorn stream edit orders --age-max 730d" },
    { "Keep returns as well:", "posthorn stream edit orders 'orders.>' 'returns.>'" },
    { 0 },
};

const struct command_details stream_edit_details = {
    .operands = "STREAM [TOPIC]...",
    .operand_min = 1,
    .operand_max = -1,
    .values_size = sizeof(struct values),
    .groups = edit_groups,
    .about = "Changes what the options say, and leaves all else as it is. TOPICs take the place of those that it "
             "keeps.",
    .examples = edit_examples,
};

static bool changes_something(const struct values *values, const struct operands *operands)
{
    const char *const *texts = (const char *const *)&values->settings;
    bool given = operands->count > 1;
    for (size_t i = 0; i < sizeof values->settings / sizeof *texts; i++)
        given = given || texts[i];
    return given;
}

static enum exit_code edit(struct api *api, const struct values *values, const struct operands *operands)
{
    cJSON *answer = NULL;
    bool json = api->values.json;
    api->values.json = false; /* the answer that counts is the second */
    enum exit_code code = ask(api, NULL, &answer, "edit", "INFO", operands->texts[0]);
    api->values.json = json;
    cJSON *config = cJSON_DetachItemFromObjectCaseSensitive(answer, "config");
    cJSON_Delete(answer);
    if (code != EXIT_OK)
        return code;
    config = config ? config : must(cJSON_CreateObject());
    if (operands->count > 1)
        object_put(config, "subjects", topics_of(operands));
    code = settings_write(stream_settings, &values->settings, config);
    if (code == EXIT_OK)
        return ask(api, config, NULL, "edit", "UPDATE", operands->texts[0]);
    cJSON_Delete(config);
    return code;
}

enum exit_code stream_edit_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    if (!changes_something(values, &operands))
        return fail(EXIT_USAGE, "say what to change: an option, or TOPICs");
    enum exit_code code = open_for(&api, values, operands.texts[0]);
    if (code == EXIT_OK)
        code = edit(&api, values, &operands);
    api_close(&api);
    return code;
}

/* ---- remove ---- */

static const struct option yes_options[] = {
    { "yes", 'y', NULL, OPTION_FLAG, FIELD(yes), NULL, "do not ask whether it is meant" },
    { 0 },
};

static const struct option_group remove_groups[] = {
    { "Options", yes_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details stream_remove_details = {
    .operands = "STREAM",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = remove_groups,
    .about = "Removes a stream with all that it keeps, and with its consumers. A terminal is asked first.",
};

enum exit_code stream_remove_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    enum exit_code code = open_for(&api, values, operands.texts[0]);
    if (code == EXIT_OK)
        code = api_confirm(values->yes, "remove the stream %s with all its messages and consumers?", operands.texts[0]);
    if (code == EXIT_OK)
        code = ask(&api, NULL, NULL, "remove", "DELETE", operands.texts[0]);
    api_close(&api);
    return code;
}

/* ---- purge ---- */

static const struct option purge_options[] = {
    { "topic", 0, "PATTERN", OPTION_TEXT, FIELD(topic), NULL, "only messages under these topics" },
    { "below", 0, "SEQUENCE", OPTION_COUNT, FIELD(below), NULL, "only messages before this one" },
    { "keep", 0, "N", OPTION_COUNT, FIELD(keep), NULL, "keep the newest N" },
    { "yes", 'y', NULL, OPTION_FLAG, FIELD(yes), NULL, "do not ask whether it is meant" },
    { 0 },
};

static const struct option_group purge_groups[] = {
    { "Options", purge_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details stream_purge_details = {
    .operands = "STREAM",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = purge_groups,
    .about = "Removes messages from a stream: all, or those that the options say, and prints how many went. A terminal "
             "is asked first.",
};

static cJSON *purge_request(const struct values *values)
{
    cJSON *request = must(cJSON_CreateObject());
    if (values->topic)
        object_put_text(request, "filter", values->topic);
    if (values->below)
        object_put_number(request, "seq", (double)values->below);
    if (values->keep)
        object_put_number(request, "keep", (double)values->keep);
    return request;
}

static enum exit_code purge(struct api *api, const struct values *values, const char *name)
{
    cJSON *answer = NULL;
    enum exit_code code = ask(api, purge_request(values), &answer, "purge", "PURGE", name);
    if (code == EXIT_OK && !api->values.json)
        printf("%.0f messages purged\n", object_number(answer, "purged"));
    cJSON_Delete(answer);
    return code;
}

enum exit_code stream_purge_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    if (values->below && values->keep)
        return fail(EXIT_USAGE, "--below and --keep exclude one another");
    enum exit_code code = open_for(&api, values, operands.texts[0]);
    if (code == EXIT_OK)
        code = api_confirm(values->yes, "purge the stream %s of %s?", operands.texts[0],
                           values->topic || values->below || values->keep ? "these messages" : "all its messages");
    if (code == EXIT_OK)
        code = purge(&api, values, operands.texts[0]);
    api_close(&api);
    return code;
}
