/* The file of a stream's epochs: that it comes back, that it is replaced whole, and what becomes of old cursors. */
#include "stream/past.h"

#include <errno.h>

#include "../store/sim.h"
#include "../unit.h"

static struct past sample(unsigned old_count)
{
    struct past past = { .epoch = 0xfedcba9876543210, .is_clean = true, .boot_id = "6ee9-b", .lost_sequence = 17 };
    past.first_sequence = 18;
    past.last_sequence = UINT64_MAX;
    for (past.old_count = 0; past.old_count < old_count; past.old_count++)
        past.old[past.old_count] = (struct cursor){ past.old_count + 1, 100 * (past.old_count + 1) };
    return past;
}

static void expect_equal(const struct past *a, const struct past *b)
{
    ck_assert_uint_eq(a->epoch, b->epoch);
    ck_assert_uint_eq(a->old_count, b->old_count);
    for (unsigned i = 0; i < a->old_count; i++) {
        ck_assert_uint_eq(a->old[i].epoch, b->old[i].epoch);
        ck_assert_uint_eq(a->old[i].sequence, b->old[i].sequence);
    }
    ck_assert(a->is_clean == b->is_clean && a->shows_unsynced == b->shows_unsynced);
    ck_assert_str_eq(a->boot_id, b->boot_id);
    ck_assert_uint_eq(a->first_sequence, b->first_sequence);
    ck_assert_uint_eq(a->last_sequence, b->last_sequence);
    ck_assert_uint_eq(a->lost_sequence, b->lost_sequence);
}

START_TEST(it_comes_back)
{
    struct sim *sim = sim_create(1);
    const struct files *files = sim_files(sim);
    files->make_directory(files->arg, "d");
    for (unsigned count = 0; count <= PAST_EPOCHS_MAX; count += 8) {
        struct past past = sample(count), back;
        ck_assert_int_eq(past_write(files, "d", &past), 0);
        ck_assert_int_eq(past_read(files, "d", &back), 0);
        expect_equal(&past, &back);
    }
    sim_destroy(sim);
}
END_TEST

START_TEST(one_that_is_missing_or_damaged_is_told)
{
    struct sim *sim = sim_create(1);
    const struct files *files = sim_files(sim);
    struct past past = sample(3), back;
    uint64_t size;
    files->make_directory(files->arg, "d");
    ck_assert_int_eq(past_read(files, "d", &back), -ENOENT);
    ck_assert_int_eq(past_write(files, "d", &past), 0);
    unsigned char *bytes = sim_bytes(sim, "d/epochs", &size);
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] ^= 4;
        unit_assert(past_read(files, "d", &back) == -EBADMSG || i + 2 > size);
        bytes[i] ^= 4;
    }
    ck_assert_int_eq(past_read(files, "d", &back), 0);
    sim_destroy(sim);
}
END_TEST

START_TEST(power_may_fail_at_any_call)
{
    for (uint64_t call = 1; call < 12; call++) {
        struct sim *sim = sim_create(call);
        const struct files *files = sim_files(sim);
        struct past first = sample(1), second = sample(2), back;
        files->make_directory(files->arg, "d");
        files->sync_directory(files->arg, ".");
        ck_assert_int_eq(past_write(files, "d", &first), 0);
        sim_fail_at(sim, sim_call_count(sim) + call, EIO);
        int error = past_write(files, "d", &second);
        sim_fail_at(sim, 0, 0);
        sim_power_off(sim);
        sim_power_on(sim);
        ck_assert_int_eq(past_read(files, "d", &back), 0);
        if (!error)
            expect_equal(&second, &back);
        else if (back.old_count == 1)
            expect_equal(&first, &back);
        sim_destroy(sim);
    }
}
END_TEST

START_TEST(old_cursors_are_good_up_to_the_end_of_their_epoch)
{
    struct past past = sample(0);
    struct cursor cursor = { past.epoch, 5 };
    uint64_t first = past.epoch;
    ck_assert(past_locate(&past, &cursor));
    past_turn(&past, 100);
    past_turn(&past, 90); /* the end of the second was before that of the first */
    ck_assert_uint_ne(past.epoch, first);
    for (uint64_t sequence = 0; sequence <= 101; sequence++) {
        cursor = (struct cursor){ first, sequence };
        ck_assert(past_locate(&past, &cursor) == (sequence <= 90));
        ck_assert_uint_eq(cursor.epoch, sequence <= 90 ? past.epoch : first);
        ck_assert_uint_eq(cursor.sequence, sequence);
    }
    for (unsigned i = 0; i < PAST_EPOCHS_MAX; i++)
        past_turn(&past, 1000);
    ck_assert_uint_eq(past.old_count, PAST_EPOCHS_MAX);
    cursor = (struct cursor){ first, 1 };
    ck_assert(!past_locate(&past, &cursor));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        it_comes_back,
        one_that_is_missing_or_damaged_is_told,
        power_may_fail_at_any_call,
        old_cursors_are_good_up_to_the_end_of_their_epoch,
        NULL,
    };
    return unit_run("past", tests);
}
