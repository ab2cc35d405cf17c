#include "auth/proven.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "util/random.h"

enum {
    SET_COUNT = 256, /* one for each value of a digest's first byte */
    SET_SIZE = 8,
};

struct proven {
    unsigned char key[DIGEST_SIZE];
    unsigned char digests[SET_COUNT][SET_SIZE][DIGEST_SIZE];
    uint8_t used[SET_COUNT], next[SET_COUNT];
};

struct proven *proven_create(void)
{
    struct proven *proven = calloc(1, sizeof *proven);
    if (proven)
        random_bytes(proven->key, sizeof proven->key);
    return proven;
}

void proven_destroy(struct proven *proven)
{
    if (proven)
        OPENSSL_cleanse(proven, sizeof *proven);
    free(proven);
}

/* HMAC of the hash and the password: the hash has no NUL, so its end is known. */
bool proven_digest(const struct proven *proven, const char *hash, struct slice password, unsigned char out[DIGEST_SIZE])
{
    char text[1024];
    size_t hash_size = strlen(hash) + 1;
    if (hash_size + password.size > sizeof text)
        return false;
    memcpy(text, hash, hash_size);
    memcpy(text + hash_size, password.data, password.size);
    bool good = HMAC(EVP_sha256(), proven->key, sizeof proven->key, (const unsigned char *)text,
                     hash_size + password.size, out, NULL) != NULL;
    OPENSSL_cleanse(text, sizeof text);
    return good;
}

bool proven_has(const struct proven *proven, const unsigned char digest[DIGEST_SIZE])
{
    bool found = false;
    for (unsigned i = 0; i < proven->used[digest[0]]; i++)
        found |= digest_equal(proven->digests[digest[0]][i], digest);
    return found;
}

void proven_add(struct proven *proven, const unsigned char digest[DIGEST_SIZE])
{
    unsigned set = digest[0];
    if (proven_has(proven, digest))
        return;
    memcpy(proven->digests[set][proven->next[set]], digest, DIGEST_SIZE);
    proven->next[set] = (uint8_t)((proven->next[set] + 1) % SET_SIZE);
    if (proven->used[set] < SET_SIZE)
        proven->used[set]++;
}

void proven_clear(struct proven *proven)
{
    OPENSSL_cleanse(proven->digests, sizeof proven->digests);
    memset(proven->used, 0, sizeof proven->used);
    memset(proven->next, 0, sizeof proven->next);
}
