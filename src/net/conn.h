/*
 * conn: one connection of any protocol, over TCP or a unix socket. It reads into buffers that are borrowed for the time
 * of a read, bounds what waits to be written, watches deadlines, and closes itself when its peer does not read.
 *
 * A protocol embeds struct conn in its client, first, and gives it three functions. Everything belongs to the loop's
 * thread. Closing is always deferred: conn_finish and conn_drop may be called anywhere; ops->closed comes at the end of
 * the turn, is the last call, and is where the client frees itself.
 *
 *   reading:  [bytes of a message begun, kept in `in`] + recv -> loop's read buffer -> ops->input -> rest to `in`
 *   writing:  conn_write -> `out`, borrowed from the loop's pool -> flushed at the end of the turn, or when it has
 *             grown; large writes go straight to the socket while nothing waits
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <event2/event_struct.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "net/address.h"
#include "net/loop.h"

struct conn;
struct tls;
struct tls_session;

/* Why a connection ended; the table of reasons is in conn.c. */
enum conn_reason {
    CONN_CLIENT_CLOSED,
    CONN_READ_ERROR,
    CONN_WRITE_ERROR,
    CONN_SLOW_CONSUMER, /* more waits for it than it may */
    CONN_WRITE_TIMEOUT, /* nothing could be written for write_timeout_ms */
    CONN_PROTOCOL_ERROR,
    CONN_AUTH_FAILED,
    CONN_AUTH_TIMEOUT,
    CONN_STALE,
    CONN_LIMIT, /* too many connections */
    CONN_IDLE,     /* it had nothing to ask for so long */
    CONN_ANSWERED, /* the answer it had was the last */
    CONN_SHUTDOWN,
    CONN_OUT_OF_MEMORY,
    CONN_TLS_REQUIRED, /* it speaks plainly where it must not */
    CONN_TLS_FAILED,
    CONN_TLS_TIMEOUT,  /* the handshake took too long */
};

struct conn_ops {
    /*
     * Takes whole operations from the start of data and returns the bytes taken; what is left comes again with more
     * behind it. It may set conn->in_need to the bytes that the operation begun takes in all, and stops early where it
     * pauses or closes the connection.
     */
    size_t (*input)(struct conn *conn, const char *data, size_t size);
    /* The moment set by conn_set_deadline has come. */
    void (*deadline)(struct conn *conn, uint64_t now_ms);
    /* The last call. */
    void (*closed)(struct conn *conn);
    /* May be NULL: after conn_finish, all is written and the peer is about to be told of the end. What others notice
     * of the client ends here, for the peer may act on it. Perhaps more than once; ops->closed still comes. */
    void (*leaving)(struct conn *conn);
    /* May be NULL: all that waited is written and more is taken, after conn_send took too little or awaits_room was
     * set. Called while output is being written: may not read or write, but loop_again and do it then. */
    void (*writable)(struct conn *conn);
    /* May be NULL: nothing could be written for write_timeout_ms. True: it is to stay, and is asked again as late. */
    bool (*stuck)(struct conn *conn);
    /* May be NULL, which finishes it: the peer has said that it will send no more. */
    void (*ended)(struct conn *conn);
    /* These three are for net/secure.h, and may be NULL. The handshake is done: what comes and goes from now on is
     * secret, what was written meanwhile too. */
    void (*secured)(struct conn *conn);
    /* The peer speaks plainly, or says nothing, where it must not: is to say so, which still goes plainly. */
    void (*unsecured)(struct conn *conn);
    const char *protocol; /* that both sides agree upon (ALPN, RFC 7301) */
};

/*
 * How bytes move: by plain sockets, or by TLS behind the same calls (net/secure.h). receive and send return as recv and
 * sendmsg do, with errno.
 */
struct conn_transport {
    ssize_t (*receive)(struct conn *conn, char *data, size_t size);
    /* What it took and could not pass on it keeps, sets conn->unsent, and passes on when it is called again, perhaps
     * with no bytes. */
    ssize_t (*send)(struct conn *conn, const struct iovec *parts, unsigned part_count);
    bool (*shutdown)(struct conn *conn);       /* false: when the socket takes more, again */
    bool (*has_left)(struct conn *conn);       /* see conn_has_left */
    void (*late)(struct conn *conn);           /* conn->secure_due_ms has come; NULL: it never does */
    void (*finish)(struct conn *conn);         /* frees what it has; NULL: nothing */
    size_t receive_size_min;                   /* the least room that receive is given */
};

extern const struct conn_transport conn_plain;
ssize_t conn_plain_receive(struct conn *conn, char *data, size_t size);
ssize_t conn_plain_send(struct conn *conn, const struct iovec *parts, unsigned part_count);
bool conn_plain_shutdown(struct conn *conn);
bool conn_plain_has_left(struct conn *conn);

/* Shared by the connections of a listener; constant while any of them lives, or changed by their thread. */
struct conn_limits {
    size_t pending_size_max;
    uint64_t write_timeout_ms;
    struct tls *tls; /* with which handshakes begin; NULL: none can */
};

enum { CONN_SLACK = 2 }; /* room behind what ops->input is given, which may be overwritten and is to be put back */

enum conn_state {
    CONN_OPEN,
    CONN_FINISHING, /* reads no more; closes when its output is written */
    CONN_LINGERING, /* output is written and the end said; waits for the peer to close: it sees the last words */
    CONN_CLOSING,   /* to be freed at the end of the turn */
};

enum conn_pause {
    CONN_PAUSE_STALLED = 1, /* by conn_stall */
    CONN_PAUSE_OWNER = 2,   /* by the protocol or its worker */
    CONN_PAUSE_PROOF = 4,   /* by the protocol, until it knows who the client is */
};

enum conn_block {
    CONN_BLOCK_SOCKET = 1,    /* it takes no more; write_event waits */
    CONN_BLOCK_HANDSHAKE = 2, /* there is no key yet */
};

struct conn {
    const struct conn_ops *ops;
    const struct conn_transport *transport;
    const struct conn_limits *limits;
    struct loop *loop;
    int fd;
    uint8_t state;   /* enum conn_state */
    uint8_t reason;  /* enum conn_reason, when it is not open */
    uint8_t paused;  /* enum conn_pause bits: not read while any is set */
    uint8_t blocked; /* enum conn_block bits: nothing is written while any is set */
    bool unsent;     /* the transport keeps bytes that it took to send */
    bool unread;     /* the transport has more to say, though the socket may have nothing */
    bool dirty;      /* in loop->dirty */
    bool awaits_room; /* ops->writable is to be called */
    struct address peer;
    struct tls_session *tls; /* NULL: it is plain, or still */

    /* Input. */
    char *in;        /* the bytes of an operation begun */
    uint32_t in_size, in_room;
    size_t in_need;  /* bytes that it takes in all; 0: not known */

    /* Output. */
    char *out;
    uint32_t out_head, out_tail, out_room; /* what waits is [head, tail) */
    uint32_t unread_size;  /* while blocked: what the socket held for the peer when last looked at */
    struct event *write_event;             /* only while blocked */

    /* Time. */
    struct timer timer;
    uint64_t deadline_ms;   /* the protocol's; UINT64_MAX: none */
    uint64_t write_due_ms;  /* by when something must have been written; UINT64_MAX: nothing waits */
    uint64_t stall_due_ms;  /* when a stall ends; UINT64_MAX: not stalled */
    uint64_t secure_due_ms; /* by when the handshake must be done; UINT64_MAX: there is none */
    uint64_t input_ms;      /* when bytes last came */

    uint64_t bytes_in, bytes_out; /* so far */

    struct conn *next_dirty, *next_closing;
    struct event read_event;
};

/* Takes the descriptor, which is made non-blocking. 0 or -errno, and then the descriptor is still the caller's. */
int conn_init(struct conn *conn, struct loop *loop, int fd, const struct address *peer, const struct conn_ops *ops,
              const struct conn_limits *limits);

/* Appends to the output. The bytes are copied, or sent at once. Nothing happens on a connection that is not open. */
void conn_write(struct conn *conn, const void *data, size_t size);

/* The same for many parts, total bytes in all. Large writes leave at once where nothing waits. Changes the parts. */
void conn_write_parts(struct conn *conn, struct iovec *parts, unsigned part_count, size_t total);

/* Sends at once what the socket takes of data, where nothing waits and the loop's owner lets it; returns the bytes that
 * went. Where that is not all, ops->writable comes when there is room. */
size_t conn_send(struct conn *conn, const char *data, size_t size);

/* Room for size bytes at the end of the output, to be filled by the caller and claimed by conn_commit; NULL: closed. */
char *conn_reserve(struct conn *conn, size_t size);
void conn_commit(struct conn *conn, size_t size);

/* Writes what waits, as far as the socket takes it. */
void conn_flush(struct conn *conn);

/* Bytes that wait to be written. */
static inline size_t conn_pending(const struct conn *conn)
{
    return conn->out_tail - conn->out_head;
}

static inline bool conn_is_open(const struct conn *conn)
{
    return conn->state == CONN_OPEN;
}

/* Stops and begins again to read, for one of the reasons. What was read already stays, and comes to ops->input upon
 * resuming; conn_resume is therefore not to be called from within ops->input. */
void conn_pause(struct conn *conn, enum conn_pause why);
void conn_resume(struct conn *conn, enum conn_pause why);

/* Pauses it for about so many milliseconds, at least one: its messages come faster than others can take them.
 * False where it is stalled already, or not open. */
bool conn_stall(struct conn *conn, unsigned stall_ms);

/* Calls ops->deadline at that time of the loop's clock; UINT64_MAX: never. */
void conn_set_deadline(struct conn *conn, uint64_t deadline_ms);

/* Closes after what waits has been written, and the peer has had the time to read it. The first reason counts. */
void conn_finish(struct conn *conn, enum conn_reason reason);

/* Closes without writing more. What ops->input was given stays readable until the end of the turn: its messages may
 * be on their way to others. */
void conn_drop(struct conn *conn, enum conn_reason reason);

/* For transports. */

/* It keeps bytes: transport->send is called when the socket takes some. */
void conn_await_room(struct conn *conn);

/* transport->receive is called once more, though the socket may have nothing. */
void conn_read_again(struct conn *conn);

/* Output waits for a key; and goes on. */
void conn_hold_output(struct conn *conn);
void conn_release_output(struct conn *conn);

/* By when transport->late is called; UINT64_MAX: never. */
void conn_set_secure_due(struct conn *conn, uint64_t due_ms);

/* The loop's: at the end of the turn, gives back the input of a closing connection and calls ops->closed. */
void conn_reap(struct conn *conn);

/* True where the peer has closed its side and nothing of it is left to be read, though the loop has not noticed yet.
 * Asks the socket: for those who are about to hand over what must not be lost. */
bool conn_has_left(struct conn *conn);

/* As which user of this machine the peer of a unix socket runs. False: it is no such socket, or nobody knows. */
bool conn_unix_uid(const struct conn *conn, uint32_t *ret_uid);

/* "slow_consumer" and the like, for logs. */
const char *conn_reason_name(enum conn_reason reason);

#endif
