#include "auth/json.h"

#include "util/json_tree.h"

cJSON *json_parse(struct slice text)
{
    return json_has_nul(text) ? NULL : json_tree_parse(text, AUTH_JSON_DEPTH_MAX);
}

struct slice json_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return slice_of(cJSON_IsString(item) ? item->valuestring : NULL);
}
