/* What became of the last attempts. */
#include "push/errand.h"
#include "util/utf8.h"

static const char *const verdict_words[] = {
    [RETRY_DONE] = "delivered",
    [RETRY_AGAIN] = "failed",
    [RETRY_SLOWER] = "slow_down",
    [RETRY_NEVER] = "refused",
    [RETRY_GONE] = "gone",
};

/* Bytes that are no text are shown as such. */
static bool add_answer(cJSON *json, const struct attempt *attempt)
{
    char text[ATTEMPT_ANSWER_SIZE + 1], *out = text;
    const struct slice answer = attempt->answer;
    for (size_t i = 0; i < answer.size;) {
        size_t size = utf8_character_size(slice_make(answer.data + i, answer.size - i));
        bool is_shown = size && answer.data[i];
        for (size_t k = 0; k < (is_shown ? size : 1); k++)
            *out++ = is_shown ? answer.data[i + k] : '?';
        i += is_shown ? size : 1;
    }
    *out = '\0';
    return !answer.size || json_add(json, "answer", cJSON_CreateString(text));
}

cJSON *errand_attempt_json(const struct attempt *attempt)
{
    cJSON *json = cJSON_CreateObject();
    if (json && json_add_moment(json, "time", attempt->time_ms) &&
        json_add(json, "id", cJSON_CreateString(attempt->id)) &&
        (!attempt->sequence || json_add_number(json, "seq", attempt->sequence)) &&
        json_add_number(json, "attempt", attempt->number) &&
        json_add(json, "result", cJSON_CreateString(verdict_words[attempt->verdict])) &&
        (!attempt->status || json_add_number(json, "status", attempt->status)) &&
        (!attempt->error || json_add(json, "error", cJSON_CreateString(attempt->error))) &&
        json_add_number(json, "duration_ms", attempt->duration_ms) && json_add_moment(json, "next", attempt->next_ms) &&
        add_answer(json, attempt))
        return json;
    cJSON_Delete(json);
    return NULL;
}

bool ask_attempts(struct errand *errand)
{
    struct hook *hook = errand_find(errand);
    if (!hook)
        return false;
    const struct attempt *attempt;
    cJSON *json = cJSON_CreateObject(), *array = json ? cJSON_AddArrayToObject(json, "attempts") : NULL;
    bool is_good = array;
    for (unsigned i = 0; is_good && (attempt = attempts_at(&hook->attempts, i)); i++) {
        cJSON *item = errand_attempt_json(attempt);
        is_good = item && cJSON_AddItemToArray(array, item);
    }
    if (!is_good) {
        cJSON_Delete(json);
        json = NULL;
    }
    errand_answer_json(errand, WEBHOOK_GOOD, json);
    return false;
}
