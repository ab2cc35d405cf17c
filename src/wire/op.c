#include "wire/op.h"

#include "util/decimal.h"

#define ARGS_MAX 5

/* The arguments of a control line: what stands between the verb and the line's end. */
struct args {
    struct slice list[ARGS_MAX];
    unsigned count; /* ARGS_MAX + 1 where there are more */
};

typedef int parse_fn(const struct args *args, struct wire_op *op);

static parse_fn parse_pub, parse_hpub, parse_sub, parse_unsub, parse_msg, parse_hmsg;

/* How a verb's line is read on from its arguments. */
enum verb_form {
    FORM_PLAIN, /* whatever follows is ignored */
    FORM_TEXT,  /* the rest of the line is text */
    FORM_ARGS,  /* blanks, then arguments */
    FORM_BODY,  /* blanks, then arguments, then a body */
};

struct verb {
    const char *name;
    uint8_t name_size;
    uint8_t form;
    bool blank_needed; /* a blank must stand behind the name */
    parse_fn *parse;
};

static const struct verb verbs[WIRE_VERB_COUNT] = {
    [WIRE_UNKNOWN] = { "?", 1, FORM_PLAIN, false, NULL },
    [WIRE_CONNECT] = { "CONNECT", 7, FORM_TEXT, false, NULL },
    [WIRE_PUB] = { "PUB", 3, FORM_BODY, true, parse_pub },
    [WIRE_HPUB] = { "HPUB", 4, FORM_BODY, true, parse_hpub },
    [WIRE_SUB] = { "SUB", 3, FORM_ARGS, true, parse_sub },
    [WIRE_UNSUB] = { "UNSUB", 5, FORM_ARGS, true, parse_unsub },
    [WIRE_PING] = { "PING", 4, FORM_PLAIN, false, NULL },
    [WIRE_PONG] = { "PONG", 4, FORM_PLAIN, false, NULL },
    [WIRE_OK] = { "+OK", 3, FORM_PLAIN, false, NULL },
    [WIRE_ERR] = { "-ERR", 4, FORM_TEXT, true, NULL },
    [WIRE_INFO] = { "INFO", 4, FORM_TEXT, true, NULL },
    [WIRE_MSG] = { "MSG", 3, FORM_BODY, true, parse_msg },
    [WIRE_HMSG] = { "HMSG", 4, FORM_BODY, true, parse_hmsg },
};

const char *wire_verb_name(enum wire_verb verb)
{
    return verbs[(unsigned)verb < WIRE_VERB_COUNT ? verb : WIRE_UNKNOWN].name;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The protocol's numbers have at most so many digits, zeros in front counted. */
static bool read_number(struct slice text, uint64_t max, uint64_t *ret_value)
{
    return text.size <= DECIMAL_SAFE_SIZE && decimal_read_max(text, max, ret_value);
}

static bool parse_size(struct slice text, uint32_t *ret_size)
{
    uint64_t value;
    if (!read_number(text, INT32_MAX, &value))
        return false;
    *ret_size = (uint32_t)value;
    return true;
}

static void split_args(const char *at, const char *end, struct args *args)
{
    args->count = 0;
    for (;;) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end)
            return;
        const char *start = at;
        while (at < end && !is_blank(*at))
            at++;
        if (args->count == ARGS_MAX) {
            args->count++;
            return;
        }
        args->list[args->count++] = slice_make(start, (size_t)(at - start));
    }
}

/* head_size and body_size from the last two arguments. */
static int parse_sizes(struct slice head, struct slice body, struct wire_op *op)
{
    if (!parse_size(head, &op->head_size) || !parse_size(body, &op->body_size) || op->head_size > op->body_size)
        return WIRE_E_ARGS;
    return 0;
}

static int parse_pub(const struct args *args, struct wire_op *op)
{
    if (args->count != 2 && args->count != 3)
        return WIRE_E_ARGS;
    op->topic = args->list[0];
    if (args->count == 3)
        op->reply = args->list[1];
    return parse_size(args->list[args->count - 1], &op->body_size) ? 0 : WIRE_E_ARGS;
}

static int parse_hpub(const struct args *args, struct wire_op *op)
{
    if (args->count != 3 && args->count != 4)
        return WIRE_E_ARGS;
    op->topic = args->list[0];
    if (args->count == 4)
        op->reply = args->list[1];
    return parse_sizes(args->list[args->count - 2], args->list[args->count - 1], op);
}

static int parse_sub(const struct args *args, struct wire_op *op)
{
    if (args->count != 2 && args->count != 3)
        return WIRE_E_ARGS;
    op->topic = args->list[0];
    if (args->count == 3)
        op->group = args->list[1];
    op->sid = args->list[args->count - 1];
    return 0;
}

static int parse_unsub(const struct args *args, struct wire_op *op)
{
    if (args->count != 1 && args->count != 2)
        return WIRE_E_ARGS;
    op->sid = args->list[0];
    if (args->count == 2 && !read_number(args->list[1], INT64_MAX, &op->max))
        return WIRE_E_ARGS;
    return 0;
}

static int parse_msg(const struct args *args, struct wire_op *op)
{
    if (args->count != 3 && args->count != 4)
        return WIRE_E_ARGS;
    op->topic = args->list[0];
    op->sid = args->list[1];
    if (args->count == 4)
        op->reply = args->list[2];
    return parse_size(args->list[args->count - 1], &op->body_size) ? 0 : WIRE_E_ARGS;
}

static int parse_hmsg(const struct args *args, struct wire_op *op)
{
    if (args->count != 4 && args->count != 5)
        return WIRE_E_ARGS;
    op->topic = args->list[0];
    op->sid = args->list[1];
    if (args->count == 5)
        op->reply = args->list[2];
    return parse_sizes(args->list[args->count - 2], args->list[args->count - 1], op);
}

/*
 * The verb at the start of data. Returns WIRE_E_VERB where none can come of these bytes, and WIRE_UNKNOWN while
 * more bytes could still make one.
 */
static int find_verb(const char *data, size_t size)
{
    bool partial = false;
    for (unsigned i = WIRE_UNKNOWN + 1; i < WIRE_VERB_COUNT; i++) {
        const struct verb *verb = &verbs[i];
        if (size && (data[0] | 0x20) != (verb->name[0] | 0x20))
            continue; /* saves most of the comparing */
        size_t common = size < verb->name_size ? size : verb->name_size;
        if (strncasecmp(data, verb->name, common) != 0)
            continue;
        if (common < verb->name_size || (size == common && verb->blank_needed))
            partial = true;
        else if (!verb->blank_needed || is_blank(data[common]))
            return (int)i;
    }
    return partial ? WIRE_UNKNOWN : WIRE_E_VERB;
}

static struct slice trim(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    while (end > at && is_blank(end[-1]))
        end--;
    return slice_make(at, (size_t)(end - at));
}

static struct slice unquote(struct slice text)
{
    if (text.size >= 2 && text.data[0] == '\'' && text.data[text.size - 1] == '\'')
        return slice_make(text.data + 1, text.size - 2);
    return text;
}

/* From the arguments on: where the body ends, whether it is all there, what stands behind it. */
static long parse_body(const char *data, size_t size, size_t line_size, const struct wire_limits *limits,
                       struct wire_op *op, size_t *ret_need)
{
    size_t whole = line_size + op->body_size + 2;
    if (op->body_size > limits->body_size_max)
        return WIRE_E_BODY;
    op->body = data + line_size;
    if (size < whole) {
        *ret_need = whole;
        return 0;
    }
    if (data[whole - 2] != '\r' || data[whole - 1] != '\n')
        return WIRE_E_TAIL;
    return (long)whole;
}

/* A control line without its end: at stands behind the verb's name. */
static int parse_line(const struct verb *verb, const char *at, const char *end, struct wire_op *op)
{
    struct args args;
    switch (verb->form) {
    case FORM_TEXT:
        op->text = op->verb == WIRE_ERR ? unquote(trim(at, end)) : trim(at, end);
        return 0;
    case FORM_ARGS:
    case FORM_BODY:
        split_args(at, end, &args);
        return verb->parse(&args, op);
    default:
        return 0;
    }
}

/* No line end yet: is it too long already, or no verb at all? */
static long parse_partial(const char *data, size_t size, const struct wire_limits *limits, struct wire_op *op)
{
    int verb = size ? find_verb(data, size) : WIRE_UNKNOWN;
    if (verb < 0)
        return verb;
    op->verb = (enum wire_verb)verb;
    return size >= limits->line_size_max ? WIRE_E_LINE : 0;
}

/* The end of a word: the first byte up to and with ' ', or end. Looks at eight bytes at a time (Mycroft's test). */
static inline const char *word_end(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u;
    for (; end - at >= 8; at += 8) {
        uint64_t bytes;
        memcpy(&bytes, at, 8);
        uint64_t hits = (bytes - ones * (' ' + 1)) & ~bytes & ones << 7;
        if (hits && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
            return at + __builtin_ctzll(hits) / 8;
        if (hits)
            break;
    }
    while (at < end && (unsigned char)*at > ' ')
        at++;
    return at;
}

/*
 * Nearly all that a busy server reads is "PUB topic [reply] size CR LF body CR LF" in capitals, with single spaces, and
 * all of it there. Cuts that in one pass; returns 0 for anything else, which is then read by the table.
 */
static inline long parse_plain_pub(const char *data, size_t size, const struct wire_limits *limits, struct wire_op *op)
{
    if (size < 16 || memcmp(data, "PUB ", 4) != 0)
        return 0;
    const char *end = data + (size < limits->line_size_max ? size : limits->line_size_max) - 2;
    const char *topic = data + 4, *topic_end = word_end(topic, end), *reply = NULL, *at = topic_end;
    size_t reply_size = 0;
    if (topic_end == topic || at >= end || *at != ' ')
        return 0;
    if ((unsigned char)(*++at - '0') > 9) {
        reply = at;
        at = word_end(reply, end);
        reply_size = (size_t)(at - reply);
        if (!reply_size || at >= end || *at++ != ' ')
            return 0;
    }
    const char *digits = at;
    uint32_t body_size = 0;
    for (unsigned digit; at < end && (digit = (unsigned char)*at - '0') <= 9 && at < digits + 9; at++)
        body_size = body_size * 10 + digit;
    size_t line_size = (size_t)(at + 2 - data), whole = line_size + body_size + 2;
    if (at == digits || at[0] != '\r' || at[1] != '\n' || body_size > limits->body_size_max || whole > size ||
        data[whole - 2] != '\r' || data[whole - 1] != '\n')
        return 0;
    op->verb = WIRE_PUB;
    op->topic = slice_make(topic, (size_t)(topic_end - topic));
    op->reply = slice_make(reply, reply_size);
    op->group = op->sid = op->text = slice_make(NULL, 0);
    op->body = data + line_size;
    op->head_size = 0;
    op->body_size = body_size;
    op->max = 0;
    return (long)whole;
}

long wire_parse(const char *data, size_t size, const struct wire_limits *limits, struct wire_op *op, size_t *ret_need)
{
    size_t unused;
    if (!ret_need)
        ret_need = &unused;
    *ret_need = 0;
    long plain = parse_plain_pub(data, size, limits, op);
    if (plain)
        return plain;
    *op = (struct wire_op){ .verb = WIRE_UNKNOWN };
    size_t window = size < limits->line_size_max ? size : limits->line_size_max;
    const char *newline = window ? memchr(data, '\n', window) : NULL;
    if (!newline)
        return parse_partial(data, size, limits, op);

    size_t line_size = (size_t)(newline - data) + 1;
    int found = find_verb(data, line_size);
    if (found <= WIRE_UNKNOWN)
        return WIRE_E_VERB;
    op->verb = (enum wire_verb)found;
    const struct verb *verb = &verbs[found];
    const char *end = newline > data && newline[-1] == '\r' ? newline - 1 : newline;
    int error = parse_line(verb, data + verb->name_size, end, op);
    if (error)
        return error;
    if (verb->form == FORM_BODY)
        return parse_body(data, size, line_size, limits, op, ret_need);
    return (long)line_size;
}
