/*
 * tls: TLS 1.2 and 1.3 over the socket of a connection, by OpenSSL.
 *
 * A context is what the options say, as OpenSSL has it, and the session of the last server, so that a connection that
 * comes back is resumed. It lives as long as its connection does and reads its files again where they have changed. A
 * stream is one socket's; reading and writing are as recv(2) and send(2), and never wait. Nobody here closes the
 * socket. One thread at a time.
 */
#ifndef PH_TLS_H
#define PH_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ph_options;
struct ph_tls;         /* a stream */
struct ph_tls_context;

enum { PH_TLS_WHY_SIZE = 384 };

/* Makes *context of the tls_ fields of options, or anew where a file has changed since; *context NULL: there is none.
 * PH_OK, PH_E_FILE with why, PH_E_MEMORY; *context is then as it was. */
int ph_tls_context_prepare(struct ph_tls_context **context, const struct ph_options *options,
                           char why[PH_TLS_WHY_SIZE]);

/* After its streams. Takes NULL. */
void ph_tls_context_destroy(struct ph_tls_context *context);

/*
 * Begins on a connected socket. host is whom the certificate must name: a host's name or an address; label is the
 * server, for sessions: those of one are never offered to another. Borrows the context. NULL: out of memory.
 */
struct ph_tls *ph_tls_create(struct ph_tls_context *context, int fd, const char *host, const char *label);

/* Says farewell if there is still something to say, and does not wait. Takes NULL. */
void ph_tls_destroy(struct ph_tls *tls);

/* Goes on with the handshake: 1 done, 0 under way (ph_tls_events), -1 failed (ph_tls_why). */
int ph_tls_handshake(struct ph_tls *tls);

/* Bytes, 0 at the end, or -1 with errno; EPROTO: ph_tls_why says more. Reads until data is full or nothing is there. */
ssize_t ph_tls_read(struct ph_tls *tls, char *data, size_t size);
ssize_t ph_tls_write(struct ph_tls *tls, const char *data, size_t size);

/* True where there is to be read though revents, of a poll, may not say so: the last read filled its room, so that more
 * may lie here; or it waited to write. */
bool ph_tls_reads_on(const struct ph_tls *tls, short revents);

/* What to watch the socket for besides what the caller wants of it: POLLIN and POLLOUT. */
short ph_tls_events(const struct ph_tls *tls);

/* Why it failed: a sentence, "" where it did not. Lives as long as the stream. */
const char *ph_tls_why(const struct ph_tls *tls);

/* "TLSv1.3"; after the handshake. */
const char *ph_tls_version(const struct ph_tls *tls);
bool ph_tls_resumed(const struct ph_tls *tls);

#endif
