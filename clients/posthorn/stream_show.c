/* posthorn stream list and info. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "commands.h"
#include "quantity.h"
#include "say.h"
#include "stream.h"

struct values {
    struct server_values server;
    struct api_values api;
    bool names;
    const char *topic;
    const char *topics;
};

#define FIELD(member) offsetof(struct values, member)

/* ---- list ---- */

static const struct option list_options[] = {
    { "names", 0, NULL, OPTION_FLAG, FIELD(names), NULL, "print the names alone" },
    { "topic", 0, "PATTERN", OPTION_TEXT, FIELD(topic), NULL, "only streams that keep such topics" },
    { 0 },
};

static const struct option_group list_groups[] = {
    { "Options", list_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

const struct command_details stream_list_details = {
    .operands = "",
    .values_size = sizeof(struct values),
    .groups = list_groups,
    .about = "Prints a line for each stream: its name, where it is kept, how many messages and bytes, the first and "
             "the last sequence, how many consumers, and the topics.",
};

/* The elements, as many as fit, with ", " between them. */
static void join(const cJSON *array, char *out, size_t size)
{
    const cJSON *element;
    size_t used = 0;
    *out = '\0';
    cJSON_ArrayForEach(element, array)
        if (used < size && cJSON_IsString(element))
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", element->valuestring);
}

static void put_row(void *arg, const cJSON *stream)
{
    struct table *table = arg;
    const cJSON *config = object_member(stream, "config"), *state = object_member(stream, "state");
    char topics[256], size[QUANTITY_TEXT_SIZE];
    join(object_member(config, "subjects"), topics, sizeof topics);
    table_put(table, "%s", object_text(config, "name"));
    table_put(table, "%s", object_text(config, "storage"));
    table_put(table, "%.0f", object_number(state, "messages"));
    table_put(table, "%s", quantity_print_size(object_number(state, "bytes"), size));
    table_put(table, "%.0f", object_number(state, "first_seq"));
    table_put(table, "%.0f", object_number(state, "last_seq"));
    table_put(table, "%.0f", object_number(state, "consumer_count"));
    table_put(table, "%s", topics);
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
        "NAME", "STORAGE", "MESSAGES", "SIZE", "FIRST", "LAST", "CONSUMERS", "TOPICS",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(table, "%s", heads[i]);
}

static enum exit_code list(struct api *api, const struct values *values)
{
    static const char what[] = "cannot list the streams";
    struct table table;
    cJSON *request = must(cJSON_CreateObject());
    if (values->topic)
        object_put_text(request, "subject", values->topic);
    table_init(&table, "llrrrrrl");
    put_heads(&table);
    enum exit_code code = values->names ? api_list(api, request, "streams", what, "STREAM.NAMES", print_name, api)
                                        : api_list(api, request, "streams", what, "STREAM.LIST", put_row, &table);
    if (code == EXIT_OK && !values->names && !api->values.json)
        table_print(&table, stdout);
    table_finish(&table);
    cJSON_Delete(request);
    return code;
}

enum exit_code stream_list_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    (void)operands;
    enum exit_code code = api_open(&api, &values->server, &values->api, CONNECTION_ONCE);
    if (code == EXIT_OK)
        code = list(&api, values);
    api_close(&api);
    return code;
}

/* ---- info ---- */

static const struct option info_options[] = {
    { "topics", 0, "PATTERN", OPTION_TEXT, FIELD(topics), NULL, "count the messages of each topic that matches too" },
    { 0 },
};

static const struct option_group info_groups[] = {
    { "Options", info_options, 0 },
    API_GROUP(struct values),
    SERVER_GROUP(struct values),
    { 0 },
};

static const struct example info_examples[] = {
    { "How many messages has each topic?", "posthorn stream info orders --topics '>'" },
    { 0 },
};

const struct command_details stream_info_details = {
    .operands = "STREAM",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct values),
    .groups = info_groups,
    .about = "Prints the settings of a stream, under the names of the options of 'add', and what it holds.",
    .examples = info_examples,
};

static void put_config(struct table *table, const cJSON *answer)
{
    char text[512];
    const cJSON *config = object_member(answer, "config");
    join(object_member(config, "subjects"), text, sizeof text);
    table_put(table, "name");
    table_put(table, "%s", object_text(config, "name"));
    table_put(table, "topics");
    table_put(table, "%s", text);
    settings_show(stream_settings, config, table);
    table_put(table, "created");
    table_put(table, "%s", object_moment(answer, "created", text));
}

/* A sequence, and when it was kept. */
static void put_end(struct table *table, const char *name, const cJSON *state, const char *sequence, const char *time)
{
    char moment[OBJECT_MOMENT_SIZE];
    table_put(table, "%s", name);
    table_put(table, "%.0f  %s", object_number(state, sequence), object_moment(state, time, moment));
}

static void put_number(struct table *table, const char *name, const cJSON *state, const char *field)
{
    table_put(table, "%s", name);
    table_put(table, "%.0f", object_number(state, field));
}

static void put_state(struct table *table, const cJSON *state)
{
    char size[QUANTITY_TEXT_SIZE];
    put_number(table, "messages", state, "messages");
    table_put(table, "size");
    table_put(table, "%s", quantity_print_size(object_number(state, "bytes"), size));
    put_end(table, "first", state, "first_seq", "first_ts");
    put_end(table, "last", state, "last_seq", "last_ts");
    put_number(table, "different topics", state, "num_subjects");
    put_number(table, "deleted", state, "num_deleted");
    put_number(table, "consumers", state, "consumer_count");
}

static int compare_topics(const void *a, const void *b)
{
    const cJSON *const *left = a, *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

/* Those of one page, in the order of their names; the pages come as the server has them. */
static void print_topics(const cJSON *state)
{
    const cJSON *topic, *topics = object_member(state, "subjects");
    size_t count = 0;
    const cJSON **sorted = must(calloc((size_t)cJSON_GetArraySize(topics) + 1, sizeof *sorted));
    struct table table;
    table_init(&table, "rl");
    cJSON_ArrayForEach(topic, topics)
        sorted[count++] = topic;
    if (count)
        qsort(sorted, count, sizeof *sorted, compare_topics);
    for (size_t i = 0; i < count; i++) {
        table_put(&table, "%.0f", sorted[i]->valuedouble);
        table_put(&table, "%s", sorted[i]->string);
    }
    table_print(&table, stdout);
    table_finish(&table);
    free(sorted);
}

static void print_info(const cJSON *answer)
{
    struct table table;
    table_init(&table, "ll");
    put_config(&table, answer);
    put_state(&table, object_member(answer, "state"));
    table_print(&table, stdout);
    table_finish(&table);
}

/* Page after page, where topics are asked for: the first with all else. */
static enum exit_code info(struct api *api, const struct values *values, const char *name)
{
    double offset = 0, total = 0;
    char what[320];
    snprintf(what, sizeof what, "cannot show the stream %s", name);
    do {
        cJSON *answer = NULL, *request = values->topics ? must(cJSON_CreateObject()) : NULL;
        if (request) {
            object_put_text(request, "subjects_filter", values->topics);
            object_put_number(request, "offset", offset);
        }
        enum exit_code code = api_ask(api, request, &answer, what, "STREAM.INFO.%s", name);
        if (code != EXIT_OK)
            return code;
        const cJSON *state = object_member(answer, "state");
        if (!api->values.json && offset == 0)
            print_info(answer);
        if (!api->values.json && values->topics)
            print_topics(state);
        int count = cJSON_GetArraySize(object_member(state, "subjects"));
        total = object_number(answer, "total");
        offset = count ? offset + count : total;
        cJSON_Delete(answer);
    } while (offset < total);
    return EXIT_OK;
}

enum exit_code stream_info_run(void *arg, struct operands operands)
{
    const struct values *values = arg;
    struct api api = { 0 };
    enum exit_code code = api_check_name("stream", operands.texts[0]);
    if (code == EXIT_OK)
        code = api_open(&api, &values->server, &values->api, CONNECTION_ONCE);
    if (code == EXIT_OK)
        code = info(&api, values, operands.texts[0]);
    api_close(&api);
    return code;
}
