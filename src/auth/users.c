#include "auth/users.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/jwt.h"
#include "auth/limits.h"
#include "auth/rights.h"
#include "auth/secrets.h"
#include "config/config.h"
#include "util/base64.h"

/* Somebody whom a token has brought. */
struct guest {
    struct user user;
    struct user_limits limits;
    struct secrets secrets;
};

struct users {
    struct jwt_trust *trust; /* NULL: no token lets anybody in */
    const struct user *host; /* whose rights those have whose tokens bring none; NULL: nobody */
    bool has_nkeys;
    const char *decoy; /* a hash to check a password against where nobody has the name; NULL: nobody has a hash */
    size_t count;
    struct user *list;
    struct secrets *secrets;    /* as many */
    struct user_limits *limits; /* as many */
};

/* Making them. */

static int fill(struct users *users, size_t index, const struct config_user *from, char *sentence)
{
    struct secrets *secrets = &users->secrets[index];
    users->limits[index] = user_limits_of(from);
    users->list[index] = (struct user){
        .name = strdup(from->name),
        .expires_ms = UINT64_MAX,
        .limits = &users->limits[index],
        .secrets = secrets,
    };
    users->count = index + 1;
    int error = secrets_fill(secrets, from, sentence);
    if (!users->list[index].name || rights_of_config(from, &users->list[index].rights) != 0)
        return -ENOMEM;
    users->has_nkeys |= secrets->has_nkey;
    users->decoy = users->decoy ? users->decoy : secrets->hash;
    return error;
}

static const struct user *find_name(const struct users *users, struct slice name)
{
    for (size_t i = 0; i < users->count; i++)
        if (slice_is(name, users->list[i].name))
            return &users->list[i];
    return NULL;
}

/* What proves one user must not prove another. */
static int check_twins(const struct users *users, char *sentence)
{
    for (size_t i = 0; i < users->count; i++)
        for (size_t k = 0; k < i; k++) {
            const char *shared = secrets_shared(&users->secrets[i], &users->secrets[k]);
            if (!shared)
                continue;
            snprintf(sentence, USERS_SENTENCE_SIZE, "[user %s] %s: is that of [user %s], too", users->list[i].name,
                     shared, users->list[k].name);
            return -EINVAL;
        }
    return 0;
}

int users_create(const struct config *config, struct users **ret_users, char sentence[USERS_SENTENCE_SIZE])
{
    struct users *users = calloc(1, sizeof *users);
    int error = users ? 0 : -ENOMEM;
    if (!error) {
        users->list = calloc(config->user_count + 1, sizeof *users->list);
        users->secrets = calloc(config->user_count + 1, sizeof *users->secrets);
        users->limits = calloc(config->user_count + 1, sizeof *users->limits);
        error = users->list && users->secrets && users->limits ? 0 : -ENOMEM;
    }
    for (size_t i = 0; !error && i < config->user_count; i++)
        error = fill(users, i, &config->users[i], sentence);
    if (!error)
        error = check_twins(users, sentence);
    if (!error)
        error = jwt_trust_create(&config->jwt, &users->trust, sentence);
    if (!error)
        users->host = find_name(users, slice_of(config->jwt.user));
    if (error)
        users_destroy(users);
    else
        *ret_users = users;
    return error;
}

void users_destroy(struct users *users)
{
    if (!users)
        return;
    for (size_t i = 0; i < users->count; i++) {
        free((char *)users->list[i].name);
        secrets_finish(&users->secrets[i]);
        rights_unref(users->list[i].rights);
    }
    jwt_trust_destroy(users->trust);
    free(users->list);
    free(users->secrets);
    free(users->limits);
    free(users);
}

bool users_open(const struct users *users)
{
    return users->count == 0 && !users->trust;
}

const struct user_limits *users_limits(const struct users *users, const char *name)
{
    const struct user *user = find_name(users, slice_of(name));
    user = user ? user : users->host;
    return user ? user->limits : NULL;
}

bool users_have_nkeys(const struct users *users)
{
    return users->has_nkeys;
}

const char *users_next_readable(const struct users *users, size_t *cursor, bool *ret_is_token)
{
    while (*cursor < 2 * users->count) {
        size_t place = (*cursor)++;
        const struct secrets *secrets = &users->secrets[place / 2];
        *ret_is_token = place % 2;
        if (*ret_is_token ? secrets->token_is_readable : secrets->has_password)
            return users->list[place / 2].name;
    }
    return NULL;
}

/* Ways to prove who one is. */

/* What one proof is about: users, what was shown, and what comes of it. */
struct trial {
    const struct users *users;
    const struct credentials *shown;
    uint64_t wall_ms;
    const struct user *found;
    const char *hash;
};

/* All are looked at, whoever it is. */
static enum identity_verdict try_token(struct trial *trial)
{
    unsigned char digest[DIGEST_SIZE];
    digest_of(trial->shown->token, digest);
    for (size_t i = 0; i < trial->users->count; i++) {
        const struct secrets *secrets = &trial->users->secrets[i];
        if (secrets->has_token && digest_equal(digest, secrets->token))
            trial->found = &trial->users->list[i];
    }
    return trial->found ? IDENTITY_PROVEN : IDENTITY_NOBODY;
}

static enum identity_verdict try_password(struct trial *trial)
{
    unsigned char digest[DIGEST_SIZE];
    const struct user *user = find_name(trial->users, trial->shown->name);
    trial->hash = user ? user->secrets->hash : trial->users->decoy;
    if (trial->hash)
        return IDENTITY_SLOW;
    if (!user || !user->secrets->has_password)
        return IDENTITY_NOBODY;
    digest_of(trial->shown->password, digest);
    trial->found = digest_equal(digest, user->secrets->password) ? user : NULL;
    return trial->found ? IDENTITY_PROVEN : IDENTITY_NOBODY;
}

/* Clients write base64url, some padded base64 (NATS, "sig"). */
static bool read_signature(struct slice text, char out[NKEY_SIGNATURE_SIZE + 2])
{
    size_t size;
    if (text.size == base64url_size(NKEY_SIGNATURE_SIZE) && base64url_read(text, out, &size))
        return size == NKEY_SIGNATURE_SIZE;
    return text.size == base64_size(NKEY_SIGNATURE_SIZE) && base64_read(text, out, &size) &&
           size == NKEY_SIGNATURE_SIZE;
}

/* Users that tokens bring. */

/* What a token gives, or the rights of its host. NULL: out of memory, or a pattern is none. */
static const struct rights *rights_of_claims(const struct jwt_claims *claims, const struct user *host)
{
    const struct config_list publish = { claims->publish.items, claims->publish.count };
    const struct config_list publish_deny = { claims->publish_deny.items, claims->publish_deny.count };
    const struct config_list subscribe = { claims->subscribe.items, claims->subscribe.count };
    const struct config_list subscribe_deny = { claims->subscribe_deny.items, claims->subscribe_deny.count };
    const struct rights_options options = {
        .publish = &publish,
        .publish_deny = &publish_deny,
        .subscribe = &subscribe,
        .subscribe_deny = &subscribe_deny,
        .manage = claims->manage,
        .monitor = claims->monitor,
    };
    const struct rights *rights = NULL;
    if (!claims->has_rights)
        return rights_ref(host->rights);
    return rights_create(&options, &rights) == 0 ? rights : NULL;
}

/* Takes the subject. NULL: out of memory, or its rights are none. */
static const struct user *make_guest(struct jwt_claims *claims, const struct user *host, struct slice token)
{
    struct guest *guest = calloc(1, sizeof *guest);
    const struct rights *rights = guest ? rights_of_claims(claims, host) : NULL;
    char *copy = rights ? strndup(token.data, token.size) : NULL;
    if (!copy) {
        rights_unref(rights);
        free(guest);
        return NULL;
    }
    if (host)
        guest->limits = *host->limits;
    guest->secrets.jwt = copy;
    guest->secrets.references = 1;
    guest->user = (struct user){
        .name = claims->subject,
        .expires_ms = claims->expires_ms,
        .rights = rights,
        .limits = &guest->limits,
        .secrets = &guest->secrets,
    };
    claims->subject = NULL;
    return &guest->user;
}

/* NULL: the token is not trusted, or nobody knows what he may. */
static const struct user *user_of_token(const struct users *users, struct slice token, uint64_t wall_ms)
{
    struct jwt_claims claims;
    const struct user *user = NULL;
    if (!users->trust || jwt_read(users->trust, token, wall_ms, &claims) != 0)
        return NULL;
    const struct user *host = find_name(users, slice_of(claims.subject));
    host = host ? host : users->host;
    if (host || claims.has_rights)
        user = make_guest(&claims, host, token);
    jwt_claims_finish(&claims);
    return user;
}

static enum identity_verdict try_jwt(struct trial *trial)
{
    const struct credentials *shown = trial->shown;
    trial->found = user_of_token(trial->users, shown->jwt.size ? shown->jwt : shown->token, trial->wall_ms);
    return trial->found ? IDENTITY_PROVEN : IDENTITY_NOBODY;
}

/* A nonce is signed once: the front end gives each connection one of its own. */
static enum identity_verdict try_nkey(struct trial *trial)
{
    const struct credentials *shown = trial->shown;
    char signature[NKEY_SIGNATURE_SIZE + 2];
    struct nkey key;
    if (!shown->nonce.size || !nkey_read(shown->nkey, &key) || !read_signature(shown->signature, signature))
        return IDENTITY_NOBODY;
    for (size_t i = 0; i < trial->users->count; i++) {
        const struct secrets *secrets = &trial->users->secrets[i];
        if (secrets->has_nkey && nkey_equal(&secrets->nkey, &key))
            trial->found = &trial->users->list[i];
    }
    if (!trial->found || nkey_verify(&key, shown->nonce, slice_make(signature, NKEY_SIGNATURE_SIZE)))
        return trial->found ? IDENTITY_PROVEN : IDENTITY_NOBODY;
    trial->found = NULL;
    return IDENTITY_NOBODY;
}

/* The subject first: it says most. */
static enum identity_verdict try_certificate(struct trial *trial)
{
    const struct credentials *shown = trial->shown;
    for (size_t i = 0; i < trial->users->count && !trial->found; i++)
        if (secrets_have_subject(&trial->users->secrets[i], shown->certificate))
            trial->found = &trial->users->list[i];
    for (size_t n = 0; n < shown->certificate_name_count && !trial->found; n++)
        for (size_t i = 0; i < trial->users->count && !trial->found; i++)
            if (secrets_have_name(&trial->users->secrets[i], shown->certificate_names[n]))
                trial->found = &trial->users->list[i];
    return trial->found ? IDENTITY_PROVEN : IDENTITY_NOBODY;
}

static enum identity_verdict try_unix_user(struct trial *trial)
{
    for (size_t i = 0; i < trial->users->count && !trial->found; i++)
        if (secrets_have_unix_uid(&trial->users->secrets[i], trial->shown->unix_uid))
            trial->found = &trial->users->list[i];
    return trial->found ? IDENTITY_PROVEN : IDENTITY_NOBODY;
}

/* With a signature of the nonce it would be a NATS account's. */
static bool shows_jwt(const struct credentials *shown)
{
    return (shown->jwt.size && !shown->signature.size) || (!shown->jwt.size && jwt_is_one(shown->token));
}

static bool shows_token(const struct credentials *shown)
{
    return shown->token.size != 0;
}

static bool shows_password(const struct credentials *shown)
{
    return shown->name.size && shown->password.size;
}

static bool shows_nkey(const struct credentials *shown)
{
    return shown->nkey.size && shown->signature.size;
}

static bool shows_certificate(const struct credentials *shown)
{
    return shown->certificate.size || shown->certificate_name_count;
}

static bool shows_unix_user(const struct credentials *shown)
{
    return shown->has_unix_uid;
}

/* In the order in which they are tried, of those that are shown. */
static const struct {
    bool is_said; /* by the client itself */
    bool (*is_shown)(const struct credentials *shown);
    enum identity_verdict (*prove)(struct trial *trial);
} ways[] = {
    { true, shows_jwt, try_jwt },
    { true, shows_token, try_token },
    { true, shows_nkey, try_nkey },
    { true, shows_password, try_password },
    { false, shows_certificate, try_certificate },
    { false, shows_unix_user, try_unix_user },
};

bool credentials_are_said(const struct credentials *shown)
{
    return shown->name.size || shown->password.size || shown->token.size || shown->jwt.size || shown->nkey.size ||
           shown->signature.size;
}

enum identity_verdict users_identify(const struct users *users, const struct credentials *credentials, uint64_t wall_ms,
                             const struct user **ret_user, const char **ret_hash)
{
    struct trial trial = { .users = users, .shown = credentials, .wall_ms = wall_ms };
    enum identity_verdict identity = IDENTITY_NOBODY;
    bool is_said = credentials_are_said(credentials);
    for (size_t i = 0; i < sizeof ways / sizeof *ways && identity == IDENTITY_NOBODY; i++)
        if (ways[i].is_said == is_said && ways[i].is_shown(credentials))
            identity = ways[i].prove(&trial);
    *ret_user = identity == IDENTITY_PROVEN ? trial.found : NULL;
    *ret_hash = trial.hash;
    return identity;
}

/* Users one has found. */

const struct user *users_find_hash(const struct users *users, struct slice name, const char *hash)
{
    const struct user *user = find_name(users, name);
    return user && user->secrets->hash && strcmp(user->secrets->hash, hash) == 0 ? user : NULL;
}

static bool is_guest(const struct user *user)
{
    return user->secrets->jwt != NULL;
}

struct standing *standing_of(const struct user *user)
{
    struct standing *standing = calloc(1, sizeof *standing);
    if (!standing)
        return NULL;
    standing->name = strdup(user->name);
    standing->jwt = is_guest(user) ? strdup(user->secrets->jwt) : NULL;
    memcpy(standing->mark, user->secrets->mark, sizeof standing->mark);
    if (standing->name && (standing->jwt || !is_guest(user)))
        return standing;
    standing_free(standing);
    return NULL;
}

void standing_free(struct standing *standing)
{
    if (!standing)
        return;
    if (standing->jwt)
        OPENSSL_cleanse(standing->jwt, strlen(standing->jwt));
    free(standing->jwt);
    free(standing->name);
    OPENSSL_cleanse(standing, sizeof *standing);
    free(standing);
}

/* A token is looked at anew: its key may be gone, and its host's rights others. */
const struct user *users_recall(const struct users *users, const struct standing *standing, uint64_t wall_ms)
{
    if (standing->jwt)
        return user_of_token(users, slice_of(standing->jwt), wall_ms);
    const struct user *user = find_name(users, slice_of(standing->name));
    return user && digest_equal(user->secrets->mark, standing->mark) ? user : NULL;
}

const struct user *users_again(const struct users *users, const struct user *user, uint64_t wall_ms)
{
    struct standing standing = { .name = (char *)user->name, .jwt = user->secrets->jwt };
    memcpy(standing.mark, user->secrets->mark, sizeof standing.mark);
    const struct user *other = users_recall(users, &standing, wall_ms);
    user_release(user);
    return other;
}

/* The counts are the owner's thread's, so they may change in what is constant for all others. */
const struct user *user_hold(const struct user *user)
{
    if (is_guest(user))
        ((struct secrets *)user->secrets)->references++;
    return user;
}

void user_release(const struct user *user)
{
    if (!user || !is_guest(user) || --((struct secrets *)user->secrets)->references)
        return;
    struct guest *guest = (struct guest *)(void *)((char *)user - offsetof(struct guest, user));
    free((char *)user->name);
    rights_unref(user->rights);
    secrets_finish(&guest->secrets);
    free(guest);
}
