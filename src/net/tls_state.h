/* tls_state: what the files behind tls.h share. */
#ifndef NET_TLS_STATE_H
#define NET_TLS_STATE_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "net/tls.h"

/* The contexts are all alike but for their certificates. The first is that of [tls], with which handshakes begin. */
struct tls {
    atomic_uint reference_count; /* its owner, and each session */
    uint64_t handshake_timeout_ms;
    BIO_METHOD *socket; /* how sessions reach their sockets */
    size_t context_count;
    SSL_CTX *contexts[];
};

/* tls_session.c: the methods of a session's socket. NULL: out of memory. */
BIO_METHOD *tls_socket_create(void);

/* tls_session.c: chooses the protocol that both sides have (ALPN). */
int tls_choose_protocol(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_size,
                        const unsigned char *offered, unsigned offered_size, void *arg);

/* tls_peer.c: whom a session's certificate names. NULL: nobody, or out of memory. Freed by free. */
struct tls_identity *tls_identity_create(X509 *certificate);

#endif
