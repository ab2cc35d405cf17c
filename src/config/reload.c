#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"

/* Sections that are repeated reload as a whole, and have no part in this. */
static bool is_fixed(const struct section *section, const struct option *option)
{
    return !section->repeated && !(option->flags & OPTION_RELOAD);
}

/* Is told of an option, and of its value in either configuration. Returns 0, or an error that ends the visit. */
struct visitor {
    int (*visit)(const struct option *option, const void *old_value, void *new_value, FILE *out);
    FILE *out;
};

/* Tells the visitor of every option that a reload cannot change. */
static int visit_section(const struct section *section, const struct config *old_config,
                         const struct config *new_config, const struct visitor *visitor)
{
    const void *old_instance = section_instance(section, old_config, 0);
    const void *new_instance = section_instance(section, new_config, 0);
    int rc = 0;
    for (const struct option *option = option_next(section, NULL); option && rc == 0;
         option = option_next(section, option))
        if (is_fixed(section, option))
            rc = visitor->visit(option, option_value(option, old_instance), option_value(option, new_instance),
                                visitor->out);
    return rc;
}

static int visit_all(const struct config *old_config, const struct config *new_config, const struct visitor *visitor)
{
    int rc = 0;
    for (size_t i = 0; i < config_section_count && rc == 0; i++)
        if (section_is_of(&config_sections[i], new_config->program))
            rc = visit_section(&config_sections[i], old_config, new_config, visitor);
    return rc;
}

static int name_change(const struct option *option, const void *old_value, void *new_value, FILE *out)
{
    if (!value_equal(option, old_value, new_value))
        fprintf(out, "%s%s.%s", ftell(out) > 0 ? ", " : "", option->section, option->key);
    return 0;
}

int config_changes_needing_restart(const struct config *old_config, const struct config *new_config, char **ret_names)
{
    char *names = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&names, &size);
    if (!out)
        return -ENOMEM;
    visit_all(old_config, new_config, &(struct visitor){ name_change, out });
    bool failed = fclose(out) != 0;
    if (failed || size == 0) {
        free(names);
        names = NULL;
    }
    if (!failed)
        *ret_names = names;
    return failed ? -ENOMEM : 0;
}

static int carry_over(const struct option *option, const void *old_value, void *new_value, FILE *out)
{
    (void)out;
    return value_copy(option, old_value, new_value);
}

int config_carry_over(const struct config *old_config, struct config *new_config)
{
    return visit_all(old_config, new_config, &(struct visitor){ carry_over, NULL });
}

/* Single structs. */

bool config_is_same(const char *section_name, const void *a, const void *b)
{
    const struct section *section = section_find(section_name, NULL);
    for (const struct option *option = option_next(section, NULL); option; option = option_next(section, option))
        if (!value_equal(option, option_value(option, a), option_value(option, b)))
            return false;
    return strcmp(*(char *const *)a, *(char *const *)b) == 0;
}

void *config_copy(const char *section_name, const void *instance)
{
    const struct section *section = section_find(section_name, NULL);
    char **copy = calloc(1, section->size);
    int error = copy && (*copy = strdup(*(char *const *)instance)) ? 0 : -ENOMEM;
    for (const struct option *option = option_next(section, NULL); option && !error;
         option = option_next(section, option))
        error = value_copy(option, option_value(option, instance), option_value(option, copy));
    if (!error)
        return copy;
    config_free_copy(section_name, copy);
    return NULL;
}

void config_free_copy(const char *section_name, void *instance)
{
    const struct section *section = section_find(section_name, NULL);
    if (!instance)
        return;
    for (const struct option *option = option_next(section, NULL); option; option = option_next(section, option))
        value_clear(option, option_value(option, instance));
    free(*(char **)instance);
    free(instance);
}
