/* client: what the files of this room share: one client of the line protocol, and the line that serves it. */
#ifndef LINE_CLIENT_H
#define LINE_CLIENT_H

#include "broker/session.h"
#include "line/line.h"
#include "net/conn.h"
#include "net/secure.h"
#include "wire/op.h"

enum {
    BATCH_SIZE_MAX = 48 << 10, /* a batch larger than this is handed over: it should stay in the processor's cache */
    SCRATCH_SIZE = 272 << 10,  /* holds the longest head that two control lines of 64 KiB can make, and its prefix */
    NONCE_SIZE = 22,         /* as letters: more than 100 bits */
    FRAME_PARTS_MAX = 2 * BATCH_MESSAGES_MAX + 1,
};

/* Messages formatted for one subscription, which serve the next one if it has the same sid. */
struct frame {
    uint64_t serial; /* of the batch; 0: not to be used again */
    char sid[23];    /* that they carry */
    uint8_t sid_size;
    bool headers;
    unsigned part_count;
    size_t total;
    struct iovec parts[FRAME_PARTS_MAX];
};

/* Whether a handshake comes before INFO. The order is that of the choices in config/options.c. */
enum handshake_first { FIRST_NO, FIRST_YES, FIRST_AUTO };

struct line_webhooks;
struct subscription;

/* The room's state, one for each worker. */
struct line {
    struct loop *loop;
    struct broker *broker;
    const struct line_identity *identity;
    void (*closed)(void *arg, const struct address *peer);
    void *closed_arg;
    struct line_webhooks *webhooks;
    uint64_t hash_seed;
    bool lame_duck;

    /* Options. */
    struct conn_limits conn_limits;
    struct wire_limits wire_limits;
    uint64_t auth_timeout_ms, hello_timeout_ms, ping_interval_ms;
    unsigned pings_outstanding_max;
    enum secure_demand secure_demand; /* of clients that do not come by a unix socket */
    bool tls_verify;                  /* they must show a certificate */
    enum handshake_first handshake_first;

    /* The batch that is being gathered, from the client whose input is being read. */
    struct batch batch;
    const struct match *match;
    size_t batch_size;
    unsigned batch_count_max;  /* of this batch: less where its publisher may send only so much */
    size_t batch_size_max;
    struct message messages[BATCH_MESSAGES_MAX];

    struct subscription *spent; /* have had their last message */
    struct message readable[BATCH_MESSAGES_MAX]; /* what a client may be shown of a batch */
    struct frame frame;
    char scratch[SCRATCH_SIZE];
};

/* Subscriptions by sid: open addressing, linear probing, a power of two. Zero is the empty table. */
struct sid_table {
    struct subscription **slots;
    uint32_t slot_count, count;
};

struct client {
    struct conn conn; /* first: a conn of ours is a client */
    struct session session;
    struct line *line;
    uint64_t id;
    struct sid_table sids;
    uint8_t pings_outstanding;
    char nonce[NONCE_SIZE + 1]; /* that it signs with an nkey; "": nobody has one */
    uint32_t pongs_due;  /* when the flush is done */
    uint32_t pongs_more; /* came meanwhile: they are for another one */
    struct broker_flush flush; /* of a sidecar, whose client asked by PING */
    bool greeted; /* it has sent an operation */
    bool informed; /* it has been sent INFO */
    bool verbose : 1, pedantic : 1, echo : 1, headers : 1, no_responders : 1, knows_info : 1;
    bool is_known : 1; /* without its word: a unix user, say */
    uint32_t start_time_s; /* wall clock */
    uint64_t ping_ms; /* when it was last pinged */
    struct conn_limits *limits; /* its own, for its user's; NULL: those of all */
    char *words;      /* what it says of itself: name, lang and version, each with its NUL; NULL: nothing */
};

static inline struct client *client_of_conn(struct conn *conn)
{
    return (struct client *)conn;
}

static inline struct client *client_of_session(struct session *session)
{
    return (struct client *)(void *)((char *)session - offsetof(struct client, session));
}

/* Says -ERR 'text'; the connection stays. */
void client_error(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says -ERR 'text', unless text is NULL, and closes. */
void client_fail(struct client *client, enum conn_reason reason, const char *text);

/* Says +OK where the client wants to hear it. */
void client_ok(struct client *client);

/* Who it is has become known, or what its user may: what hangs on that. */
void client_take_limits(struct client *client);

/* Holds it back because mail for another worker waits for room. */
void client_wait_for_room(struct client *client);

/* hello.c */

/* Sends INFO. */
void hello_send_info(struct client *client);

/* Enters as the unix user that the client is, or by its certificate, if that is anybody. */
void hello_recognise(struct client *client);

/* The first words: INFO; behind hello_recognise. */
void hello_begin(struct client *client);

/* CONNECT: reads the client's wishes and identifies it, which may take until hello_identified. */
void hello_connect(struct client *client, struct slice json);

/* What CONNECT has come to. error as of session_identify. */
void hello_identified(struct client *client, int error);

/* client.c: the first operation, or the proof of who it is, ends the time for that; from then on it is pinged. */
void client_greeted(struct client *client);

/* publish.c */

/* Adds a PUB or HPUB to the batch. */
void publish_gather(struct client *client, const struct wire_op *op);

/* Hands the batch over. Comes before anything else that the client says takes effect, and before its bytes go. */
void publish_flush(struct client *client);

/* verbs.c */

/* The right that saying it takes; PUB's and HPUB's is looked at by topic. */
enum right verb_right(enum wire_verb verb);

/* Does what a client said, but for PUB and HPUB. */
void verb_run(struct client *client, const struct wire_op *op);

#endif
