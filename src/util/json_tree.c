#include "util/json_tree.h"

bool json_has_nul(struct slice text)
{
    static const char escape[] = "\\u0000";
    for (size_t i = 0; i < text.size; i++) {
        struct slice rest = slice_make(text.data + i, text.size - i);
        if (!*rest.data || slice_starts_with(rest, slice_make(escape, sizeof escape - 1)))
            return true;
        i += *rest.data == '\\'; /* what it escapes begins no escape */
    }
    return false;
}

/* Brackets within strings do not count. Malformed text may pass: the parser finds out. */
static bool is_shallow(struct slice text, unsigned depth_max)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '[') && ++depth > depth_max)
            return false;
        else if (!in_string && (c == '}' || c == ']') && depth)
            depth--;
    }
    return true;
}

cJSON *json_tree_parse(struct slice text, unsigned depth_max)
{
    const char *end = NULL;
    cJSON *json = text.size && is_shallow(text, depth_max)
                  ? cJSON_ParseWithLengthOpts(text.data, text.size, &end, false) : NULL;
    struct slice rest = slice_make(end, json ? (size_t)(text.data + text.size - end) : 0);
    if (json && json_blank_size(rest) == rest.size)
        return json;
    cJSON_Delete(json);
    return NULL;
}
