#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/tls_state.h"
#include "util/transient.h"

enum {
    FAILURE_SIZE = 160,
    UNSENT_SIZE_MAX = 128 << 10, /* a record, or a flight of a handshake, and what a peer can make us answer to it */
};

struct tls_session {
    struct tls *tls;
    SSL *ssl;
    const char *protocol;
    struct tls_identity *peer; /* NULL: it has shown no certificate */
    char *failure;             /* NULL: it has not failed */
    char *unsent;              /* what the socket did not take; NULL: nothing */
    uint32_t unsent_size;
    int fd;
    bool may_receive;        /* the socket may be asked */
    bool drained;            /* it had nothing more when it was last asked */
    bool ended;              /* its other end is closed */
    bool peeked;             /* OpenSSL has bytes of which the socket will not tell */
    enum tls_result stopped; /* what stopped tls_read behind the bytes that it had; TLS_DONE: nothing new */
};

/*
 * The socket, as OpenSSL reaches it. To write never blocks: what the socket does not take is kept, for with a record
 * cut off OpenSSL can neither answer its peer's questions nor send other bytes. To read stops where a whole record
 * could be left without room. And nobody raises SIGPIPE. errno is that of the system call.
 */

static int socket_read(BIO *bio, char *data, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!session->may_receive || session->drained) {
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t got = recv(session->fd, data, (size_t)size, MSG_DONTWAIT);
    session->drained = got < size;
    session->ended |= got == 0;
    if (got < 0 && is_transient(errno))
        BIO_set_retry_read(bio);
    return (int)got;
}

/* What the socket takes at once; -1: it takes nothing any more. */
static ssize_t send_now(const struct tls_session *session, const char *data, size_t size)
{
    ssize_t sent = send(session->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && is_transient(errno) ? 0 : sent;
}

static bool keep(struct tls_session *session, const char *data, size_t size)
{
    size_t whole = session->unsent_size + size;
    char *grown = whole <= UNSENT_SIZE_MAX ? realloc(session->unsent, whole) : NULL;
    if (!grown) {
        errno = ENOBUFS;
        return false;
    }
    memcpy(grown + session->unsent_size, data, size);
    session->unsent = grown;
    session->unsent_size = (uint32_t)whole;
    return true;
}

static int socket_write(BIO *bio, const char *data, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent = session->unsent ? 0 : send_now(session, data, (size_t)size);
    if (sent < 0 || (sent < size && !keep(session, data + sent, (size_t)(size - sent))))
        return -1;
    return size;
}

static long socket_control(BIO *bio, int what, long number, void *pointer)
{
    const struct tls_session *session = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH || (what == BIO_CTRL_EOF && session->ended);
}

BIO_METHOD *tls_socket_create(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket of posthorn");
    if (!method)
        return NULL;
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_ctrl(method, socket_control);
    return method;
}

/* Life. */

static SSL *open_ssl(struct tls_session *session)
{
    SSL *ssl = SSL_new(session->tls->contexts[0]);
    BIO *bio = BIO_new(session->tls->socket);
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, session);
    SSL_set_accept_state(ssl);
    return ssl;
}

struct tls_session *tls_accept(struct tls *tls, int fd, const char *protocol)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    ERR_clear_error();
    session->tls = tls;
    session->fd = fd;
    session->protocol = protocol;
    session->ssl = open_ssl(session);
    if (!session->ssl) {
        free(session);
        return NULL;
    }
    atomic_fetch_add(&tls->reference_count, 1);
    return session;
}

void tls_end(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    tls_destroy(session->tls);
    free(session->peer);
    free(session->failure);
    free(session->unsent);
    free(session);
}

int tls_choose_protocol(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_size,
                        const unsigned char *offered, unsigned offered_size, void *arg)
{
    const struct tls_session *session = SSL_get_app_data(ssl);
    (void)arg;
    for (unsigned at = 0; session->protocol && at < offered_size; at += 1 + offered[at])
        if (slice_is(slice_make((const char *)offered + at + 1, offered[at]), session->protocol)) {
            *ret_chosen = offered + at + 1;
            *ret_size = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_NOACK;
}

/* Results. */

/* The first error of the queue is the cause. A system call's is none of the queue. */
static void note_failure(struct tls_session *session, int system_error)
{
    char text[FAILURE_SIZE];
    unsigned long error = ERR_get_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    long verdict = SSL_get_verify_result(session->ssl);
    if (session->failure)
        return;
    if (!error)
        reason = system_error ? strerror(system_error) : "the peer has gone";
    snprintf(text, sizeof text, "%s%s%s", reason ? reason : "unknown error", verdict == X509_V_OK ? "" : ": ",
             verdict == X509_V_OK ? "" : X509_verify_cert_error_string(verdict));
    session->failure = strdup(text);
}

static enum tls_result judge(struct tls_session *session, int returned)
{
    int system_error = errno;
    switch (SSL_get_error(session->ssl, returned)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_INPUT;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    case SSL_ERROR_SYSCALL:
        note_failure(session, session->ended ? 0 : system_error);
        return TLS_FAILED;
    default:
        note_failure(session, 0);
        return TLS_FAILED;
    }
}

/* Before a call that may read. */
static void may_read(struct tls_session *session, bool from_socket)
{
    session->may_receive = from_socket;
    ERR_clear_error();
}

static void learn_peer(struct tls_session *session)
{
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    if (certificate && SSL_get_verify_result(session->ssl) == X509_V_OK)
        session->peer = tls_identity_create(certificate);
}

enum tls_result tls_shake(struct tls_session *session)
{
    session->drained = false;
    may_read(session, true);
    enum tls_result result = judge(session, SSL_do_handshake(session->ssl));
    if (result == TLS_DONE)
        learn_peer(session);
    if (result != TLS_ENDED)
        return result;
    note_failure(session, 0);
    return TLS_FAILED;
}

enum tls_result tls_read(struct tls_session *session, char *data, size_t size, size_t *ret_size)
{
    enum tls_result result = session->stopped;
    size_t total = 0, got;
    session->stopped = TLS_DONE;
    session->drained = session->peeked = false;
    while (result == TLS_DONE && total < size) {
        may_read(session, size - total >= TLS_READ_SIZE_MIN);
        result = judge(session, SSL_read_ex(session->ssl, data + total, size - total, &got) ? 1 : 0);
        if (result == TLS_DONE)
            total += got;
        if (session->drained && !SSL_has_pending(session->ssl))
            break;
    }
    *ret_size = total;
    if (!total)
        return result == TLS_DONE ? TLS_WANTS_INPUT : result;
    session->stopped = result == TLS_WANTS_INPUT ? TLS_DONE : result;
    return TLS_DONE;
}

bool tls_has_more(const struct tls_session *session)
{
    return session->stopped != TLS_DONE || session->peeked;
}

/* Sending. */

bool tls_has_unsent(const struct tls_session *session)
{
    return session->unsent != NULL;
}

enum tls_result tls_resend(struct tls_session *session)
{
    if (!session->unsent)
        return TLS_DONE;
    ssize_t sent = send_now(session, session->unsent, session->unsent_size);
    if (sent < 0)
        return TLS_FAILED;
    session->unsent_size -= (uint32_t)sent;
    if (session->unsent_size) {
        memmove(session->unsent, session->unsent + sent, session->unsent_size);
        return TLS_WANTS_ROOM;
    }
    free(session->unsent);
    session->unsent = NULL;
    return TLS_DONE;
}

enum tls_result tls_write(struct tls_session *session, const char *data, size_t size)
{
    may_read(session, false);
    if (judge(session, SSL_write(session->ssl, data, (int)size)) != TLS_DONE)
        return TLS_FAILED;
    return session->unsent ? TLS_WANTS_ROOM : TLS_DONE;
}

void tls_say_end(struct tls_session *session)
{
    if (session->failure || !SSL_is_init_finished(session->ssl) || (SSL_get_shutdown(session->ssl) & SSL_SENT_SHUTDOWN))
        return;
    may_read(session, false);
    SSL_shutdown(session->ssl);
}

bool tls_has_ended(struct tls_session *session)
{
    char byte;
    if (session->stopped == TLS_DONE) {
        session->drained = false;
        may_read(session, true);
        enum tls_result result = judge(session, SSL_peek(session->ssl, &byte, 1));
        if (result == TLS_ENDED || result == TLS_FAILED)
            session->stopped = result;
        session->peeked = result == TLS_DONE;
    }
    return session->stopped == TLS_ENDED || session->stopped == TLS_FAILED;
}

/* What is known. */

const char *tls_failure(const struct tls_session *session)
{
    return session->failure ? session->failure : "out of memory";
}

const char *tls_version(const struct tls_session *session)
{
    return SSL_get_version(session->ssl);
}

const char *tls_cipher(const struct tls_session *session)
{
    return SSL_CIPHER_standard_name(SSL_get_current_cipher(session->ssl));
}

bool tls_resumed(const struct tls_session *session)
{
    return SSL_session_reused(session->ssl);
}

const struct tls_identity *tls_peer(const struct tls_session *session)
{
    return session->peer;
}
