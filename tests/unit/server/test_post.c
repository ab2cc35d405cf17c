/* Mail between workers: nothing lost, nothing overtaken, not even through a third, and nobody sleeps over his mail. */
#include "server/post.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "net/loop.h"
#include "util/random.h"

enum { MEMBERS = 3 };

/* The head of a record; it is filled up to size with bytes that tell its number. */
struct letter {
    uint32_t number; /* counted for each pair of writer and reader */
    uint32_t size;
    uint32_t about; /* what it says */
};

static void send_letter(struct post_office *office, unsigned to, struct letter letter)
{
    struct letter *record = post_begin(office, to, letter.size);
    unit_assert(record);
    memset(record, (int)letter.number & 0xff, letter.size);
    *record = letter;
    post_end(office);
}

static const struct letter *check_letter(const void *record)
{
    const struct letter *letter = record;
    const char *bytes = record;
    for (size_t i = sizeof *letter; i < letter->size; i++)
        unit_assert(bytes[i] == (char)letter->number);
    return letter;
}

/* One thread, several members. */

struct scene {
    struct post *post;
    struct loop loops[MEMBERS];
    struct post_office *offices[MEMBERS];
};

static void scene_init(struct scene *scene)
{
    scene->post = post_create(MEMBERS);
    ck_assert_ptr_nonnull(scene->post);
    for (unsigned i = 0; i < MEMBERS; i++) {
        ck_assert_int_eq(loop_init(&scene->loops[i]), 0);
        scene->offices[i] = post_open(scene->post, i, &scene->loops[i]);
    }
}

static void scene_finish(struct scene *scene)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        loop_finish(&scene->loops[i]);
    post_destroy(scene->post);
}

/* What one reading gave: the words (letter.about) in order. */
struct heard {
    unsigned count;
    uint32_t words[4096];
    unsigned from[4096];
};

static void hear(void *arg, unsigned from, const void *record)
{
    struct heard *heard = arg;
    heard->words[heard->count] = check_letter(record)->about;
    heard->from[heard->count++] = from;
}

static void say(struct scene *scene, unsigned from, unsigned to, uint32_t word, uint32_t size)
{
    send_letter(scene->offices[from], to, (struct letter){ word, size, word });
}

START_TEST(letters_of_all_members_are_read_in_the_order_of_writing)
{
    static struct heard heard;
    struct scene scene;
    scene_init(&scene);
    for (uint32_t i = 0; i < 1000; i++)
        say(&scene, i % 3 ? 0 : 1, 2, i, 32 + i % 50);
    ck_assert(post_has_mail(scene.offices[2]));
    ck_assert(!post_has_mail(scene.offices[1]));
    ck_assert_uint_eq(post_read(scene.offices[2], hear, &heard), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(heard.words[i], i);
        ck_assert_uint_eq(heard.from[i], i % 3 ? 0 : 1);
    }
    ck_assert(!post_has_mail(scene.offices[2]));
    ck_assert_uint_eq(post_read(scene.offices[2], hear, &heard), 0);
    scene_finish(&scene);
    post_destroy(NULL);
}
END_TEST

START_TEST(a_parked_letter_holds_back_all_that_come_after_it)
{
    enum { SIZE = 100000, COUNT = 12 };
    static struct heard first, third;
    struct scene scene;
    scene_init(&scene);
    for (uint32_t i = 0; i < COUNT; i++)
        say(&scene, 0, 1, i, SIZE);
    ck_assert(post_is_parked(scene.offices[0]));
    say(&scene, 0, 2, 77, 32); /* there would be room */
    post_send(scene.offices[0]);
    ck_assert_uint_eq(post_read(scene.offices[2], hear, &third), 0);
    while (first.count < COUNT) {
        ck_assert_uint_eq(third.count, 0);
        ck_assert_uint_gt(post_read(scene.offices[1], hear, &first), 0);
        ck_assert(post_has_mail(scene.offices[0]) == post_is_parked(scene.offices[0])); /* told that there is room */
        post_read(scene.offices[0], hear, NULL);
        post_send(scene.offices[0]);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_uint_eq(first.words[i], i);
    ck_assert(!post_is_parked(scene.offices[0]));
    ck_assert_uint_eq(post_read(scene.offices[2], hear, &third), 1);
    ck_assert_uint_eq(third.words[0], 77);
    say(&scene, 0, 2, 78, 32); /* parks nothing any more */
    ck_assert(!post_is_parked(scene.offices[0]));
    scene_finish(&scene);
}
END_TEST

START_TEST(parked_letters_go_with_the_post)
{
    struct scene scene;
    scene_init(&scene);
    for (uint32_t i = 0; i < 20; i++)
        say(&scene, 0, 1, i, 100000);
    ck_assert(post_is_parked(scene.offices[0]));
    scene_finish(&scene);
}
END_TEST

START_TEST(nobody_falls_asleep_over_his_mail)
{
    static struct heard heard;
    struct scene scene;
    scene_init(&scene);
    ck_assert(post_may_sleep(scene.offices[1]));
    post_woke(scene.offices[1]);
    say(&scene, 0, 1, 1, 32);
    ck_assert(!post_may_sleep(scene.offices[1]));
    post_read(scene.offices[1], hear, &heard);
    ck_assert(post_may_sleep(scene.offices[1]));
    scene_finish(&scene);
}
END_TEST

/* Threads. Each member writes to the others at random, and answers some of what it gets by writing to the third. */

enum {
    LETTERS = 20000, /* that each member starts */
    TOLD = 1,        /* "I have written so many letters to the third; pass it on" */
    PASSED = 2,      /* "the third has written so many letters to you" */
};

struct member {
    struct post_office *office;
    unsigned self;
    struct random random;
    uint32_t sent[MEMBERS], seen[MEMBERS];
    atomic_uint *open_count; /* letters written and not read, of all */
    atomic_uint *busy_count; /* members who still write */
};

static void member_send(struct member *member, unsigned to, uint32_t about)
{
    uint32_t extra_max = random_below(&member->random, 100) ? 100 : 100000;
    uint32_t size = sizeof(struct letter) + random_below(&member->random, extra_max);
    atomic_fetch_add(member->open_count, 1);
    send_letter(member->office, to, (struct letter){ member->sent[to]++, size, about });
}

static void member_hear(void *arg, unsigned from, const void *record)
{
    struct member *member = arg;
    const struct letter *letter = check_letter(record);
    unsigned third = MEMBERS - member->self - from;
    unit_assert(from != member->self);
    unit_assert(letter->number == member->seen[from]); /* none is lost, none has overtaken another */
    member->seen[from]++;
    if (letter->about & TOLD) {
        member_send(member, third, (letter->about & ~3u) | PASSED);
    } else if (letter->about & PASSED) {
        unit_assert(member->seen[third] >= letter->about >> 2);
    }
    atomic_fetch_sub(member->open_count, 1);
}

static void *member_run(void *arg)
{
    struct member *member = arg;
    for (unsigned i = 0; i < LETTERS; i++) {
        unsigned to = (member->self + 1 + random_below(&member->random, 2)) % MEMBERS;
        unsigned third = MEMBERS - member->self - to;
        if (random_below(&member->random, 4)) {
            member_send(member, to, 0);
        } else {
            member_send(member, third, 0);
            member_send(member, to, member->sent[third] << 2 | TOLD);
        }
        if (random_below(&member->random, 10) == 0)
            post_send(member->office);
        while (post_has_mail(member->office) || post_is_parked(member->office)) {
            post_read(member->office, member_hear, member);
            post_send(member->office);
            if (!post_has_mail(member->office))
                sched_yield();
        }
    }
    atomic_fetch_sub(member->busy_count, 1);
    while (atomic_load(member->busy_count) || atomic_load(member->open_count)) {
        if (!post_read(member->office, member_hear, member))
            sched_yield();
        post_send(member->office);
    }
    return NULL;
}

START_TEST(what_was_known_before_is_read_before)
{
    struct scene scene;
    struct member members[MEMBERS];
    pthread_t threads[MEMBERS];
    atomic_uint open_count = 0, busy_count = MEMBERS;
    uint64_t seed = unit_seed("what_was_known_before_is_read_before");
    scene_init(&scene);
    for (unsigned i = 0; i < MEMBERS; i++) {
        members[i] = (struct member){
            .office = scene.offices[i], .self = i, .open_count = &open_count, .busy_count = &busy_count
        };
        random_init(&members[i].random, seed + i);
    }
    for (unsigned i = 0; i < MEMBERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, member_run, &members[i]), 0);
    for (unsigned i = 0; i < MEMBERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < MEMBERS; i++)
        for (unsigned k = 0; k < MEMBERS; k++)
            ck_assert_uint_eq(members[i].sent[k], members[k].seen[i]);
    scene_finish(&scene);
}
END_TEST

/* A reader on a real loop, which sleeps whenever it may: were a wake-up lost, the test would hang. */

struct sleeper {
    struct loop *loop;
    struct post_office *office;
    unsigned wanted, heard, sleep_count;
};

static void sleeper_hear(void *arg, unsigned from, const void *record)
{
    struct sleeper *sleeper = arg;
    (void)from;
    check_letter(record);
    if (++sleeper->heard == sleeper->wanted)
        loop_stop(sleeper->loop);
}

static bool sleeper_may_sleep(void *arg)
{
    struct sleeper *sleeper = arg;
    bool may = post_may_sleep(sleeper->office);
    sleeper->sleep_count += may;
    return may;
}

static void sleeper_woken(void *arg)
{
    struct sleeper *sleeper = arg;
    post_woke(sleeper->office);
    post_read(sleeper->office, sleeper_hear, sleeper);
    post_send(sleeper->office);
}

static void *sleeper_run(void *arg)
{
    struct sleeper *sleeper = arg;
    unit_assert(loop_run(sleeper->loop) == 0);
    return NULL;
}

START_TEST(a_sleeper_is_woken_for_every_letter)
{
    enum { COUNT = 5000 };
    struct scene scene;
    pthread_t thread;
    struct random random;
    random_init(&random, unit_seed("a_sleeper_is_woken_for_every_letter"));
    scene_init(&scene);
    struct sleeper sleeper = { .loop = &scene.loops[1], .office = scene.offices[1], .wanted = COUNT };
    scene.loops[1].hooks = (struct loop_hooks){ .arg = &sleeper,
                                                .before_sleep = sleeper_may_sleep,
                                                .woken = sleeper_woken };
    ck_assert_int_eq(pthread_create(&thread, NULL, sleeper_run, &sleeper), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        say(&scene, 0, 1, i, 32);
        post_send(scene.offices[0]);
        for (unsigned pause = random_below(&random, 30); pause; pause--)
            sched_yield();
        while (post_is_parked(scene.offices[0]))
            post_send(scene.offices[0]);
    }
    pthread_join(thread, NULL);
    ck_assert_uint_eq(sleeper.heard, COUNT);
    ck_assert_uint_gt(sleeper.sleep_count, 0);
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        letters_of_all_members_are_read_in_the_order_of_writing,
        a_parked_letter_holds_back_all_that_come_after_it,
        parked_letters_go_with_the_post,
        nobody_falls_asleep_over_his_mail,
        what_was_known_before_is_read_before,
        a_sleeper_is_woken_for_every_letter,
        NULL,
    };
    return unit_run("post", tests);
}
