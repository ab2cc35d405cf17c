#include "sample.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "util/clock.h"
#include "util/text.h"

static double number(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(json, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* What others have written must not steer the terminal. */
static char *text(const cJSON *json, const char *name)
{
    char shown[128];
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(json, name));
    return must(strdup(text_show(slice_of(value ? value : ""), shown, sizeof shown)));
}

/* ---- /varz ---- */

static void read_recent(struct sample *sample, const cJSON *posthorn)
{
    const cJSON *stream, *recent = NULL;
    cJSON_ArrayForEach(stream, cJSON_GetObjectItem(posthorn, "streams"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(stream, "name"));
        if (name && strcmp(name, "recent") == 0)
            recent = stream;
    }
    sample->has_recent = recent != NULL;
    sample->recent_messages = number(recent, "messages");
    sample->recent_size = number(recent, "bytes");
}

static void read_server(struct sample *sample, const cJSON *varz)
{
    const cJSON *posthorn = cJSON_GetObjectItem(varz, "posthorn");
    sample->name = text(varz, "server_name");
    sample->version = text(varz, "version");
    sample->uptime = text(varz, "uptime");
    sample->workers = number(posthorn, "workers");
    sample->memory_size = number(varz, "mem");
    sample->has_processor_ms = cJSON_GetObjectItem(varz, "cpu_time_ms") != NULL;
    sample->processor_ms = number(varz, "cpu_time_ms");
    sample->processor_percent = number(varz, "cpu");
    sample->connections = number(varz, "connections");
    sample->connections_ever = number(varz, "total_connections");
    sample->subscriptions = number(varz, "subscriptions");
    sample->slow_consumers = number(varz, "slow_consumers");
    sample->messages_in = number(varz, "in_msgs");
    sample->messages_out = number(varz, "out_msgs");
    sample->bytes_in = number(varz, "in_bytes");
    sample->bytes_out = number(varz, "out_bytes");
    read_recent(sample, posthorn);
}

/* ---- /connz ---- */

static char *print_address(const cJSON *json)
{
    char *ip = text(json, "ip"), *address = NULL;
    bool is_v6 = strchr(ip, ':') != NULL;
    int size = !*ip ? asprintf(&address, "unix")
                    : asprintf(&address, "%s%s%s:%.0f", is_v6 ? "[" : "", ip, is_v6 ? "]" : "", number(json, "port"));
    free(ip);
    return must(size < 0 ? NULL : address);
}

static void read_connection(struct sample_connection *row, const cJSON *json)
{
    *row = (struct sample_connection){
        .id = number(json, "cid"),
        .type = text(json, "type"),
        .address = print_address(json),
        .name = text(json, "name"),
        .idle = text(json, "idle"),
        .subscriptions = number(json, "subscriptions"),
        .pending_size = number(json, "pending_bytes"),
        .messages_in = number(json, "in_msgs"),
        .messages_out = number(json, "out_msgs"),
        .bytes_in = number(json, "in_bytes"),
        .bytes_out = number(json, "out_bytes"),
    };
}

static void read_connections(struct sample *sample, const cJSON *connz)
{
    const cJSON *list = cJSON_GetObjectItem(connz, "connections"), *item;
    int count = cJSON_GetArraySize(list);
    sample->rows = must(calloc((size_t)count + 1, sizeof *sample->rows));
    cJSON_ArrayForEach(item, list)
        read_connection(&sample->rows[sample->row_count++], item);
}

/* ---- taking ---- */

static enum exit_code take_part(struct sample *sample, struct fetch_target *target, const char *path,
                                void (*read)(struct sample *sample, const cJSON *json), uint64_t timeout_ns,
                                char *reason)
{
    char *body;
    enum exit_code code = fetch_get(target, path, timeout_ns, &body, reason);
    if (code != EXIT_OK)
        return code;
    cJSON *json = cJSON_Parse(body);
    if (cJSON_IsObject(json)) {
        read(sample, json);
    } else {
        snprintf(reason, FETCH_REASON_SIZE, "%s: what it answers to %s is no JSON", target->authority, path);
        code = EXIT_FAILED;
    }
    cJSON_Delete(json);
    free(body);
    return code;
}

enum exit_code sample_take(struct sample *sample, struct fetch_target *target, const char *sort, unsigned limit,
                           uint64_t timeout_ns, char reason[FETCH_REASON_SIZE])
{
    char path[128];
    *sample = (struct sample){ .time_ns = clock_monotonic_ns() };
    enum exit_code code = take_part(sample, target, "/varz", read_server, timeout_ns, reason);
    snprintf(path, sizeof path, "/connz?sort=%s&limit=%u", sort, limit);
    if (code == EXIT_OK)
        code = take_part(sample, target, path, read_connections, timeout_ns, reason);
    return code;
}

void sample_finish(struct sample *sample)
{
    for (size_t i = 0; i < sample->row_count; i++) {
        free(sample->rows[i].type);
        free(sample->rows[i].address);
        free(sample->rows[i].name);
        free(sample->rows[i].idle);
    }
    free(sample->rows);
    free(sample->name);
    free(sample->version);
    free(sample->uptime);
    *sample = (struct sample){ 0 };
}

const struct sample_connection *sample_find(const struct sample *sample, double id)
{
    for (size_t i = 0; i < sample->row_count; i++)
        if (sample->rows[i].id == id)
            return &sample->rows[i];
    return NULL;
}
