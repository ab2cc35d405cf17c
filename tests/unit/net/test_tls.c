/*
 * TLS on connections, over socket pairs, against a client made of OpenSSL. The test owns time, as in test_conn.c.
 *
 * The protocol of these tests is frames: a length of four bytes, then so many bytes.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"
#include "config/config.h"
#include "net/secure.h"
#include "util/log.h"
#include "util/random.h"

enum {
    TURNS_MAX = 100000,
    START_MS = 1000000,
    TIMEOUT_MS = 5000, /* of handshakes */
    CHAIN_LENGTH = 60,
};

/* Certificate and key; and the same with so many behind it that a handshake does not fit into a socket. */
static char pem_path[] = "/tmp/posthorn-test-tls-XXXXXX", chain_path[] = "/tmp/posthorn-test-tls-XXXXXX";

struct scene {
    struct conn conn; /* the first member */
    struct loop loop;
    struct conn_limits limits;
    struct tls *tls;
    SSL_CTX *context;
    SSL *peer; /* the client */
    int peer_fd;
    /* What happened. */
    unsigned frame_count, secured_count, unsecured_count, closed_count, writable_count, ended_count;
    unsigned pause_at; /* pauses after so many frames, counted down; 0: does not */
    unsigned input_count;
    char *got; /* by the peer */
    size_t got_size;
    bool got_end;
};

/* The byte that stands at a place of any frame or stream here. */
static char byte_at(size_t place)
{
    return (char)(place * 31 + place / 251);
}

static void fill(char *out, size_t place, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = byte_at(place + i);
}

static void check_bytes(const char *data, size_t size, size_t place)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != byte_at(place + i))
            ck_abort_msg("byte %zu of %zu is wrong", i, size);
}

/* The server's side. */

static size_t on_input(struct conn *conn, const char *data, size_t size)
{
    struct scene *scene = (struct scene *)conn;
    size_t taken = 0;
    uint32_t frame_size;
    scene->input_count++;
    while (size - taken >= sizeof frame_size) {
        memcpy(&frame_size, data + taken, sizeof frame_size);
        if (size - taken < sizeof frame_size + frame_size) {
            conn->in_need = sizeof frame_size + frame_size;
            break;
        }
        check_bytes(data + taken + sizeof frame_size, frame_size, 0);
        taken += sizeof frame_size + frame_size;
        scene->frame_count++;
        if (scene->pause_at && --scene->pause_at == 0) {
            conn_pause(conn, CONN_PAUSE_OWNER);
            break;
        }
    }
    return taken;
}

static void on_secured(struct conn *conn)
{
    ((struct scene *)conn)->secured_count++;
    unit_assert(conn_is_secure(conn));
}

static void on_unsecured(struct conn *conn)
{
    ((struct scene *)conn)->unsecured_count++;
    conn_write(conn, "speak TLS", 9);
}

static void on_closed(struct conn *conn)
{
    unit_assert(++((struct scene *)conn)->closed_count == 1);
}

static void on_writable(struct conn *conn)
{
    ((struct scene *)conn)->writable_count++;
}

static void on_ended(struct conn *conn)
{
    ((struct scene *)conn)->ended_count++;
    conn_finish(conn, CONN_CLIENT_CLOSED);
}

static const struct conn_ops ops = {
    .input = on_input,
    .closed = on_closed,
    .writable = on_writable,
    .ended = on_ended,
    .secured = on_secured,
    .unsecured = on_unsecured,
};

static struct tls *make_tls(const char *path)
{
    struct config_error why;
    struct config *config;
    struct tls *tls;
    char certificate[64], sentence[TLS_SENTENCE_SIZE] = "";
    const char *overrides[] = { certificate };
    snprintf(certificate, sizeof certificate, "tls.certificate=%s", path);
    ck_assert_int_eq(config_load(PROGRAM_BROKER, NULL, overrides, 1, &config, &why), 0);
    ck_assert_int_eq(tls_create(config, &tls, sentence), 0);
    config_destroy(config);
    return tls;
}

static struct scene *scene_create_with(const char *path, int version, enum secure_demand demand)
{
    static const struct address nowhere = { .family = AF_UNIX };
    struct scene *scene = calloc(1, sizeof *scene);
    int fds[2], small = 8 << 10;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    ck_assert_int_eq(loop_init(&scene->loop), 0);
    scene->loop.now_ms = START_MS;
    scene->tls = make_tls(path);
    scene->limits = (struct conn_limits){ 4 << 20, 10000, scene->tls };
    scene->peer_fd = fds[1];
    ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    scene->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(scene->context, version);
    SSL_CTX_set_max_proto_version(scene->context, version);
    SSL_CTX_set_mode(scene->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    scene->peer = SSL_new(scene->context);
    SSL_set_fd(scene->peer, fds[1]);
    SSL_set_connect_state(scene->peer);
    ck_assert_int_eq(conn_init(&scene->conn, &scene->loop, fds[0], &nowhere, &ops, &scene->limits), 0);
    secure_begin(&scene->conn, demand);
    return scene;
}

static struct scene *scene_create(int version, enum secure_demand demand)
{
    return scene_create_with(pem_path, version, demand);
}

/* One turn of the loop, advance_ms after the last. */
static void turn(struct scene *scene, uint64_t advance_ms)
{
    struct loop *loop = &scene->loop;
    unit_assert(event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    loop->now_ms += advance_ms;
    timers_run(&loop->timers, loop->now_ms);
    loop_stop(loop);
    unit_assert(loop_run(loop) == 0);
}

static void scene_destroy(struct scene *scene)
{
    conn_drop(&scene->conn, CONN_SHUTDOWN);
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_uint_eq(scene->loop.counters.connections_closed, 1);
    loop_finish(&scene->loop);
    tls_destroy(scene->tls);
    SSL_free(scene->peer);
    SSL_CTX_free(scene->context);
    close(scene->peer_fd);
    free(scene->got);
    free(scene);
}

/* The client's side. */

static void shake(struct scene *scene)
{
    int done = 0;
    for (unsigned i = 0; i < TURNS_MAX && done != 1; i++) {
        done = SSL_do_handshake(scene->peer);
        turn(scene, 0);
    }
    ck_assert_int_eq(done, 1);
    turn(scene, 0);
    ck_assert_uint_eq(scene->secured_count, 1);
}

static struct scene *scene_secure(int version)
{
    struct scene *scene = scene_create(version, SECURE_REQUIRED);
    shake(scene);
    return scene;
}

/* Reads once, up to size bytes. */
static void peer_read(struct scene *scene, size_t size)
{
    scene->got = realloc(scene->got, scene->got_size + size);
    int got = SSL_read(scene->peer, scene->got + scene->got_size, (int)size);
    if (got > 0)
        scene->got_size += (size_t)got;
    else if (SSL_get_error(scene->peer, got) == SSL_ERROR_ZERO_RETURN)
        scene->got_end = true;
    else
        unit_assert(SSL_get_error(scene->peer, got) == SSL_ERROR_WANT_READ);
}

static void peer_read_until(struct scene *scene, size_t size)
{
    for (unsigned i = 0; i < TURNS_MAX && scene->got_size < size; i++) {
        peer_read(scene, 16 << 10);
        turn(scene, 0);
    }
    ck_assert_uint_eq(scene->got_size, size);
}

static void peer_write(struct scene *scene, const char *data, size_t size)
{
    for (unsigned i = 0; size && i < TURNS_MAX; i++) {
        int sent = SSL_write(scene->peer, data, (int)size);
        if (sent <= 0) {
            unit_assert(SSL_get_error(scene->peer, sent) == SSL_ERROR_WANT_WRITE);
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
    fill(out + sizeof size, 0, size);
    return sizeof size + size;
}

static void turn_until_frames(struct scene *scene, unsigned count)
{
    for (unsigned i = 0; i < TURNS_MAX && scene->frame_count < count; i++)
        turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, count);
}

/* Every test runs with either version. */
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* Reading. */

START_TEST(frames_come_whole_however_records_cut_them)
{
    static const uint32_t sizes[] = { 0, 1, 1000, 16380, 16384, 65533, 131068, 131072, 262138, 1 << 20, 3, 0, 5 };
    struct scene *scene = scene_secure(versions[_i]);
    struct random random;
    size_t size = 0, place = 0;
    char *stream = malloc(4 << 20);
    random_init(&random, unit_seed("frames_come_whole_however_records_cut_them"));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        size += make_frame(stream + size, sizes[i]);
    while (place < size) {
        size_t part = 1 + random_below(&random, random_below(&random, 3) ? 100000 : 10);
        part = part < size - place ? part : size - place;
        peer_write(scene, stream + place, part);
        place += part;
        if (random_below(&random, 2))
            turn(scene, 0);
    }
    turn_until_frames(scene, sizeof sizes / sizeof *sizes);
    ck_assert_uint_eq(scene->conn.bytes_in, size);
    ck_assert_ptr_null(scene->conn.in);
    free(stream);
    scene_destroy(scene);
}
END_TEST

/* Records that lack two bytes of room: their last is not to be taken from the socket before there is some. */
START_TEST(a_burst_that_just_does_not_fit_comes_whole)
{
    struct scene *scene = scene_secure(versions[_i]);
    size_t size = 8 * TLS_RECORD_SIZE;
    char *burst = malloc(size);
    make_frame(burst, (uint32_t)size - 4);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(SSL_write(scene->peer, burst + (size_t)i * TLS_RECORD_SIZE, TLS_RECORD_SIZE), TLS_RECORD_SIZE);
    turn_until_frames(scene, 1);
    free(burst);
    scene_destroy(scene);
}
END_TEST

/* The socket has nothing more, but OpenSSL may: what it has read ahead must come without another word of the peer. */
START_TEST(nothing_stays_behind_in_a_pause)
{
    struct scene *scene = scene_secure(versions[_i]);
    char frames[40 * 104];
    for (unsigned i = 0; i < 40; i++)
        make_frame(frames + (size_t)i * 104, 100);
    scene->pause_at = 3;
    for (unsigned i = 0; i < 40; i++)
        peer_write(scene, frames + (size_t)i * 104, 104); /* a record each */
    for (unsigned i = 0; i < 10; i++)
        turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, 3);
    conn_resume(&scene->conn, CONN_PAUSE_OWNER);
    turn_until_frames(scene, 40);
    scene_destroy(scene);
}
END_TEST

START_TEST(the_end_is_noticed_behind_the_last_bytes)
{
    struct scene *scene = scene_secure(versions[_i]);
    char frame[104];
    peer_write(scene, frame, make_frame(frame, 100));
    SSL_shutdown(scene->peer); /* but the socket stays open */
    for (unsigned i = 0; i < 5; i++)
        turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, 1);
    ck_assert_uint_eq(scene->ended_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_CLIENT_CLOSED);
    scene_destroy(scene);
}
END_TEST

START_TEST(who_has_left_is_known_before_it_is_read)
{
    struct scene *scene = scene_secure(versions[_i]);
    char frame[104];
    ck_assert(!conn_has_left(&scene->conn));
    peer_write(scene, frame, make_frame(frame, 100));
    ck_assert(!conn_has_left(&scene->conn)); /* what it said is still to be read */
    turn_until_frames(scene, 1);
    SSL_shutdown(scene->peer);
    ck_assert(conn_has_left(&scene->conn));
    turn(scene, 0);
    turn(scene, 0);
    ck_assert_uint_eq(scene->ended_count, 1);
    scene_destroy(scene);
}
END_TEST

/* An asked look at the socket takes bytes from it; they must still come. */
START_TEST(what_a_look_finds_is_read)
{
    struct scene *scene = scene_secure(versions[_i]);
    char frame[104];
    conn_pause(&scene->conn, CONN_PAUSE_OWNER);
    peer_write(scene, frame, make_frame(frame, 100));
    ck_assert(!conn_has_left(&scene->conn));
    turn(scene, 0);
    ck_assert_uint_eq(scene->frame_count, 0);
    conn_resume(&scene->conn, CONN_PAUSE_OWNER);
    turn_until_frames(scene, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(an_end_without_a_word_is_an_end)
{
    struct scene *scene = scene_secure(versions[_i]);
    shutdown(scene->peer_fd, SHUT_WR);
    turn(scene, 0);
    turn(scene, 0);
    ck_assert_uint_eq(scene->ended_count, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(an_idle_connection_does_nothing)
{
    struct scene *scene = scene_secure(versions[_i]);
    char half[60] = { 104 };
    peer_write(scene, half, sizeof half); /* half a frame waits in the connection */
    turn(scene, 0);
    ck_assert_int_eq(send(scene->peer_fd, "\x17\x03\x03", 3, 0), 3); /* half a head of a record in OpenSSL */
    turn(scene, 0);
    uint64_t events = scene->loop.event_count;
    for (unsigned i = 0; i < 10; i++)
        turn(scene, 0);
    ck_assert_uint_eq(scene->loop.event_count, events);
    scene_destroy(scene);
}
END_TEST

/* Writing. */

START_TEST(writes_arrive_whole_and_in_order_at_a_slow_reader)
{
    struct scene *scene = scene_secure(versions[_i]);
    struct random random;
    size_t total = 0;
    char *bytes = malloc(400000);
    random_init(&random, unit_seed("writes_arrive_whole_and_in_order_at_a_slow_reader"));
    while (total < 3 << 20) {
        size_t size = 1 + random_below(&random, random_below(&random, 4) ? 3000 : 300000), half = size / 2;
        fill(bytes, total, size);
        struct iovec parts[] = { { bytes, half }, { bytes + half, size - half } };
        conn_write_parts(&scene->conn, parts, 2, size);
        total += size;
        for (unsigned i = 0; i < 5 || conn_pending(&scene->conn) > 3 << 20; i++) {
            turn(scene, 0);
            peer_read(scene, 1 + random_below(&random, 20000));
        }
    }
    peer_read_until(scene, total);
    check_bytes(scene->got, total, 0);
    ck_assert_ptr_null(scene->conn.out);
    ck_assert(!scene->conn.unsent);
    free(bytes);
    scene_destroy(scene);
}
END_TEST

/* Whoever sends by conn_send keeps nothing, and may say something else when there is room: what was taken goes. */
START_TEST(what_conn_send_took_goes_and_nothing_else)
{
    struct scene *scene = scene_secure(versions[_i]);
    size_t place = 0;
    char bytes[50000];
    for (unsigned round = 0; round < 40; round++) {
        fill(bytes, place, sizeof bytes);
        place += conn_send(&scene->conn, bytes, sizeof bytes);
        memset(bytes, 'X', sizeof bytes);
        turn(scene, 0);
        peer_read(scene, 5000);
    }
    ck_assert_uint_gt(place, 40 * 3000);
    peer_read_until(scene, place);
    check_bytes(scene->got, place, 0);
    ck_assert_uint_gt(scene->writable_count, 0);
    scene_destroy(scene);
}
END_TEST

/* The peer asks for other keys while its last record is stuck. */
START_TEST(keys_change_while_the_socket_is_full)
{
    struct scene *scene = scene_secure(TLS1_3_VERSION);
    size_t place = 0;
    char bytes[30000], frame[104];
    for (unsigned round = 0; round < 20; round++) {
        fill(bytes, place, sizeof bytes);
        place += conn_send(&scene->conn, bytes, sizeof bytes);
        ck_assert_int_eq(SSL_key_update(scene->peer, SSL_KEY_UPDATE_REQUESTED), 1);
        peer_write(scene, frame, make_frame(frame, 100));
        turn(scene, 0);
        turn(scene, 0);
        peer_read(scene, 9000);
    }
    peer_read_until(scene, place);
    check_bytes(scene->got, place, 0);
    turn_until_frames(scene, 20);
    scene_destroy(scene);
}
END_TEST

/* Each question wants an answer, and none is taken. */
START_TEST(a_peer_that_asks_and_never_listens_is_dropped)
{
    struct scene *scene = scene_secure(TLS1_3_VERSION);
    char bytes[100000] = { 0 };
    conn_write(&scene->conn, bytes, sizeof bytes);
    for (unsigned i = 0; i < 10000 && !scene->closed_count; i++) {
        ck_assert_int_eq(SSL_key_update(scene->peer, SSL_KEY_UPDATE_REQUESTED), 1);
        SSL_do_handshake(scene->peer);
        turn(scene, 0);
    }
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_READ_ERROR);
    scene_destroy(scene);
}
END_TEST

START_TEST(answers_that_did_not_fit_go_when_they_do)
{
    struct scene *scene = scene_secure(TLS1_3_VERSION);
    for (unsigned i = 0; i < 200; i++) {
        ck_assert_int_eq(SSL_key_update(scene->peer, SSL_KEY_UPDATE_REQUESTED), 1);
        SSL_do_handshake(scene->peer);
        turn(scene, 0);
    }
    ck_assert(scene->conn.unsent);
    for (unsigned i = 0; i < 400; i++) {
        peer_read(scene, 100);
        turn(scene, 0);
    }
    ck_assert(!scene->conn.unsent);
    turn(scene, 10001);
    turn(scene, 10001); /* what waited waits no more */
    ck_assert_uint_eq(scene->closed_count, 0);
    conn_write(&scene->conn, "done", 4);
    peer_read_until(scene, 4);
    scene_destroy(scene);
}
END_TEST

START_TEST(small_fragments_are_kept_to)
{
    struct scene *scene = scene_create(versions[_i], SECURE_REQUIRED);
    char bytes[100000];
    ck_assert_int_eq(SSL_set_tlsext_max_fragment_length(scene->peer, TLSEXT_max_fragment_length_512), 1);
    shake(scene);
    fill(bytes, 0, sizeof bytes);
    conn_write(&scene->conn, bytes, sizeof bytes);
    peer_read_until(scene, sizeof bytes);
    check_bytes(scene->got, sizeof bytes, 0);
    scene_destroy(scene);
}
END_TEST

START_TEST(the_end_is_said_behind_all_that_was_written)
{
    struct scene *scene = scene_secure(versions[_i]);
    char bytes[200000];
    fill(bytes, 0, sizeof bytes);
    conn_write(&scene->conn, bytes, sizeof bytes);
    conn_finish(&scene->conn, CONN_SHUTDOWN);
    for (unsigned i = 0; i < TURNS_MAX && !scene->got_end; i++) {
        turn(scene, 0);
        peer_read(scene, 7000);
    }
    ck_assert(scene->got_end);
    ck_assert_uint_eq(scene->got_size, sizeof bytes);
    check_bytes(scene->got, sizeof bytes, 0);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_reader_that_takes_nothing_is_dropped)
{
    struct scene *scene = scene_secure(versions[_i]);
    char bytes[200000] = { 0 };
    conn_write(&scene->conn, bytes, sizeof bytes);
    turn(scene, 0);
    turn(scene, 10001);
    turn(scene, 10001);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_WRITE_TIMEOUT);
    scene_destroy(scene);
}
END_TEST

/* Handshakes. */

/* A byte of the peer's at a time. */
START_TEST(a_handshake_may_dribble_in)
{
    struct scene *scene = scene_create(versions[_i], SECURE_REQUIRED);
    BIO *to_server = BIO_new(BIO_s_mem());
    char byte;
    SSL_set0_wbio(scene->peer, to_server);
    for (unsigned i = 0; i < TURNS_MAX && !scene->secured_count; i++) {
        SSL_do_handshake(scene->peer);
        if (BIO_read(to_server, &byte, 1) == 1)
            ck_assert_int_eq(send(scene->peer_fd, &byte, 1, 0), 1);
        turn(scene, i < 20 ? 10 : 0);
    }
    ck_assert_uint_eq(scene->secured_count, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_handshake_may_be_larger_than_a_socket)
{
    struct scene *scene = scene_create_with(chain_path, versions[_i], SECURE_REQUIRED);
    char frame[104];
    SSL_do_handshake(scene->peer);
    turn(scene, 0);
    ck_assert(scene->conn.unsent);
    size_t waiting = _i ? 0 : 5;
    if (waiting)
        conn_write(&scene->conn, "hello", waiting); /* behind it */
    uint64_t events = scene->loop.event_count;
    for (unsigned i = 0; i < 10; i++)
        turn(scene, 0);
    ck_assert_uint_eq(scene->loop.event_count, events);
    shake(scene);
    peer_read_until(scene, waiting);
    turn(scene, 10001);
    turn(scene, 10001); /* nothing is late */
    peer_write(scene, frame, make_frame(frame, 100));
    turn_until_frames(scene, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(a_handshake_takes_so_long_and_no_longer)
{
    struct scene *scene = scene_create(versions[_i], SECURE_REQUIRED);
    SSL_do_handshake(scene->peer);
    turn(scene, 0);
    turn(scene, TIMEOUT_MS - 1);
    ck_assert_uint_eq(scene->closed_count, 0);
    turn(scene, 1);
    ck_assert_uint_eq(scene->closed_count, 1);
    ck_assert_int_eq(scene->conn.reason, CONN_TLS_TIMEOUT);
    ck_assert_uint_eq(scene->loop.counters.tls_failures, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(what_is_written_before_a_handshake_goes_plainly_and_within_it_waits)
{
    struct scene *scene = scene_create(versions[_i], SECURE_REQUIRED);
    char greeting[5];
    conn_write(&scene->conn, "hello", 5);
    turn(scene, 0);
    ck_assert_int_eq(recv(scene->peer_fd, greeting, sizeof greeting, 0), 5);
    SSL_do_handshake(scene->peer);
    turn(scene, 0);
    conn_write(&scene->conn, "secret", 6);
    turn(scene, 0);
    ck_assert_uint_eq(conn_pending(&scene->conn), 6);
    shake(scene);
    peer_read_until(scene, 6);
    ck_assert_int_eq(memcmp(scene->got, "secret", 6), 0);
    scene_destroy(scene);
}
END_TEST

START_TEST(an_end_within_a_handshake_is_at_once)
{
    struct scene *scene = scene_create(versions[_i], SECURE_REQUIRED);
    SSL_do_handshake(scene->peer);
    turn(scene, 0);
    conn_finish(&scene->conn, CONN_SHUTDOWN);
    turn(scene, 0);
    ck_assert_uint_eq(scene->closed_count, 1);
    scene_destroy(scene);
}
END_TEST

START_TEST(plain_peers_are_told_where_tls_is_required)
{
    struct scene *scene = scene_create(versions[_i], SECURE_REQUIRED);
    char words[16];
    ck_assert_int_eq(send(scene->peer_fd, "GET /", 5, 0), 5);
    turn(scene, 0);
    ck_assert_uint_eq(scene->unsecured_count, 1);
    ck_assert_uint_eq(scene->input_count, 0);
    ck_assert_int_eq(recv(scene->peer_fd, words, sizeof words, 0), 9);
    ck_assert_int_eq(recv(scene->peer_fd, words, sizeof words, 0), 0);
    ck_assert_int_eq(scene->conn.reason, CONN_TLS_REQUIRED);
    scene_destroy(scene);
}
END_TEST

START_TEST(plain_peers_are_served_where_it_is_optional)
{
    struct scene *scene = scene_create(versions[_i], SECURE_OPTIONAL);
    char frame[104];
    turn(scene, 10 * TIMEOUT_MS); /* a handshake has begun when it begins */
    ck_assert_int_eq(send(scene->peer_fd, frame, make_frame(frame, 100), 0), 104);
    turn(scene, 10 * TIMEOUT_MS);
    ck_assert_uint_eq(scene->frame_count, 1);
    ck_assert_uint_eq(scene->unsecured_count, 0);
    ck_assert(!conn_is_secure(&scene->conn));
    scene_destroy(scene);
}
END_TEST

START_TEST(a_session_outlives_the_certificates_it_began_with)
{
    struct scene *scene = scene_create(versions[_i], SECURE_REQUIRED);
    char frame[104];
    SSL_do_handshake(scene->peer);
    turn(scene, 0);
    tls_destroy(scene->tls);
    scene->limits.tls = scene->tls = make_tls(pem_path);
    shake(scene);
    peer_write(scene, frame, make_frame(frame, 100));
    turn_until_frames(scene, 1);
    scene_destroy(scene);
}
END_TEST

/* A certificate with its key, and so many behind it, as one file. */
static bool write_pem(char *path, X509 *certificate, EVP_PKEY *key, unsigned chain_length)
{
    FILE *file = fdopen(mkstemp(path), "w");
    bool written = file && PEM_write_X509(file, certificate);
    for (unsigned i = 0; i < chain_length && written; i++)
        written = PEM_write_X509(file, certificate);
    return written && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) && fclose(file) == 0;
}

/* A certificate of its own for the server. */
static bool make_certificates(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 365 * 86400L);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    bool made = X509_sign(certificate, key, EVP_sha256()) && write_pem(pem_path, certificate, key, 0) &&
                write_pem(chain_path, certificate, key, CHAIN_LENGTH);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* of the client's */
    const TTest *const tests[] = {
        frames_come_whole_however_records_cut_them,
        a_burst_that_just_does_not_fit_comes_whole,
        nothing_stays_behind_in_a_pause,
        the_end_is_noticed_behind_the_last_bytes,
        who_has_left_is_known_before_it_is_read,
        what_a_look_finds_is_read,
        an_end_without_a_word_is_an_end,
        an_idle_connection_does_nothing,
        writes_arrive_whole_and_in_order_at_a_slow_reader,
        what_conn_send_took_goes_and_nothing_else,
        keys_change_while_the_socket_is_full,
        answers_that_did_not_fit_go_when_they_do,
        a_peer_that_asks_and_never_listens_is_dropped,
        small_fragments_are_kept_to,
        the_end_is_said_behind_all_that_was_written,
        a_reader_that_takes_nothing_is_dropped,
        a_handshake_may_dribble_in,
        a_handshake_may_be_larger_than_a_socket,
        a_handshake_takes_so_long_and_no_longer,
        what_is_written_before_a_handshake_goes_plainly_and_within_it_waits,
        an_end_within_a_handshake_is_at_once,
        plain_peers_are_told_where_tls_is_required,
        plain_peers_are_served_where_it_is_optional,
        a_session_outlives_the_certificates_it_began_with,
        NULL,
    };
    log_set_level(LOG_LEVEL_ERROR);
    int code = make_certificates() ? unit_run_times("tls", tests, sizeof versions / sizeof *versions) : EXIT_FAILURE;
    unlink(pem_path);
    unlink(chain_path);
    return code;
}
