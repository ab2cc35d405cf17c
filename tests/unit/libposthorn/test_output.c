/* The output: what is written, and what is kept of it when the connection breaks in the middle. */
#include "libposthorn/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"
#include "util/slice.h"

static struct ph_output output;

static void add(const char *text)
{
    size_t size = strlen(text);
    char *at = ph_output_reserve(&output, size);
    ck_assert_ptr_nonnull(at);
    memcpy(at, text, size);
    output.bytes.size += size;
}

static void expect(const char *wanted)
{
    struct slice got = slice_make(output.bytes.data + output.written, ph_output_waiting(&output));
    ck_assert_msg(slice_is(got, wanted), "got '%.*s', wanted '%s'", SLICE_ARGS(got), wanted);
}

#define PUB_1 "PUB a 1\r\nx\r\n"
#define PUB_2 "PUB b r 3\r\n\r\n\n\r\n"
#define HPUB "HPUB c 12 14\r\nNATS/1.0\r\n\r\nyy\r\n"

START_TEST(break_keeps_publications_not_written_whole)
{
    static const struct {
        size_t written;
        const char *kept;
    } cases[] = {
        { 0, PUB_1 PUB_2 HPUB },
        { 1, PUB_1 PUB_2 HPUB },
        { sizeof PUB_1 - 2, PUB_1 PUB_2 HPUB },
        { sizeof PUB_1 - 1, PUB_2 HPUB },
        { sizeof PUB_1 - 1 + 3, PUB_2 HPUB },
        { sizeof PUB_1 "SUB a 1\r\n" PUB_2 - 2, PUB_2 HPUB },
        { sizeof PUB_1 "SUB a 1\r\n" PUB_2 - 1, HPUB },
        { sizeof PUB_1 "SUB a 1\r\n" PUB_2 "PING\r\nPONG\r\n" HPUB - 1, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        output = (struct ph_output){ 0 };
        add(PUB_1 "SUB a 1\r\n" PUB_2 "PING\r\nPONG\r\n" HPUB "UNSUB 1 5\r\n");
        output.written = cases[i].written;
        ph_output_salvage(&output);
        expect(cases[i].kept);
        ck_assert_uint_eq(output.written, 0);
        ph_output_finish(&output);
    }
}
END_TEST

/* However the room was made, the buffer begins with an operation, so that the salvage finds its way. */
START_TEST(buffer_begins_with_an_operation_at_all_times)
{
    uint64_t state = unit_seed(__func__);
    unsigned added = 0, first_kept;
    char text[64];
    output = (struct ph_output){ 0 };
    for (unsigned step = 0; step < 20000; step++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        unsigned chance = (unsigned)(state >> 33);
        if (chance % 3) {
            snprintf(text, sizeof text, "PUB n 8\r\n%08u\r\n", added++);
            add(text);
        } else {
            size_t waiting = ph_output_waiting(&output);
            output.written += waiting ? chance / 3 % (waiting < 90 ? waiting + 1 : 90) : 0;
        }
    }
    size_t written_whole = output.written;
    const char *first = output.bytes.data;
    ck_assert(memcmp(first, "PUB n 8\r\n", 9) == 0);
    first_kept = (unsigned)strtoul(first + 9, NULL, 10) + (unsigned)(written_whole / 19);
    ph_output_salvage(&output);
    ck_assert_uint_eq(output.bytes.size, (added - first_kept) * 19ul);
    ck_assert_uint_eq((unsigned)strtoul(output.bytes.data + 9, NULL, 10), first_kept);
    ph_output_finish(&output);
}
END_TEST

START_TEST(write_goes_on_where_the_socket_stopped)
{
    int pair[2], size = 4096;
    size_t written, total = 0, received = 0, count = 3000;
    char block[4096];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    output = (struct ph_output){ 0 };
    for (size_t i = 0; i < count; i++)
        add("PUB abcdefgh 10\r\n0123456789\r\n");
    size_t all = output.bytes.size;
    ck_assert_int_eq(ph_output_write(&output, pair[0], NULL, &written), 0);
    ck_assert(output.blocked && written > 0 && written < all);
    total = written;
    while (received < all) {
        ssize_t got = recv(pair[1], block, sizeof block, MSG_DONTWAIT);
        received += got > 0 ? (size_t)got : 0;
        ck_assert_int_eq(ph_output_write(&output, pair[0], NULL, &written), 0);
        total += written;
    }
    ck_assert_uint_eq(total, all);
    ck_assert(!output.blocked);
    ck_assert_uint_eq(ph_output_waiting(&output), 0);
    close(pair[1]);
    add("PING\r\n");
    ck_assert_int_lt(ph_output_write(&output, pair[0], NULL, &written), 0);
    ck_assert_uint_eq(written, 0);
    close(pair[0]);
    ph_output_finish(&output);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { break_keeps_publications_not_written_whole,
                                          buffer_begins_with_an_operation_at_all_times,
                                          write_goes_on_where_the_socket_stopped, NULL };
    return unit_run("output", tests);
}
