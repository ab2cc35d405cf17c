/* posthorn stream get and delete-message: single messages of a stream. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "commands.h"
#include "output.h"
#include "say.h"
#include "util/base64.h"
#include "util/moment.h"
#include "util/units.h"

/* 0: it is none. */
static uint64_t read_sequence(const char *text)
{
    uint64_t sequence = 0;
    return units_parse_count(text, &sequence) ? sequence : 0;
}

static enum exit_code complain_of_sequence(const char *text)
{
    return fail(EXIT_USAGE, "'%s' is no SEQUENCE, a whole number from 1 on", text);
}

/* ---- get ---- */

struct get_values {
    struct server_values server;
    struct output_values output;
    const char *last;
    uint64_t timeout_ns;
};

#define GET_FIELD(member) offsetof(struct get_values, member)

static const struct option get_options[] = {
    { "last", 0, "TOPIC", OPTION_TEXT, GET_FIELD(last), NULL, "the last message of this topic, or of these" },
    { "timeout", 0, "TIME", OPTION_DURATION, GET_FIELD(timeout_ns), "5s", "wait so long for the answer" },
    { 0 },
};

static const struct option_group get_groups[] = {
    { "Options", get_options, 0 },
    OUTPUT_GROUP(struct get_values),
    SERVER_GROUP(struct get_values),
    { 0 },
};

static const struct example get_examples[] = {
    { "The message 42, with all that is known of it:", "posthorn stream get orders 42 --json" },
    { "What did the sensor say last?", "posthorn stream get now --last sensor.17" },
    { 0 },
};

const struct command_details stream_get_details = {
    .operands = "STREAM [SEQUENCE]",
    .operand_min = 1,
    .operand_max = 2,
    .values_size = sizeof(struct get_values),
    .groups = get_groups,
    .about = "Prints one message of a stream, as '%p%N' (the payload, with a newline if it has none at its end) unless "
             "an output option says otherwise. No consumer hears of it.\n\n" OUTPUT_FORMAT_ABOUT,
    .examples = get_examples,
};

/* What base64 stands for, NUL behind it; yours to free. NULL: it is no base64. */
static char *decode(const char *text, size_t *ret_size)
{
    char *data = must(malloc(base64_data_size_max(strlen(text)) + 1));
    if (base64_read(slice_of(text), data, ret_size)) {
        data[*ret_size] = '\0';
        return data;
    }
    free(data);
    return NULL;
}

static enum exit_code print_decoded(struct output *output, const cJSON *json, struct ph_message *message,
                                    const char *stream)
{
    struct kept kept = { .stream = { stream, strlen(stream) }, .sequence = (uint64_t)object_number(json, "seq") };
    uint64_t time_ms = 0;
    if (moment_parse(slice_of(object_text(json, "time")), &time_ms))
        kept.time_ns = time_ms * 1000000;
    message->topic = object_text(json, "subject");
    message->topic_size = strlen(message->topic);
    message->reply = "";
    output_kept(output, message, &kept);
    return output_flush(output);
}

static enum exit_code print_message(struct output *output, const cJSON *json, const char *stream)
{
    struct ph_message message = { 0 };
    char *head = decode(object_text(json, "hdrs"), &message.headers_size);
    char *payload = decode(object_text(json, "data"), &message.payload_size);
    message.headers = head;
    message.payload = payload;
    enum exit_code code = head && payload ? print_decoded(output, json, &message, stream)
                                          : fail(EXIT_FAILED, "what the server answers is no base64");
    free(head);
    free(payload);
    return code;
}

static enum exit_code get(struct api *api, struct output *output, const struct get_values *values,
                          const struct operands *operands)
{
    const char *stream = operands->texts[0];
    char what[320];
    cJSON *answer = NULL, *request = must(cJSON_CreateObject());
    snprintf(what, sizeof what, "cannot get the message out of the stream %s", stream);
    if (values->last)
        object_put_text(request, "last_by_subj", values->last);
    else
        object_put_number(request, "seq", (double)read_sequence(operands->texts[1]));
    enum exit_code code = api_ask(api, request, &answer, what, "STREAM.MSG.GET.%s", stream);
    if (code == EXIT_OK)
        code = print_message(output, object_member(answer, "message"), stream);
    cJSON_Delete(answer);
    return code;
}

static enum exit_code check_get(const struct get_values *values, const struct operands *operands)
{
    if ((operands->count == 2) == (values->last != NULL))
        return fail(EXIT_USAGE, "give a SEQUENCE, or --last TOPIC");
    if (!values->last && !read_sequence(operands->texts[1]))
        return complain_of_sequence(operands->texts[1]);
    return api_check_name("stream", operands->texts[0]);
}

enum exit_code stream_get_run(void *arg, struct operands operands)
{
    const struct get_values *values = arg;
    const struct api_values answer = { .timeout_ns = values->timeout_ns };
    struct output output = { 0 };
    struct api api = { 0 };
    enum exit_code code = check_get(values, &operands);
    if (code == EXIT_OK)
        code = output_init(&output, &values->output, "%p%N");
    if (code == EXIT_OK)
        code = api_open(&api, &values->server, &answer, CONNECTION_ONCE);
    if (code == EXIT_OK)
        code = get(&api, &output, values, &operands);
    api_close(&api);
    output_finish(&output);
    return code;
}

/* ---- delete-message ---- */

struct delete_values {
    struct server_values server;
    struct api_values api;
};

static const struct option_group delete_groups[] = {
    API_GROUP(struct delete_values),
    SERVER_GROUP(struct delete_values),
    { 0 },
};

const struct command_details stream_delete_message_details = {
    .operands = "STREAM SEQUENCE",
    .operand_min = 2,
    .operand_max = 2,
    .values_size = sizeof(struct delete_values),
    .groups = delete_groups,
    .about = "Deletes one message of a stream. Its sequence is not used again.",
};

enum exit_code stream_delete_message_run(void *arg, struct operands operands)
{
    const struct delete_values *values = arg;
    const char *stream = operands.texts[0];
    char what[400];
    struct api api = { 0 };
    snprintf(what, sizeof what, "cannot delete the message %s of the stream %s", operands.texts[1], stream);
    enum exit_code code = api_check_name("stream", stream);
    if (code == EXIT_OK && !read_sequence(operands.texts[1]))
        code = complain_of_sequence(operands.texts[1]);
    if (code == EXIT_OK)
        code = api_open(&api, &values->server, &values->api, CONNECTION_ONCE);
    if (code == EXIT_OK) {
        cJSON *request = must(cJSON_CreateObject());
        object_put_number(request, "seq", (double)read_sequence(operands.texts[1]));
        code = api_ask(&api, request, NULL, what, "STREAM.MSG.DELETE.%s", stream);
    }
    api_close(&api);
    return code;
}
