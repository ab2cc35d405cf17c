#include <ctype.h>
#include <string.h>

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"

#define LINE_WIDTH 96

/* Writes the words of text as comments, as many lines as it takes. */
static void print_comment(FILE *out, const char *text)
{
    size_t column = 0;
    for (const char *word = text; *word; word += strspn(word, " ")) {
        size_t size = strcspn(word, " ");
        bool breaks = column == 0 || column + 1 + size > LINE_WIDTH;
        fprintf(out, "%s%.*s", column == 0 ? "; " : breaks ? "\n; " : " ", (int)size, word);
        column = (breaks ? 1 : column) + 1 + size;
        word += size;
    }
    fputs("\n", out);
}

static void print_heading(const struct section *section, const char *name, FILE *out)
{
    fprintf(out, "[%s%s%s]\n", section->name, section->repeated ? " " : "", section->repeated ? name : "");
}

static bool is_empty(const struct option *option, const void *value)
{
    if (option->kind == OPTION_LIST)
        return ((const struct config_list *)value)->item_count == 0;
    const char *text = option->kind == OPTION_TEXT ? *(char *const *)value : " ";
    return !text || !*text;
}

/* A secret is left out, so that what is printed can never be taken for it; one that is not set is not worth a word. */
static void print_secret(const struct option *option, const void *value, FILE *out)
{
    if (!is_empty(option, value))
        fprintf(out, "; %s is set; secrets are not printed\n", option->key);
}

static void print_option(const struct option *option, const void *value, FILE *out)
{
    if (option->flags & OPTION_SECRET) {
        print_secret(option, value, out);
        return;
    }
    fprintf(out, "%s =%s", option->key, is_empty(option, value) ? "" : " ");
    value_print(option, value, out);
    fputs("\n", out);
}

static void print_section(const struct section *section, const struct config *config, size_t index, FILE *out)
{
    void *instance = section_instance(section, config, index);
    print_heading(section, section->repeated ? section_name(instance) : NULL, out);
    for (const struct option *option = option_next(section, NULL); option; option = option_next(section, option))
        if (option_is_of(option, section, config->program))
            print_option(option, option_value(option, instance), out);
}

/* All of one kind. */
static void print_sections(const struct section *section, const struct config *config, FILE *out)
{
    for (size_t i = 0; i < section_count(section, config); i++) {
        if (section > config_sections || i > 0)
            fputs("\n", out);
        print_section(section, config, i, out);
    }
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < config_section_count; i++)
        if (section_is_of(&config_sections[i], config->program))
            print_sections(&config_sections[i], config, out);
}

static void print_sample_option(const struct option *option, FILE *out)
{
    char described[256], text[1024];
    value_describe(option, described, sizeof described);
    described[0] = (char)toupper((unsigned char)described[0]);
    bool reloads = option->flags & OPTION_RELOAD;
    snprintf(text, sizeof text, "%s %s.%s", option->help, described, reloads ? "" : " Needs a restart.");
    print_comment(out, text);
    const char *fallback = option->fallback ? option->fallback : "";
    fprintf(out, ";%s =%s%s\n", option->key, *fallback ? " " : "", fallback);
}

/* A plain section stands there, ready for its options; one that is repeated is an example, and commented out. */
static void print_sample_section(const struct section *section, enum program program, FILE *out)
{
    fputs("\n\n", out);
    print_comment(out, section->help);
    fputs(section->repeated ? ";" : "", out);
    print_heading(section, section->example, out);
    for (const struct option *option = option_next(section, NULL); option; option = option_next(section, option))
        if (option_is_of(option, section, program)) {
            fputs("\n", out);
            print_sample_option(option, out);
        }
}

void config_print_sample(enum program program, FILE *out)
{
    const char *name = program_name(program);
    fprintf(out, "; %s.ini: the configuration of %s, the %s. %s.ini(5) describes it.\n", name, name,
            program == PROGRAM_SIDECAR ? "message broker beside an application" : "message broker", name);
    fprintf(out,
            ";\n"
            "; Every option stands here at its default, commented out: take away the ';' before one to set it.\n"
            "; Sizes have a unit (B, KiB, MiB, GiB, TiB), and so have durations (ns, us, ms, s, m, h, d).\n"
            ";\n"
            "; %s --config FILE --check-config says what is wrong with a file. SIGHUP makes a running\n"
            "; %s read it again, which changes all but the options that need a restart.\n",
            name, name);
    for (size_t i = 0; i < config_section_count; i++)
        if (section_is_of(&config_sections[i], program))
            print_sample_section(&config_sections[i], program, out);
}
