#include "object.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "say.h"

enum { SECONDS_SIZE = 19 /* of "2026-01-31T23:59:59" */ };

const cJSON *object_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

double object_number(const cJSON *object, const char *name)
{
    const cJSON *item = object_member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *object_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(object_member(object, name));
    return text ? text : "";
}

bool object_flag(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(object_member(object, name));
}

const char *object_moment(const cJSON *object, const char *name, char out[OBJECT_MOMENT_SIZE])
{
    const char *text = object_text(object, name), *dot = text + SECONDS_SIZE;
    snprintf(out, OBJECT_MOMENT_SIZE, "-");
    if (strlen(text) <= SECONDS_SIZE || strncmp(text, "0001-", 5) == 0)
        return out;
    size_t digits = *dot == '.' ? strspn(dot + 1, "0123456789") : 0;
    snprintf(out, OBJECT_MOMENT_SIZE, "%.*s%s%.*sZ", SECONDS_SIZE, text, digits ? "." : "",
             (int)(digits < 3 ? digits : 3), digits ? dot + 1 : "");
    return out;
}

void object_put(cJSON *object, const char *name, cJSON *item)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (!cJSON_AddItemToObject(object, name, must(item)))
        must(NULL);
}

void object_put_text(cJSON *object, const char *name, const char *text)
{
    object_put(object, name, cJSON_CreateString(text));
}

void object_put_number(cJSON *object, const char *name, double number)
{
    object_put(object, name, cJSON_CreateNumber(number));
}

/* The places of whole numbers are given what cJSON writes as it stands. */
static void spell_out(cJSON *parent)
{
    char digits[32];
    cJSON *item = parent->child, *next;
    for (; item; item = next) {
        next = item->next;
        if (item->child) {
            spell_out(item);
        } else if (cJSON_IsNumber(item) && fabs(item->valuedouble) >= 1e15 && fabs(item->valuedouble) < 1e19) {
            snprintf(digits, sizeof digits, "%.0f", item->valuedouble);
            item->valuestring = must(strdup(digits));
            item->type = cJSON_Raw;
        }
    }
}

char *object_print(cJSON *object)
{
    spell_out(object);
    return must(cJSON_PrintUnformatted(object));
}
