/* The index of topics against plain lists of sequences, and a million topics. */
#include "stream/topics.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "util/random.h"

enum {
    TOPICS = 300,
    STEPS = 200000,
    LIST_MAX = 200,
    MILLION = 1000000,
    BYTES_MAX = 120, /* of one topic with a name of ten bytes, all in all */
};

struct list_of {
    uint64_t sequences[LIST_MAX];
    unsigned count;
};

static struct slice name_of(unsigned topic, char room[24])
{
    return slice_make(room, (size_t)snprintf(room, 24, "topic.%u", topic));
}

static void take(struct list_of *list, unsigned place)
{
    memmove(list->sequences + place, list->sequences + place + 1,
            (--list->count - place) * sizeof list->sequences[0]);
}

/* What is said is true, and where sequences are kept all is said. */
static void check(const struct topics *topics, const struct list_of *list, struct slice name)
{
    const struct topic_entry *entry = topics_find(topics, name);
    unit_assert((entry != NULL) == (list->count > 0));
    if (!entry)
        return;
    uint64_t first = list->sequences[0], last = list->sequences[list->count - 1];
    unit_assert(entry->count == list->count && slice_equal(topic_entry_name(entry), name));
    unit_assert(entry->first_is_floor ? entry->first <= first : entry->first == first);
    unit_assert(entry->last_is_ceiling ? entry->last >= last : entry->last == last);
    unit_assert(!topics->keeps_sequences || !(entry->first_is_floor || entry->last_is_ceiling));
    for (unsigned i = 0; i <= list->count; i++) {
        uint64_t at = topics_at(entry, i), expected = i < list->count ? list->sequences[i] : 0;
        unit_assert(at == expected || (!at && !topics->keeps_sequences));
    }
    for (unsigned i = 0; i < list->count; i++) {
        uint64_t up_to = topics_last_up_to(entry, list->sequences[i]), before = i ? list->sequences[i - 1] : 0;
        unit_assert(up_to == list->sequences[i] || (!up_to && !topics->keeps_sequences));
        up_to = topics_last_up_to(entry, list->sequences[i] - 1);
        unit_assert(up_to == before || (!up_to && !topics->keeps_sequences));
    }
}

static void play(bool keeps_sequences, uint64_t seed)
{
    static struct list_of lists[TOPICS];
    struct topics topics = { .keeps_sequences = keeps_sequences };
    struct random random;
    char room[24];
    random_init(&random, seed);
    memset(lists, 0, sizeof lists);
    for (uint64_t sequence = 1; sequence <= STEPS; sequence++) {
        unsigned topic = random_below(&random, 1 + random_below(&random, TOPICS));
        struct list_of *list = &lists[topic];
        struct slice name = name_of(topic, room);
        if (list->count < LIST_MAX && random_below(&random, 100) < 52) {
            unit_assert(topics_add(&topics, name, sequence));
            list->sequences[list->count++] = sequence;
        } else if (list->count) {
            unsigned place = random_below(&random, 2) ? 0 : random_below(&random, list->count);
            topics_drop(&topics, topics_find(&topics, name), list->sequences[place]);
            take(list, place);
        }
        if (sequence % 10 == 0)
            check(&topics, list, name);
    }
    for (unsigned i = 0; i < TOPICS; i++)
        check(&topics, &lists[i], name_of(i, room));
    topics_forget_sequences(&topics);
    for (unsigned i = 0; i < TOPICS; i++)
        check(&topics, &lists[i], name_of(i, room));
    topics_finish(&topics);
}

START_TEST(the_index_is_what_lists_would_be)
{
    uint64_t seed = unit_seed("the_index_is_what_lists_would_be");
    play(true, seed);
    play(false, seed);
}
END_TEST

START_TEST(an_entry_that_is_marked_stays)
{
    struct topics topics = { .keeps_sequences = true };
    struct topic_entry *entry = topics_add(&topics, slice_of("a"), 1);
    entry->is_marked = true;
    topics_drop(&topics, entry, 1);
    ck_assert_ptr_null(topics_find(&topics, slice_of("a")));
    ck_assert_ptr_eq(topics_add(&topics, slice_of("a"), 2), entry);
    ck_assert_uint_eq(entry->first, 2);
    topics_drop(&topics, entry, 2);
    topics_unmark(&topics, entry);
    ck_assert_uint_eq(topics.count, 0);
    topics_finish(&topics);
}
END_TEST

/* Each has a message, every second one three: 24 bytes more and a block of their own. */
START_TEST(a_million_topics_take_what_the_header_says)
{
    struct topics topics = { .keeps_sequences = true };
    char room[24];
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 0; i < MILLION; i++)
        unit_assert(topics_add(&topics, slice_make(room, (size_t)snprintf(room, 24, "t.%08u", i)), i + 1));
    size_t bytes = mallinfo2().uordblks - before;
    printf("a topic of ten bytes takes %.1f bytes\n", (double)bytes / MILLION);
#ifndef __SANITIZE_ADDRESS__
    ck_assert_uint_lt(bytes, (size_t)BYTES_MAX * MILLION);
#endif
    for (unsigned i = 0; i < MILLION; i += 997) {
        struct slice name = slice_make(room, (size_t)snprintf(room, 24, "t.%08u", i));
        unit_assert(topics_find(&topics, name)->last == i + 1);
    }
    ck_assert_uint_eq(topics.count, MILLION);
    topics_finish(&topics);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_index_is_what_lists_would_be,
        an_entry_that_is_marked_stays,
        a_million_topics_take_what_the_header_says,
        NULL,
    };
    return unit_run("topics", tests);
}
