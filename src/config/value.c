#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "util/units.h"

struct kind {
    size_t size; /* of the field */
    int (*parse)(const struct option *option, const char *text, void *value);
    void (*print)(const struct option *option, const void *value, FILE *out);
    void (*describe)(const struct option *option, char *text, size_t text_size);
    /* NULL where the bytes of the field are all there is to it */
    bool (*equal)(const void *a, const void *b);
    int (*copy)(const void *from, void *to);
    void (*clear)(void *value);
    /* numbers only */
    const char *noun;
    bool (*read)(const char *text, uint64_t *ret_number);
    const char *(*format)(uint64_t number, char text[UNITS_TEXT_SIZE]);
    uint64_t scale; /* what is read, divided by this, is what the field holds */
};

static const struct kind kinds[OPTION_KIND_COUNT];

static bool read_mode(const char *text, uint64_t *ret_mode)
{
    uint64_t mode = 0;
    size_t size = strspn(text, "01234567");
    if (size == 0 || size > 5 || text[size])
        return false;
    for (; *text; text++)
        mode = mode * 8 + (uint64_t)(*text - '0');
    *ret_mode = mode;
    return true;
}

static const char *format_mode(uint64_t mode, char text[UNITS_TEXT_SIZE])
{
    snprintf(text, UNITS_TEXT_SIZE, "%04" PRIo64, mode);
    return text;
}

/* min and max of a row that has them; zero where text is NULL, or is no number as a broken table's would be. */
static uint64_t read_limit(const struct kind *kind, const char *text)
{
    uint64_t limit = 0;
    if (text)
        kind->read(text, &limit);
    return limit;
}

static bool number_in_limits(const struct option *option, uint64_t number)
{
    const struct kind *kind = &kinds[option->kind];
    if (option->zero && number == 0)
        return true;
    return number >= read_limit(kind, option->min) && number <= read_limit(kind, option->max) &&
           number % kind->scale == 0;
}

static void number_store(const struct kind *kind, uint64_t number, void *value)
{
    if (kind->size == sizeof(uint64_t))
        *(uint64_t *)value = number;
    else
        *(unsigned *)value = (unsigned)number;
}

static uint64_t number_fetch(const struct kind *kind, const void *value)
{
    return kind->size == sizeof(uint64_t) ? *(const uint64_t *)value : *(const unsigned *)value;
}

static bool is_word(const char *word, const char *text)
{
    return word && strcmp(word, text) == 0;
}

static int number_parse(const struct option *option, const char *text, void *value)
{
    const struct kind *kind = &kinds[option->kind];
    uint64_t number = 0;
    if (is_word(option->endless, text))
        number_store(kind, UINT64_MAX, value);
    else if (is_word(option->zero, text))
        number_store(kind, 0, value);
    else if (kind->read(text, &number) && number_in_limits(option, number))
        number_store(kind, number / kind->scale, value);
    else
        return -EINVAL;
    return 0;
}

static void number_print(const struct option *option, const void *value, FILE *out)
{
    const struct kind *kind = &kinds[option->kind];
    char text[UNITS_TEXT_SIZE];
    uint64_t number = number_fetch(kind, value);
    const char *word = number == 0 ? option->zero : number == UINT64_MAX ? option->endless : NULL;
    fputs(word ? word : kind->format(number * kind->scale, text), out);
}

static void number_describe(const struct option *option, char *text, size_t text_size)
{
    snprintf(text, text_size, "%s between %s and %s%s%s%s%s", kinds[option->kind].noun, option->min, option->max,
             option->zero ? ", or " : "", option->zero ? option->zero : "", option->endless ? ", or " : "",
             option->endless ? option->endless : "");
}

static int choice_parse(const struct option *option, const char *text, void *value)
{
    for (unsigned i = 0; option->choices[i]; i++)
        if (strcmp(option->choices[i], text) == 0) {
            *(unsigned *)value = i;
            return 0;
        }
    return -EINVAL;
}

static void choice_print(const struct option *option, const void *value, FILE *out)
{
    fputs(option->choices[*(const unsigned *)value], out);
}

static void choice_describe(const struct option *option, char *text, size_t text_size)
{
    size_t used = 0;
    for (size_t i = 0; option->choices[i] && used < text_size; i++) {
        const char *before = i == 0 ? "one of " : option->choices[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, text_size - used, "%s%s", before, option->choices[i]);
    }
}

/* min and max of texts and lists count bytes and items. */
static bool size_in_limits(const struct option *option, size_t size)
{
    const struct kind *count = &kinds[OPTION_COUNT];
    return size >= read_limit(count, option->min) && size <= read_limit(count, option->max);
}

static int text_parse(const struct option *option, const char *text, void *value)
{
    if (!value_text_is_plain(text) || !size_in_limits(option, strlen(text)) || (option->check && !option->check(text)))
        return -EINVAL;
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*(char **)value);
    *(char **)value = copy;
    return 0;
}

static void text_print(const struct option *option, const void *value, FILE *out)
{
    const char *text = *(char *const *)value;
    (void)option;
    fputs(text ? text : "", out);
}

static bool text_equal(const void *a, const void *b)
{
    const char *left = *(char *const *)a, *right = *(char *const *)b;
    return left && right ? strcmp(left, right) == 0 : left == right;
}

static int text_copy(const void *from, void *to)
{
    const char *text = *(char *const *)from;
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return -ENOMEM;
    free(*(char **)to);
    *(char **)to = copy;
    return 0;
}

static void text_clear(void *value)
{
    free(*(char **)value);
    *(char **)value = NULL;
}

static void text_describe(const struct option *option, char *text, size_t text_size)
{
    if (option->expected)
        snprintf(text, text_size, "%s", option->expected);
    else if (read_limit(&kinds[OPTION_COUNT], option->min) == 0)
        snprintf(text, text_size, "a text of at most %s bytes", option->max);
    else
        snprintf(text, text_size, "a text of %s to %s bytes", option->min, option->max);
}

static void list_clear(void *value)
{
    struct config_list *list = value;
    for (size_t i = 0; i < list->item_count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){ 0 };
}

static size_t count_commas(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == ',';
    return count;
}

/* Cuts the next item from *text, without space around it, and moves *text behind the comma, or to NULL at the end. */
static struct slice next_item(const char **text)
{
    const char *comma = strchrnul(*text, ',');
    struct slice item = slice_make(*text, (size_t)(comma - *text));
    while (item.size > 0 && strchr(" \t", item.data[0]))
        item = slice_make(item.data + 1, item.size - 1);
    while (item.size > 0 && strchr(" \t", item.data[item.size - 1]))
        item.size--;
    *text = *comma ? comma + 1 : NULL;
    return item;
}

static int list_append(const struct option *option, struct config_list *list, struct slice item)
{
    char *copy = strndup(item.data, item.size);
    if (!copy)
        return -ENOMEM;
    list->items[list->item_count++] = copy;
    if (item.size == 0 || (!(option->flags & OPTION_WORDS) && strpbrk(copy, " \t")) ||
        (option->check && !option->check(copy)))
        return -EINVAL;
    return 0;
}

static int list_fill(const struct option *option, struct config_list *list, const char *text)
{
    size_t item_count = *text ? count_commas(text) + 1 : 0;
    if (!value_text_is_plain(text) || !size_in_limits(option, item_count))
        return -EINVAL;
    if (item_count == 0)
        return 0;
    list->items = calloc(item_count, sizeof *list->items);
    int rc = list->items ? 0 : -ENOMEM;
    while (rc == 0 && text)
        rc = list_append(option, list, next_item(&text));
    return rc;
}

static int list_parse(const struct option *option, const char *text, void *value)
{
    struct config_list list = { 0 };
    int rc = list_fill(option, &list, text);
    if (rc < 0) {
        list_clear(&list);
        return rc;
    }
    list_clear(value);
    *(struct config_list *)value = list;
    return 0;
}

static void list_print(const struct option *option, const void *value, FILE *out)
{
    const struct config_list *list = value;
    (void)option;
    for (size_t i = 0; i < list->item_count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
}

static bool list_equal(const void *a, const void *b)
{
    const struct config_list *left = a, *right = b;
    if (left->item_count != right->item_count)
        return false;
    for (size_t i = 0; i < left->item_count; i++)
        if (strcmp(left->items[i], right->items[i]) != 0)
            return false;
    return true;
}

static int list_copy(const void *from, void *to)
{
    const struct config_list *list = from;
    struct config_list copy = { .items = list->item_count ? calloc(list->item_count, sizeof *copy.items) : NULL };
    for (; copy.items && copy.item_count < list->item_count; copy.item_count++) {
        copy.items[copy.item_count] = strdup(list->items[copy.item_count]);
        if (!copy.items[copy.item_count])
            break;
    }
    if (copy.item_count < list->item_count) {
        list_clear(&copy);
        return -ENOMEM;
    }
    list_clear(to);
    *(struct config_list *)to = copy;
    return 0;
}

static void list_describe(const struct option *option, char *text, size_t text_size)
{
    bool may_be_empty = read_limit(&kinds[OPTION_COUNT], option->min) == 0;
    snprintf(text, text_size, "a list of %s%s%s items, each %s", may_be_empty ? "at most " : option->min,
             may_be_empty ? "" : " to ", option->max, option->expected ? option->expected : "a word");
}

/* clang-format off */
#define NUMBER(type) .size = sizeof(type), .parse = number_parse, .print = number_print, .describe = number_describe
#define COUNT_READ .read = units_parse_count, .format = units_format_count
#define SIZE_READ .read = units_parse_size, .format = units_format_size
#define DURATION_READ .read = units_parse_duration, .format = units_format_duration

static const struct kind kinds[OPTION_KIND_COUNT] = {
    [OPTION_COUNT]       = { NUMBER(unsigned), .noun = "a number", COUNT_READ, .scale = 1 },
    [OPTION_COUNT_WIDE]  = { NUMBER(uint64_t), .noun = "a number", COUNT_READ, .scale = 1 },
    [OPTION_SIZE]        = { NUMBER(uint64_t), .noun = "a size", SIZE_READ, .scale = 1 },
    [OPTION_DURATION_MS] = { NUMBER(uint64_t), .noun = "a duration in whole milliseconds", DURATION_READ,
                             .scale = 1000000 },
    [OPTION_DURATION_NS] = { NUMBER(uint64_t), .noun = "a duration", DURATION_READ, .scale = 1 },
    [OPTION_MODE]        = { NUMBER(unsigned), .noun = "octal permissions", .read = read_mode,
                             .format = format_mode, .scale = 1 },
    [OPTION_CHOICE]      = { .size = sizeof(unsigned), .parse = choice_parse, .print = choice_print,
                             .describe = choice_describe },
    [OPTION_TEXT]        = { .size = sizeof(char *), .parse = text_parse, .print = text_print,
                             .describe = text_describe, .equal = text_equal, .copy = text_copy, .clear = text_clear },
    [OPTION_LIST]        = { .size = sizeof(struct config_list), .parse = list_parse, .print = list_print,
                             .describe = list_describe, .equal = list_equal, .copy = list_copy, .clear = list_clear },
};
/* clang-format on */

int value_parse(const struct option *option, const char *text, void *value)
{
    return kinds[option->kind].parse(option, text, value);
}

void value_print(const struct option *option, const void *value, FILE *out)
{
    kinds[option->kind].print(option, value, out);
}

bool value_equal(const struct option *option, const void *a, const void *b)
{
    const struct kind *kind = &kinds[option->kind];
    return kind->equal ? kind->equal(a, b) : memcmp(a, b, kind->size) == 0;
}

int value_copy(const struct option *option, const void *from, void *to)
{
    const struct kind *kind = &kinds[option->kind];
    if (kind->copy)
        return kind->copy(from, to);
    memcpy(to, from, kind->size);
    return 0;
}

void value_clear(const struct option *option, void *value)
{
    const struct kind *kind = &kinds[option->kind];
    if (kind->clear)
        kind->clear(value);
    else
        memset(value, 0, kind->size);
}

const char *value_describe(const struct option *option, char *text, size_t text_size)
{
    kinds[option->kind].describe(option, text, text_size);
    return text;
}

const char *value_example(const struct option *option)
{
    return kinds[option->kind].noun && !option->zero ? option->fallback : NULL;
}

bool value_text_is_plain(const char *text)
{
    size_t size = strlen(text);
    if (!text_is_clean(slice_make(text, size)))
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] == ';' && (i == 0 || strchr(" \t", text[i - 1])))
            return false;
    return size == 0 || (!strchr(" \t", text[0]) && !strchr(" \t", text[size - 1]));
}
