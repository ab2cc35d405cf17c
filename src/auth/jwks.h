/*
 * jwks: keys that sign JSON Web Tokens: a set in JSON (RFC 7517), and a secret. Each key has one algorithm, by what it
 * is and never by what a token says: Ed25519 has EdDSA (RFC 8037), P-256 has ES256, RSA has RS256, a secret has HS256.
 * Constant once they are read; any thread.
 */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include "util/slice.h"

struct jwks;

enum jwk_kind { JWK_ED25519, JWK_P256, JWK_RSA, JWK_SECRET, JWK_KIND_COUNT };

enum {
    JWK_RSA_BITS_MIN = 2048,
    JWK_RSA_BITS_MAX = 8192,
    JWK_SECRET_SIZE_MIN = 32, /* RFC 7518, 3.2 */
    JWKS_KEYS_MAX = 64,
    JWKS_WHY_SIZE = 256,
};

/* "EdDSA", "ES256", "RS256", "HS256". */
const char *jwk_algorithm(enum jwk_kind kind);

/* Without keys. NULL: out of memory. */
struct jwks *jwks_create(void);

/* Wipes secrets. Takes NULL. */
void jwks_destroy(struct jwks *keys);

/* Adds the keys of a set. Those of kinds that are not known, and those that do not sign, are passed over. 0, -ENOMEM,
 * or -EINVAL and why says what is wrong; there is at least one key that can be used. */
int jwks_read(struct jwks *keys, struct slice json, char why[JWKS_WHY_SIZE]);

/* Adds a secret of JWK_SECRET_SIZE_MIN bytes or more. 0, -EINVAL or -ENOMEM. */
int jwks_add_secret(struct jwks *keys, struct slice secret);

/*
 * Whether a key of the set that has this algorithm has signed data. id: the key's; empty: any may have. The signature
 * is as RFC 7518 has it, decoded.
 */
bool jwks_verify(const struct jwks *keys, struct slice algorithm, struct slice id, struct slice data,
                 struct slice signature);

#endif
