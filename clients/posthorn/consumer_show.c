/* posthorn consumer list and info. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "consumer.h"
#include "say.h"

struct values {
    struct server_values server;
    struct api_values api;
    bool names;
};

#define FIELD(member) offsetof(struct values, member)

/* What it delivers, as many patterns as fit; ">" where it is all of the stream. */
static const char *filters_of(const cJSON *config, char *out, size_t size)
{
    const cJSON *pattern, *several = object_member(config, "filter_subjects");
    const char *single = object_text(config, "filter_subject");
    size_t used = (size_t)snprintf(out, size, "%s", *single ? single : cJSON_GetArraySize(several) ? "" : ">");
    cJSON_ArrayForEach(pattern, several)
        if (used < size && cJSON_IsString(pattern))
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", pattern->valuestring);
    return out;
}

static bool is_pushed(const cJSON *config)
{
    return *object_text(config, "deliver_subject") != '\0';
}

/* ---- list ---- */

static const struct option list_options[] = {
    { "names", 0, NULL, OPTION_FLAG, FIELD(names), NULL, "print the names alone" },
    { 0 },
};

static const struct option_group list_groups[] = {
    { "Options", list_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details consumer_list_details = {
    .operands = "STREAM",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = list_groups,
    .about = "Prints a line for each consumer of a stream: its name, whether messages are pulled or pushed, how they "
             "are acknowledged, up to which sequence all have been (FLOOR), how many wait for their acknowledgement, "
             "how many of these have been delivered again, how many are still to be delivered, and which topics they "
             "have.",
};

static void put_row(void *arg, const cJSON *consumer)
{
    struct table *table = arg;
    const cJSON *config = object_member(consumer, "config");
    char filters[256];
    table_put(table, "%s", object_text(consumer, "name"));
    table_put(table, "%s", is_pushed(config) ? "push" : "pull");
    table_put(table, "%s", object_text(config, "ack_policy"));
    table_put(table, "%.0f", object_number(object_member(consumer, "ack_floor"), "stream_seq"));
    table_put(table, "%.0f", object_number(consumer, "num_ack_pending"));
    table_put(table, "%.0f", object_number(consumer, "num_redelivered"));
    table_put(table, "%.0f", object_number(consumer, "num_pending"));
    table_put(table, "%s", filters_of(config, filters, sizeof filters));
}

static void print_name(void *arg, const cJSON *name)
{
    const struct api *api = arg;
    if (!api->values.json && cJSON_IsString(name))
        printf("%s\n", name->valuestring);
}

static void put_heads(struct table *table)
{
    static const char *const heads[] = {
        "NAME", "KIND", "ACK", "FLOOR", "UNACKED", "AGAIN", "TO DO", "FILTER",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(table, "%s", heads[i]);
}

static enum exit_code list(struct api *api, const struct values *values, const char *stream)
{
    struct table table;
    char what[320], path[320];
    cJSON *request = must(cJSON_CreateObject());
    snprintf(what, sizeof what, "cannot list the consumers of the stream %s", stream);
    snprintf(path, sizeof path, "CONSUMER.%s.%s", values->names ? "NAMES" : "LIST", stream);
    table_init(&table, "lllrrrrl");
    put_heads(&table);
    enum exit_code code = values->names ? api_list(api, request, "consumers", what, path, print_name, api)
                                        : api_list(api, request, "consumers", what, path, put_row, &table);
    if (code == EXIT_OK && !values->names && !api->values.json)
        table_print(&table, stdout);
    table_finish(&table);
    cJSON_Delete(request);
    return code;
}

enum exit_code consumer_list_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    enum exit_code code = consumer_open(&api, &values->server, &values->api, operands.texts[0], NULL);
    if (code == EXIT_OK)
        code = list(&api, values, operands.texts[0]);
    api_close(&api);
    return code;
}

/* ---- info ---- */

static const struct option_group info_groups[] = {
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details consumer_info_details = {
    .operands = "STREAM CONSUMER",
    .operand_min = 2,
    .operand_max = 2,
    .values_size = sizeof(struct values),
    .groups = info_groups,
    .about = "Prints the settings of a consumer, under the names of the options of 'add', and how far it has come.",
};

static void put_since(struct table *table, const cJSON *config)
{
    char moment[OBJECT_MOMENT_SIZE];
    const char *policy = object_text(config, "deliver_policy");
    table_put(table, "since");
    if (object_member(config, "opt_start_seq"))
        table_put(table, "%.0f", object_number(config, "opt_start_seq"));
    else if (object_member(config, "opt_start_time"))
        table_put(table, "%s", object_moment(config, "opt_start_time", moment));
    else
        table_put(table, "%s", strcmp(policy, "last_per_subject") == 0 ? "last-per-topic" : policy);
}

/* A position: the sequence in the stream, and which delivery of this consumer it was. */
static void put_position(struct table *table, const char *name, const cJSON *position)
{
    char moment[OBJECT_MOMENT_SIZE];
    object_moment(position, "last_active", moment);
    table_put(table, "%s", name);
    table_put(table, "%.0f  (delivery %.0f%s%s)", object_number(position, "stream_seq"),
              object_number(position, "consumer_seq"), *moment == '-' ? "" : ", ", *moment == '-' ? "" : moment);
}

static void put_number(struct table *table, const char *name, const cJSON *answer, const char *field)
{
    table_put(table, "%s", name);
    table_put(table, "%.0f", object_number(answer, field));
}

static void put_config(struct table *table, const cJSON *answer)
{
    char text[512];
    const cJSON *config = object_member(answer, "config");
    table_put(table, "stream");
    table_put(table, "%s", object_text(answer, "stream_name"));
    table_put(table, "name");
    table_put(table, "%s", object_text(answer, "name"));
    table_put(table, "filter");
    table_put(table, "%s", filters_of(config, text, sizeof text));
    put_since(table, config);
    settings_show(consumer_settings, config, table);
    table_put(table, "created");
    table_put(table, "%s", object_moment(answer, "created", text));
}

static void print_info(const cJSON *answer)
{
    struct table table;
    table_init(&table, "ll");
    put_config(&table, answer);
    put_position(&table, "delivered", object_member(answer, "delivered"));
    put_position(&table, "acknowledged up to", object_member(answer, "ack_floor"));
    put_number(&table, "unacknowledged", answer, "num_ack_pending");
    put_number(&table, "delivered again", answer, "num_redelivered");
    put_number(&table, "to be delivered", answer, "num_pending");
    put_number(&table, "waiting pulls", answer, "num_waiting");
    table_print(&table, stdout);
    table_finish(&table);
}

enum exit_code consumer_info_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    const char *stream = operands.texts[0], *name = operands.texts[1];
    struct api api = { 0 };
    cJSON *answer = NULL;
    enum exit_code code = consumer_open(&api, &values->server, &values->api, stream, name);
    if (code == EXIT_OK)
        code = consumer_ask(&api, NULL, &answer, "show", "INFO", stream, name);
    if (code == EXIT_OK && !values->api.json)
        print_info(answer);
    cJSON_Delete(answer);
    api_close(&api);
    return code;
}
