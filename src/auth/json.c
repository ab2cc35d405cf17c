#include "auth/json.h"

#include "util/json.h"

/* An escaped NUL would end a string here before its end: "alice\\u0000x" must not pass for alice. */
static bool is_nul(struct slice text, size_t at)
{
    return text.size - at >= 6 && memcmp(text.data + at, "\\u0000", 6) == 0;
}

/* Brackets within strings do not count. Malformed text may pass: the parser finds out. */
static bool is_sound(struct slice text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (in_string && c == '\\' && is_nul(text, i))
            return false;
        else if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '[') && ++depth > AUTH_JSON_DEPTH_MAX)
            return false;
        else if (!in_string && (c == '}' || c == ']') && depth)
            depth--;
    }
    return true;
}

cJSON *json_parse(struct slice text)
{
    const char *end = NULL;
    if (!text.size || memchr(text.data, '\0', text.size) || !is_sound(text))
        return NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text.data, text.size, &end, false);
    struct slice rest = slice_make(end, json ? (size_t)(text.data + text.size - end) : 0);
    if (json && json_blank_size(rest) == rest.size)
        return json;
    cJSON_Delete(json);
    return NULL;
}

struct slice json_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return slice_of(cJSON_IsString(item) ? item->valuestring : NULL);
}
