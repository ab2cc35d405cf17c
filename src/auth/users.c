#include "auth/users.h"

#include <stdlib.h>

#include "auth/limits.h"
#include "config/config.h"

struct users {
    size_t count;
    struct user_limits *limits; /* one for each */
    struct user list[];
};

/* Compares in a time that depends on the length of what was shown alone, not on where it differs. */
static bool secret_equal(struct slice shown, const char *secret)
{
    size_t size = strlen(secret);
    unsigned char difference = shown.size != size;
    for (size_t i = 0; i < shown.size; i++)
        difference |= (unsigned char)(shown.data[i] ^ (size ? secret[i % size] : 0));
    return difference == 0;
}

static char *copy(const char *text, bool *failed)
{
    char *copied = text ? strdup(text) : NULL;
    *failed |= text && !copied;
    return copied;
}

static void wipe(const char *secret)
{
    if (secret)
        explicit_bzero((char *)secret, strlen(secret));
    free((char *)secret);
}

struct users *users_create(const struct config *config)
{
    struct users *users = calloc(1, sizeof *users + config->user_count * sizeof users->list[0]);
    bool failed = false;
    if (!users)
        return NULL;
    users->count = config->user_count;
    users->limits = calloc(users->count + 1, sizeof *users->limits);
    failed = !users->limits;
    for (size_t i = 0; i < users->count && !failed; i++)
        users->limits[i] = user_limits_of(&config->users[i]);
    for (size_t i = 0; i < users->count; i++) {
        const struct config_user *from = &config->users[i];
        users->list[i] = (struct user){
            .name = copy(from->name, &failed),
            .password = copy(from->password, &failed),
            .token = copy(from->token, &failed),
            .limits = &users->limits[i],
        };
    }
    if (failed) {
        users_destroy(users);
        return NULL;
    }
    return users;
}

void users_destroy(struct users *users)
{
    if (!users)
        return;
    for (size_t i = 0; i < users->count; i++) {
        free((char *)users->list[i].name);
        wipe(users->list[i].password);
        wipe(users->list[i].token);
    }
    free(users->limits);
    free(users);
}

bool users_open(const struct users *users)
{
    return users->count == 0;
}

static bool proves(const struct credentials *shown, const struct user *user)
{
    if (shown->token.size && user->token && secret_equal(shown->token, user->token))
        return true;
    return shown->password.size && user->password && slice_is(shown->name, user->name) &&
           secret_equal(shown->password, user->password);
}

const struct user *users_identify(const struct users *users, const struct credentials *credentials)
{
    const struct user *found = NULL;
    for (size_t i = 0; i < users->count; i++)
        if (proves(credentials, &users->list[i]))
            found = &users->list[i];
    return found;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

const struct user *users_again(const struct users *users, const struct user *user)
{
    for (size_t i = 0; i < users->count; i++) {
        const struct user *other = &users->list[i];
        if (strcmp(other->name, user->name) == 0 && same_text(other->password, user->password) &&
            same_text(other->token, user->token))
            return other;
    }
    return NULL;
}
