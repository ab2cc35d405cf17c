/*
 * posthorn: client library for posthornd and every other server that speaks the NATS client protocol.
 *
 * What is here, in this order: errors, events, options, a connection's life, what the server said of itself, messages
 * and their headers, publishing, subscribing, requesting, draining, waiting, life inside a loop of yours, statistics.
 *
 * Threads.   None is yours to look after; names of hosts are looked up by one of the library's own. A connection, with
 *            its subscriptions, belongs to one thread at a time; different connections know nothing of one another and
 *            may be used by different threads at once. Handing one from thread to thread needs a lock or a join of
 *            yours between the two. ph_interrupt, ph_strerror, ph_version and ph_event_name may be called by any
 *            thread, and the functions of a message or a header builder by one at a time for each.
 * Waiting.   Two ways of use, which may be mixed. Blocking: ph_connect, ph_flush, ph_next, ph_request, ph_drain,
 *            ph_poll and ph_run wait on the socket themselves. In your loop: ph_start, then ph_fd, ph_events,
 *            ph_timeout_ms and ph_process; nothing waits.
 * Callbacks  run in the thread that uses the connection, inside the calls that wait, ph_process, and ph_publish where
 *            it has to wait; ph_close, ph_destroy and ph_unsubscribe tell what they end.
 *            In a callback everything is allowed but ph_destroy and what waits, which answers PH_E_BUSY there: use
 *            ph_request_start and ph_flush_start instead.
 * Errors.    Every int is PH_OK (0) or a negative enum ph_error. Out-parameters (ret_x) are untouched on failure.
 * Units.     Times are milliseconds; -1 as a time-out waits for ever, 0 does not wait. Sizes are bytes.
 * Ownership. Strings and structs given to a function are only read, and copied where they are kept.
 * Growth.    Structs that you fill begin with their size (use the INIT macros); structs that the library fills may grow
 *            at their end. Unknown codes, events and states may come with later versions.
 */
#ifndef POSTHORN_H
#define POSTHORN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ph_conn;    /* a connection: ph_create .. ph_destroy */
struct ph_sub;     /* a subscription of a connection: ph_subscribe .. ph_sub_destroy or ph_destroy of its connection */
struct ph_headers; /* a block of headers being built: ph_headers_create .. ph_headers_destroy */
struct ph_message;
struct ph_event;

/* ---- errors ---- */

enum ph_error {
    PH_OK = 0,
    PH_E_ARGUMENT = -1,      /* an argument that can never be right: a NULL, a size, a state */
    PH_E_MEMORY = -2,        /* no memory */
    PH_E_SYSTEM = -3,        /* a system call failed; ph_last_error says which */
    PH_E_TIMEOUT = -4,       /* the time given has passed */
    PH_E_INTERRUPTED = -5,   /* ph_interrupt was called */
    PH_E_BUSY = -6,          /* a call that waits, made inside a callback */
    PH_E_URL = -7,           /* a URL that cannot be read */
    PH_E_RESOLVE = -8,       /* the host's name cannot be resolved */
    PH_E_CONNECT = -9,       /* refused, unreachable, or no answer in time */
    PH_E_DISCONNECTED = -10, /* the connection broke; it is being made anew unless closed */
    PH_E_CLOSED = -11,       /* the connection is closed for good */
    PH_E_PROTOCOL = -12,     /* the server sent something that is not the protocol */
    PH_E_AUTH = -13,         /* the server refused whom we say we are, or takes no nkeys */
    PH_E_TLS = -14,          /* a certificate is refused, by us or by the server; the handshake failed; the server
                                offers no TLS where it is asked for: ph_last_error says which */
    PH_E_SERVER = -15,       /* the server answered -ERR; ph_last_error has its sentence */
    PH_E_TOPIC = -16,        /* not a topic, a pattern or a group's name */
    PH_E_HEADER = -17,       /* not a header's name or value, or the server takes no headers */
    PH_E_PAYLOAD_SIZE = -18, /* headers and payload are more than the server takes (ph_server()->payload_size_max) */
    PH_E_FULL = -19,         /* output_size_max bytes wait to be sent */
    PH_E_NO_RESPONDERS = -20,/* nobody listens on the topic of a request */
    PH_E_NO_REPLY = -21,     /* the message to reply to carries no reply topic */
    PH_E_ENDED = -22,        /* the subscription has ended, and nothing is left in it */
    PH_E_DRAINING = -23,     /* not while the connection drains */
    PH_E_DROPPED = -24,      /* a pull subscription was full: messages were dropped */
    PH_E_PERMISSION = -25,   /* the server does not permit us this topic */
    PH_E_FILE = -26,         /* a file of certificates, keys or credentials cannot be read, or is none */
};

/* A sentence without a full stop for any code; never NULL. */
const char *ph_strerror(int error);

/*
 * The detail of the last failure on a connection, such as "127.0.0.1:4222: Connection refused" or the server's own
 * sentence; "" if there was none. Borrowed until the next call on the connection.
 */
const char *ph_last_error(const struct ph_conn *conn);

#define PH_VERSION "0.1.0"

/* The PH_VERSION that the library in use was made with. */
const char *ph_version(void);

/* ---- events ---- */

enum ph_event_kind {
    PH_EVENT_CONNECTED,    /* the first time */
    PH_EVENT_DISCONNECTED, /* error and text say why; a new attempt follows unless PH_EVENT_CLOSED does */
    PH_EVENT_RECONNECTED,  /* every subscription stands again; what was published meanwhile is being sent */
    PH_EVENT_CLOSED,       /* for good: by ph_close, at the end of a drain (error PH_OK), or because attempts ran out */
    PH_EVENT_LAME_DUCK,    /* the server asks its clients to leave: it will stop soon */
    PH_EVENT_ERROR,        /* what no call can return: an -ERR of the server, a round of attempts that failed */
    PH_EVENT_DROPPED,      /* sub: a pull subscription is full and drops; told once each time that it fills */
    PH_EVENT_ENDED,        /* sub: its max was reached or its drain is done; no callback follows for it */
    PH_EVENT_FD_CLOSES,    /* the descriptor of ph_fd is closed next: a loop that watches it is to forget it now, for
                              its number may be another's, in any thread, at once */
};

struct ph_event {
    enum ph_event_kind kind;
    int error;          /* enum ph_error */
    const char *text;   /* detail, never NULL; borrowed for the call */
    struct ph_sub *sub; /* DROPPED and ENDED, else NULL */
};

/* "connected", "lame duck", ...; never NULL. */
const char *ph_event_name(enum ph_event_kind kind);

typedef void ph_event_fn(struct ph_conn *conn, const struct ph_event *event, void *arg);

/* ---- options ---- */

#define PH_OFF (-1)
#define PH_URL_DEFAULT "nats://127.0.0.1:4222"

/*
 * How to connect. Begin with PH_OPTIONS_INIT: 0 or NULL in a field means its default, PH_OFF in a number turns the
 * thing off. URLs: nats://[user[:password]@]host[:port], posthorn:// and tls:// alike, host[:port], [v6]:port,
 * unix:/path. A user without a password is a token. Bytes of user and password that are special in a URL are written
 * %XX.
 *
 * TLS is used where the URL begins with tls://, where any tls_ field is given (but for unix:), and where the server
 * demands it. The first two never fall back to plain text; the last alone trusts what the server says unencrypted, and
 * so protects from whoever listens and not from whoever stands between. The server's certificate must come from a CA
 * that is trusted, be valid now, and name the host of the URL. Files are read when they are needed and again when they
 * have changed: certificates may be renewed under a program that runs on.
 */
struct ph_options {
    size_t size;               /* sizeof(struct ph_options) */

    const char *url;           /* one, or several with commas between, tried in this order; PH_URL_DEFAULT */
    const char *user;          /* for those URLs that carry no credentials themselves */
    const char *password;
    const char *token;
    const char *name;          /* what the server's operator sees of this client */

    int connect_timeout_ms;    /* for one attempt at one address, greeting included, and for a look-up; 2000 */
    int ping_interval_ms;      /* a PING after this long; 120000 */
    int pings_outstanding_max; /* unanswered PINGs after which the connection counts as broken; 2 */
    int write_timeout_ms;      /* how long ph_publish waits for room (see there); PH_OFF: for ever; 10000 */

    int reconnect_max;         /* rounds over all URLs that may fail in a row; no end; PH_OFF: none, it closes */
    int reconnect_wait_ms;     /* pause before the first round, cut by chance to between half and whole; 100 */
    int reconnect_wait_max_ms; /* each pause is twice the one before, up to this; 5000 */

    size_t output_size_max;    /* bytes that may wait for the socket or a new connection, one message aside; 8 MiB */
    size_t queue_size_max;     /* payload and header bytes waiting in a pull subscription; 64 MiB */
    size_t queue_length_max;   /* messages waiting in a pull subscription; 65536 */

    bool shuffle;              /* start at a random URL and go round, so that clients spread */
    bool connect_retry;        /* the first connection is tried as often as one that broke */
    bool no_echo;              /* do not deliver to this connection what it publishes itself */

    ph_event_fn *on_event;     /* NULL: none */
    void *event_arg;

    bool no_resend;            /* what was not written whole when a connection breaks is dropped, and nothing is taken
                                  while there is none (PH_E_DISCONNECTED); requests under way fail with that, too: for
                                  callers who keep their messages and see to it themselves that they arrive */

    const char *tls_ca;        /* file: certificates, PEM, of those who may vouch for the server; the system's */
    const char *tls_cert;      /* file: our certificate, PEM, and behind it those up to the CA; none */
    const char *tls_key;       /* file: its key, PEM, without a password; the file of tls_cert */
    const char *tls_name;      /* whom the server's certificate must name; the host of the URL */
    bool tls_first;            /* TLS from the first byte on, for a listener that has it so, and not after INFO */
    bool tls_insecure;         /* take any certificate: whoever stands between can then read and change everything */

    const char *nkey_file;     /* file: the seed of our nkey, "SU...", by which the server's nonce is signed */
    const char *creds_file;    /* file: our JWT and the seed that belongs to it, as NATS's tools write .creds; a JWT
                                  alone is taken, too. Both for those URLs that carry no credentials themselves. */
};

#define PH_OPTIONS_INIT { .size = sizeof(struct ph_options) }

/* ---- the life of a connection ---- */

/*
 * Makes a connection that is not connected yet. Copies the options and their strings (NULL: all defaults).
 * PH_E_ARGUMENT, PH_E_MEMORY, PH_E_SYSTEM. Give it back with ph_destroy, whatever ph_connect or ph_start answer.
 */
int ph_create(const struct ph_options *options, struct ph_conn **ret_conn);

/*
 * Connects and waits for it: tries every address of every URL once, and answers the last failure (PH_E_URL, PH_E_TLS,
 * PH_E_FILE, PH_E_RESOLVE, PH_E_CONNECT, PH_E_AUTH, PH_E_PROTOCOL, PH_E_SERVER, ...); after a failure it may be
 * called again. With connect_retry it goes on for reconnect_max attempts. ph_publish on a connection made in this way
 * waits where the output is full.
 */
int ph_connect(struct ph_conn *conn);

/*
 * Begins to connect, for use in your own loop, and does not wait. PH_EVENT_CONNECTED or, when all attempts failed,
 * PH_EVENT_CLOSED tells the outcome. Publishing and subscribing may begin at once. PH_E_URL, PH_E_MEMORY,
 * PH_E_ARGUMENT (already started).
 */
int ph_start(struct ph_conn *conn);

/*
 * Other options from now on; on_event and event_arg stay. Where they name other servers, credentials, files, or a
 * name, or want TLS otherwise, a connection that stands is broken off and made anew, with its subscriptions.
 * PH_E_ARGUMENT, PH_E_MEMORY, PH_E_URL, PH_E_BUSY (in a callback): nothing has changed. PH_E_CLOSED.
 */
int ph_set_options(struct ph_conn *conn, const struct ph_options *options);

/*
 * Ends the connection now: writes what the socket takes at once, then no more. Requests under way fail with
 * PH_E_CLOSED. Messages that wait in pull subscriptions stay readable. Harmless when repeated. To lose nothing, call
 * ph_drain instead.
 */
void ph_close(struct ph_conn *conn);

/*
 * Closes, and frees the connection and its subscriptions (not the messages that ph_next gave). NULL is allowed; not in
 * a callback.
 */
void ph_destroy(struct ph_conn *conn);

enum ph_state {
    PH_STATE_NEW,          /* made, not started; or ph_connect failed */
    PH_STATE_CONNECTING,   /* the first time */
    PH_STATE_CONNECTED,
    PH_STATE_RECONNECTING, /* broken: between attempts, or in one */
    PH_STATE_CLOSED,
};

enum ph_state ph_state(const struct ph_conn *conn);
bool ph_draining(const struct ph_conn *conn);

/* ---- the server ---- */

/*
 * What the server said of itself, and where it is. Strings are never NULL. Filled by the library; may grow at its end.
 */
struct ph_server {
    const char *address;     /* "127.0.0.1:4222" or "unix:/path": the one connected to; "" before */
    const char *id;
    const char *name;
    const char *version;
    const char *client_ip;   /* our address as the server sees it */
    uint64_t client_id;
    size_t payload_size_max; /* headers and payload of one message */
    bool headers;
    bool auth_required;
    bool lame_duck;
    const char *tls;         /* "TLSv1.3": how the connection is encrypted; "" where it is not */
    bool tls_resumed;        /* an earlier session was resumed */
};

/*
 * Never NULL; empty before the first connection, and the last server's while reconnecting. Borrowed until the next call
 * on the connection.
 */
const struct ph_server *ph_server(const struct ph_conn *conn);

/* ---- messages ---- */

/*
 * A received message. The library alone makes them; it may grow at its end. topic, reply and payload are each followed
 * by a NUL that their size does not count (a payload may hold NULs of its own). None is NULL.
 */
struct ph_message {
    const char *topic;
    const char *reply;        /* where an answer is awaited; "" with size 0: nowhere */
    const char *headers;      /* the raw block, "NATS/1.0...": read it with the functions below */
    const char *payload;
    size_t topic_size;
    size_t reply_size;
    size_t headers_size;      /* 0: none */
    size_t payload_size;
};

/* Bytes that belong to a message, not followed by NUL; borrowed as long as the message lives. */
struct ph_text {
    const char *data;
    size_t size;
};

/* The first header of that name (case does not matter), its value trimmed. False where there is none. */
bool ph_message_header(const struct ph_message *message, const char *name, struct ph_text *ret_value);

/* Walks the headers: begin with *cursor = 0, ends with false. */
bool ph_message_header_next(const struct ph_message *message, size_t *cursor, struct ph_text *ret_name,
                            struct ph_text *ret_value);

/* The status in the headers, such as 503, or 0; ret_description may be NULL. */
int ph_message_status(const struct ph_message *message, struct ph_text *ret_description);

/* A copy that lives until ph_message_free: how a callback keeps its message. NULL: no memory. */
struct ph_message *ph_message_copy(const struct ph_message *message);

/* Frees a message that ph_next, ph_request or ph_message_copy gave. NULL is allowed. */
void ph_message_free(struct ph_message *message);

/* An empty block of headers. NULL: no memory. */
struct ph_headers *ph_headers_create(void);
void ph_headers_destroy(struct ph_headers *headers);

/*
 * Adds a header; the same name may be added again. Copies both. PH_E_HEADER (empty name, ':' or blanks in it, CR or
 * LF), PH_E_MEMORY.
 */
int ph_headers_add(struct ph_headers *headers, const char *name, const char *value);

/*
 * Begins an empty block with a status, as an answer tells of a failure: "NATS/1.0 500 description" (NULL: none).
 * PH_E_ARGUMENT (not 100 to 999, or the block is not empty), PH_E_HEADER (CR or LF in the description), PH_E_MEMORY.
 */
int ph_headers_status(struct ph_headers *headers, int status, const char *description);

/* Empties the block, for the next message. */
void ph_headers_clear(struct ph_headers *headers);

/* ---- publishing ---- */

/*
 * Publishes a message: copies it into the connection's output, which is written when it has grown to some tens of KiB,
 * when a call waits, by ph_process, or by ph_write. Success means "on its way", not "received"; ph_flush tells that the
 * server has it. Where the server does not keep up, a connection made by ph_connect waits here (and callbacks run), for
 * write_timeout_ms; one made by ph_start, a callback, and a connection that is broken do not wait.
 * PH_E_TOPIC, PH_E_PAYLOAD_SIZE, PH_E_MEMORY, PH_E_CLOSED, PH_E_FULL (output_size_max is reached), PH_E_INTERRUPTED,
 * PH_E_DISCONNECTED (no_resend).
 */
int ph_publish(struct ph_conn *conn, const char *topic, const void *payload, size_t payload_size);

/*
 * The same with a reply topic (NULL: none) and headers (NULL: none; only read). Also PH_E_HEADER where the server takes
 * no headers.
 */
int ph_publish_with(struct ph_conn *conn, const char *topic, const char *reply, const struct ph_headers *headers,
                    const void *payload, size_t payload_size);

/* A message as it stands on the wire, none of it followed by NUL. */
struct ph_raw {
    const char *topic, *reply;
    size_t topic_size, reply_size; /* reply_size 0: none */
    const char *body;              /* a whole block of headers, as ph_message has it, and the payload behind it */
    size_t headers_size;           /* 0: none */
    size_t body_size;              /* headers and payload together */
    const char *lines;             /* "Name: value" and CR LF, any number, to go behind those of the block */
    size_t lines_size;             /* 0: none */
};

/* The same for who passes on messages of others. Topic, reply and headers are taken for good: they have been looked at
 * by whoever read them. Errors as ph_publish_with, but for PH_E_TOPIC. */
int ph_publish_raw(struct ph_conn *conn, const struct ph_raw *message);

/* Publishes to the reply topic of a message. PH_E_NO_REPLY where it has none, else as ph_publish_with. */
int ph_reply(struct ph_conn *conn, const struct ph_message *message, const struct ph_headers *headers,
             const void *payload, size_t payload_size);

/*
 * Writes as much of the output as the socket takes, without waiting. PH_OK also where some is left; PH_E_DISCONNECTED,
 * PH_E_CLOSED.
 */
int ph_write(struct ph_conn *conn);

/*
 * Sends everything and waits until the server has dealt with it (a PING and its PONG). PH_E_TIMEOUT, PH_E_DISCONNECTED
 * (broke meanwhile: what was on its way may be lost), PH_E_CLOSED, PH_E_INTERRUPTED, PH_E_BUSY.
 */
int ph_flush(struct ph_conn *conn, int timeout_ms);

typedef void ph_flush_fn(struct ph_conn *conn, int error, void *arg);

/*
 * The same without waiting: done is called once, with PH_OK, PH_E_DISCONNECTED or PH_E_CLOSED, in a later call.
 * PH_E_MEMORY, PH_E_CLOSED.
 */
int ph_flush_start(struct ph_conn *conn, ph_flush_fn *done, void *arg);

/* ---- subscribing ---- */

/* message is borrowed for the call. ph_sub_destroy is allowed in it, of this subscription too. */
typedef void ph_message_fn(struct ph_sub *sub, const struct ph_message *message, void *arg);

/*
 * Subscribes to a pattern, in a group or alone (group NULL). With on_message each message is handed to it; without
 * (NULL) messages wait in the subscription for ph_next. Survives reconnection. The connection owns it: ret_sub (may be
 * NULL with on_message) is valid until ph_sub_destroy or ph_destroy. The server knows of it after ph_flush. PH_E_TOPIC,
 * PH_E_MEMORY, PH_E_CLOSED, PH_E_DRAINING, and where the output is full as ph_publish: PH_E_FULL, PH_E_INTERRUPTED.
 */
int ph_subscribe(struct ph_conn *conn, const char *pattern, const char *group, ph_message_fn *on_message, void *arg,
                 struct ph_sub **ret_sub);

/*
 * The next message of a pull subscription; yours, free it with ph_message_free. Waits for it if need be. PH_E_TIMEOUT
 * (also while the connection is being made anew), PH_E_ENDED, PH_E_CLOSED, PH_E_INTERRUPTED, PH_E_BUSY (it would have
 * to wait), PH_E_ARGUMENT (it has a callback).
 */
int ph_next(struct ph_sub *sub, int timeout_ms, struct ph_message **ret_message);

/*
 * max 0: ends the subscription now; what waits in it is discarded. Otherwise it ends by itself once it has been given
 * max messages, counted from its beginning (now, if it has had them). PH_E_MEMORY, PH_E_FULL, PH_E_CLOSED; PH_OK where
 * it had ended.
 */
int ph_unsubscribe(struct ph_sub *sub, uint64_t max);

/*
 * Stops new messages and delivers those under way; then PH_EVENT_ENDED, and PH_E_ENDED from ph_next. Does not wait.
 * While the server is away nothing is under way, and PH_EVENT_ENDED comes before it returns.
 * Errors as ph_unsubscribe.
 */
int ph_sub_drain(struct ph_sub *sub);

/* Unsubscribes and frees it. NULL is allowed, and its own callback. */
void ph_sub_destroy(struct ph_sub *sub);

struct ph_conn *ph_sub_conn(const struct ph_sub *sub);
const char *ph_sub_pattern(const struct ph_sub *sub);
const char *ph_sub_group(const struct ph_sub *sub); /* "": none */
bool ph_sub_ended(const struct ph_sub *sub);        /* nothing will come any more, though something may wait in it */

/* ---- requesting ---- */

/*
 * Publishes with a reply topic of its own and waits for the first answer, which is yours. headers may be NULL.
 * PH_E_NO_RESPONDERS, PH_E_TIMEOUT, PH_E_CLOSED, PH_E_INTERRUPTED, PH_E_BUSY, and whatever ph_publish_with answers. A
 * connection that breaks meanwhile costs time, not the request.
 */
int ph_request(struct ph_conn *conn, const char *topic, const struct ph_headers *headers, const void *payload,
               size_t payload_size, int timeout_ms, struct ph_message **ret_message);

/*
 * error is PH_OK with the answer (borrowed for the call), or PH_E_NO_RESPONDERS, PH_E_TIMEOUT, PH_E_CLOSED,
 * PH_E_DISCONNECTED (no_resend) with message NULL.
 */
typedef void ph_answer_fn(struct ph_conn *conn, int error, const struct ph_message *message, void *arg);

/*
 * The same without waiting: answer is called exactly once, in a later call, unless this fails. Thousands may be under
 * way at once.
 */
int ph_request_start(struct ph_conn *conn, const char *topic, const struct ph_headers *headers, const void *payload,
                     size_t payload_size, int timeout_ms, ph_answer_fn *answer, void *arg);

#define PH_INBOX_SIZE 48

/* Writes a topic that nobody else uses, to subscribe to and to give as reply: for several answers to one request. */
void ph_inbox(struct ph_conn *conn, char ret_topic[PH_INBOX_SIZE]);

/* ---- draining ---- */

/*
 * Ends in good order: no new subscriptions, every subscription drained, what callbacks publish meanwhile sent and
 * flushed, then closed. Messages in pull subscriptions stay readable. PH_E_TIMEOUT and PH_E_DISCONNECTED: closed all
 * the same, some may be lost. PH_E_CLOSED, PH_E_INTERRUPTED, PH_E_BUSY.
 */
int ph_drain(struct ph_conn *conn, int timeout_ms);

/* Begins the same without waiting; PH_EVENT_CLOSED tells the end, its error the outcome. */
int ph_drain_start(struct ph_conn *conn, int timeout_ms);

/* ---- waiting ---- */

/*
 * Waits until something has come in or gone out, deals with it, and returns. PH_OK, PH_E_TIMEOUT, PH_E_INTERRUPTED,
 * PH_E_BUSY, PH_E_CLOSED.
 */
int ph_poll(struct ph_conn *conn, int timeout_ms);

/*
 * Deals with what comes until the time has passed (PH_OK), ph_interrupt (PH_E_INTERRUPTED), or the connection is closed
 * (PH_E_CLOSED).
 */
int ph_run(struct ph_conn *conn, int timeout_ms);

/*
 * Makes the call that waits on the connection answer PH_E_INTERRUPTED, or the next that would wait. From any thread, a
 * callback, or a signal handler. A signal alone interrupts nothing.
 */
void ph_interrupt(struct ph_conn *conn);

/* ---- inside an event loop of yours ---- */

/*
 * The descriptor to watch, level-triggered; -1: none at present. It changes: ask for all three anew after every call on
 * the connection, or at least once in each turn of your loop; and forget it at PH_EVENT_FD_CLOSES.
 */
int ph_fd(const struct ph_conn *conn);

/* What to watch it for: POLLIN and POLLOUT of <poll.h>, or 0. POLLOUT is asked for while output waits. */
short ph_events(const struct ph_conn *conn);

/* Milliseconds until ph_process should be called though nothing happened; -1: never. */
int ph_timeout_ms(const struct ph_conn *conn);

/*
 * Does what there is to do: revents as poll(2) gave them (0: only time has passed). Reads at most once, so that other
 * descriptors get their turn, calls callbacks, writes. PH_OK also while reconnecting; PH_E_CLOSED, PH_E_BUSY (in a
 * callback).
 */
int ph_process(struct ph_conn *conn, short revents);

/* ---- statistics ---- */

/* Since ph_create. Messages count payload and header bytes, the traffic everything. */
struct ph_statistics {
    size_t size; /* sizeof(struct ph_statistics) */

    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t message_bytes_in;
    uint64_t message_bytes_out;
    uint64_t bytes_read;    /* from the socket */
    uint64_t bytes_written; /* to the socket */
    uint64_t dropped;       /* by pull subscriptions that were full */
    uint64_t unclaimed;     /* for subscriptions that had ended, or answers that came too late */
    uint64_t connects;      /* connections made; less one: reconnections */
    uint64_t errors;        /* -ERR sentences */
    uint64_t output_size;   /* bytes waiting for the socket now */
    uint64_t sub_count;     /* subscriptions now */
    uint64_t request_count; /* requests under way now */
    uint64_t rtt_us;        /* of the last PING and PONG; 0: none yet */
};

#define PH_STATISTICS_INIT { .size = sizeof(struct ph_statistics) }

/* Fills as much of ret as its size says. PH_E_ARGUMENT: size is 0. */
int ph_statistics(const struct ph_conn *conn, struct ph_statistics *ret_statistics);

struct ph_sub_statistics {
    size_t size; /* sizeof(struct ph_sub_statistics) */

    uint64_t delivered;    /* to the callback, or by ph_next */
    uint64_t dropped;      /* because it was full */
    uint64_t queue_length; /* messages waiting for ph_next */
    uint64_t queue_size;   /* their payload and header bytes */
};

#define PH_SUB_STATISTICS_INIT { .size = sizeof(struct ph_sub_statistics) }

int ph_sub_statistics(const struct ph_sub *sub, struct ph_sub_statistics *ret_statistics);

#ifdef __cplusplus
}
#endif

#endif
