#include "sidecar/tail_file.h"

#include <stdio.h>

#include "../unit.h"
#include "util/crc32c.h"

static char before[200], other[200];

/* A file of 200 bytes of which 150 were read. */
static struct tail_position position_at(uint64_t offset)
{
    struct tail_position position = { .device = 1, .inode = 2, .id = 3, .offset = offset };
    memset(before, 'a', sizeof before);
    memset(other, 'b', sizeof other);
    tail_learn_head(&position, slice_make(before, sizeof before), offset);
    return position;
}

static struct tail_sight sight_of(uint64_t device, uint64_t inode, const char *text, size_t size)
{
    return (struct tail_sight){ device, inode, size, slice_make(text, size) };
}

START_TEST(a_file_that_grows_is_the_same)
{
    const struct tail_position position = position_at(150), fresh = position_at(0);
    struct tail_sight sight = sight_of(1, 2, before, 200);
    ck_assert_int_eq(tail_judge(&position, &sight), TAIL_SAME);
    sight = sight_of(1, 2, before, 150);
    ck_assert_int_eq(tail_judge(&position, &sight), TAIL_SAME);
    sight = sight_of(1, 2, other, 0);
    ck_assert_int_eq(tail_judge(&fresh, &sight), TAIL_SAME);
}
END_TEST

START_TEST(a_shorter_one_was_cut)
{
    const struct tail_position position = position_at(150);
    const struct tail_sight sight = sight_of(1, 2, before, 149), empty = sight_of(1, 2, before, 0);
    ck_assert_int_eq(tail_judge(&position, &sight), TAIL_TRUNCATED);
    ck_assert_int_eq(tail_judge(&position, &empty), TAIL_TRUNCATED);
}
END_TEST

START_TEST(one_that_begins_otherwise_is_another)
{
    const struct tail_position position = position_at(150);
    const struct tail_sight sight = sight_of(1, 2, other, 200);
    ck_assert_int_eq(tail_judge(&position, &sight), TAIL_REPLACED);
}
END_TEST

START_TEST(a_copy_begins_alike_and_is_long_enough)
{
    const struct tail_position position = position_at(150), small = position_at(TAIL_HEAD_SURE - 1);
    struct tail_sight sight = sight_of(1, 9, before, 200);
    ck_assert_int_eq(tail_judge(&position, &sight), TAIL_COPY);
    ck_assert_int_eq(tail_judge(&small, &sight), TAIL_OTHER); /* it may be by chance */
    sight = sight_of(1, 9, before, 149);
    ck_assert_int_eq(tail_judge(&position, &sight), TAIL_OTHER);
    sight = sight_of(9, 2, other, 200);
    ck_assert_int_eq(tail_judge(&position, &sight), TAIL_OTHER);
}
END_TEST

START_TEST(a_head_is_no_longer_than_what_was_read)
{
    static char long_head[TAIL_HEAD_MAX];
    struct tail_position position = position_at(0);
    ck_assert_uint_eq(position.head_size, 0);
    tail_learn_head(&position, slice_make(before, 200), 120);
    ck_assert_uint_eq(position.head_size, 120);
    ck_assert_uint_eq(position.head_sum, crc32c(0, before, 120));
    tail_learn_head(&position, slice_make(long_head, sizeof long_head), 1 << 20);
    ck_assert_uint_eq(position.head_size, TAIL_HEAD_MAX);
}
END_TEST

START_TEST(positions_are_read_as_they_were_written)
{
    struct tail_position position = position_at(UINT64_MAX), again;
    char line[TAIL_LINE_SIZE_MAX];
    struct slice tail, path;
    position.id = 0xfedcba9876543210;
    position.since = 17;
    position.sum = UINT32_MAX;
    size_t size = tail_write_position(line, slice_of("nginx"), &position, slice_of("/var/log/a b.log"));
    ck_assert(tail_read_position(slice_make(line, size), &tail, &again, &path));
    ck_assert(slice_is(tail, "nginx"));
    ck_assert(slice_is(path, "/var/log/a b.log"));
    ck_assert_uint_eq(again.id, position.id);
    ck_assert_uint_eq(again.offset, position.offset);
    ck_assert_uint_eq(again.sum, position.sum);
    char second[TAIL_LINE_SIZE_MAX];
    ck_assert_uint_eq(tail_write_position(second, tail, &again, path), size);
    ck_assert_mem_eq(second, line, size);
}
END_TEST

START_TEST(what_is_no_position_is_refused)
{
    static const char *const lines[] = {
        "", "nginx", "nginx 1 2 3 4 0 5 6 7", "nginx 1 2 3 4 0 5 6 7 ", " 1 2 3 4 0 5 6 7 /a",
        "nginx g 2 3 4 0 5 6 7 /a", "nginx 1 a 3 4 0 5 6 7 /a", "nginx 1 2 3 -4 0 5 6 7 /a",
        "nginx 1 2 3 4 0 5 1025 7 /a", "nginx 1 2 3 4 0 5 6 4294967296 /a", "nginx 1 2 3 4 0 4294967296 6 7 /a",
        "nginx 1 2 3 18446744073709551616 0 5 6 7 /a", "nginx 1 2 3 4 5 5 6 7 /a", "nginx 1  3 4 0 5 6 7 /a",
    };
    struct tail_position position;
    struct slice tail, path;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(!tail_read_position(slice_of(lines[i]), &tail, &position, &path), "%s", lines[i]);
    ck_assert(tail_read_position(slice_of("nginx 1 2 3 4 0 5 6 7 /a"), &tail, &position, &path));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_file_that_grows_is_the_same,
        a_shorter_one_was_cut,
        one_that_begins_otherwise_is_another,
        a_copy_begins_alike_and_is_long_enough,
        a_head_is_no_longer_than_what_was_read,
        positions_are_read_as_they_were_written,
        what_is_no_position_is_refused,
        NULL,
    };
    return unit_run("tail_file", tests);
}
