#include "options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quantity.h"
#include "say.h"
#include "util/text.h"
#include "util/units.h"

struct parser {
    const struct option_group *groups;
    char *values;
    int argc;
    char **argv;
    int at; /* the argument being read */
    struct operands *operands;
};

/* ---- values ---- */

static bool set_flag(void *field, const char *text)
{
    (void)text;
    *(bool *)field = true;
    return true;
}

static bool set_text(void *field, const char *text)
{
    *(const char **)field = text;
    return true;
}

static bool set_list(void *field, const char *text)
{
    struct text_list *list = field;
    list->texts = must(realloc(list->texts, (list->count + 1) * sizeof *list->texts));
    list->texts[list->count++] = text;
    return true;
}

static bool set_count(void *field, const char *text)
{
    return units_parse_count(text, field);
}

static bool set_size(void *field, const char *text)
{
    return units_parse_size(text, field);
}

static bool set_duration(void *field, const char *text)
{
    return units_parse_duration(text, field);
}

static bool set_rate(void *field, const char *text)
{
    return quantity_rate(text, field);
}

static const struct {
    bool (*set)(void *field, const char *text);
    const char *expected;
} kinds[OPTION_KIND_COUNT] = {
    [OPTION_FLAG] = { set_flag, NULL },
    [OPTION_TEXT] = { set_text, NULL },
    [OPTION_LIST] = { set_list, NULL },
    [OPTION_COUNT] = { set_count, "a whole number such as 1000" },
    [OPTION_SIZE] = { set_size, "a size such as 512, 64KiB or 1MiB" },
    [OPTION_DURATION] = { set_duration, "a time such as 250ms, 5s or 2m" },
    [OPTION_RATE] = { set_rate, "a rate such as 100, 100/s or 30/m" },
};

static void *field_of(const struct parser *parser, const struct option_group *group, const struct option *row)
{
    return parser->values + group->offset + row->offset;
}

static void set_initial_values(const struct parser *parser)
{
    for (const struct option_group *group = parser->groups; group->title; group++)
        for (const struct option *row = group->rows; row->name; row++)
            if (row->initial)
                kinds[row->kind].set(field_of(parser, group, row), row->initial);
}

static enum exit_code set_value(const struct parser *parser, const struct option_group *group, const struct option *row,
                                const char *text)
{
    if (kinds[row->kind].set(field_of(parser, group, row), text))
        return EXIT_OK;
    return fail(EXIT_USAGE, "--%s: '%s' is not %s", row->name, text, kinds[row->kind].expected);
}

/* ---- finding rows ---- */

struct found {
    const struct option_group *group;
    const struct option *row;
};

static struct found find_name(const struct parser *parser, const char *name, size_t size)
{
    for (const struct option_group *group = parser->groups; group->title; group++)
        for (const struct option *row = group->rows; row->name; row++)
            if (strlen(row->name) == size && memcmp(row->name, name, size) == 0)
                return (struct found){ group, row };
    return (struct found){ NULL, NULL };
}

static struct found find_letter(const struct parser *parser, char letter)
{
    for (const struct option_group *group = parser->groups; group->title; group++)
        for (const struct option *row = group->rows; row->name; row++)
            if (row->letter == letter)
                return (struct found){ group, row };
    return (struct found){ NULL, NULL };
}

static enum exit_code complain_of_name(const struct parser *parser, const char *name)
{
    struct text_guess guess;
    text_guess_init(&guess, name);
    for (const struct option_group *group = parser->groups; group->title; group++)
        for (const struct option *row = group->rows; row->name; row++)
            text_guess_offer(&guess, row->name);
    if (guess.nearest)
        return fail(EXIT_USAGE, "no option --%s; did you mean --%s?", name, guess.nearest);
    return fail(EXIT_USAGE, "no option --%s; --help shows those there are", name);
}

/* Takes the name. */
static enum exit_code complain_of_unknown(const struct parser *parser, char *name)
{
    enum exit_code code = complain_of_name(parser, must(name));
    free(name);
    return code;
}

/* ---- arguments ---- */

/* --name, --name=value, --name value */
static enum exit_code parse_long(struct parser *parser, const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t size = equals ? (size_t)(equals - argument) : strlen(argument);
    struct found found = find_name(parser, argument, size);
    if (!found.row)
        return complain_of_unknown(parser, strndup(argument, size));
    bool is_flag = found.row->kind == OPTION_FLAG;
    if (is_flag && equals)
        return fail(EXIT_USAGE, "--%s takes no value", found.row->name);
    if (is_flag || equals)
        return set_value(parser, found.group, found.row, equals ? equals + 1 : NULL);
    if (parser->at + 1 == parser->argc)
        return fail(EXIT_USAGE, "--%s needs a value: --%s %s", found.row->name, found.row->name, found.row->word);
    return set_value(parser, found.group, found.row, parser->argv[++parser->at]);
}

/* -v, several in one (-v0), and a value behind the last: -n5, -n 5 */
static enum exit_code parse_letters(struct parser *parser, const char *letters)
{
    for (; *letters; letters++) {
        struct found found = find_letter(parser, *letters);
        if (!found.row)
            return fail(EXIT_USAGE, "no option -%c; a text that begins with a dash goes behind '--'", *letters);
        if (found.row->kind == OPTION_FLAG) {
            set_value(parser, found.group, found.row, NULL);
            continue;
        }
        if (letters[1])
            return set_value(parser, found.group, found.row, letters + 1);
        if (parser->at + 1 == parser->argc)
            return fail(EXIT_USAGE, "-%c needs a value: -%c %s", *letters, *letters, found.row->word);
        return set_value(parser, found.group, found.row, parser->argv[++parser->at]);
    }
    return EXIT_OK;
}

static void add_operand(struct parser *parser, char *text)
{
    parser->operands->texts[parser->operands->count++] = text;
}

static enum exit_code parse_argument(struct parser *parser, bool *options_ended)
{
    char *argument = parser->argv[parser->at];
    if (*options_ended || argument[0] != '-' || argument[1] == '\0') /* a lone dash is a text */
        add_operand(parser, argument);
    else if (strcmp(argument, "--") == 0)
        *options_ended = true;
    else if (argument[1] == '-')
        return parse_long(parser, argument + 2);
    else
        return parse_letters(parser, argument + 1);
    return EXIT_OK;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

enum exit_code options_parse(const struct option_group *groups, void *values, int argc, char **argv,
                             struct operands *ret_operands, bool *ret_help)
{
    struct parser parser = { .groups = groups, .values = values, .argc = argc, .argv = argv, .operands = ret_operands };
    *ret_help = asks_for_help(argc, argv);
    if (*ret_help)
        return EXIT_OK;
    ret_operands->texts = must(calloc((size_t)argc + 1, sizeof *ret_operands->texts));
    set_initial_values(&parser);
    enum exit_code code = EXIT_OK;
    bool options_ended = false;
    for (; code == EXIT_OK && parser.at < argc; parser.at++)
        code = parse_argument(&parser, &options_ended);
    return code;
}

void options_finish(const struct option_group *groups, void *values, struct operands *operands)
{
    for (const struct option_group *group = groups; group->title; group++)
        for (const struct option *row = group->rows; row->name; row++)
            if (row->kind == OPTION_LIST)
                free(((struct text_list *)((char *)values + group->offset + row->offset))->texts);
    free(operands->texts);
    operands->texts = NULL;
}
