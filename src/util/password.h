/*
 * password: hashes of passwords as crypt(5) writes them, by the system's libcrypt: "$2b$12$..." (bcrypt), "$y$..."
 * (yescrypt), "$6$..." (sha512crypt) and whatever else it has of today's. Any thread.
 */
#ifndef UTIL_PASSWORD_H
#define UTIL_PASSWORD_H

#include "util/slice.h"

enum {
    PASSWORD_HASH_SIZE = 384,    /* room for a hash, with its NUL: CRYPT_OUTPUT_SIZE */
    PASSWORD_SIZE_MAX = 256,     /* of a password that is looked at */
    PASSWORD_BCRYPT_SIZE_MAX = 72, /* bcrypt does not look at what follows */
    PASSWORD_COST_MIN = 4, PASSWORD_COST_DEFAULT = 12, PASSWORD_COST_MAX = 20, /* of bcrypt: rounds, as a power of 2 */
};

/* True for what stands for a hash: it begins with "$", up to four letters or digits, and "$". */
bool password_is_hash(const char *text);

/* True where libcrypt can check passwords against the hash, and its kind is not one that has long been broken. */
bool password_hash_is_good(const char *hash);

/* Whether the hash is that of the password. Takes as long as the hash says: a tenth of a second is usual. */
bool password_check(struct slice password, const char *hash);

/* Writes a new hash (bcrypt) of a password of up to PASSWORD_BCRYPT_SIZE_MAX bytes without a NUL. 0, -EINVAL or
 * -ENOMEM. As slow as above. */
int password_make_hash(struct slice password, unsigned cost, char out[PASSWORD_HASH_SIZE]);

#endif
