/*
 * proven: which passwords have been checked against which hashes and were right, so that this is done once and not with
 * every request. It remembers no password but digests under a key that lives as long as the process; a set of fixed
 * size, in which what is new takes the place of what is old. Owned, and locked, by its owner.
 */
#ifndef AUTH_PROVEN_H
#define AUTH_PROVEN_H

#include "auth/secrets.h"

struct proven;

/* NULL: out of memory. */
struct proven *proven_create(void);

/* Wipes it. Takes NULL. */
void proven_destroy(struct proven *proven);

/* What is remembered of a password that fits a hash. False: libcrypto refuses (no memory). */
bool proven_digest(const struct proven *proven, const char *hash, struct slice password,
                   unsigned char out[DIGEST_SIZE]);

bool proven_has(const struct proven *proven, const unsigned char digest[DIGEST_SIZE]);
void proven_add(struct proven *proven, const unsigned char digest[DIGEST_SIZE]);
void proven_clear(struct proven *proven);

#endif
