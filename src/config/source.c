#include "config/source.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

/*
 * inih reads into a buffer of 200 bytes. Debian's lets the program choose; where it does not, this is NULL, and lines
 * are held to what the reader below is given room for.
 */
extern int ini_max_line __attribute__((weak));
#define LINE_SIZE_MAX 4096

enum line_kind { LINE_EMPTY, LINE_SECTION, LINE_OPTION, LINE_CONTINUATION };

struct source {
    struct slice rest;                  /* what has not been read */
    unsigned line;                      /* the number of the line that inih has */
    enum line_kind kind;                /* of that line */
    struct slice raw;                   /* that line, without its end */
    bool taken;                         /* inih found an option in it */
    struct source_option option;        /* told when the next begins, for its value may go on; its texts are ours */
    size_t value_size;                  /* of its value */
    const struct source_events *events; /* NULL: nobody listens */
    void *owner;
    int rc;                             /* not 0: an event or the memory has ended it */
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0]))
        text = slice_make(text.data + 1, text.size - 1);
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* The start of the first comment that stands behind something: a ';' after a space. NULL: none. */
static const char *find_comment(struct slice text)
{
    for (size_t i = 1; i < text.size; i++)
        if (text.data[i] == ';' && is_space(text.data[i - 1]))
            return text.data + i;
    return NULL;
}

static int malformed(struct source *source, struct slice offending, const char *expected)
{
    if (!source->events)
        return -EINVAL;
    return source->events->malformed(source->owner, source->line, offending, expected);
}

/* A line that is not well-formed may hold a secret: what would be its name is all that is shown. */
static struct slice name_of(struct slice line)
{
    struct slice name = trim(line);
    for (size_t i = 1; i < name.size; i++)
        if (is_space(name.data[i]) || name.data[i] == '=' || name.data[i] == ':')
            name.size = i;
    return name;
}

static void forget_option(struct source *source)
{
    free((char *)source->option.name);
    free((char *)source->option.value);
    source->option = (struct source_option){ 0 };
}

/* Tells of the option that has been gathered, now that it has ended. */
static int flush_option(struct source *source)
{
    int rc = 0;
    if (source->option.name && source->events)
        rc = source->events->option(source->owner, &source->option);
    forget_option(source);
    return rc;
}

static int begin_option(struct source *source, const char *name, const char *value)
{
    source->option = (struct source_option){
        .name = strdup(name),
        .value = strdup(value),
        .line = source->line,
        .has_comment = find_comment(source->raw) != NULL,
    };
    if (!source->option.name || !source->option.value)
        return -ENOMEM;
    source->value_size = strlen(value);
    return *name ? 0 : malformed(source, name_of(source->raw), "expected option = value");
}

/* Not every version of inih takes the comment from a line that goes on with a value. */
static int continue_option(struct source *source, const char *value)
{
    struct slice more = slice_of(value);
    const char *comment = find_comment(more);
    if (comment)
        more = trim(slice_make(value, (size_t)(comment - value)));
    char *joined = realloc((char *)source->option.value, source->value_size + sizeof " " + more.size);
    if (!joined)
        return -ENOMEM;
    if (source->value_size > 0)
        joined[source->value_size++] = ' ';
    memcpy(joined + source->value_size, more.data, more.size);
    source->value_size += more.size;
    joined[source->value_size] = '\0';
    source->option.value = joined;
    if (source->option.continued_line == 0)
        source->option.continued_line = source->line;
    source->option.has_comment |= comment != NULL;
    return 0;
}

/* What inih calls for a line in which it found an option, or more of one. Returns 0 where something is wrong. */
static int take_option(void *user, const char *section, const char *name, const char *value)
{
    struct source *source = user;
    (void)section;
    if (source->rc != 0 || !value)
        return 0;
    source->taken = true;
    source->rc = source->kind == LINE_CONTINUATION ? continue_option(source, value) : begin_option(source, name, value);
    return source->rc == 0;
}

/* The next line without its end, whether LF or CR LF. False at the end of the text. */
static bool cut_line(struct source *source)
{
    struct slice *rest = &source->rest;
    if (rest->size == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    source->raw = slice_make(rest->data, size);
    *rest = slice_make(rest->data + size + (end != NULL), rest->size - size - (end != NULL));
    if (source->raw.size > 0 && source->raw.data[source->raw.size - 1] == '\r')
        source->raw.size--;
    source->line++;
    return true;
}

static enum line_kind classify(const struct source *source)
{
    struct slice line = trim(source->raw);
    if (line.size == 0 || line.data[0] == ';' || line.data[0] == '#')
        return LINE_EMPTY;
    if (source->option.name && is_space(source->raw.data[0]))
        return LINE_CONTINUATION;
    return line.data[0] == '[' ? LINE_SECTION : LINE_OPTION;
}

/* inih cuts long names of sections and says nothing of sections without options, so these are read here. */
static int read_section(struct source *source)
{
    struct slice line = trim(source->raw);
    const char *end = memchr(line.data, ']', line.size);
    struct slice behind = end ? trim(slice_make(end + 1, (size_t)(line.data + line.size - end - 1))) : line;
    if (!end || (behind.size > 0 && behind.data[0] != ';'))
        return malformed(source, line, "expected [section] and nothing else");
    struct slice heading = trim(slice_make(line.data + 1, (size_t)(end - line.data - 1)));
    return source->events ? source->events->section(source->owner, heading, source->line) : 0;
}

static int check_line(struct source *source, size_t size_max)
{
    if (source->raw.size > size_max)
        return malformed(source, name_of(source->raw), "expected a shorter line; a list may go on over indented lines");
    if (!text_is_clean(source->raw))
        return malformed(source, name_of(source->raw), "expected text in UTF-8 without control characters");
    return 0;
}

static int begin_line(struct source *source, size_t size_max)
{
    source->kind = classify(source);
    int rc = source->kind == LINE_OPTION || source->kind == LINE_SECTION ? flush_option(source) : 0;
    if (rc == 0)
        rc = check_line(source, size_max);
    if (rc == 0 && source->kind == LINE_SECTION)
        rc = read_section(source);
    source->taken = source->kind == LINE_EMPTY || source->kind == LINE_SECTION;
    return rc;
}

/* What inih is to read in place of a line that is not its business: the section ends the value before it. */
static struct slice line_for_inih(const struct source *source)
{
    switch (source->kind) {
    case LINE_EMPTY:
        return slice_of("");
    case LINE_SECTION:
        return slice_of("[section]");
    default:
        return source->raw;
    }
}

static int end_line(struct source *source)
{
    return source->taken ? 0 : malformed(source, name_of(source->raw), "expected option = value");
}

/* What inih calls for each line, as it would call fgets. */
static char *next_line(char *buf, int buf_size, void *user)
{
    struct source *source = user;
    if (source->rc == 0)
        source->rc = end_line(source);
    if (source->rc != 0 || !cut_line(source))
        return NULL;
    source->rc = begin_line(source, (size_t)buf_size - sizeof "\n");
    if (source->rc != 0)
        return NULL;
    struct slice line = line_for_inih(source);
    memcpy(buf, line.data, line.size);
    memcpy(buf + line.size, "\n", sizeof "\n");
    return buf;
}

static struct slice skip_byte_order_mark(struct slice text)
{
    struct slice mark = slice_of("\xef\xbb\xbf");
    return slice_starts_with(text, mark) ? slice_make(text.data + mark.size, text.size - mark.size) : text;
}

int source_read(struct slice text, const struct source_events *events, void *owner)
{
    struct source source = { .rest = skip_byte_order_mark(text), .taken = true, .events = events, .owner = owner };
    if (&ini_max_line)
        ini_max_line = LINE_SIZE_MAX + (int)sizeof "\n";
    int failed = ini_parse_stream(next_line, &source, take_option, &source);
    if (source.rc == 0)
        source.rc = failed < 0 ? -ENOMEM : flush_option(&source);
    forget_option(&source);
    return source.rc;
}
