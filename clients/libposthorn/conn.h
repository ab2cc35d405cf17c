/*
 * conn: what a connection holds, and what the files of the library do for one another. One thread at a time.
 *
 *   options.c  the caller's options, with their defaults        publish.c  messages and control lines into the output
 *   conn.c     life, events, failures, the caller's own loop    sub.c      subscriptions: deliver, end, drain
 *   link.c     rounds of attempts, greeting, break, replay      request.c  requests and their answers
 *   input.c    bytes into operations, operations to their place drain.c    the end in good order
 *   wait.c     the calls that wait
 *
 *   phase   goes to                                 when
 *   PAUSE   LOOKUP | DIAL                           the pause is over; addresses need no look-up
 *   LOOKUP  DIAL | LOOKUP | PAUSE | IDLE            the name has addresses | next URL | round failed | given up
 *   DIAL    INFO | TLS | DIAL | LOOKUP | PAUSE | IDLE    connected | the same, tls_first | next address | next URL |
 *                                                   round failed | given up
 *   INFO    HELLO | TLS                             INFO came; CONNECT and PING are sent | it is to be encrypted before
 *   TLS     HELLO | INFO                            the handshake is done; CONNECT and PING are sent | tls_first
 *   HELLO   LIVE                                    PONG came; subscriptions are replayed, the kept output follows
 *   LIVE    PAUSE | IDLE                            it broke | closed
 */
#ifndef PH_CONN_H
#define PH_CONN_H

#include "dial.h"
#include "output.h"
#include "pongs.h"
#include "requests.h"
#include "server.h"
#include "subs.h"
#include "tls.h"

enum ph_phase {
    PH_PHASE_IDLE,
    PH_PHASE_PAUSE,
    PH_PHASE_LOOKUP,
    PH_PHASE_DIAL,
    PH_PHASE_INFO,
    PH_PHASE_TLS,
    PH_PHASE_HELLO,
    PH_PHASE_LIVE,
};

enum ph_drain_step {
    PH_DRAIN_NONE,
    PH_DRAIN_SUBS,     /* the PONG behind the last UNSUB is awaited */
    PH_DRAIN_REQUESTS, /* requests under way are awaited */
    PH_DRAIN_OUTPUT,   /* the PONG behind everything is awaited */
};

/* "_INBOX." and 22 characters, then a dot and a token. */
#define PH_INBOX_PREFIX_SIZE 30

struct ph_conn {
    /* given */
    struct ph_options options; /* complete; strings are ours */
    struct ph_url *urls;
    size_t url_count;

    /* how it stands */
    enum ph_state state;
    enum ph_phase phase;
    int fd;             /* -1: none */
    struct ph_tls *tls; /* over fd; NULL: plain */
    struct ph_tls_context *tls_context; /* NULL: none was needed yet */
    int wake_fd;        /* an eventfd that ph_interrupt writes to */
    bool blocking;      /* made by ph_connect: publishing may wait */
    bool processing;    /* within ph_process or a callback: nothing may wait */
    unsigned link;      /* counts descriptors, so that a loop sees that its own is gone */

    /* attempts */
    struct ph_dial dial;
    size_t url_next;    /* the next to try in this round */
    size_t urls_left;   /* in this round */
    const struct ph_url *url; /* being tried, or connected to */
    int round_count;    /* rounds that failed in a row */
    int pause_ms;       /* the next pause, before chance cuts it */
    int64_t pause_until_ms;
    int64_t attempt_deadline_ms;
    int64_t live_since_ms;

    /* bytes */
    struct {
        struct ph_buffer bytes;
        size_t need;    /* what the first operation takes, when that is known: do not parse before */
    } in;
    struct ph_output out;
    struct ph_output hello; /* until LIVE this goes out, and out waits */
    size_t write_at;    /* output of this size is written by ph_publish */
    int broken;         /* errno of a failed write: ph_process deals with it */

    /* keeping it alive */
    struct ph_pongs pongs;
    int64_t ping_due_ms;
    int pings_outstanding;

    struct ph_server_info server;
    struct ph_subs subs;

    struct ph_requests requests;
    struct ph_sub *inbox;
    char inbox_prefix[PH_INBOX_PREFIX_SIZE + 1];

    enum ph_drain_step drain;
    int64_t drain_deadline_ms;

    /* failures */
    int error;          /* the last, and its detail */
    char error_text[512];
    int server_error;   /* the last -ERR since LIVE: the reason if the connection ends now */
    char server_text[192];
    int closed_with;    /* once CLOSED: PH_OK where that was wanted */

    struct ph_statistics statistics;
};

/* options.c: copies what the caller gave and fills in the defaults. PH_E_ARGUMENT, PH_E_MEMORY. */
int ph_options_copy(const struct ph_options *given, struct ph_options *ret_options);
void ph_options_finish(struct ph_options *options);
/* Whether they would make another connection. */
bool ph_options_ask_for_another(const struct ph_options *old, const struct ph_options *now);
bool ph_options_ask_for_tls(const struct ph_options *options);

/* conn.c */

/* Keeps error and its detail for ph_last_error; returns error. */
int ph_fail(struct ph_conn *conn, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ph_emit(struct ph_conn *conn, enum ph_event_kind kind, int error, const char *text, struct ph_sub *sub);

/* The end: closes everything, fails whoever waits, tells PH_EVENT_CLOSED. */
void ph_shut(struct ph_conn *conn, int error);

/* link.c */
int ph_link_start(struct ph_conn *conn); /* reads the URLs; the first round begins with the next ph_process */
void ph_link_begin_round(struct ph_conn *conn);
void ph_link_looked_up(struct ph_conn *conn); /* the URL's name, or not yet */
void ph_link_dialled(struct ph_conn *conn);   /* the socket is connected, or failed to */
void ph_link_greet(struct ph_conn *conn);     /* INFO came */
void ph_link_secure(struct ph_conn *conn);    /* the handshake of TLS may go on */
void ph_link_establish(struct ph_conn *conn); /* PONG came */
void ph_link_break(struct ph_conn *conn, int error, const char *text); /* whatever it was doing, it failed */
void ph_link_drop_socket(struct ph_conn *conn);
void ph_link_forget_hello(struct ph_conn *conn); /* credentials are in it */

/* input.c: reads once and deals with every operation that is whole. */
void ph_input_read(struct ph_conn *conn);
/* Deals with bytes as if they had been read; they are copied. For ph_input_read and the fuzz target. */
void ph_input_feed(struct ph_conn *conn, const char *data, size_t size);

/* publish.c */

/* Room in the output for size bytes, waiting for it where that is allowed. PH_E_FULL, PH_E_MEMORY, PH_E_CLOSED, ... */
int ph_out_reserve(struct ph_conn *conn, size_t size, char **ret_at);
/* size bytes stand at the place reserved. */
void ph_out_commit(struct ph_conn *conn, size_t size);
/* Writes what goes out in this phase, as far as the socket takes it. */
void ph_out_write(struct ph_conn *conn);
/* What goes out in this phase. */
const struct ph_output *ph_out_current(const struct ph_conn *conn);
/* PING and PONG: never wait for room. False: no memory, or the server does not read. */
bool ph_out_control(struct ph_conn *conn, const char *line);
int ph_out_subscribe(struct ph_conn *conn, const struct ph_sub *sub);
int ph_out_unsubscribe(struct ph_conn *conn, const struct ph_sub *sub, uint64_t max);
/* Every subscription once more, before what the output holds. False: no memory. */
bool ph_out_replay(struct ph_conn *conn);

/* sub.c */
int ph_sub_open(struct ph_conn *conn, const char *pattern, const char *group, ph_message_fn *on_message, void *arg,
                struct ph_sub **ret_sub);
void ph_sub_deliver(struct ph_sub *sub, const struct ph_message *message);
void ph_sub_hold(struct ph_sub *sub);            /* it stays until it is let go, whatever callbacks do */
void ph_sub_let_go(struct ph_sub *sub);
int ph_sub_stop(struct ph_sub *sub);             /* unsubscribes; it goes on delivering until ph_subs_end_draining */
void ph_subs_end_draining(struct ph_conn *conn); /* those that were stopped have had everything */

/* request.c */
struct ph_publication {
    const char *topic, *reply;
    const struct ph_headers *headers;
    const void *payload;
    size_t payload_size;
};
int ph_request_open(struct ph_conn *conn, struct ph_publication *publication, int timeout_ms, ph_answer_fn *answer,
                    void *arg, uint32_t *ret_slot);
void ph_requests_expire(struct ph_conn *conn, int64_t now_ms);
void ph_requests_fail(struct ph_conn *conn, int error);

/* drain.c: goes on with a drain whose requests are answered. */
void ph_drain_go_on(struct ph_conn *conn);

/* wait.c: one wait and what comes of it. PH_E_TIMEOUT where nothing did until deadline_ms. */
int ph_wait(struct ph_conn *conn, int64_t deadline_ms);

/* system.c: the time, chance, and names nobody else has. */
int64_t ph_now_us(void);
int64_t ph_now_ms(void);
int64_t ph_deadline_ms(int timeout_ms); /* INT64_MAX for -1 */
uint32_t ph_random(uint32_t below);
void ph_random_token(char *out, size_t size); /* size letters and digits, no NUL */

#endif
