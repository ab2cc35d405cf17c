#include "auth/passes.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "auth/secrets.h"
#include "util/base64.h"
#include "util/random.h"

enum {
    SET_COUNT = 256, /* one for each value of a digest's first byte */
    SET_SIZE = 16,
    CHANCE_SIZE = 32,
};

struct pass {
    unsigned char digest[DIGEST_SIZE];
    uint64_t expires_ms;
    enum pass_kind kind;
    struct standing *standing;
    struct login login;
};

struct passes {
    pthread_mutex_t lock;
    struct pass *sets[SET_COUNT][SET_SIZE]; /* NULL: free */
};

struct passes *passes_create(void)
{
    struct passes *passes = calloc(1, sizeof *passes);
    if (passes)
        pthread_mutex_init(&passes->lock, NULL);
    return passes;
}

static void pass_free(struct pass *pass)
{
    if (!pass)
        return;
    standing_free(pass->standing);
    OPENSSL_cleanse(pass, sizeof *pass);
    free(pass);
}

void passes_destroy(struct passes *passes)
{
    if (!passes)
        return;
    for (unsigned set = 0; set < SET_COUNT; set++)
        for (unsigned i = 0; i < SET_SIZE; i++)
            pass_free(passes->sets[set][i]);
    pthread_mutex_destroy(&passes->lock);
    free(passes);
}

/* A place for a new pass: a free one, or that of the one which ends first. */
static struct pass **find_room(struct passes *passes, unsigned set)
{
    struct pass **room = &passes->sets[set][0];
    for (unsigned i = 0; i < SET_SIZE && *room; i++) {
        struct pass **place = &passes->sets[set][i];
        if (!*place || (*place)->expires_ms < (*room)->expires_ms)
            room = place;
    }
    return room;
}

static struct pass **find(struct passes *passes, enum pass_kind kind, struct slice text)
{
    unsigned char digest[DIGEST_SIZE];
    digest_of(text, digest);
    for (unsigned i = 0; i < SET_SIZE; i++) {
        struct pass **place = &passes->sets[digest[0]][i];
        if (*place && (*place)->kind == kind && digest_equal((*place)->digest, digest))
            return place;
    }
    return NULL;
}

static struct login login_make(uint64_t expires_ms)
{
    struct login login = { .expires_ms = expires_ms };
    while (!login.id)
        random_bytes(&login.id, sizeof login.id);
    return login;
}

int passes_issue(struct passes *passes, enum pass_kind kind, const struct user *user, const struct login *login,
                 uint64_t expires_ms, char text[PASS_TEXT_SIZE])
{
    char chance[CHANCE_SIZE];
    struct pass *pass = calloc(1, sizeof *pass);
    if (!pass || !(pass->standing = standing_of(user))) {
        free(pass);
        return -ENOMEM;
    }
    random_bytes(chance, sizeof chance);
    *base64url_write(text, slice_make(chance, sizeof chance)) = '\0';
    OPENSSL_cleanse(chance, sizeof chance);
    pass->kind = kind;
    pass->expires_ms = expires_ms < user->expires_ms ? expires_ms : user->expires_ms;
    pass->login = kind == PASS_SESSION ? login_make(pass->expires_ms) : *login;
    digest_of(slice_of(text), pass->digest);
    pthread_mutex_lock(&passes->lock);
    struct pass **room = find_room(passes, pass->digest[0]);
    pass_free(*room);
    *room = pass;
    pthread_mutex_unlock(&passes->lock);
    return 0;
}

static void take_away(struct pass **place)
{
    pass_free(*place);
    *place = NULL;
}

const struct user *passes_show(struct passes *passes, enum pass_kind kind, struct slice text,
                               const struct users *users, uint64_t wall_ms, struct login *ret_login)
{
    const struct user *user = NULL;
    pthread_mutex_lock(&passes->lock);
    struct pass **place = find(passes, kind, text);
    if (place && (*place)->expires_ms > wall_ms)
        user = users_recall(users, (*place)->standing, wall_ms);
    *ret_login = user ? (*place)->login : (struct login){ .id = 0 };
    if (place && (kind == PASS_TICKET || !user))
        take_away(place);
    pthread_mutex_unlock(&passes->lock);
    return user;
}

uint64_t passes_revoke(struct passes *passes, struct slice text)
{
    uint64_t login = 0;
    pthread_mutex_lock(&passes->lock);
    struct pass **place = find(passes, PASS_SESSION, text);
    if (place) {
        login = (*place)->login.id;
        take_away(place);
    }
    pthread_mutex_unlock(&passes->lock);
    return login;
}
