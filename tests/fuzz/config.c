/*
 * The configuration: any bytes as a file. What is refused must say why on one line; what is accepted and has no secrets
 * must load again from what is printed of it, and be the same. Lines behind one "--set" are overrides, one each.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "util/text.h"

#define OVERRIDES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *config)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    config_print(config, out);
    fclose(out);
    return text;
}

static void expect_same_when_printed(const struct config *config)
{
    struct config *again;
    struct config_error error;
    char *text = print(config), *names = NULL;
    int rc = config_parse(PROGRAM_BROKER, "printed", slice_of(text), NULL, 0, &again, &error);
    assert(rc == 0);
    char *text_again = print(again);
    assert(strcmp(text, text_again) == 0);
    rc = config_changes_needing_restart(config, again, &names);
    assert(rc == 0 && !names);
    (void)rc;
    config_destroy(again);
    free(text_again);
    free(text);
}

static void expect_a_sentence(const struct config_error *error)
{
    assert(error->sentence[0] && text_is_clean(slice_of(error->sentence)));
    (void)error;
}

/* Cuts the lines behind a line "--set" off text, which is terminated by NUL, and into overrides. */
static size_t cut_overrides(char *text, const char **overrides)
{
    static const char mark[] = "--set\n";
    size_t count = 0;
    char *start = strstr(text, mark), *rest = start ? start + sizeof mark - 1 : NULL;
    while (rest && *rest && count < OVERRIDES_MAX)
        overrides[count++] = strsep(&rest, "\n");
    if (start)
        *start = '\0';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *overrides[OVERRIDES_MAX];
    struct config *config;
    struct config_error error;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t override_count = cut_overrides(text, overrides);
    size_t file_size = override_count > 0 ? strlen(text) : size;
    if (config_parse(PROGRAM_BROKER, "fuzz", slice_make(text, file_size), overrides, override_count, &config,
                     &error) != 0)
        expect_a_sentence(&error);
    else {
        if (config->user_count == 0)
            expect_same_when_printed(config);
        config_destroy(config);
    }
    free(text);
    return 0;
}
