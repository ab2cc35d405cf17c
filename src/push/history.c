#include "push/history.h"

#include <stdlib.h>

enum {
    VERSION = 1,
    ERROR_SIZE_MAX = 255,
    FIXED_SIZE = 5 * 8 + 1 + 2 + 1 + 1 + 2, /* of an attempt, without its texts */
};

/* The numbers: counts first, then what else is known. */
static uint64_t *numbers_of(struct hook *hook, unsigned place)
{
    uint64_t *const numbers[] = {
        &hook->counts.delivered, &hook->counts.failed, &hook->counts.dead, &hook->counts.passed, &hook->counts.lost,
        &hook->last_success_ms,
    };
    return place < sizeof numbers / sizeof *numbers ? numbers[place] : NULL;
}

/* Writing. */

static char *put(char *out, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        *out++ = (char)(value >> (8 * i));
    return out;
}

static char *put_text(char *out, const char *text, size_t size, unsigned length_size)
{
    out = put(out, size, length_size);
    if (size)
        memcpy(out, text, size);
    return out + size;
}

static size_t error_size(const struct attempt *attempt)
{
    size_t size = slice_of(attempt->error).size;
    return size < ERROR_SIZE_MAX ? size : ERROR_SIZE_MAX;
}

static char *put_attempt(char *out, const struct attempt *attempt)
{
    const uint64_t numbers[] = {
        attempt->time_ms, attempt->duration_ms, attempt->sequence, attempt->number, attempt->next_ms,
    };
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        out = put(out, numbers[i], 8);
    out = put(out, attempt->verdict, 1);
    out = put(out, attempt->status, 2);
    out = put_text(out, attempt->id, strlen(attempt->id), 1);
    out = put_text(out, attempt->error, error_size(attempt), 1);
    return put_text(out, attempt->answer.data, attempt->answer.size, 2);
}

static unsigned attempt_count(const struct hook *hook)
{
    return hook->attempts.count < HISTORY_ATTEMPTS_MAX ? hook->attempts.count : HISTORY_ATTEMPTS_MAX;
}

size_t history_size(const struct hook *hook)
{
    size_t size = 1 + 2;
    for (unsigned i = 0; numbers_of((struct hook *)hook, i); i++)
        size += 8;
    for (unsigned i = 0; i < attempt_count(hook); i++) {
        const struct attempt *attempt = attempts_at(&hook->attempts, i);
        size += FIXED_SIZE + strlen(attempt->id) + error_size(attempt) + attempt->answer.size;
    }
    return size;
}

size_t history_write(const struct hook *hook, char *out)
{
    const uint64_t *number;
    char *at = put(out, VERSION, 1);
    for (unsigned i = 0; (number = numbers_of((struct hook *)hook, i)); i++)
        at = put(at, *number, 8);
    unsigned count = attempt_count(hook);
    at = put(at, count, 2);
    while (count > 0)
        at = put_attempt(at, attempts_at(&hook->attempts, --count));
    return (size_t)(at - out);
}

/* Reading. */

struct reading {
    struct slice left;
    bool is_short;
};

static uint64_t get(struct reading *reading, unsigned size)
{
    uint64_t value = 0;
    reading->is_short |= reading->left.size < size;
    for (unsigned i = 0; i < size && !reading->is_short; i++)
        value |= (uint64_t)(unsigned char)reading->left.data[i] << (8 * i);
    if (!reading->is_short)
        reading->left = slice_make(reading->left.data + size, reading->left.size - size);
    return value;
}

static struct slice get_text(struct reading *reading, unsigned length_size, size_t most)
{
    size_t size = (size_t)get(reading, length_size);
    struct slice text = { reading->left.data, size };
    reading->is_short |= size > reading->left.size || size > most;
    if (reading->is_short)
        return slice_make("", 0);
    reading->left = slice_make(reading->left.data + size, reading->left.size - size);
    return text;
}

/* attempts NULL: it is only looked whether it is good. */
static bool get_attempt(struct reading *reading, struct attempts *attempts, struct attempt *ret_attempt)
{
    *ret_attempt = (struct attempt){ .time_ms = get(reading, 8) };
    ret_attempt->duration_ms = get(reading, 8);
    ret_attempt->sequence = get(reading, 8);
    ret_attempt->number = get(reading, 8);
    ret_attempt->next_ms = get(reading, 8);
    uint64_t verdict = get(reading, 1);
    ret_attempt->status = (unsigned)get(reading, 2);
    struct slice id = get_text(reading, 1, ATTEMPT_ID_SIZE - 1), error = get_text(reading, 1, ERROR_SIZE_MAX);
    ret_attempt->answer = get_text(reading, 2, ATTEMPT_ANSWER_SIZE);
    if (reading->is_short || verdict > RETRY_GONE)
        return false;
    ret_attempt->verdict = (enum retry_verdict)verdict;
    memcpy(ret_attempt->id, id.data, id.size);
    ret_attempt->error = error.size && attempts ? attempts_text(attempts, error) : NULL;
    return true;
}

/* Twice: whether all of it is good is known before anything is changed. */
static bool read_attempts(struct reading reading, struct attempts *attempts)
{
    struct attempt attempt;
    for (uint64_t count = get(&reading, 2); count > 0; count--) {
        if (!get_attempt(&reading, attempts, &attempt))
            return false;
        if (attempts)
            attempts_note(attempts, &attempt);
    }
    return !reading.is_short && !reading.left.size;
}

bool history_read(struct hook *hook, struct slice bytes)
{
    uint64_t values[8], *number;
    unsigned count = 0;
    struct reading reading = { bytes, false };
    if (get(&reading, 1) != VERSION)
        return false;
    for (; numbers_of(hook, count); count++)
        values[count] = get(&reading, 8);
    if (reading.is_short || !read_attempts(reading, NULL))
        return false;
    for (unsigned i = 0; (number = numbers_of(hook, i)); i++)
        *number = values[i];
    return read_attempts(reading, &hook->attempts);
}
