/*
 * One flipped bit, wherever it is: it is found, the records that it hit are gone and told as damage, and all others are
 * there. Also when it flips while the log is open. DAMAGE_PLACES says how many places are tried.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "diary.h"

enum { PLACES = 300, FILES_MAX = 32 };

/* The files of a log that has come to rest, to be put back for each place. */
struct image {
    char paths[FILES_MAX][64];
    unsigned char *bytes[FILES_MAX];
    uint64_t sizes[FILES_MAX];
    size_t count;
    uint64_t size;              /* of all */
    uint64_t last_sequence;
};

/* Where a log says that records are. */
struct place {
    uint64_t at, sequence;
    uint32_t size;
};

static void take_file(void *arg, const char *name)
{
    struct image *image = arg;
    snprintf(image->paths[image->count++], sizeof *image->paths, DIARY_DIRECTORY "/%s", name);
}

static void take_image(struct diary *diary, struct image *image)
{
    const struct files *files = sim_files(diary->sim);
    files->list(files->arg, DIARY_DIRECTORY, take_file, image);
    for (size_t i = 0; i < image->count; i++) {
        const unsigned char *bytes = sim_bytes(diary->sim, image->paths[i], &image->sizes[i]);
        image->bytes[i] = malloc(image->sizes[i]);
        memcpy(image->bytes[i], bytes, image->sizes[i]);
        image->size += image->sizes[i];
    }
    image->last_sequence = diary->last;
}

static void put_image(struct diary *diary, const struct image *image)
{
    for (size_t i = 0; i < image->count; i++)
        sim_put(diary->sim, image->paths[i], image->bytes[i], image->sizes[i]);
}

/* Some segments, some dead records, one segment that is gone, and a start in the middle. */
static void build(struct diary *diary, struct image *image)
{
    ck_assert_int_eq(diary_open(diary), 0);
    for (unsigned life = 0; life < 4; life++) {
        for (unsigned i = 0; i < 12; i++) {
            diary_append_some(diary, 20);
            ck_assert_int_eq(diary_commit(diary, true), 0);
        }
        for (unsigned i = 0; i < 40; i++)
            diary_kill(diary, 1 + random_below(&diary->random, (uint32_t)diary->last));
        if (life == 2)
            diary_kill_before(diary, 250);
        ck_assert_int_eq(diary_rest(diary), 0);
        ck_assert_int_eq(diary_open(diary), 0);
    }
    ck_assert_int_eq(diary_rest(diary), 0);
    take_image(diary, image);
}

/* A record of the file, hit by its byte at; 0: none is. */
static uint64_t record_hit(const struct image *image, size_t file, uint64_t at)
{
    uint64_t place = 4096;
    if (!strstr(image->paths[file], ".log"))
        return 0;
    while (place + sizeof(struct record) <= image->sizes[file]) {
        const struct record *record = (const void *)(image->bytes[file] + place);
        if (at >= place && at < place + record->size)
            return record->flags ? 0 : record->sequence;
        place += record->size;
    }
    return 0;
}

/* Which byte of which file. */
static size_t choose(struct diary *diary, const struct image *image, uint64_t *ret_at)
{
    uint64_t at = random_next(&diary->random) % image->size;
    size_t file = random_below(&diary->random, 4) ? 0 : random_below(&diary->random, (uint32_t)image->count);
    if (file) {
        *ret_at = random_next(&diary->random) % (random_below(&diary->random, 2) ? image->sizes[file] : 1200);
        return file; /* heads, and files of the dead, are small */
    }
    while (at >= image->sizes[file])
        at -= image->sizes[file++];
    *ret_at = at;
    return file;
}

static void flip(struct diary *diary, const struct image *image, size_t file, uint64_t at)
{
    uint64_t size;
    unsigned char *bytes = sim_bytes(diary->sim, image->paths[file], &size);
    bytes[at % size] ^= (unsigned char)(1u << random_below(&diary->random, 8));
}

/* The entries as they are, but for one that may be missing; where the dead are hit, all of them may live. */
static void expect(struct diary *diary, const struct image *image, uint64_t hit, bool hits_dead)
{
    for (uint64_t sequence = 1; sequence <= image->last_sequence; sequence++) {
        struct entry *entry = &diary->entries[sequence];
        entry->is_damaged = sequence == hit;
        if (entry->fate != FATE_LIVE)
            entry->fate = hits_dead ? FATE_KILLED : FATE_GONE;
    }
    diary->last = diary->committed = image->last_sequence;
}

static void try_place(struct diary *diary, const struct image *image, bool while_open)
{
    uint64_t at;
    size_t file = choose(diary, image, &at);
    uint64_t hit = record_hit(image, file, at);
    bool was_live = hit && diary->entries[hit].fate == FATE_LIVE, hits_dead = strstr(image->paths[file], ".dead");
    expect(diary, image, hit, hits_dead);
    put_image(diary, image);
    if (while_open)
        ck_assert_int_eq(diary_open(diary), 0);
    flip(diary, image, file, at);
    if (!while_open)
        ck_assert_int_eq(diary_open(diary), 0);
    diary_read(diary, 1, UINT64_MAX);
    ck_assert(!was_live || diary_is_damaged(diary, hit));
    diary_append_some(diary, 3);
    diary_drop(diary);
    if (was_live)
        diary->entries[hit].fate = FATE_LIVE;
}

static void try_places(uint64_t seed, bool while_open)
{
    struct image image = { .count = 0 };
    struct diary diary;
    diary_init(&diary, seed);
    build(&diary, &image);
    size_t size = (size_t)(diary.last + 1) * sizeof *diary.entries;
    struct entry *entries = malloc(size);
    memcpy(entries, diary.entries, size);
    for (uint64_t i = unit_rounds("DAMAGE_PLACES", PLACES); i > 0; i--) {
        memcpy(diary.entries, entries, size);
        sim_destroy(diary.sim);
        diary.sim = sim_create(seed + i);
        const struct files *files = sim_files(diary.sim);
        ck_assert_int_eq(files->make_directory(files->arg, "data"), 0);
        ck_assert_int_eq(files->make_directory(files->arg, DIARY_DIRECTORY), 0);
        try_place(&diary, &image, while_open);
    }
    for (size_t i = 0; i < image.count; i++)
        free(image.bytes[i]);
    free(entries);
    diary_finish(&diary);
}

START_TEST(a_flipped_bit_costs_what_it_hits)
{
    try_places(unit_seed("a_flipped_bit_costs_what_it_hits"), false);
}
END_TEST

START_TEST(a_bit_that_flips_while_the_log_is_open_costs_no_more)
{
    try_places(unit_seed("a_bit_that_flips_while_the_log_is_open_costs_no_more"), true);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_flipped_bit_costs_what_it_hits,
        a_bit_that_flips_while_the_log_is_open_costs_no_more,
        NULL,
    };
    return unit_run("damage", tests);
}
