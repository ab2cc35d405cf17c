/*
 * Fuzz target: what a log file says, cut into records, and positions as they are stored. However the bytes come, the
 * records are the same, none is too long, and nothing is left out but newlines.
 *
 *   input = how long a record may be, whether lines join (bit 7 of that byte); a piece's size; the bytes of the file
 */
#include "fuzz.h"

#include "sidecar/tail_file.h"
#include "sidecar/tail_lines.h"

enum { HEAD_SIZE = 2 };

/* What is left out between a record's text and the next record. */
static void check_record(struct slice rest, const struct tail_record *record, size_t size_max)
{
    fuzz_require(record->size > 0 && record->size <= rest.size);
    fuzz_require(record->text.data == rest.data && record->text.size <= size_max);
    fuzz_require(record->size - record->text.size <= 1);
    if (record->size > record->text.size)
        fuzz_require(rest.data[record->text.size] == '\n');
}

/* The record at the start, when no more than so many bytes are there; the size 0: none. */
static size_t try_piece(const struct tail_rules *rules, struct slice rest, size_t size)
{
    struct tail_record record;
    struct slice piece = slice_make(rest.data, size < rest.size ? size : rest.size);
    if (!tail_next_record(rules, piece, TAIL_GROWS, &record))
        return 0;
    check_record(piece, &record, rules->size_max);
    return record.size;
}

static void try_records(const struct tail_rules *rules, struct slice bytes, size_t piece, enum tail_end end)
{
    struct tail_record record;
    while (tail_next_record(rules, bytes, end, &record)) {
        size_t part = try_piece(rules, bytes, piece);
        check_record(bytes, &record, rules->size_max);
        fuzz_require(part == 0 || part == record.size);
        bytes = slice_make(bytes.data + record.size, bytes.size - record.size);
        tail_is_json(record.text);
    }
    fuzz_require(end != TAIL_ENDED || bytes.size == 0);
    fuzz_require(rules->begins || bytes.size <= rules->size_max);
}

/* A position that is read is written as one that is read alike. */
static void try_position(struct slice line)
{
    struct tail_position position, again;
    struct slice tail, path, tail_again, path_again;
    char *written = malloc(TAIL_LINE_SIZE_MAX);
    fuzz_require(written);
    if (tail_read_position(line, &tail, &position, &path) && tail.size < 256 && !memchr(line.data, '\0', line.size)) {
        size_t size = tail_write_position(written, tail, &position, path);
        fuzz_require(size < TAIL_LINE_SIZE_MAX);
        fuzz_require(tail_read_position(slice_make(written, size), &tail_again, &again, &path_again));
        fuzz_require(again.offset == position.offset && again.id == position.id && again.sum == position.sum);
        fuzz_require(slice_equal(tail, tail_again) && slice_equal(path, path_again));
    }
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    regex_t begins;
    if (size < HEAD_SIZE)
        return 0;
    struct slice bytes = slice_make((const char *)data + HEAD_SIZE, size - HEAD_SIZE);
    fuzz_require(regcomp(&begins, "^[0-9]", REG_EXTENDED | REG_NOSUB) == 0);
    const struct tail_rules rules = { 1 + data[0] % 128, data[0] & 128 ? &begins : NULL };
    for (enum tail_end end = TAIL_GROWS; end <= TAIL_ENDED; end++)
        try_records(&rules, bytes, data[1], end);
    try_position(bytes);
    regfree(&begins);
    return 0;
}
