#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/credentials.h"
#include "config/option.h"
#include "config/source.h"
#include "config/value.h"
#include "util/file.h"
#include "util/units.h"

#define FILE_SIZE_MAX (1024u * 1024u)
#define OVERRIDE_PLACE "--set"

/* Where an option got its value: a line of the file, or one of these. */
#define FROM_DEFAULT 0u
#define FROM_OVERRIDE UINT_MAX

/* Where the options of one struct of the configuration came from. */
struct origin {
    const struct section *section;
    size_t index;    /* of the struct in its section */
    unsigned line;   /* of its heading, or as above */
    unsigned *lines; /* one for each row of config_options */
};

struct loader {
    struct config *config;
    const char *name;         /* of the file */
    struct origin *origins;   /* plain sections first, in the order of the table; then the repeated, as they come */
    size_t origin_count;
    struct origin *current;   /* the section that is being read; NULL: none yet */
    unsigned line;            /* being read, or as above */
    struct config_error *error;
};

static void *instance_of(const struct loader *loader, const struct origin *origin)
{
    return section_instance(origin->section, loader->config, origin->index);
}

/* Fills in the error from what was refused (shown as it can be) and what was expected. Returns -EINVAL. */
static int refuse(struct loader *loader, unsigned line, struct slice offending, const char *expected)
{
    struct config_error *error = loader->error;
    char numbered[sizeof ":" + 3 * sizeof line] = "";
    bool has_line = line != FROM_DEFAULT && line != FROM_OVERRIDE;
    *error = (struct config_error){ .line = has_line ? line : 0 };
    if (has_line)
        snprintf(numbered, sizeof numbered, ":%u", line);
    text_show(slice_of(line == FROM_OVERRIDE ? OVERRIDE_PLACE : loader->name), error->place, sizeof error->place);
    text_show(offending, error->offending, sizeof error->offending);
    text_show(slice_of(expected), error->expected, sizeof error->expected);
    snprintf(error->sentence, sizeof error->sentence, "%s%s: %s: %s", error->place, numbered, error->offending,
             error->expected);
    return -EINVAL;
}

/* What failed for another reason than its text. Returns rc. */
static int fail(struct config_error *error, const char *place, int rc)
{
    *error = (struct config_error){ 0 };
    text_show(slice_of(place), error->place, sizeof error->place);
    snprintf(error->expected, sizeof error->expected, "%s", strerror(-rc));
    snprintf(error->sentence, sizeof error->sentence, "%s: %s", error->place, error->expected);
    return rc;
}

/* What is wrong: "[section NAME] key = value", of which key and value may be NULL, and the line to name. */
struct blame {
    const struct origin *origin;
    unsigned line;
    const char *key, *value;
};

static struct blame blame_current(const struct loader *loader, const char *key, const char *value)
{
    return (struct blame){ loader->current, loader->line, key, value };
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int refuse_option(struct loader *loader, struct blame blame, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse_option(struct loader *loader, struct blame blame, const char *format, ...)
{
    char offending[sizeof loader->error->offending], expected[sizeof loader->error->expected];
    const struct section *section = blame.origin->section;
    const char *name = section->repeated ? section_name(instance_of(loader, blame.origin)) : "";
    snprintf(offending, sizeof offending, "[%s%s%s]%s%s%s%s", section->name, *name ? " " : "", name,
             blame.key ? " " : "", or_empty(blame.key), blame.value ? " = " : "", or_empty(blame.value));
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    return refuse(loader, blame.line, slice_of(offending), expected);
}

static size_t row_of(const struct option *option)
{
    return (size_t)(option - config_options);
}

/* Gives every option of the struct its default. */
static int set_defaults(const struct section *section, void *instance)
{
    int rc = 0;
    for (const struct option *option = option_next(section, NULL); option && rc == 0;
         option = option_next(section, option))
        if (option->fallback)
            rc = value_parse(option, option->fallback, option_value(option, instance));
    assert(rc != -EINVAL);
    return rc;
}

/* Begins a struct that is in the configuration already: sets its defaults, and remembers where it came from. */
static int add_origin(struct loader *loader, const struct section *section, size_t index)
{
    size_t count = loader->origin_count;
    if ((count & (count - 1)) == 0) {
        struct origin *origins = reallocarray(loader->origins, count ? 2 * count : 1, sizeof *origins);
        if (!origins)
            return -ENOMEM;
        loader->origins = origins;
    }
    unsigned *lines = calloc(config_option_count, sizeof *lines);
    if (!lines)
        return -ENOMEM;
    loader->current = &loader->origins[loader->origin_count++];
    *loader->current = (struct origin){ section, index, loader->line, lines };
    return set_defaults(section, section_instance(section, loader->config, index));
}

static int add_plain_sections(struct loader *loader)
{
    int rc = 0;
    for (size_t i = 0; i < config_section_count && rc == 0; i++)
        if (!config_sections[i].repeated)
            rc = add_origin(loader, &config_sections[i], 0);
    loader->current = NULL;
    return rc;
}

static struct origin *find_origin(const struct loader *loader, const struct section *section, struct slice name)
{
    for (size_t i = 0; i < loader->origin_count; i++) {
        struct origin *origin = &loader->origins[i];
        if (origin->section == section &&
            (!section->repeated || slice_is(name, section_name(instance_of(loader, origin)))))
            return origin;
    }
    return NULL;
}

static int refuse_section(struct loader *loader, struct slice heading, const char *guess)
{
    char expected[128];
    snprintf(expected, sizeof expected, "no such section; %s.ini(5) has them all",
             program_name(loader->config->program));
    if (guess)
        snprintf(expected, sizeof expected, "no such section; did you mean [%s]?", guess);
    char shown[160], offending[192];
    snprintf(offending, sizeof offending, "[%s]", text_show(heading, shown, sizeof shown));
    return refuse(loader, loader->line, slice_of(offending), expected);
}

static int refuse_name(struct loader *loader, const struct section *section, struct slice name)
{
    char expected[128], offending[160], shown[128];
    if (section->repeated)
        snprintf(expected, sizeof expected,
                 "expected [%s NAME], NAME being 1 to %d letters, digits and " SECTION_NAME_MARKS, section->name,
                 SECTION_NAME_SIZE_MAX);
    else
        snprintf(expected, sizeof expected, "expected [%s] without a name", section->name);
    snprintf(offending, sizeof offending, "[%s%s%s]", section->name, name.size > 0 ? " " : "",
             text_show(name, shown, sizeof shown));
    return refuse(loader, loader->line, slice_of(offending), expected);
}

/* Copies what may be a name of the tables. All of theirs fit, so one that is cut is none of theirs. */
static const char *copy_word(struct slice text, char word[TEXT_WORD_SIZE_MAX + 1])
{
    snprintf(word, TEXT_WORD_SIZE_MAX + 1, "%.*s", SLICE_ARGS(text));
    return word;
}

/* Makes [word NAME] the current section, which a new NAME begins. Says whether it was there before. */
static int enter_section(struct loader *loader, struct slice word, struct slice name, bool *ret_known)
{
    char copy[TEXT_WORD_SIZE_MAX + 1];
    const char *guess;
    const struct section *section = section_find(copy_word(word, copy), &guess);
    if (!section)
        return refuse_section(loader, word, guess);
    if (!section_is_of(section, loader->config->program))
        return refuse_section(loader, word, NULL);
    if (section->repeated ? !section_name_is_good(name) : name.size > 0)
        return refuse_name(loader, section, name);
    loader->current = find_origin(loader, section, name);
    *ret_known = loader->current != NULL;
    if (*ret_known)
        return 0;
    int rc = section_append(section, loader->config, name);
    return rc < 0 ? rc : add_origin(loader, section, section_count(section, loader->config) - 1);
}

/* Also a URL with somebody's password in it, where none belongs. */
static bool is_secret_value(const struct option *option, const char *value)
{
    const char *scheme = strstr(value, "://");
    return option->flags & OPTION_SECRET || (scheme && strchr(scheme, '@'));
}

static int refuse_value(struct loader *loader, const struct option *option, const char *value)
{
    char described[256];
    const char *example = value_example(option);
    bool is_secret = is_secret_value(option, value);
    struct blame blame = blame_current(loader, option->key, is_secret ? NULL : value);
    if (!value_text_is_plain(value))
        return refuse_option(loader, blame, "expected UTF-8 without control characters, space at its ends, "
                                            "or a word that begins with ';'");
    return refuse_option(loader, blame, "expected %s%s%s", value_describe(option, described, sizeof described),
                         example ? ", such as " : "", or_empty(example));
}

/* Sets an option of the current section. What an override sets may be set again. */
static int set_option(struct loader *loader, const struct option *option, const char *value)
{
    unsigned *line = &loader->current->lines[row_of(option)];
    if (*line != FROM_DEFAULT && loader->line != FROM_OVERRIDE)
        return refuse_option(loader, blame_current(loader, option->key, NULL), "given twice; first on line %u", *line);
    int rc = value_parse(option, value, option_value(option, instance_of(loader, loader->current)));
    *line = loader->line;
    return rc == -EINVAL ? refuse_value(loader, option, value) : rc;
}

static int find_option(struct loader *loader, const char *key, const struct option **ret_option)
{
    const char *guess;
    *ret_option = option_find(loader->current->section, key, &guess);
    enum program program = loader->config->program;
    if (*ret_option && option_is_of(*ret_option, loader->current->section, program))
        return 0;
    struct blame blame = blame_current(loader, key, NULL);
    if (*ret_option || !guess)
        return refuse_option(loader, blame, "no such option; %s.ini(5) has them all", program_name(program));
    return refuse_option(loader, blame, "no such option; did you mean %s?", guess);
}

static int on_section(void *owner, struct slice heading, unsigned line)
{
    struct loader *loader = owner;
    struct slice word = heading, name;
    for (size_t i = 0; i < word.size; i++)
        if (word.data[i] == ' ' || word.data[i] == '\t')
            word.size = i;
    name = slice_make(heading.data + word.size, heading.size - word.size);
    while (name.size > 0 && (name.data[0] == ' ' || name.data[0] == '\t'))
        name = slice_make(name.data + 1, name.size - 1);
    bool known;
    loader->line = line;
    int rc = enter_section(loader, word, name, &known);
    if (rc == 0 && known && loader->current->section->repeated)
        return refuse_option(loader, blame_current(loader, NULL, NULL), "given twice; first on line %u",
                             loader->current->line);
    return rc;
}

/* A secret may hold what looks like a comment, which would be cut from it without a word; so none may stand there. */
static int on_option(void *owner, const struct source_option *given)
{
    struct loader *loader = owner;
    const struct option *option;
    loader->line = given->line;
    if (!loader->current)
        return refuse(loader, given->line, slice_of(given->name), "expected a [section] before the first option");
    int rc = find_option(loader, given->name, &option);
    if (rc < 0)
        return rc;
    struct blame blame = blame_current(loader, option->key, NULL);
    if (given->has_comment && (option->flags & OPTION_SECRET))
        return refuse_option(loader, blame,
                             "expected no comment behind a secret, nor a word of it that begins with ';'");
    blame.line = given->continued_line;
    if (given->continued_line > 0 && option->kind != OPTION_LIST)
        return refuse_option(loader, blame, "goes on over an indented line, which only a list may do");
    return set_option(loader, option, given->value);
}

static int on_malformed(void *owner, unsigned line, struct slice offending, const char *expected)
{
    return refuse(owner, line, offending, expected);
}

static const struct source_events events = { .section = on_section, .option = on_option, .malformed = on_malformed };

/* "section.key=value" or "section.NAME.key=value": a NAME may have dots, the others have none. */
static int apply_override(struct loader *loader, const char *override)
{
    const char *equals = strchr(override, '=');
    const char *first = equals ? memchr(override, '.', (size_t)(equals - override)) : NULL;
    const char *last = equals ? memrchr(override, '.', (size_t)(equals - override)) : NULL;
    if (!first)
        return refuse(loader, FROM_OVERRIDE, slice_make(override, strcspn(override, "=")),
                      "expected section.option=value");
    struct slice name = first < last ? slice_make(first + 1, (size_t)(last - first - 1)) : slice_of("");
    char key[TEXT_WORD_SIZE_MAX + 1];
    const struct option *option;
    bool known;
    int rc = enter_section(loader, slice_make(override, (size_t)(first - override)), name, &known);
    if (rc == 0)
        rc = find_option(loader, copy_word(slice_make(last + 1, (size_t)(equals - last - 1)), key), &option);
    return rc == 0 ? set_option(loader, option, equals + 1) : rc;
}

static int apply_overrides(struct loader *loader, const char *const *overrides, size_t override_count)
{
    int rc = 0;
    loader->line = FROM_OVERRIDE;
    for (size_t i = 0; i < override_count && rc == 0; i++)
        rc = apply_override(loader, overrides[i]);
    return rc;
}

/* Whichever of the two was given last is to blame. */
static int check_order(struct loader *loader, const struct order *order)
{
    const struct section *section = section_find(order->section, NULL);
    const struct option *smaller = option_find(section, order->smaller, NULL);
    const struct option *larger = option_find(section, order->larger, NULL);
    const struct origin *origin = find_origin(loader, section, slice_of(""));
    void *instance = instance_of(loader, origin);
    uint64_t small = *(uint64_t *)option_value(smaller, instance), large = *(uint64_t *)option_value(larger, instance);
    if (small < large || (small == large && !order->strictly))
        return 0;
    char small_text[UNITS_TEXT_SIZE], large_text[UNITS_TEXT_SIZE];
    units_format_size(small, small_text);
    units_format_size(large, large_text);
    unsigned small_line = origin->lines[row_of(smaller)], large_line = origin->lines[row_of(larger)];
    if (large_line > small_line)
        return refuse_option(loader, (struct blame){ origin, large_line, larger->key, large_text },
                             "expected %s %s, which is %s",
                             order->strictly ? "more than" : "at least", smaller->key, small_text);
    return refuse_option(loader, (struct blame){ origin, small_line, smaller->key, small_text },
                         "expected %s %s, which is %s",
                         order->strictly ? "less than" : "at most", larger->key, large_text);
}

static int check_section(struct loader *loader, const struct origin *origin)
{
    const struct section *section = origin->section;
    char room[CHECK_ROOM_SIZE];
    if (!section_is_of(section, loader->config->program))
        return 0;
    const char *expected = section->check ? section->check(loader->config, instance_of(loader, origin), room) : NULL;
    return expected ? refuse_option(loader, (struct blame){ origin, origin->line, NULL, NULL }, "%s", expected) : 0;
}

/* Strangers come in only where that is asked for in words. */
static int check_exposure(struct loader *loader)
{
    const char *section_word, *address = config_exposure(loader->config, &section_word);
    if (!address)
        return 0;
    const struct section *section = section_find(section_word, NULL);
    const struct origin *origin = find_origin(loader, section, slice_of(""));
    unsigned line = origin->lines[row_of(option_find(section, "listen", NULL))];
    return refuse_option(loader, (struct blame){ origin, line, "listen", address }, "%s", CONFIG_EXPOSURE_EXPECTED);
}

/* What can be judged only when everything has been read. */
static int check_whole(struct loader *loader)
{
    int rc = 0;
    for (size_t i = 0; i < config_order_count && rc == 0; i++)
        rc = check_order(loader, &config_orders[i]);
    for (size_t i = 0; i < loader->origin_count && rc == 0; i++)
        rc = check_section(loader, &loader->origins[i]);
    return rc ? rc : check_exposure(loader);
}

static void loader_finish(struct loader *loader)
{
    for (size_t i = 0; i < loader->origin_count; i++)
        free(loader->origins[i].lines);
    free(loader->origins);
}

static int check_file_size(struct loader *loader, struct slice text)
{
    return text.size <= FILE_SIZE_MAX ? 0 : refuse(loader, 0, slice_of("(the whole file)"), "expected at most 1MiB");
}

static int load_text(struct loader *loader, struct slice text, const char *const *overrides, size_t override_count)
{
    int rc = check_file_size(loader, text);
    if (rc == 0)
        rc = add_plain_sections(loader);
    if (rc == 0)
        rc = source_read(text, &events, loader);
    if (rc == 0)
        rc = apply_overrides(loader, overrides, override_count);
    return rc == 0 ? check_whole(loader) : rc;
}

int config_parse(enum program program, const char *name, struct slice text, const char *const *overrides,
                 size_t override_count, struct config **ret_config, struct config_error *ret_error)
{
    struct loader loader = { .config = calloc(1, sizeof(struct config)), .name = name, .error = ret_error };
    int rc = -ENOMEM;
    if (loader.config) {
        loader.config->program = program;
        rc = load_text(&loader, text, overrides, override_count);
    }
    loader_finish(&loader);
    if (rc == 0) {
        *ret_config = loader.config;
        return 0;
    }
    config_destroy(loader.config);
    return rc == -ENOMEM ? fail(ret_error, name, rc) : rc;
}

/* What the file at path says, or no file. */
static int load_file(enum program program, const char *path, const char *const *overrides, size_t override_count,
                     struct config **ret_config, struct config_error *ret_error)
{
    if (!path)
        return config_parse(program, "(no file)", slice_of(""), overrides, override_count, ret_config, ret_error);
    enum { ROOM_SIZE = FILE_SIZE_MAX + 1 }; /* a byte more shows a file that has too many */
    char *buf = malloc(ROOM_SIZE);
    ssize_t size = buf ? file_read(path, buf, ROOM_SIZE) : -ENOMEM;
    if (size == -EFBIG)
        size = ROOM_SIZE;
    int rc = size < 0 ? fail(ret_error, path, (int)size) : 0;
    if (rc == 0)
        rc = config_parse(program, path, slice_make(buf, (size_t)size), overrides, override_count, ret_config,
                          ret_error);
    if (buf)
        explicit_bzero(buf, ROOM_SIZE); /* passwords */
    free(buf);
    return rc;
}

int config_load(enum program program, const char *path, const char *const *overrides, size_t override_count,
                struct config **ret_config, struct config_error *ret_error)
{
    struct config *config;
    int rc = load_file(program, path, overrides, override_count, &config, ret_error);
    if (rc)
        return rc;
    rc = credentials_read(&config->uplink);
    if (rc) {
        fail(ret_error, config->uplink.credentials_file, rc);
        config_destroy(config);
        return rc;
    }
    *ret_config = config;
    return 0;
}

static void clear_section(const struct section *section, struct config *config)
{
    for (size_t i = 0; i < section_count(section, config); i++) {
        void *instance = section_instance(section, config, i);
        for (const struct option *option = option_next(section, NULL); option; option = option_next(section, option))
            value_clear(option, option_value(option, instance));
        if (section->repeated)
            free((char *)section_name(instance));
    }
    if (section->repeated)
        free(section_instance(section, config, 0));
}

void config_destroy(struct config *config)
{
    for (size_t i = 0; config && i < config_section_count; i++)
        clear_section(&config_sections[i], config);
    free(config);
}
