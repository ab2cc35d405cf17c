#include "push/attempts.h"

#include <stdlib.h>
#include <string.h>

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
        free((char *)attempts->ring[i].answer.data);
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
    unsigned room = attempts->room ? 2 * attempts->room : 1;
    room = room < attempts->max ? room : attempts->max;
    struct attempt *ring = reallocarray(attempts->ring, room, sizeof *ring);
    if (!ring)
        return;
    memset(ring + attempts->room, 0, (room - attempts->room) * sizeof *ring);
    attempts->ring = ring;
    attempts->room = room;
    attempts->next = attempts->count;
}

/* In the bytes that the one before it had. */
static struct slice copy_answer(struct slice answer, struct slice before)
{
    char *bytes = answer.size ? realloc((char *)before.data, answer.size) : NULL;
    if (!bytes) {
        free((char *)before.data);
        return slice_make(NULL, 0);
    }
    memcpy(bytes, answer.data, answer.size);
    return slice_make(bytes, answer.size);
}

void attempts_note(struct attempts *attempts, const struct attempt *attempt)
{
    bool has_turned = attempts->total > attempts->count;
    attempts->total++;
    if (attempts->count == attempts->room && attempts->room < attempts->max && !has_turned)
        grow(attempts);
    if (!attempts->room)
        return;
    struct attempt *own = &attempts->ring[attempts->next];
    struct slice before = own->answer;
    *own = *attempt;
    own->answer = copy_answer(attempt->answer, before);
    attempts->count += attempts->count < attempts->room;
    attempts->next = (attempts->next + 1) % attempts->room;
}

const struct attempt *attempts_at(const struct attempts *attempts, unsigned back)
{
    if (back >= attempts->count)
        return NULL;
    return &attempts->ring[(attempts->next + attempts->room - 1 - back) % attempts->room];
}
