/*
 * secure: a connection that speaks TLS, as a server, behind the calls of net/conn.h.
 *
 *   looking at the first bytes --TLS--> handshake --> secret
 *                             `--plain--> plain, or refused
 *
 * While it looks, what is written goes plainly: a greeting, say. From the first byte of a handshake on output waits for
 * the key. Belongs to the connection's thread.
 */
#ifndef NET_SECURE_H
#define NET_SECURE_H

#include "net/conn.h"
#include "net/tls.h"

/* Whether connections are to speak TLS. The order is that of the choices in config/options.c. */
enum secure_demand { SECURE_NO, SECURE_OPTIONAL, SECURE_REQUIRED };

/*
 * Has the connection, which is new, look for a handshake, by conn->limits->tls; SECURE_NO leaves it plain. Calls
 * ops->secured when the handshake is done; ops->unsecured where it is required and does not come, or something else
 * does. Where it fails, the connection is closed, and the log says why. A handshake has the time that [tls]
 * handshake_timeout says, which begins now where it is required, and with its first byte where it is optional.
 */
void secure_begin(struct conn *conn, enum secure_demand demand);

/* Whether the handshake is done. */
bool conn_is_secure(const struct conn *conn);

/* "TLSv1.3", and the name of the cipher; NULL: it is plain. Static. */
const char *conn_tls_version(const struct conn *conn);
const char *conn_tls_cipher(const struct conn *conn);

/* Whether it looks for the first bytes. */
bool secure_is_looking(const struct conn *conn);

/* Whom the peer's certificate names; NULL: it has shown none. Borrowed until ops->closed. */
const struct tls_identity *conn_identity(const struct conn *conn);

#endif
