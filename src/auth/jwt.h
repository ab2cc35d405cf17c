/*
 * jwt: JSON Web Tokens (RFC 7519), signed (RFC 7515, compact), that bring a user along with what he may do:
 *
 *     { "iss": "https://id.example", "aud": "posthorn", "sub": "alice", "exp": 1767225600, "nbf": ...,
 *       "posthorn": { "publish": ["orders.>"], "subscribe": ["orders.*.paid"], "publish_deny": [...],
 *                     "subscribe_deny": [...], "manage": false, "monitor": true } }
 *
 * iss, aud, sub and exp have to be there, and nbf is heeded; "crit" in the header is refused (RFC 7515, 4.1.11). The
 * signature is checked before a claim is looked at. Constant once it is made; any thread.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "util/slice.h"

struct config_jwt;
struct jwks;
struct jwt_trust;

enum {
    JWT_SIZE_MAX = 16 << 10,    /* a longer token is not looked at */
    JWT_SUBJECT_SIZE_MAX = 256,
    JWT_SENTENCE_SIZE = 1024,
};

/* What a list of topics says; absent where the token does not say anything about topics. */
struct jwt_topics {
    char **items;
    size_t count;
};

struct jwt_claims {
    char *subject;
    uint64_t expires_ms; /* wall clock, leeway included */
    bool has_rights;     /* there is a claim posthorn: what it does not give is not given */
    struct jwt_topics publish, publish_deny, subscribe, subscribe_deny;
    bool manage, monitor;
};

/* Keys and all that a token has to fit, of the configuration. *ret_trust NULL: no token is trusted. 0, -ENOMEM, or
 * -EINVAL and the sentence says why. Reads files. */
int jwt_trust_create(const struct config_jwt *config, struct jwt_trust **ret_trust, char sentence[JWT_SENTENCE_SIZE]);

/* Takes NULL. */
void jwt_trust_destroy(struct jwt_trust *trust);

/* True for what has the form of a token: three parts, between two dots. */
bool jwt_is_one(struct slice text);

/* What a token says at that time of the wall clock. 0, -EACCES: it is not trusted, -ENOMEM. */
int jwt_read(const struct jwt_trust *trust, struct slice token, uint64_t wall_ms, struct jwt_claims *ret_claims);

void jwt_claims_finish(struct jwt_claims *claims);

#endif
