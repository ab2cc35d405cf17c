/* Files read whole: how much there is room for, what is no file, and what comes in pieces. */
#include "util/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"

static char directory[] = "/tmp/posthorn-file-XXXXXX", path[64];

static void write_file(const char *text)
{
    snprintf(path, sizeof path, "%s/file", directory);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(file_is_read_whole)
{
    char room[8];
    write_file("seven\n!");
    ck_assert_int_eq(file_read(path, room, sizeof room), 7);
    ck_assert_mem_eq(room, "seven\n!", 7);
    ck_assert_int_eq(file_read(path, room, 7), 7);
    write_file("");
    ck_assert_int_eq(file_read(path, room, sizeof room), 0);
    ck_assert_int_eq(file_read(path, room, 0), 0);
}
END_TEST

START_TEST(file_that_is_too_large_is_told)
{
    char room[8] = "";
    write_file("seven\n!");
    ck_assert_int_eq(file_read(path, room, 6), -EFBIG);
    ck_assert_mem_eq(room, "seven\n", 7);
    ck_assert_int_eq(file_read(path, room, 0), -EFBIG);
}
END_TEST

START_TEST(what_cannot_be_read_says_why)
{
    char room[8];
    ck_assert_int_eq(file_read("/nowhere/at/all", room, sizeof room), -ENOENT);
    ck_assert_int_eq(file_read(directory, room, sizeof room), -EISDIR);
}
END_TEST

/* A pipe has no size, and gives what it has. */
START_TEST(file_that_comes_in_pieces_is_read_to_its_end)
{
    int ends[2];
    char room[8], name[32];
    ck_assert_int_eq(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    pid_t child = fork();
    if (child == 0) {
        for (const char *at = "pieces"; *at; at++)
            if (write(ends[1], at, 1) != 1)
                _exit(EXIT_FAILURE);
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    ck_assert_int_eq(file_read(name, room, sizeof room), 6);
    ck_assert_mem_eq(room, "pieces", 6);
    close(ends[0]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        file_is_read_whole, file_that_is_too_large_is_told, what_cannot_be_read_says_why,
        file_that_comes_in_pieces_is_read_to_its_end, NULL,
    };
    if (!mkdtemp(directory))
        return EXIT_FAILURE;
    int failed = unit_run("file", tests);
    snprintf(path, sizeof path, "%s/file", directory);
    unlink(path);
    rmdir(directory);
    return failed;
}
