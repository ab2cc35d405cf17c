/*
 * tls: TLS 1.2 (RFC 5246) and 1.3 (RFC 8446) by OpenSSL, whose headers only the files behind this one include.
 *
 *   struct tls          certificates and rules, made from the configuration: constant from then on, for any thread
 *   struct tls_session  TLS on one connected socket, as a server: belongs to the connection's thread, and holds what it
 *                       needs of its struct tls, which another may have replaced meanwhile
 *
 * The socket is non-blocking and the caller's. Nothing here waits.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/slice.h"

struct config;
struct tls;
struct tls_session;

enum {
    TLS_SENTENCE_SIZE = 1024,
    TLS_RECORD_SIZE = 16 << 10,   /* the most that one record carries (RFC 8446, 5.1) */
    TLS_READ_SIZE_MIN = 17 << 10, /* the least room for tls_read: a record as it comes, with all that is around it */
};

/*
 * Reads certificates and keys. 0, and *ret_tls is NULL where [tls] names no certificate; -ENOMEM; or -EINVAL, and the
 * sentence says which file is bad and why. Logs how long the certificates are good.
 */
int tls_create(const struct config *config, struct tls **ret_tls, char sentence[TLS_SENTENCE_SIZE]);

/* Sessions go on. Takes NULL. */
void tls_destroy(struct tls *tls);

/* How long a handshake may take. */
uint64_t tls_handshake_timeout_ms(const struct tls *tls);

/* What a call came to. */
enum tls_result {
    TLS_DONE,
    TLS_WANTS_INPUT, /* to be called again when the socket has bytes */
    TLS_WANTS_ROOM,  /* tls_resend is to be called when the socket takes bytes */
    TLS_ENDED,       /* the peer has said that it will send no more */
    TLS_FAILED,      /* for good */
};

/* protocol: what both sides may agree upon (ALPN); NULL: nothing. It outlives the session. NULL: out of memory. */
struct tls_session *tls_accept(struct tls *tls, int fd, const char *protocol);

/* Takes NULL. */
void tls_end(struct tls_session *session);

/*
 * What the socket does not take of what a call has to send is kept, up to a bound: tls_has_unsent tells of it, which
 * any call may have brought about, and tls_resend passes it on.
 */
bool tls_has_unsent(const struct tls_session *session);
enum tls_result tls_resend(struct tls_session *session);

/* The handshake, as far as it goes. */
enum tls_result tls_shake(struct tls_session *session);

/*
 * Reads what there is, but stops asking the socket before the room runs out: afterwards nothing whole is left that the
 * socket would not tell of. TLS_DONE: *ret_size is more than 0; the result that stopped it comes with the next call.
 */
enum tls_result tls_read(struct tls_session *session, char *data, size_t size, size_t *ret_size);

/* True where the next tls_read has something to tell, though the socket may have nothing more. */
bool tls_has_more(const struct tls_session *session);

/* Sends up to TLS_RECORD_SIZE bytes as one record. TLS_WANTS_ROOM: they are taken, but not all of them has gone; no
 * more is to be sent until tls_resend is done. */
enum tls_result tls_write(struct tls_session *session, const char *data, size_t size);

/* Tells the peer that no more will come (close_notify); once, however often it is called. */
void tls_say_end(struct tls_session *session);

/* True where the peer has said that it sends no more, or is gone, and nothing of it is left to be read. Asks the
 * socket, after which tls_has_more tells whether something has come instead. */
bool tls_has_ended(struct tls_session *session);

/* Why it failed: "no shared cipher", "certificate verify failed: certificate has expired". Borrowed until the end. */
const char *tls_failure(const struct tls_session *session);

/* "TLSv1.3", and the cipher's name in the RFCs, when the handshake is done. Static. */
const char *tls_version(const struct tls_session *session);
const char *tls_cipher(const struct tls_session *session);

/* Whether an earlier session went on. */
bool tls_resumed(const struct tls_session *session);

/* Whom the peer's certificate names, which a CA of ours vouches for. */
struct tls_identity {
    struct slice subject; /* as RFC 2253 writes it: "CN=alice,O=Example" */
    size_t name_count;    /* its e-mail addresses, DNS names and URIs (subjectAltName, RFC 5280) */
    struct slice names[];
};

/* NULL: it has shown none. Borrowed until the session's end. */
const struct tls_identity *tls_peer(const struct tls_session *session);

#endif
