/*
 * sign: signatures by Standard Webhooks 1.0.0, as the header webhook-signature carries them: one for each secret, apart
 * by a blank, so that a receiver finds his while they are being rotated.
 *
 *     signed          webhook-id "." webhook-timestamp "." body
 *     v1,BASE64       HMAC-SHA256 by a shared secret
 *     v1a,BASE64      ed25519 by a private one
 *
 * A signer belongs to one thread.
 */
#ifndef PUSH_SIGN_H
#define PUSH_SIGN_H

#include "push/secret.h"

struct signer;

/* NULL: out of memory, or libcrypto has no HMAC. */
struct signer *signer_create(void);
/* Takes NULL. */
void signer_destroy(struct signer *signer);

/* What is signed. */
struct sign_text {
    struct slice id;                 /* without a dot */
    uint64_t timestamp_s;            /* seconds since 1970, of the attempt */
    struct slice body;
};

/* Bytes that sign_write writes at most for so many secrets, NUL included. */
#define SIGN_SIZE_MAX(secret_count) ((size_t)(secret_count) * (4 + 88 + 1) + 1)

/* Writes the signatures and a NUL. 0; -ENOMEM; -EINVAL: a secret is public; -EIO: libcrypto refuses. */
int sign_write(struct signer *signer, const struct secret *secrets, unsigned secret_count,
               const struct sign_text *text, char *out);

#endif
