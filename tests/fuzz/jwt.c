/*
 * Fuzz target: JSON Web Tokens and sets of their keys. Nothing that is not signed is trusted, and what is trusted has
 * all that it must have.
 *
 *   input = a letter, then by that letter   k: a set of keys   t: a token   c: claims, which are signed here
 */
#include "fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/jwks.h"
#include "auth/jwt.h"
#include "config/config.h"
#include "util/base64.h"

enum { WALL_MS = 1000000000, SIGNATURE_SIZE = 32 };

static char secret[] = "a secret that nobody guesses, 32 bytes and more";

static struct jwt_trust *trust_of_secret(void)
{
    char path[64], sentence[JWT_SENTENCE_SIZE], issuer[] = "i", audience[] = "a", none[] = "";
    char *audiences[] = { audience };
    int fd = memfd_create("secret", 0);
    struct jwt_trust *trust = NULL;
    fuzz_require(fd >= 0 && write(fd, secret, strlen(secret)) == (ssize_t)strlen(secret));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const struct config_jwt config = { .jwks_file = none, .secret_file = path, .issuer = issuer, .user = none,
                                       .audience = { audiences, 1 } };
    fuzz_require(jwt_trust_create(&config, &trust, sentence) == 0 && trust);
    close(fd);
    return trust;
}

static void try_keys(struct slice text)
{
    char why[JWKS_WHY_SIZE];
    struct jwks *keys = jwks_create();
    fuzz_require(keys);
    if (jwks_read(keys, text, why) == 0)
        for (unsigned kind = 0; kind < JWK_SECRET; kind++)
            fuzz_require(!jwks_verify(keys, slice_of(jwk_algorithm((enum jwk_kind)kind)), slice_of(""),
                                      slice_of("data"), slice_of("signature")));
    jwks_destroy(keys);
}

static void try_token(const struct jwt_trust *trust, struct slice token)
{
    struct jwt_claims claims;
    if (jwt_read(trust, token, WALL_MS, &claims) != 0)
        return;
    fuzz_require(claims.subject && *claims.subject && strlen(claims.subject) <= JWT_SUBJECT_SIZE_MAX);
    fuzz_require(claims.expires_ms > WALL_MS && jwt_is_one(token));
    fuzz_require(claims.has_rights || (!claims.manage && !claims.monitor && !claims.publish.count));
    jwt_claims_finish(&claims);
}

static void try_claims(const struct jwt_trust *trust, struct slice claims)
{
    static const char header[] = "eyJhbGciOiJIUzI1NiJ9."; /* {"alg":"HS256"} */
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned size;
    char *token = malloc(sizeof header + base64url_size(claims.size) + base64url_size(sizeof signature) + 2);
    fuzz_require(token);
    memcpy(token, header, sizeof header - 1);
    char *end = base64url_write(token + sizeof header - 1, claims);
    fuzz_require(HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)token, (size_t)(end - token),
                      signature, &size) && size == SIGNATURE_SIZE);
    *end++ = '.';
    end = base64url_write(end, slice_make((const char *)signature, size));
    try_token(trust, slice_make(token, (size_t)(end - token)));
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwt_trust *trust;
    struct slice text = slice_make((const char *)data + 1, size - 1);
    if (!size)
        return 0;
    trust = trust ? trust : trust_of_secret();
    if (data[0] == 'k')
        try_keys(text);
    else if (data[0] == 't')
        try_token(trust, text);
    else if (data[0] == 'c')
        try_claims(trust, text);
    return 0;
}
