/*
 * users: who may enter. Built from a configuration, constant from then on, read by every worker.
 *
 * With no user configured anybody may enter, as nobody in particular.
 */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include "util/slice.h"

struct config;
struct user_limits;
struct users;

struct user {
    const char *name;
    const char *password; /* NULL: none */
    const char *token;    /* NULL: none */
    const struct user_limits *limits; /* never NULL; owned by users */
};

/* What a client shows at the door. Empty slices: not shown. */
struct credentials {
    struct slice name;
    struct slice password;
    struct slice token;
};

/* Copies what it needs. NULL: out of memory. */
struct users *users_create(const struct config *config);
void users_destroy(struct users *users);

/* True where nobody has to identify himself. */
bool users_open(const struct users *users);

/* The user whom the credentials prove, or NULL. Takes as long for a near miss as for a wide one. Any thread. */
const struct user *users_identify(const struct users *users, const struct credentials *credentials);

/* The same user, with the same secrets, in another configuration; NULL where he is not in it. */
const struct user *users_again(const struct users *users, const struct user *user);

#endif
