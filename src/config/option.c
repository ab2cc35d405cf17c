#include "config/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct section *section_find(const char *name, const char **ret_guess)
{
    struct text_guess guess;
    text_guess_init(&guess, name);
    for (size_t i = 0; i < config_section_count; i++) {
        if (strcmp(config_sections[i].name, name) == 0)
            return &config_sections[i];
        text_guess_offer(&guess, config_sections[i].name);
    }
    if (ret_guess)
        *ret_guess = guess.nearest;
    return NULL;
}

const struct option *option_find(const struct section *section, const char *key, const char **ret_guess)
{
    struct text_guess guess;
    text_guess_init(&guess, key);
    for (const struct option *option = option_next(section, NULL); option; option = option_next(section, option)) {
        if (strcmp(option->key, key) == 0)
            return option;
        text_guess_offer(&guess, option->key);
    }
    if (ret_guess)
        *ret_guess = guess.nearest;
    return NULL;
}

const char *program_name(enum program program)
{
    return program == PROGRAM_SIDECAR ? "posthorn-sidecar" : "posthornd";
}

bool section_is_of(const struct section *section, enum program program)
{
    return section->programs & program;
}

bool option_is_of(const struct option *option, const struct section *section, enum program program)
{
    return section_is_of(section, program) && (!option->programs || (option->programs & program));
}

const struct option *option_next(const struct section *section, const struct option *option)
{
    const struct option *end = config_options + config_option_count;
    for (option = option ? option + 1 : config_options; option < end; option++)
        if (strcmp(option->section, section->name) == 0)
            return option;
    return NULL;
}

static size_t *count_of(const struct section *section, const struct config *config)
{
    return (size_t *)((char *)config + section->count_offset);
}

/* The pointer to the first struct of a repeated section: a field of type struct X *, read here as void *. */
static void *array_of(const struct section *section, const struct config *config)
{
    void *array;
    memcpy(&array, (const char *)config + section->offset, sizeof array);
    return array;
}

size_t section_count(const struct section *section, const struct config *config)
{
    return section->repeated ? *count_of(section, config) : 1;
}

void *section_instance(const struct section *section, const struct config *config, size_t index)
{
    char *first = section->repeated ? array_of(section, config) : (char *)config + section->offset;
    return index > 0 ? first + index * section->size : first;
}

/* The array doubles whenever its count is a power of two. */
int section_append(const struct section *section, struct config *config, struct slice name)
{
    size_t count = *count_of(section, config);
    void *array = array_of(section, config);
    if ((count & (count - 1)) == 0) {
        array = reallocarray(array, count ? 2 * count : 1, section->size);
        if (!array)
            return -ENOMEM;
        memcpy((char *)config + section->offset, &array, sizeof array);
    }
    char *copy = strndup(name.data, name.size);
    if (!copy)
        return -ENOMEM;
    void *instance = (char *)array + count * section->size;
    memset(instance, 0, section->size);
    *(char **)instance = copy;
    ++*count_of(section, config);
    return 0;
}

const char *section_name(const void *instance)
{
    return *(char *const *)instance;
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           (byte && strchr(SECTION_NAME_MARKS, byte));
}

bool section_name_is_good(struct slice name)
{
    if (name.size == 0 || name.size > SECTION_NAME_SIZE_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!is_name_byte(name.data[i]))
            return false;
    return true;
}
