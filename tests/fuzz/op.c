/*
 * Fuzz target: the parser of the line protocol.
 *
 *   input = seed of the fragments (1 byte), limit of a line (1), limit of a body (1), stream
 *
 * Each operation of the stream is read three times: in one piece, through a window that grows by random fragments, and
 * with its first letter in the other case, which keeps it off the parser's short way for PUB. All must come to the
 * same, and every operation must be well formed.
 */
#include "fuzz.h"

#include "../unit/wire/named.h"
#include "util/random.h"
#include "wire/op.h"

enum {
    HEAD_SIZE = 3,
    VERB_ROOM = 16, /* no limit of a line is so narrow that a verb does not fit */
};

static bool within(struct slice part, const char *data, size_t size)
{
    return part.size == 0 || (part.data >= data && part.size <= size && part.data <= data + size - part.size);
}

static bool has_body(enum wire_verb verb)
{
    return verb == WIRE_PUB || verb == WIRE_HPUB || verb == WIRE_MSG || verb == WIRE_HMSG;
}

/* An argument is not empty and holds neither blank nor line end. */
static void check_argument(struct slice argument)
{
    fuzz_require(argument.size > 0);
    for (size_t i = 0; i < argument.size; i++)
        fuzz_require(argument.data[i] != ' ' && argument.data[i] != '\t' && argument.data[i] != '\n');
}

static void check_arguments(const struct wire_op *op)
{
    if (has_body(op->verb) || op->verb == WIRE_SUB)
        check_argument(op->topic);
    if (op->verb == WIRE_SUB || op->verb == WIRE_UNSUB || op->verb == WIRE_MSG || op->verb == WIRE_HMSG)
        check_argument(op->sid);
    if (op->reply.size)
        check_argument(op->reply);
    if (op->group.size)
        check_argument(op->group);
}

/* The operation that the first `taken` bytes made. */
static void check_op(const struct wire_op *op, const char *data, size_t taken, const struct wire_limits *limits)
{
    const struct slice parts[] = { op->topic, op->reply, op->group, op->sid, op->text };
    size_t line_size = taken;
    fuzz_require(op->verb > WIRE_UNKNOWN && op->verb < WIRE_VERB_COUNT);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fuzz_require(within(parts[i], data, taken));
    check_arguments(op);
    if (has_body(op->verb)) {
        fuzz_require(op->head_size <= op->body_size && op->body_size <= limits->body_size_max);
        fuzz_require(op->body + op->body_size + 2 == data + taken);
        fuzz_require(memcmp(op->body + op->body_size, "\r\n", 2) == 0);
        line_size = (size_t)(op->body - data);
    }
    fuzz_require(line_size <= limits->line_size_max);
    fuzz_require(data[line_size - 1] == '\n' && !memchr(data, '\n', line_size - 1));
}

static bool same_slice(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || a.data == b.data);
}

static bool same_op(const struct wire_op *one, const struct wire_op *other)
{
    const struct wire_op named[] = { op_named(one), op_named(other) }, *a = &named[0], *b = &named[1];
    return a->verb == b->verb && same_slice(a->topic, b->topic) && same_slice(a->reply, b->reply) &&
           same_slice(a->group, b->group) && same_slice(a->sid, b->sid) && same_slice(a->text, b->text) &&
           a->body == b->body && a->head_size == b->head_size && a->body_size == b->body_size && a->max == b->max;
}

/* Parses the first operation of data through a window that grows; must come to what one look at all of it gives. */
static long parse_in_fragments(struct random *random, const char *data, size_t size, const struct wire_limits *limits,
                               long whole, const struct wire_op *whole_op)
{
    struct wire_op op;
    size_t need = 0, promised = 0;
    long taken = 0;
    for (size_t window = 0; taken == 0; window += 1 + random_below(random, random_below(random, 2) ? 3 : 40)) {
        window = window < size ? window : size;
        taken = wire_parse(data, window, limits, &op, &need);
        fuzz_require(taken != 0 || need == 0 || need > window);
        fuzz_require(taken != 0 || promised == 0 || need == promised);
        fuzz_require(taken <= 0 || promised == 0 || (size_t)taken == promised);
        fuzz_require(taken != 0 || op.verb == WIRE_UNKNOWN || whole < 0 || op.verb == whole_op->verb);
        promised = taken ? 0 : need;
        if (window == size)
            break;
    }
    fuzz_require(taken == whole);
    fuzz_require(taken <= 0 || same_op(&op, whole_op));
    return taken;
}

/* The same in the other case. */
static void parse_in_other_case(char *data, size_t size, const struct wire_limits *limits, long whole,
                                const struct wire_op *whole_op)
{
    struct wire_op op;
    if (size == 0 || !((data[0] | 0x20) >= 'a' && (data[0] | 0x20) <= 'z'))
        return;
    data[0] ^= 0x20;
    fuzz_require(wire_parse(data, size, limits, &op, NULL) == whole);
    fuzz_require(whole <= 0 || same_op(&op, whole_op));
    data[0] ^= 0x20;
}

static void play(struct random *random, char *at, const char *end, const struct wire_limits *limits)
{
    struct wire_op op;
    size_t need;
    for (;;) {
        long taken = wire_parse(at, (size_t)(end - at), limits, &op, &need);
        fuzz_require(taken >= WIRE_E_TAIL && taken <= end - at);
        parse_in_fragments(random, at, (size_t)(end - at), limits, taken, &op);
        parse_in_other_case(at, (size_t)(end - at), limits, taken, &op);
        if (taken <= 0)
            return;
        op = op_named(&op);
        check_op(&op, at, (size_t)taken, limits);
        at += taken;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct random random;
    if (size < HEAD_SIZE)
        return 0;
    const struct wire_limits limits = { VERB_ROOM + data[1], data[2] };
    size_t stream_size = size - HEAD_SIZE;
    char *stream = malloc(stream_size ? stream_size : 1);
    fuzz_require(stream);
    memcpy(stream, data + HEAD_SIZE, stream_size);
    random_init(&random, data[0]);
    play(&random, stream, stream + stream_size, &limits);
    free(stream);
    return 0;
}
