/*
 * Connections, over socket pairs. The test owns time: it turns the loop by hand, once a turn(), at the moment that it
 * says.
 *
 * The protocol of these tests is frames: a length of four bytes, then so many bytes.
 */
#include "net/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit.h"
#include "util/random.h"

enum {
    TURNS_MAX = 100000,
    START_MS = 1000000,
};

struct scene {
    struct conn conn; /* the first member */
    struct loop loop;
    struct conn_limits limits;
    int peer; /* the other end, non-blocking */
    /* What the protocol is to do. */
    unsigned pause_at; /* pauses after so many frames, counted down; 0: does not */
    bool need_unsaid;  /* leaves in_need alone */
    bool drop_within;  /* drops the connection in the midst of input */
    bool hold;         /* lets nothing leave */
    bool hold_left;    /* begins to hold when the connection leaves */
    /* What happened. */
    unsigned frame_count, deadline_count, closed_count, leaving_count, received_count;
    size_t frame_bytes;
    char *got; /* by the peer */
    size_t got_size;
    bool got_end;
    int got_error;
};

/* The byte that stands at a place of any frame or stream here. */
static char byte_at(size_t place)
{
    return (char)(place * 31 + place / 251);
}

static void check_bytes(const char *data, size_t size, size_t place)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != byte_at(place + i))
            ck_abort_msg("byte %zu of %zu is wrong", i, size);
}

static size_t on_input(struct conn *conn, const char *data, size_t size)
{
    struct scene *scene = (struct scene *)conn;
    size_t taken = 0;
    uint32_t frame_size;
    unit_assert(scene->closed_count == 0);
    unit_assert(!conn->paused);
    unit_assert(scene->received_count > 0);
    while (size - taken >= sizeof frame_size) {
        memcpy(&frame_size, data + taken, sizeof frame_size);
        if (size - taken < sizeof frame_size + frame_size) {
            conn->in_need = scene->need_unsaid ? 0 : sizeof frame_size + frame_size;
            break;
        }
        taken += sizeof frame_size;
        if (scene->drop_within)
            conn_drop(conn, CONN_PROTOCOL_ERROR);
        check_bytes(data + taken, frame_size, 0);
        taken += frame_size;
        scene->frame_count++;
        scene->frame_bytes += frame_size;
        if (scene->pause_at && --scene->pause_at == 0)
            conn_pause(conn, CONN_PAUSE_OWNER);
        if (conn->paused || !conn_is_open(conn))
            break;
    }
    return taken;
}

static void on_deadline(struct conn *conn, uint64_t now_ms)
{
    struct scene *scene = (struct scene *)conn;
    unit_assert(now_ms == scene->loop.now_ms);
    scene->deadline_count++;
}

/* Whether the peer could know of the end, were it to look now. */
static bool peer_knows_of_end(const struct scene *scene)
{
    char byte;
    return recv(scene->peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_leaving(struct conn *conn)
{
    struct scene *scene = (struct scene *)conn;
    scene->leaving_count++;
    scene->hold = scene->hold_left;
    unit_assert(!peer_knows_of_end(scene));
}

static void on_closed(struct conn *conn)
{
    struct scene *scene = (struct scene *)conn;
    unit_assert(++scene->closed_count == 1);
    unit_assert(scene->leaving_count || !peer_knows_of_end(scene));
}

static void on_received(void *arg)
{
    struct scene *scene = arg;
    scene->received_count++;
}

static bool may_send(void *arg)
{
    const struct scene *scene = arg;
    return !scene->hold;
}

static const struct conn_ops ops = {
    .input = on_input,
    .deadline = on_deadline,
    .closed = on_closed,
    .leaving = on_leaving,
};

static void set_nonblocking(int fd)
{
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static struct scene *scene_create(void)
{
    static const struct address nowhere = { .family = AF_UNIX };
    struct scene *scene = calloc(1, sizeof *scene);
    int fds[2], small = 16 << 10;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    ck_assert_int_eq(loop_init(&scene->loop), 0);
    scene->loop.now_ms = START_MS;
    scene->loop.hooks.arg = scene;
    scene->loop.hooks.received = on_received;
    scene->loop.hooks.before_send = may_send;
    scene->limits = (struct conn_limits){ .pending_size_max = 1 << 20, .write_timeout_ms = 10000 };
    scene->peer = fds[1];
    set_nonblocking(scene->peer);
    ck_assert_int_eq(conn_init(&scene->conn, &scene->loop, fds[0], &nowhere, &ops, &scene->limits), 0);
    return scene;
}

/* One turn of the loop, advance_ms after the last: what is there is handled, then flushed, then freed. */
static void turn(struct scene *scene, uint64_t advance_ms)
{
    struct loop *loop = &scene->loop;
    unit_assert(event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    loop->now_ms += advance_ms;
    timers_run(&loop->timers, loop->now_ms);
    loop_stop(loop);
    unit_assert(loop_run(loop) == 0); /* has been stopped: ends the turn and returns */
}

static void scene_destroy(struct scene *scene)
{
    conn_drop(&scene->conn, CONN_SHUTDOWN);
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_uint_eq(scene->conn.timer.place, 0);
    ck_assert_uint_eq(scene->loop.counters.connections_opened, 1);
    ck_assert_uint_eq(scene->loop.counters.connections_closed, 1);
    loop_finish(&scene->loop);
    if (scene->peer >= 0)
        close(scene->peer);
    free(scene->got);
    free(scene);
}

/* The peer reads up to size bytes. */
static void peer_read(struct scene *scene, size_t size)
{
    scene->got = realloc(scene->got, scene->got_size + size);
    ssize_t got = recv(scene->peer, scene->got + scene->got_size, size, 0);
    if (got > 0)
        scene->got_size += (size_t)got;
    else if (got == 0)
        scene->got_end = true;
    else if (errno != EAGAIN)
        scene->got_error = errno;
}

/* The peer reads on until the connection's end, or until nothing waits any more. */
static void peer_read_all(struct scene *scene)
{
    for (unsigned i = 0; i < TURNS_MAX && !scene->got_end && !scene->got_error; i++) {
        size_t before = scene->got_size;
        turn(scene, 0);
        peer_read(scene, 1 << 16);
        if (conn_is_open(&scene->conn) && conn_pending(&scene->conn) == 0 && scene->got_size == before)
            return;
    }
}

/* The peer writes; the loop turns where the socket is full. */
static void peer_write(struct scene *scene, const char *data, size_t size)
{
    for (unsigned i = 0; size && i < TURNS_MAX; i++) {
        ssize_t sent = send(scene->peer, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            turn(scene, 0);
            continue;
        }
        data += sent;
        size -= (size_t)sent;
    }
    ck_assert_uint_eq(size, 0);
}

static size_t make_frame(char *out, uint32_t size)
{
    memcpy(out, &size, sizeof size);
    for (size_t i = 0; i < size; i++)
        out[sizeof size + i] = byte_at(i);
    return sizeof size + size;
}

/* Writes that come to the same stream of bytes as all others here. */
static void conn_write_stream(struct scene *scene, size_t place, size_t size)
{
    char *bytes = malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(place + i);
    conn_write(&scene->conn, bytes, size);
    free(bytes);
}

/* Reading. */

static void check_frames_in_fragments(bool need_unsaid)
{
    static const uint32_t sizes[] = { 0, 1, 2, 1000, 65532, 65533, 70000, 131068, 131072, 200000, 1 << 20, 3, 0, 5 };
    struct scene *scene = scene_create();
    struct random random;
    size_t size = 0, place = 0;
    char *stream = malloc(4 << 20);
    random_init(&random, unit_seed("frames_come_whole_however_they_are_cut"));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        size += make_frame(stream + size, sizes[i]);
    scene->need_unsaid = need_unsaid;
    while (place < size) {
        size_t part = 1 + random_below(&random, random_below(&random, 3) ? 100000 : 10);
        part = part < size - place ? part : size - place;
        peer_write(scene, stream + place, part);
        place += part;
        if (random_below(&random, 2))
            turn(scene, 0);
    }
    for (unsigned i = 0; i < TURNS_MAX && scene->frame_count < sizeof sizes / sizeof *sizes; i++)
        turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, sizeof sizes / sizeof *sizes);
    ck_assert_uint_eq(scene->loop.counters.bytes_in, size);
    ck_assert_ptr_null(scene->conn.in); /* idle: nothing is held */
    ck_assert_ptr_null(scene->conn.out);
    free(stream);
    scene_destroy(scene);
}

START_TEST(frames_come_whole_however_they_are_cut)
{
    check_frames_in_fragments(false);
}
END_TEST

START_TEST(frames_of_unsaid_size_come_whole_too)
{
    check_frames_in_fragments(true);
}
END_TEST

START_TEST(nothing_is_read_while_paused_and_nothing_is_lost)
{
    struct scene *scene = scene_create();
    char frames[5 * 104];
    for (unsigned i = 0; i < 5; i++)
        make_frame(frames + (size_t)i * 104, 100);
    scene->pause_at = 2;
    peer_write(scene, frames, sizeof frames);
    for (unsigned i = 0; i < 5; i++)
        turn(scene, 1000);
    ck_assert_uint_eq(scene->frame_count, 2);
    conn_pause(&scene->conn, CONN_PAUSE_STALLED);
    conn_resume(&scene->conn, CONN_PAUSE_OWNER);
    peer_write(scene, frames, 104);
    turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, 2); /* one reason is left */
    scene->pause_at = 1;
    conn_resume(&scene->conn, CONN_PAUSE_STALLED);
    ck_assert_uint_eq(scene->frame_count, 3);
    conn_resume(&scene->conn, CONN_PAUSE_OWNER);
    turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, 6);
    scene_destroy(scene);
}
END_TEST

/* Much more than the stash holds is left over when the protocol pauses; then the peer goes on writing. */
START_TEST(a_pause_in_the_midst_of_much_input_loses_nothing)
{
    enum { FRAMES = 2000, SIZE = 200 };
    struct scene *scene = scene_create();
    char *stream = malloc(FRAMES * (SIZE + 4));
    for (unsigned i = 0; i < FRAMES; i++)
        make_frame(stream + (size_t)i * (SIZE + 4), SIZE);
    scene->pause_at = 1;
    for (unsigned place = 0; place < FRAMES; place += 200) {
        if (scene->conn.paused) {
            scene->pause_at = 100;
            conn_resume(&scene->conn, CONN_PAUSE_OWNER);
        }
        ssize_t sent = send(scene->peer, stream + (size_t)place * (SIZE + 4), 200 * (SIZE + 4), 0);
        ck_assert_int_eq(sent, 200 * (SIZE + 4));
        turn(scene, 0);
        turn(scene, 0);
    }
    for (unsigned i = 0; i < TURNS_MAX && scene->frame_count < FRAMES; i++) {
        conn_resume(&scene->conn, CONN_PAUSE_OWNER);
        turn(scene, 0);
    }
    ck_assert_uint_eq(scene->frame_count, FRAMES);
    free(stream);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_stall_ends_by_itself)
{
    struct scene *scene = scene_create();
    char frame[104];
    make_frame(frame, 100);
    ck_assert(conn_stall(&scene->conn, 2));
    ck_assert(!conn_stall(&scene->conn, 2));
    peer_write(scene, frame, sizeof frame);
    turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, 0);
    turn(scene, 10);
    turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, 1);
    conn_stall(&scene->conn, 2);
    scene_destroy(scene);
}
END_TEST

/* Messages of an input are still being handed to others when their own connection has to go. */
START_TEST(input_stays_readable_when_the_connection_is_dropped_within)
{
    static const uint32_t sizes[] = { 10, 1000, 100000, 300000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct scene *scene = scene_create();
        char *frame = malloc(sizes[i] + 4);
        scene->drop_within = true;
        peer_write(scene, frame, make_frame(frame, sizes[i]));
        for (unsigned k = 0; k < TURNS_MAX && !scene->closed_count; k++)
            turn(scene, 0);
        ck_assert_uint_eq(scene->frame_count, 1);
        free(frame);
        scene_destroy(scene);
    }
}
END_TEST

/* Writing. */

START_TEST(what_is_written_arrives_in_order)
{
    enum { TOTAL = 4 << 20 };
    struct scene *scene = scene_create();
    struct random random;
    size_t place = 0;
    random_init(&random, unit_seed("what_is_written_arrives_in_order"));
    char *stream = malloc(TOTAL);
    for (size_t i = 0; i < TOTAL; i++)
        stream[i] = byte_at(i);
    while (place < TOTAL) {
        size_t size = 1 + random_below(&random, random_below(&random, 4) ? 500 : 200000);
        size = size < TOTAL - place ? size : TOTAL - place;
        if (conn_pending(&scene->conn) + size > scene->limits.pending_size_max) {
            peer_read(scene, 1 << 16);
            turn(scene, 1);
            continue;
        }
        struct iovec parts[3] = { { stream + place, size / 3 },
                                  { stream + place + size / 3, 0 },
                                  { stream + place + size / 3, size - size / 3 } };
        switch (random_below(&random, 3)) {
        case 0:
            conn_write(&scene->conn, stream + place, size);
            break;
        case 1:
            conn_write_parts(&scene->conn, parts, 3, size);
            break;
        default:
            memcpy(conn_reserve(&scene->conn, size), stream + place, size);
            conn_commit(&scene->conn, size);
        }
        place += size;
        if (random_below(&random, 8) == 0)
            turn(scene, 1);
        if (random_below(&random, 3) == 0)
            peer_read(scene, 1 + random_below(&random, 1 << 17));
        unit_assert(conn_pending(&scene->conn) <= scene->limits.pending_size_max);
    }
    peer_read_all(scene);
    ck_assert_uint_eq(scene->got_size, TOTAL);
    check_bytes(scene->got, TOTAL, 0);
    ck_assert_uint_eq(scene->loop.counters.bytes_out, TOTAL);
    turn(scene, 0);
    ck_assert_ptr_null(scene->conn.out);
    free(stream);
    scene_destroy(scene);
}
END_TEST

START_TEST(many_parts_arrive_in_order)
{
    enum { PARTS = 300, SIZE = 700 };
    struct scene *scene = scene_create();
    static char stream[PARTS * SIZE];
    struct iovec parts[PARTS];
    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = byte_at(i);
    for (unsigned i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){ stream + (size_t)i * SIZE, SIZE };
    conn_write_parts(&scene->conn, parts, PARTS, sizeof stream);
    peer_read_all(scene);
    ck_assert_uint_eq(scene->got_size, sizeof stream);
    check_bytes(scene->got, scene->got_size, 0);
    scene_destroy(scene);
}
END_TEST

/* Small writes, large ones that would go at once, and what the socket did not take before. */
START_TEST(nothing_leaves_while_the_owner_holds_it_back)
{
    struct scene *scene = scene_create();
    static char large[50000];
    struct iovec parts[2] = { { large, 20000 }, { large + 20000, 30000 } };
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = byte_at(i);
    conn_write_stream(scene, 0, 100000); /* more than the socket takes */
    turn(scene, 0);
    ck_assert(scene->conn.blocked);
    scene->hold = true;
    for (unsigned i = 0; i < 10; i++) {
        peer_read(scene, 1 << 17);
        turn(scene, 1);
    }
    size_t left = scene->got_size;
    ck_assert_uint_lt(left, 100000);
    conn_write_parts(&scene->conn, parts, 2, sizeof large);
    conn_flush(&scene->conn);
    turn(scene, 1);
    peer_read(scene, 1 << 17);
    ck_assert_uint_eq(scene->got_size, left);
    scene->hold = false;
    peer_read_all(scene);
    ck_assert_uint_eq(scene->got_size, 150000);
    check_bytes(scene->got, 100000, 0);
    check_bytes(scene->got + 100000, 50000, 0);
    scene->hold = true; /* nothing waits: a large write would go at once */
    parts[0] = (struct iovec){ large, sizeof large };
    conn_write_parts(&scene->conn, parts, 1, sizeof large);
    conn_finish(&scene->conn, CONN_SHUTDOWN);
    turn(scene, 1);
    peer_read(scene, 1 << 17);
    ck_assert_uint_eq(scene->got_size, 150000);
    scene->hold = false;
    peer_read_all(scene);
    ck_assert_uint_eq(scene->got_size, 200000);
    ck_assert(scene->got_end);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_let_go_at_the_bound)
{
    struct scene *scene = scene_create();
    scene->limits.pending_size_max = 100000;
    for (unsigned i = 0; i < 1000 && conn_is_open(&scene->conn); i++) {
        conn_write_stream(scene, (size_t)i * 1000, 1000);
        unit_assert(conn_pending(&scene->conn) <= 100000);
    }
    ck_assert_int_eq(scene->conn.state, CONN_CLOSING);
    ck_assert_int_eq(scene->conn.reason, CONN_SLOW_CONSUMER);
    ck_assert_uint_eq(scene->loop.counters.slow_consumers, 1);
    ck_assert_uint_eq(scene->closed_count, 0); /* only at the end of the turn */
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(one_write_over_the_bound_is_one_too_many)
{
    struct scene *scene = scene_create();
    scene->limits.pending_size_max = 100000;
    ck_assert_ptr_nonnull(conn_reserve(&scene->conn, 100000));
    ck_assert_ptr_null(conn_reserve(&scene->conn, 100001));
    ck_assert_int_eq(scene->conn.reason, CONN_SLOW_CONSUMER);
    ck_assert_ptr_null(conn_reserve(&scene->conn, 1));
    conn_write_stream(scene, 0, 10);
    ck_assert_uint_eq(conn_pending(&scene->conn), 0);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_peer_that_reads_nothing_for_the_time_is_let_go)
{
    struct scene *scene = scene_create();
    conn_write_stream(scene, 0, 1000000);
    turn(scene, 0);
    for (unsigned i = 0; i < 5; i++) { /* a little is enough to go on */
        size_t before = scene->got_size;
        turn(scene, 9000);
        peer_read(scene, 1 << 17);
        turn(scene, 0);
        ck_assert_uint_gt(scene->got_size, before);
        ck_assert(conn_is_open(&scene->conn));
        ck_assert_uint_gt(conn_pending(&scene->conn), 0);
    }
    turn(scene, 9999);
    ck_assert(conn_is_open(&scene->conn));
    turn(scene, 1);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_WRITE_TIMEOUT);
    ck_assert_uint_eq(scene->loop.counters.slow_consumers, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(the_time_to_write_counts_only_while_something_waits)
{
    struct scene *scene = scene_create();
    conn_write_stream(scene, 0, 300000);
    turn(scene, 9000);
    peer_read_all(scene);
    turn(scene, 100000);
    ck_assert(conn_is_open(&scene->conn));
    conn_write_stream(scene, 0, 300000);
    turn(scene, 0);
    turn(scene, 9999);
    ck_assert(conn_is_open(&scene->conn));
    scene_destroy(scene);
}
END_TEST

/* Deadlines. */

START_TEST(a_deadline_comes_once_at_its_time)
{
    struct scene *scene = scene_create();
    conn_set_deadline(&scene->conn, START_MS + 100);
    turn(scene, 99);
    ck_assert_uint_eq(scene->deadline_count, 0);
    turn(scene, 1);
    ck_assert_uint_eq(scene->deadline_count, 1);
    turn(scene, 1000);
    ck_assert_uint_eq(scene->deadline_count, 1);
    conn_set_deadline(&scene->conn, START_MS + 2000);
    conn_set_deadline(&scene->conn, START_MS + 3000);
    turn(scene, 1000);
    ck_assert_uint_eq(scene->deadline_count, 1);
    turn(scene, 1000);
    ck_assert_uint_eq(scene->deadline_count, 2);
    conn_set_deadline(&scene->conn, START_MS + 9000);
    conn_set_deadline(&scene->conn, UINT64_MAX);
    turn(scene, 100000);
    ck_assert_uint_eq(scene->deadline_count, 2);
    conn_set_deadline(&scene->conn, scene->loop.now_ms + 10);
    conn_finish(&scene->conn, CONN_SHUTDOWN);
    conn_set_deadline(&scene->conn, scene->loop.now_ms + 10);
    turn(scene, 20);
    ck_assert_uint_eq(scene->deadline_count, 2);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_deadline_and_the_time_to_write_do_not_disturb_one_another)
{
    struct scene *scene = scene_create();
    conn_set_deadline(&scene->conn, START_MS + 5000);
    conn_write_stream(scene, 0, 300000);
    turn(scene, 0);
    turn(scene, 5000);
    ck_assert_uint_eq(scene->deadline_count, 1);
    ck_assert(conn_is_open(&scene->conn));
    conn_set_deadline(&scene->conn, START_MS + 50000);
    turn(scene, 5000);
    ck_assert_int_eq(scene->conn.reason, CONN_WRITE_TIMEOUT);
    ck_assert_uint_eq(scene->deadline_count, 1);
    scene_destroy(scene);
}
END_TEST

/* Ends. */

START_TEST(finishing_writes_what_waits_and_waits_for_the_peer)
{
    struct scene *scene = scene_create();
    conn_write_stream(scene, 0, 500000);
    conn_finish(&scene->conn, CONN_SHUTDOWN);
    conn_finish(&scene->conn, CONN_STALE); /* the first reason counts */
    conn_write_stream(scene, 0, 10);       /* too late */
    peer_read_all(scene);
    ck_assert(scene->got_end);
    ck_assert_uint_eq(scene->got_size, 500000);
    check_bytes(scene->got, scene->got_size, 0);
    ck_assert_int_eq(scene->conn.state, CONN_LINGERING);
    ck_assert_uint_eq(scene->closed_count, 0);
    close(scene->peer);
    scene->peer = -1;
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_SHUTDOWN);
    ck_assert_uint_eq(scene->loop.counters.slow_consumers, 0);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_peer_that_does_not_close_is_waited_for_but_not_long)
{
    struct scene *scene = scene_create();
    conn_write_stream(scene, 0, 10);
    conn_finish(&scene->conn, CONN_PROTOCOL_ERROR);
    turn(scene, 0);
    ck_assert_int_eq(scene->conn.state, CONN_LINGERING);
    for (unsigned i = 0; i < 60 && !scene->closed_count; i++)
        turn(scene, 100);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_uint_le(scene->loop.now_ms, START_MS + 2000);
    ck_assert_int_eq(scene->conn.reason, CONN_PROTOCOL_ERROR);
    ck_assert_uint_eq(scene->loop.counters.slow_consumers, 0);
    scene_destroy(scene);
}
END_TEST

/* Input that nobody reads any more would reset the connection before the peer has seen the last words. */
START_TEST(the_last_words_are_seen_though_the_peer_goes_on_writing)
{
    struct scene *scene = scene_create();
    char frame[104];
    make_frame(frame, 100);
    conn_write_stream(scene, 0, 1000);
    conn_finish(&scene->conn, CONN_PROTOCOL_ERROR);
    peer_write(scene, frame, sizeof frame);
    turn(scene, 0);
    peer_write(scene, frame, sizeof frame);
    peer_read_all(scene);
    ck_assert_int_eq(scene->got_error, 0);
    ck_assert_uint_eq(scene->got_size, 1000);
    ck_assert(scene->got_end);
    ck_assert_uint_eq(scene->frame_count, 0);
    scene_destroy(scene);
}
END_TEST

START_TEST(finishing_has_an_end_though_the_peer_reads_nothing)
{
    struct scene *scene = scene_create();
    conn_write_stream(scene, 0, 500000);
    conn_finish(&scene->conn, CONN_SHUTDOWN);
    turn(scene, 0);
    turn(scene, scene->limits.write_timeout_ms);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_SHUTDOWN);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_paused_or_stalled_connection_can_be_finished)
{
    for (unsigned stalled = 0; stalled < 2; stalled++) {
        struct scene *scene = scene_create();
        if (stalled)
            conn_stall(&scene->conn, 2);
        else
            conn_pause(&scene->conn, CONN_PAUSE_OWNER);
        conn_write_stream(scene, 0, 10);
        conn_finish(&scene->conn, CONN_SHUTDOWN);
        turn(scene, 0);
        peer_read_all(scene);
        ck_assert(scene->got_end);
        turn(scene, 100);
        close(scene->peer);
        scene->peer = -1;
        turn(scene, 0);
        ck_assert_uint_eq(scene->closed_count, 1);
        scene_destroy(scene);
    }
}
END_TEST

START_TEST(a_peer_that_closes_its_side_still_gets_its_output)
{
    struct scene *scene = scene_create();
    char frame[104];
    conn_write_stream(scene, 0, 200000);
    peer_write(scene, frame, make_frame(frame, 100));
    shutdown(scene->peer, SHUT_WR);
    peer_read_all(scene);
    ck_assert_uint_eq(scene->frame_count, 1);
    ck_assert_uint_eq(scene->got_size, 200000);
    ck_assert(scene->got_end);
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_CLIENT_CLOSED);
    scene_destroy(scene);
}
END_TEST

/* Or the peer could act on it before the others know: see on_leaving and on_closed. */
START_TEST(the_end_is_said_when_the_owner_has_left_and_nothing_is_held_back)
{
    struct scene *scene = scene_create();
    scene->hold_left = true;
    conn_finish(&scene->conn, CONN_CLIENT_CLOSED);
    turn(scene, 0);
    ck_assert_uint_eq(scene->leaving_count, 1);
    ck_assert(!peer_knows_of_end(scene));
    scene->hold = scene->hold_left = false;
    turn(scene, 0);
    ck_assert(peer_knows_of_end(scene));
    ck_assert_int_eq(scene->conn.state, CONN_LINGERING);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_peer_that_is_dropped_hears_of_it_last)
{
    struct scene *scene = scene_create();
    conn_drop(&scene->conn, CONN_SLOW_CONSUMER);
    ck_assert(!peer_knows_of_end(scene));
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_uint_eq(scene->leaving_count, 0);
    ck_assert(peer_knows_of_end(scene));
    scene_destroy(scene);
}
END_TEST

START_TEST(a_peer_that_has_left_is_known_before_it_is_read)
{
    struct scene *scene = scene_create();
    ck_assert(!conn_has_left(&scene->conn));
    peer_write(scene, "ab", 2); /* a frame begun */
    ck_assert(!conn_has_left(&scene->conn));
    close(scene->peer);
    scene->peer = -1;
    ck_assert(!conn_has_left(&scene->conn)); /* what it said is still to be read */
    turn(scene, 0);
    ck_assert(conn_has_left(&scene->conn));
    turn(scene, 0); /* reads the end, and says its own */
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(writing_to_a_peer_that_is_gone_ends_the_connection)
{
    struct scene *scene = scene_create();
    close(scene->peer);
    scene->peer = -1;
    conn_write_stream(scene, 0, 10);
    conn_flush(&scene->conn);
    ck_assert_int_eq(scene->conn.reason, CONN_WRITE_ERROR);
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(dropping_twice_closes_once_for_the_first_reason)
{
    struct scene *scene = scene_create();
    conn_write_stream(scene, 0, 10); /* is not sent any more */
    conn_drop(&scene->conn, CONN_AUTH_FAILED);
    conn_drop(&scene->conn, CONN_STALE);
    conn_finish(&scene->conn, CONN_LIMIT);
    ck_assert_uint_eq(scene->closed_count, 0);
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_AUTH_FAILED);
    peer_read(scene, 100);
    ck_assert(scene->got_end);
    ck_assert_uint_eq(scene->got_size, 0);
    scene_destroy(scene);
}
END_TEST

START_TEST(every_reason_has_a_name)
{
    for (int reason = CONN_CLIENT_CLOSED; reason <= CONN_OUT_OF_MEMORY; reason++)
        ck_assert_uint_gt(strlen(conn_reason_name((enum conn_reason)reason)), 3);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        frames_come_whole_however_they_are_cut,
        frames_of_unsaid_size_come_whole_too,
        nothing_is_read_while_paused_and_nothing_is_lost,
        a_pause_in_the_midst_of_much_input_loses_nothing,
        a_stall_ends_by_itself,
        input_stays_readable_when_the_connection_is_dropped_within,
        what_is_written_arrives_in_order,
        many_parts_arrive_in_order,
        nothing_leaves_while_the_owner_holds_it_back,
        a_peer_that_does_not_read_is_let_go_at_the_bound,
        one_write_over_the_bound_is_one_too_many,
        a_peer_that_reads_nothing_for_the_time_is_let_go,
        the_time_to_write_counts_only_while_something_waits,
        a_deadline_comes_once_at_its_time,
        a_deadline_and_the_time_to_write_do_not_disturb_one_another,
        finishing_writes_what_waits_and_waits_for_the_peer,
        a_peer_that_does_not_close_is_waited_for_but_not_long,
        the_last_words_are_seen_though_the_peer_goes_on_writing,
        finishing_has_an_end_though_the_peer_reads_nothing,
        a_paused_or_stalled_connection_can_be_finished,
        a_peer_that_closes_its_side_still_gets_its_output,
        the_end_is_said_when_the_owner_has_left_and_nothing_is_held_back,
        a_peer_that_is_dropped_hears_of_it_last,
        a_peer_that_has_left_is_known_before_it_is_read,
        writing_to_a_peer_that_is_gone_ends_the_connection,
        dropping_twice_closes_once_for_the_first_reason,
        every_reason_has_a_name,
        NULL,
    };
    return unit_run("conn", tests);
}
