/*
 * nkey: ed25519 keys in the letters that NATS gives them (github.com/nats-io/nkeys):
 *
 *     public key   base32(kind, 32 bytes, CRC)                56 letters, the first says the kind: U, A, O, N, C
 *     seed         base32('S' and kind, 32 bytes, CRC)        58 letters, the second says the kind: SU, SA, ...
 *
 * The CRC is CRC-16/XMODEM of all before it, low byte first. A client has a seed and signs what the server asks of it;
 * the server knows the public key. Libcrypto does the curve. A seed is never logged, and is wiped when it is let go of.
 * Pure; any thread.
 */
#ifndef UTIL_NKEY_H
#define UTIL_NKEY_H

#include "util/slice.h"

enum nkey_kind { NKEY_USER, NKEY_ACCOUNT, NKEY_OPERATOR, NKEY_SERVER, NKEY_CLUSTER };

enum {
    NKEY_SIZE = 32,              /* bytes of a public key, and of a seed */
    NKEY_SIGNATURE_SIZE = 64,
    NKEY_TEXT_SIZE = 56 + 1,     /* a public key in letters, NUL included */
    NKEY_SEED_TEXT_SIZE = 58 + 1,
};

/* A public key. */
struct nkey {
    enum nkey_kind kind;
    unsigned char bytes[NKEY_SIZE];
};

struct nkey_seed {
    enum nkey_kind kind;
    unsigned char bytes[NKEY_SIZE];
};

/* ---- text ---- */

/* False where the text is none, whatever is wrong with it: a letter, its length, the kind, the CRC; *ret_key is
 * untouched then. Blanks around it are not taken away. */
bool nkey_read(struct slice text, struct nkey *ret_key);
bool nkey_seed_read(struct slice text, struct nkey_seed *ret_seed);

/* Writes the letters and a NUL, and returns text. */
const char *nkey_write(const struct nkey *key, char text[NKEY_TEXT_SIZE]);
const char *nkey_seed_write(const struct nkey_seed *seed, char text[NKEY_SEED_TEXT_SIZE]);

/* ---- keys ---- */

/* A new seed, from 32 bytes of chance (random_bytes). */
void nkey_seed_make(enum nkey_kind kind, const unsigned char chance[NKEY_SIZE], struct nkey_seed *ret_seed);

/* The public key of a seed. False: libcrypto refuses (no memory). */
bool nkey_public(const struct nkey_seed *seed, struct nkey *ret_key);

/* Keys are no secret: compares kind and bytes as they are. */
bool nkey_equal(const struct nkey *a, const struct nkey *b);

/* Leaves nothing of it in memory. */
void nkey_seed_wipe(struct nkey_seed *seed);

/* ---- signatures ---- */

/* Signs data. False: libcrypto refuses (no memory). */
bool nkey_sign(const struct nkey_seed *seed, struct slice data, unsigned char signature[NKEY_SIGNATURE_SIZE]);

/* Whether signature, the bytes as they are, is this key's of data. */
bool nkey_verify(const struct nkey *key, struct slice data, struct slice signature);

#endif
