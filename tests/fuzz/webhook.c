/*
 * Fuzz target: the settings of a webhook.
 *
 *   input = a JSON document
 *
 * What is refused is refused by a sentence. What is taken and passes the check is stored as text, which is read again
 * as the same; so is a copy.
 */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "push/settings.h"

static void require_sentence(const char *sentence)
{
    size_t size = strnlen(sentence, WEBHOOK_FAULT_SIZE);
    fuzz_require(size > 0 && size < WEBHOOK_FAULT_SIZE);
}

static void require_same(const struct webhook_settings *settings, const struct webhook_settings *again)
{
    char room[WEBHOOK_FAULT_SIZE];
    fuzz_require(webhook_settings_equal(settings, again));
    fuzz_require(!webhook_settings_check(again, room));
}

static void check_round_trip(const struct webhook_settings *settings)
{
    char room[WEBHOOK_FAULT_SIZE], *text = webhook_settings_save(settings);
    struct webhook_settings again;
    fuzz_require(text);
    webhook_settings_init(&again);
    fuzz_require(webhook_settings_load(&again, slice_of(text), room) == 0);
    require_same(settings, &again);
    webhook_settings_finish(&again);
    fuzz_require(webhook_settings_copy(&again, settings) == 0);
    require_same(settings, &again);
    webhook_settings_finish(&again);
    webhook_text_free(text);
}

static void try(const cJSON *json, enum webhook_json which)
{
    char room[WEBHOOK_FAULT_SIZE] = "";
    struct webhook_settings settings;
    webhook_settings_init(&settings);
    int error = webhook_settings_from_json(&settings, json, which, room);
    fuzz_require(error == 0 || error == -EINVAL);
    if (error)
        require_sentence(room);
    if (!error) {
        fuzz_require(webhook_settings_complete(&settings) == 0);
        const char *wrong = webhook_settings_check(&settings, room);
        if (wrong)
            require_sentence(wrong);
        else
            check_round_trip(&settings);
    }
    webhook_settings_finish(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *json = cJSON_ParseWithLength((const char *)data, size);
    if (!json)
        return 0;
    try(json, WEBHOOK_JSON_SHOWN);
    try(json, WEBHOOK_JSON_ALL);
    cJSON_Delete(json);
    return 0;
}
