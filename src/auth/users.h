/*
 * users: who may enter. Built from a configuration, constant from then on, read by every worker.
 *
 * With no user configured, and no [jwt], anybody may enter, as nobody in particular. What is shown is compared by
 * digests and in constant time; passwords that are kept as slow hashes are not checked here but by auth/gate.h. Of
 * secrets that stand readable in the configuration nothing but a digest is kept here.
 */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include "util/slice.h"

struct config;
struct rights;
struct secrets;
struct user_limits;
struct users;

/* Of the configuration, and constant; or made for whoever holds it (user_release), where a token has brought it. */
struct user {
    const char *name;
    uint64_t expires_ms;           /* wall clock: until when he is who he is; UINT64_MAX: no end */
    const struct user_limits *limits; /* never NULL; owned by users */
    const struct rights *rights;   /* a reference; never NULL */
    const struct secrets *secrets; /* the room's */
};

/* What a client shows at the door, and what is known of it without its word. Empty slices, NULL: not shown. */
struct credentials {
    struct slice name;
    struct slice password;
    struct slice token;
    struct slice jwt;              /* also as token: a JWT has two dots */
    struct slice nkey;             /* the public key, "U..." */
    struct slice signature;        /* of the nonce, base64url or base64 */
    struct slice nonce;            /* that this client was given */

    struct slice certificate;      /* the subject of a verified one, as RFC 2253 writes it */
    const struct slice *certificate_names; /* its e-mail addresses, DNS names and URIs */
    size_t certificate_name_count;

    bool has_unix_uid;             /* it came by a unix socket, as: */
    uint32_t unix_uid;

    struct slice place;            /* whence: bytes of its address, under which failures are counted; empty: none */
};

enum { USERS_SENTENCE_SIZE = 1024 };

/*
 * Copies what it needs. 0; -ENOMEM; or -EINVAL, and sentence says what of the configuration cannot be: a unix user that
 * does not exist, a file that cannot be read. A sentence never holds a secret.
 */
int users_create(const struct config *config, struct users **ret_users, char sentence[USERS_SENTENCE_SIZE]);

/* Takes NULL. */
void users_destroy(struct users *users);

/* True where nobody has to identify himself. */
bool users_open(const struct users *users);

/* What a user of that name may use, whether he is here or not: as the configuration says, or as it says of those whom
 * tokens bring. NULL: there is no such user, and no limit. */
const struct user_limits *users_limits(const struct users *users, const char *name);

/* True where somebody has an nkey, and clients are to be given a nonce. */
bool users_have_nkeys(const struct users *users);

/* Walks the passwords and tokens that stand readable in the configuration: starts with *cursor = 0. Returns the name of
 * the user; NULL: there are no more. */
const char *users_next_readable(const struct users *users, size_t *cursor, bool *ret_is_token);

/* True where a credential is shown that the client has to say: not a certificate or a unix user alone. */
bool credentials_are_said(const struct credentials *credentials);

enum identity_verdict {
    IDENTITY_NOBODY,
    IDENTITY_PROVEN,
    IDENTITY_SLOW, /* a password is to be checked against a hash, which takes time */
};

/*
 * Whom the credentials prove, at a time of the wall clock. What a client says comes before what is known of it: who
 * shows a wrong password does not enter by his certificate. PROVEN: *ret_user is held. SLOW: *ret_hash is the hash that
 * the password is to fit, borrowed from users; it is another's where there is no user of that name, so that a wrong
 * name takes as long as a wrong password. Any thread.
 */
enum identity_verdict users_identify(const struct users *users, const struct credentials *credentials, uint64_t wall_ms,
                             const struct user **ret_user, const char **ret_hash);

/* The user of that name whose password has this very hash; NULL: there is none, not any more. */
const struct user *users_find_hash(const struct users *users, struct slice name, const char *hash);

/* The same user, with the same secrets, in another configuration, held; NULL where he is not in it, or his time is
 * over. Releases the other. */
const struct user *users_again(const struct users *users, const struct user *user, uint64_t wall_ms);

/* Holds a user once more; the owner's thread. Returns user. */
const struct user *user_hold(const struct user *user);

/* Lets go of a user, of the configuration or not. Takes NULL. The owner's thread. */
void user_release(const struct user *user);

#endif
