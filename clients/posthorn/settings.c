#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "quantity.h"
#include "say.h"
#include "util/units.h"

enum { VALUE_SIZE = 256 };

struct kind {
    /* The field for a text; NULL: it is no such value. */
    cJSON *(*read)(const struct setting *row, const char *text);
    void (*show)(const struct setting *row, const cJSON *item, char out[VALUE_SIZE]);
    const char *expected;
};

static bool is_none(const struct setting *row, const char *text)
{
    return row->none && strcmp(text, row->none) == 0;
}

/* ---- texts ---- */

static cJSON *read_text(const struct setting *row, const char *text)
{
    (void)row;
    return cJSON_CreateString(text);
}

static void show_text(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    const char *text = cJSON_GetStringValue(item);
    snprintf(out, VALUE_SIZE, "%s", text && *text ? text : row->none ? row->none : "-");
}

/* ---- numbers ---- */

static cJSON *read_count(const struct setting *row, const char *text)
{
    uint64_t count;
    if (is_none(row, text))
        return cJSON_CreateNumber(-1);
    return units_parse_count(text, &count) ? cJSON_CreateNumber((double)count) : NULL;
}

static void show_count(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    double count = cJSON_IsNumber(item) ? item->valuedouble : 0;
    if (count <= 0 && row->none)
        snprintf(out, VALUE_SIZE, "%s", row->none);
    else
        snprintf(out, VALUE_SIZE, "%.0f", count);
}

static cJSON *read_size(const struct setting *row, const char *text)
{
    uint64_t size;
    if (is_none(row, text))
        return cJSON_CreateNumber(-1);
    return units_parse_size(text, &size) ? cJSON_CreateNumber((double)size) : NULL;
}

static void show_size(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    char text[UNITS_TEXT_SIZE];
    double size = cJSON_IsNumber(item) ? item->valuedouble : 0;
    snprintf(out, VALUE_SIZE, "%s", size <= 0 && row->none ? row->none : units_format_size((uint64_t)size, text));
}

static cJSON *read_number(const struct setting *row, const char *text)
{
    return is_none(row, text) ? cJSON_CreateNull() : read_count(row, text);
}

/* ---- durations ---- */

static cJSON *read_duration(const struct setting *row, const char *text)
{
    uint64_t ns;
    if (is_none(row, text))
        return cJSON_CreateNumber(0);
    return units_parse_duration(text, &ns) ? cJSON_CreateNumber((double)ns) : NULL;
}

static const char *duration_text(const cJSON *item, char text[UNITS_TEXT_SIZE])
{
    double ns = cJSON_IsNumber(item) ? item->valuedouble : 0;
    return units_format_duration(ns > 0 ? (uint64_t)ns : 0, text);
}

static void show_duration(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    char text[UNITS_TEXT_SIZE];
    bool none = !cJSON_IsNumber(item) || item->valuedouble <= 0;
    snprintf(out, VALUE_SIZE, "%s", none && row->none ? row->none : duration_text(item, text));
}

static bool add_durations(cJSON *array, char *text)
{
    char *rest;
    uint64_t ns;
    for (char *part = strtok_r(text, ", ", &rest); part; part = strtok_r(NULL, ", ", &rest)) {
        if (!units_parse_duration(part, &ns))
            return false;
        cJSON_AddItemToArray(array, must(cJSON_CreateNumber((double)ns)));
    }
    return cJSON_GetArraySize(array) > 0;
}

static cJSON *read_durations(const struct setting *row, const char *text)
{
    cJSON *array = must(cJSON_CreateArray());
    char *copy = must(strdup(text));
    bool ok = is_none(row, text) || add_durations(array, copy);
    free(copy);
    if (ok)
        return array;
    cJSON_Delete(array);
    return NULL;
}

static void show_durations(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    const cJSON *element;
    size_t used = (size_t)snprintf(out, VALUE_SIZE, "%s", cJSON_GetArraySize(item) ? "" : row->none);
    cJSON_ArrayForEach(element, item)
    {
        char text[UNITS_TEXT_SIZE];
        if (used < VALUE_SIZE)
            used += (size_t)snprintf(out + used, VALUE_SIZE - used, "%s%s", used ? ", " : "",
                                     duration_text(element, text));
    }
}

static cJSON *read_time(const struct setting *row, const char *text)
{
    uint64_t ns;
    return is_none(row, text) || units_parse_duration(text, &ns) ? cJSON_CreateString(text) : NULL;
}

static bool add_times(cJSON *array, char *text)
{
    char *rest;
    uint64_t ns;
    for (char *part = strtok_r(text, ", ", &rest); part; part = strtok_r(NULL, ", ", &rest)) {
        if (!units_parse_duration(part, &ns))
            return false;
        cJSON_AddItemToArray(array, must(cJSON_CreateString(part)));
    }
    return cJSON_GetArraySize(array) > 0;
}

static cJSON *read_times(const struct setting *row, const char *text)
{
    cJSON *array = must(cJSON_CreateArray());
    char *copy = must(strdup(text));
    bool ok = is_none(row, text) || add_times(array, copy);
    free(copy);
    if (ok)
        return array;
    cJSON_Delete(array);
    return NULL;
}

static void show_times(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    const cJSON *element;
    size_t used = (size_t)snprintf(out, VALUE_SIZE, "%s", cJSON_GetArraySize(item) ? "" : row->none);
    cJSON_ArrayForEach(element, item)
        if (used < VALUE_SIZE && cJSON_IsString(element))
            used += (size_t)snprintf(out + used, VALUE_SIZE - used, "%s%s", used ? ", " : "", element->valuestring);
}

static cJSON *read_sync(const struct setting *row, const char *text)
{
    uint64_t ns;
    (void)row;
    bool ok = strcmp(text, "always") == 0 || strcmp(text, "never") == 0 || (units_parse_duration(text, &ns) && ns);
    return ok ? cJSON_CreateString(text) : NULL;
}

/* ---- words ---- */

static bool is_word_of(const char *words, const char *text)
{
    size_t size = strlen(text);
    for (const char *word = words; *word; word += strcspn(word, "|"), word += *word == '|')
        if (size && strcspn(word, "|") == size && memcmp(word, text, size) == 0)
            return true;
    return false;
}

static cJSON *read_choice(const struct setting *row, const char *text)
{
    return is_word_of(row->word, text) ? cJSON_CreateString(text) : NULL;
}

static cJSON *read_flag(const struct setting *row, const char *text)
{
    return is_word_of(row->word, text) ? cJSON_CreateBool(strcmp(text, "yes") == 0) : NULL;
}

static void show_flag(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    (void)row;
    snprintf(out, VALUE_SIZE, "%s", cJSON_IsTrue(item) ? "yes" : "no");
}

/* ---- objects ---- */

static cJSON *read_object(const struct setting *row, const char *text)
{
    cJSON *object = is_none(row, text) ? cJSON_CreateNull() : cJSON_Parse(text);
    if (cJSON_IsObject(object) || cJSON_IsNull(object))
        return object;
    cJSON_Delete(object);
    return NULL;
}

static void show_object(const struct setting *row, const cJSON *item, char out[VALUE_SIZE])
{
    char *text = cJSON_IsObject(item) ? cJSON_PrintUnformatted(item) : NULL;
    snprintf(out, VALUE_SIZE, "%s", text ? text : row->none);
    free(text);
}

static const struct kind kinds[SETTING_KIND_COUNT] = {
    [SETTING_TEXT] = { read_text, show_text, "a text" },
    [SETTING_COUNT] = { read_count, show_count, "a whole number such as 1000" },
    [SETTING_SIZE] = { read_size, show_size, "a size such as 512, 64KiB or 1GiB" },
    [SETTING_DURATION] = { read_duration, show_duration, "a time such as 250ms, 5s or 7d" },
    [SETTING_DURATIONS] = { read_durations, show_durations, "a list of times such as 1s,5s,1m" },
    [SETTING_SYNC] = { read_sync, show_text, "always, never, or a time such as 100ms" },
    [SETTING_CHOICE] = { read_choice, show_text, NULL },
    [SETTING_FLAG] = { read_flag, show_flag, NULL },
    [SETTING_NUMBER] = { read_number, show_count, "a whole number such as 1000" },
    [SETTING_TIME] = { read_time, show_text, "a time such as 250ms, 5s or 7d" },
    [SETTING_TIMES] = { read_times, show_times, "a list of times such as 5s,5m,30m" },
    [SETTING_OBJECT] = { read_object, show_object, "a JSON object" },
};

static enum exit_code complain(const struct setting *row, const char *text)
{
    const char *expected = kinds[row->kind].expected;
    if (!expected)
        return fail(EXIT_USAGE, "--%s: '%s' is not one of %s", row->name, text, row->word);
    return fail(EXIT_USAGE, "--%s: '%s' is not %s%s%s", row->name, text, expected, row->none ? ", or " : "",
                row->none ? row->none : "");
}

enum exit_code settings_write(const struct setting *rows, const void *values, cJSON *config)
{
    for (const struct setting *row = rows; row->name; row++) {
        const char *text = *(const char *const *)((const char *)values + row->offset);
        cJSON *item = text ? kinds[row->kind].read(row, text) : NULL;
        if (text && !item)
            return complain(row, text);
        if (text)
            object_put(config, row->field, item);
    }
    return EXIT_OK;
}

void settings_show(const struct setting *rows, const cJSON *config, struct table *table)
{
    char value[VALUE_SIZE];
    for (const struct setting *row = rows; row->name; row++) {
        kinds[row->kind].show(row, object_member(config, row->field), value);
        table_put(table, "%s", row->name);
        table_put(table, "%s", value);
    }
}
