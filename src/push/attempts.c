#include "push/attempts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 4 };

void attempts_init(struct attempts *attempts, unsigned max)
{
    *attempts = (struct attempts){ .max = max };
}

struct attempt_text {
    struct attempt_text *next;
    char text[];
};

const char *attempts_text(struct attempts *attempts, struct slice text)
{
    struct attempt_text *one = attempts->texts;
    while (one && !slice_is(text, one->text))
        one = one->next;
    if (one || !(one = malloc(sizeof *one + text.size + 1)))
        return one ? one->text : NULL;
    memcpy(one->text, text.data, text.size);
    one->text[text.size] = '\0';
    one->next = attempts->texts;
    attempts->texts = one;
    return one->text;
}

void attempts_finish(struct attempts *attempts)
{
    for (unsigned i = 0; i < attempts->count; i++)
        free(attempts->ring[i]);
    for (struct attempt_text *next, *text = attempts->texts; text; text = next) {
        next = text->next;
        free(text);
    }
    free(attempts->ring);
    attempts_init(attempts, attempts->max);
}

/* While it grows it has never turned: what is there lies in order from the start. */
static void grow(struct attempts *attempts)
{
    unsigned room = attempts->room ? 2 * attempts->room : ROOM_MIN;
    room = room < attempts->max ? room : attempts->max;
    struct attempt **ring = reallocarray(attempts->ring, room, sizeof(struct attempt *));
    if (!ring)
        return;
    attempts->ring = ring;
    attempts->room = room;
    attempts->next = attempts->count;
}

/* Of the answer, which is seldom long, no more than there is. */
static struct attempt *copy(const struct attempt *attempt)
{
    size_t size = offsetof(struct attempt, answer) + attempt->answer_size;
    struct attempt *own = malloc(size);
    if (own)
        memcpy(own, attempt, size);
    return own;
}

void attempts_note(struct attempts *attempts, const struct attempt *attempt)
{
    bool has_turned = attempts->total > attempts->count;
    attempts->total++;
    if (attempts->count == attempts->room && attempts->room < attempts->max && !has_turned)
        grow(attempts);
    struct attempt *own = attempts->room ? copy(attempt) : NULL;
    if (!own)
        return;
    if (attempts->count < attempts->room)
        attempts->count++;
    else
        free(attempts->ring[attempts->next]);
    attempts->ring[attempts->next] = own;
    attempts->next = (attempts->next + 1) % attempts->room;
}

const struct attempt *attempts_at(const struct attempts *attempts, unsigned back)
{
    if (back >= attempts->count)
        return NULL;
    return attempts->ring[(attempts->next + attempts->room - 1 - back) % attempts->room];
}
