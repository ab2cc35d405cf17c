/* tls_why: what is wrong, in words for whoever has to mend it: with a certificate, with a handshake, with a file. */
#ifndef PH_TLS_WHY_H
#define PH_TLS_WHY_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* Why a certificate of the server's was refused: error is an X509_V_ERR_, host whom it should have named. */
void ph_tls_explain_certificate(X509 *certificate, int error, const char *host, char *why, size_t size);

/* What the last error of this thread's queue means for a handshake or a stream. has_certificate: we have shown one. */
void ph_tls_explain_failure(bool has_certificate, char *why, size_t size);

/* "FILE: what the queue says": of a file that was read by what, such as "certificate". */
void ph_tls_explain_file(const char *what, const char *path, char *why, size_t size);

#endif
