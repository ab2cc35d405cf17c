#include "api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "util/json_tree.h"

enum { PATH_SIZE = 1024, NAME_SIZE_MAX = 255 };

#define FIELD(member) offsetof(struct api_values, member)

const struct option api_options[] = {
    { "json", 'j', NULL, OPTION_FLAG, FIELD(json), NULL, "print the server's answer as it came, a line of JSON" },
    { "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "5s", "wait so long for the answer" },
    { 0 },
};

const struct api_service api_streams = { "$JS.API.", "the server has no streams", NULL };
const struct api_service api_webhooks = {
    "$POSTHORN.API.webhook.", "the server sends no webhooks", "posthorn webhook list shows those there are",
};

static const struct api_service *service_of(const struct api *api)
{
    return api->service ? api->service : &api_streams;
}

enum exit_code api_open(struct api *api, const struct server_values *server, const struct api_values *values,
                        enum connection_flags flags)
{
    api->values = *values;
    return connection_open(&api->connection, server, flags);
}

void api_close(struct api *api)
{
    connection_close(&api->connection);
}

enum exit_code api_check_name(const char *what, const char *name)
{
    size_t size = strlen(name);
    if (size && size <= NAME_SIZE_MAX && strcspn(name, " \t\r\n.*>/\\") == size)
        return EXIT_OK;
    return fail(EXIT_USAGE, "'%s' is no name of a %s: 1 to %d letters, without blanks and '.', '*', '>', '/'", name,
                what, NAME_SIZE_MAX);
}

/* ---- asking ---- */

/* What to do about the commonest. */
static const struct {
    int code;
    const char *advice;
} advices[] = {
    { 10014, "posthorn consumer list STREAM shows those there are" },
    { 10058, "posthorn stream edit changes it" },
    { 10059, "posthorn stream list shows those there are" },
    { 10065, "posthorn stream list shows who keeps them" },
};

static const char *advice_on(const struct api *api, const cJSON *error)
{
    int code = (int)object_number(error, "err_code");
    if (!code && object_number(error, "code") == 404)
        return service_of(api)->missing;
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
        if (advices[i].code == code)
            return advices[i].advice;
    return NULL;
}

static enum exit_code fail_of_answer(const struct api *api, const cJSON *error, const char *what)
{
    const char *advice = advice_on(api, error);
    return fail(EXIT_FAILED, "%s: %s%s%s", what, object_text(error, "description"), advice ? "; " : "",
                advice ? advice : "");
}

static enum exit_code read_answer(struct api *api, const struct ph_message *message, cJSON **ret_answer,
                                  const char *what)
{
    cJSON *answer = json_tree_parse(slice_make(message->payload, message->payload_size), JSON_DEPTH_MAX);
    const cJSON *member = object_member(answer, "error");
    const cJSON *error = cJSON_IsObject(member) ? member : NULL; /* an attempt has a text of that name */
    enum exit_code code = EXIT_OK;
    if (!cJSON_IsObject(answer))
        code = fail(EXIT_FAILED, "%s: what the server answers is no JSON object", what);
    else if (api->values.json)
        printf("%.*s\n", (int)message->payload_size, message->payload);
    bool absent = error && api->absent && api->absent == (int)object_number(error, "err_code");
    if (code == EXIT_OK && error && !absent)
        code = fail_of_answer(api, error, what);
    if (code == EXIT_OK && ret_answer && !absent)
        *ret_answer = answer;
    else
        cJSON_Delete(answer);
    if (absent && ret_answer)
        *ret_answer = NULL;
    return code;
}

/* Takes the request. */
static char *print_request(cJSON *request)
{
    char *text = request ? object_print(request) : must(strdup(""));
    cJSON_Delete(request);
    return text;
}

enum exit_code api_ask(struct api *api, cJSON *request, cJSON **ret_answer, const char *what, const char *path, ...)
{
    char topic[PATH_SIZE];
    struct ph_message *message = NULL;
    char *text = print_request(request);
    size_t size = (size_t)snprintf(topic, sizeof topic, "%s", service_of(api)->prefix);
    va_list list;
    va_start(list, path);
    vsnprintf(topic + size, sizeof topic - size, path, list);
    va_end(list);
    int error = ph_request(api->connection.conn, topic, NULL, text, strlen(text), milliseconds(api->values.timeout_ns),
                           &message);
    free(text);
    if (api->connection.failure != EXIT_OK)
        return api->connection.failure;
    if (error == PH_E_NO_RESPONDERS)
        return fail(EXIT_RESPONDERS, "%s: %s (nobody answers on %s)", what, service_of(api)->absence, topic);
    if (error != PH_OK)
        return connection_fail(&api->connection, error, what);
    enum exit_code code = read_answer(api, message, ret_answer, what);
    ph_message_free(message);
    return code;
}

enum exit_code api_list(struct api *api, cJSON *request, const char *array, const char *what, const char *path,
                        void (*visit)(void *arg, const cJSON *element), void *arg)
{
    double offset = 0, total;
    do {
        cJSON *answer;
        const cJSON *element;
        object_put_number(request, "offset", offset);
        enum exit_code code = api_ask(api, must(cJSON_Duplicate(request, true)), &answer, what, "%s", path);
        if (code != EXIT_OK)
            return code;
        const cJSON *elements = object_member(answer, array);
        cJSON_ArrayForEach(element, elements)
            visit(arg, element);
        total = object_number(answer, "total");
        int count = cJSON_GetArraySize(elements);
        offset = count ? offset + count : total;
        cJSON_Delete(answer);
    } while (offset < total);
    return EXIT_OK;
}

/* ---- asking the person ---- */

enum exit_code api_confirm(bool yes, const char *question, ...)
{
    char text[512], answer[16] = "";
    va_list list;
    if (yes)
        return EXIT_OK;
    va_start(list, question);
    vsnprintf(text, sizeof text, question, list);
    va_end(list);
    if (!isatty(STDIN_FILENO))
        return fail(EXIT_USAGE, "%s --yes says so where nobody can be asked", text);
    fprintf(stderr, "%s [y/N] ", text);
    if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y'))
        return EXIT_OK;
    return fail(EXIT_FAILED, "left as it is");
}
