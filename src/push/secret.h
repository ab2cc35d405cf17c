/*
 * secret: a key by which a webhook's messages are signed, and the text in which it is handed over (Standard Webhooks
 * 1.0.0):
 *
 *     whsec_BASE64    shared by both ends, 24 to 64 bytes: for v1, HMAC-SHA256
 *     whsk_BASE64     private, for v1a, ed25519: its seed of 32 bytes, or seed and public half
 *     whpk_BASE64     the public half, for the receiver
 *
 * A secret is never logged, and is wiped when it is let go of. Pure; any thread.
 */
#ifndef PUSH_SECRET_H
#define PUSH_SECRET_H

#include "util/slice.h"

enum secret_kind { SECRET_SHARED, SECRET_PRIVATE, SECRET_PUBLIC };

enum {
    SECRET_SHARED_SIZE_MIN = 24,
    SECRET_SIZE_MAX = 64,
    SECRET_HALF_SIZE = 32,           /* of a seed, and of a public half */
    SECRET_TEXT_SIZE = 6 + 88 + 1,   /* the longest text, NUL included */
};

struct secret {
    enum secret_kind kind;
    unsigned size;                   /* of the bytes: a private one has its public half behind the seed */
    unsigned char bytes[SECRET_SIZE_MAX];
};

/* False where the text is none, or the halves of a private one do not belong together; *ret_secret is untouched. */
bool secret_read(struct slice text, struct secret *ret_secret);

/* Writes the text and a NUL, and returns text. */
const char *secret_write(const struct secret *secret, char text[SECRET_TEXT_SIZE]);

/* A new one: shared from 32 bytes of chance, private from the same as its seed. False: libcrypto refuses. */
bool secret_make(enum secret_kind kind, const unsigned char chance[SECRET_HALF_SIZE], struct secret *ret_secret);

/* What the receiver needs of a private one. */
void secret_public(const struct secret *secret, struct secret *ret_public);

bool secret_equal(const struct secret *a, const struct secret *b);

/* Leaves nothing of it in memory. */
void secret_wipe(struct secret *secret);

#endif
