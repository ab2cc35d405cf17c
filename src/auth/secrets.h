/*
 * secrets: what a user can show to prove who he is, as digests where that is enough to compare. For the auth room
 * alone. Pure, but for the system's list of users.
 */
#ifndef AUTH_SECRETS_H
#define AUTH_SECRETS_H

#include "auth/users.h"
#include "util/nkey.h"

struct config_list;
struct config_user;

enum { DIGEST_SIZE = 32 };

/* Zero has none of them, and can be freed. */
struct secrets {
    char *hash;                        /* of his password, by crypt(5); NULL: none */
    bool has_password, has_token, has_nkey;
    bool token_is_readable;            /* it stands in the configuration as it is shown */
    unsigned char password[DIGEST_SIZE]; /* of one that stands there so */
    unsigned char token[DIGEST_SIZE];
    struct nkey nkey;
    char *subject;                     /* of his certificate; NULL: none */
    char **names;                      /* in it */
    size_t name_count;
    uint32_t *unix_uids;
    size_t unix_uid_count;
    unsigned char mark[DIGEST_SIZE];   /* of all of these: the same as long as none has changed */
    char *jwt;                         /* the token that has brought him; NULL: he is of the configuration */
    unsigned references;               /* where a token has */
};

/* SHA-256. */
void digest_of(struct slice data, unsigned char out[DIGEST_SIZE]);

/* Reads the 64 hexadecimal digits behind "sha256:"; false: it is no such text. */
bool digest_read(const char *text, unsigned char out[DIGEST_SIZE]);

/* Compares in constant time. */
bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE]);

/* Takes over what the configuration says of a user. 0, -ENOMEM, or -EINVAL and the sentence says why. What it has
 * begun is to be freed in any case. */
int secrets_fill(struct secrets *secrets, const struct config_user *from, char sentence[USERS_SENTENCE_SIZE]);

/* By what a user is found again, in another configuration as well: for the time that he is away. */
struct standing {
    char *name;
    char *jwt;                       /* NULL: he is of the configuration, and his secrets have this mark: */
    unsigned char mark[DIGEST_SIZE];
};

/* NULL: out of memory. */
struct standing *standing_of(const struct user *user);

/* Wipes it. Takes NULL. */
void standing_free(struct standing *standing);

/* The user, held; NULL: there is none like that any more. */
const struct user *users_recall(const struct users *users, const struct standing *standing, uint64_t wall_ms);

/* Wipes and frees what they hold. */
void secrets_finish(struct secrets *secrets);

/* What two users would both be proven by, "token" and the like; NULL: nothing. */
const char *secrets_shared(const struct secrets *a, const struct secrets *b);

/* Whether a certificate of that subject, or one with that name in it, is his. */
bool secrets_have_subject(const struct secrets *secrets, struct slice subject);
bool secrets_have_name(const struct secrets *secrets, struct slice name);
bool secrets_have_unix_uid(const struct secrets *secrets, uint32_t uid);

#endif
