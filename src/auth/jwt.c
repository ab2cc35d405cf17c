#include "auth/jwt.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/json.h"
#include "auth/jwks.h"
#include "config/config.h"
#include "util/base64.h"
#include "util/file.h"
#include "util/text.h"

enum {
    FILE_SIZE_MAX = 256 << 10,
    TIME_MAX_S = 253402300799, /* the end of the year 9999 */
    TOPICS_MAX = 1024,
};

struct jwt_trust {
    struct jwks *keys;
    char *issuer;
    struct jwt_topics audiences;
    uint64_t leeway_ms;
};

/* Lists. */

static void list_finish(struct jwt_topics *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct jwt_topics){ .items = NULL };
}

static int list_make(struct jwt_topics *list, size_t room)
{
    list->items = calloc(room + 1, sizeof *list->items);
    return list->items ? 0 : -ENOMEM;
}

static int list_add(struct jwt_topics *list, const char *text)
{
    list->items[list->count] = strdup(text);
    return list->items[list->count] ? (list->count++, 0) : -ENOMEM;
}

static bool list_has(const struct jwt_topics *list, const char *text)
{
    for (size_t i = 0; text && i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

/* What is trusted. */

static int add_set(struct jwt_trust *trust, struct slice text, char why[JWKS_WHY_SIZE])
{
    return jwks_read(trust->keys, text, why);
}

/* A line's end behind it is not the secret's. */
static int add_secret(struct jwt_trust *trust, struct slice text, char why[JWKS_WHY_SIZE])
{
    while (text.size && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    snprintf(why, JWKS_WHY_SIZE, "a secret has at least %d bytes", JWK_SECRET_SIZE_MIN);
    return jwks_add_secret(trust->keys, text);
}

static int add_file(struct jwt_trust *trust, const char *option, const char *path,
                    int (*add)(struct jwt_trust *trust, struct slice text, char why[JWKS_WHY_SIZE]),
                    char sentence[JWT_SENTENCE_SIZE])
{
    char why[JWKS_WHY_SIZE] = "", *data = *path ? malloc(FILE_SIZE_MAX) : NULL;
    if (!*path)
        return 0;
    ssize_t size = data ? file_read(path, data, FILE_SIZE_MAX) : -ENOMEM;
    int error = size < 0 ? (int)size : add(trust, slice_make(data, (size_t)size), why);
    if (size < 0)
        snprintf(why, sizeof why, "%s", strerror(-error));
    if (error && error != -ENOMEM) {
        snprintf(sentence, JWT_SENTENCE_SIZE, "[jwt] %s = %s: %s", option, path, why);
        error = -EINVAL;
    }
    if (data)
        OPENSSL_cleanse(data, FILE_SIZE_MAX);
    free(data);
    return error;
}

static int fill(struct jwt_trust *trust, const struct config_jwt *config, char sentence[JWT_SENTENCE_SIZE])
{
    trust->keys = jwks_create();
    trust->issuer = strdup(config->issuer);
    trust->leeway_ms = config->leeway_ms;
    int error = trust->keys && trust->issuer ? list_make(&trust->audiences, config->audience.item_count) : -ENOMEM;
    for (size_t i = 0; !error && i < config->audience.item_count; i++)
        error = list_add(&trust->audiences, config->audience.items[i]);
    if (!error)
        error = add_file(trust, "jwks_file", config->jwks_file, add_set, sentence);
    return error ? error : add_file(trust, "secret_file", config->secret_file, add_secret, sentence);
}

int jwt_trust_create(const struct config_jwt *config, struct jwt_trust **ret_trust, char sentence[JWT_SENTENCE_SIZE])
{
    *ret_trust = NULL;
    if (!*config->jwks_file && !*config->secret_file)
        return 0;
    struct jwt_trust *trust = calloc(1, sizeof *trust);
    int error = trust ? fill(trust, config, sentence) : -ENOMEM;
    if (error)
        jwt_trust_destroy(trust);
    else
        *ret_trust = trust;
    return error;
}

void jwt_trust_destroy(struct jwt_trust *trust)
{
    if (!trust)
        return;
    jwks_destroy(trust->keys);
    list_finish(&trust->audiences);
    free(trust->issuer);
    free(trust);
}

/* Tokens. */

struct parts {
    struct slice header, payload, signature;
    struct slice signed_; /* header and payload, as they stand */
};

static bool cut(struct slice token, struct parts *ret_parts)
{
    const char *first = memchr(token.data, '.', token.size), *end = token.data + token.size;
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    ret_parts->header = slice_make(token.data, (size_t)(first - token.data));
    ret_parts->payload = slice_make(first + 1, (size_t)(second - first - 1));
    ret_parts->signature = slice_make(second + 1, (size_t)(end - second - 1));
    ret_parts->signed_ = slice_make(token.data, (size_t)(second - token.data));
    return ret_parts->header.size && ret_parts->payload.size && ret_parts->signature.size;
}

bool jwt_is_one(struct slice text)
{
    struct parts parts;
    return text.size <= JWT_SIZE_MAX && text.size && cut(text, &parts);
}

/* A part that is a JSON object. room: of JWT_SIZE_MAX. */
static cJSON *read_object(struct slice part, char *room)
{
    size_t size;
    cJSON *json = base64url_read(part, room, &size) ? json_parse(slice_make(room, size)) : NULL;
    if (cJSON_IsObject(json))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static bool is_signed(const struct jwt_trust *trust, const struct parts *parts, char *room)
{
    cJSON *header = read_object(parts->header, room);
    size_t size;
    bool good = header && !cJSON_GetObjectItemCaseSensitive(header, "crit") &&
                base64url_read(parts->signature, room, &size) &&
                jwks_verify(trust->keys, json_text(header, "alg"), json_text(header, "kid"), parts->signed_,
                            slice_make(room, size));
    cJSON_Delete(header);
    return good;
}

/* Claims. */

/* A NumericDate. False: it is not there, or is none. */
static bool read_time(const cJSON *claims, const char *name, uint64_t *ret_ms)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(claims, name);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= TIME_MAX_S))
        return false;
    *ret_ms = (uint64_t)(item->valuedouble * 1000);
    return true;
}

static bool is_for_us(const struct jwt_trust *trust, const cJSON *claims)
{
    const cJSON *audience = cJSON_GetObjectItemCaseSensitive(claims, "aud"), *item;
    if (!slice_is(json_text(claims, "iss"), trust->issuer))
        return false;
    if (cJSON_IsString(audience))
        return list_has(&trust->audiences, audience->valuestring);
    if (cJSON_IsArray(audience))
        cJSON_ArrayForEach(item, audience)
            if (cJSON_IsString(item) && list_has(&trust->audiences, item->valuestring))
                return true;
    return false;
}

static bool is_its_time(const struct jwt_trust *trust, const cJSON *claims, uint64_t wall_ms, uint64_t *ret_expires_ms)
{
    uint64_t expires_ms, begins_ms = 0;
    bool has_begin = cJSON_GetObjectItemCaseSensitive(claims, "nbf") != NULL;
    if (!read_time(claims, "exp", &expires_ms) || (has_begin && !read_time(claims, "nbf", &begins_ms)))
        return false;
    *ret_expires_ms = expires_ms + trust->leeway_ms;
    return wall_ms < *ret_expires_ms && begins_ms <= wall_ms + trust->leeway_ms;
}

/* A name that can stand in a log. */
static int read_subject(const cJSON *claims, struct jwt_claims *ret_claims)
{
    struct slice subject = json_text(claims, "sub");
    if (!subject.size || subject.size > JWT_SUBJECT_SIZE_MAX || !text_is_clean(subject))
        return -EACCES;
    ret_claims->subject = strndup(subject.data, subject.size);
    return ret_claims->subject ? 0 : -ENOMEM;
}

static int read_topics(const cJSON *rights, const char *name, struct jwt_topics *ret_list)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(rights, name), *item;
    int count = cJSON_GetArraySize(array);
    if (!array)
        return list_make(ret_list, 0);
    if (!cJSON_IsArray(array) || count > TOPICS_MAX)
        return -EACCES;
    int error = list_make(ret_list, (size_t)count);
    cJSON_ArrayForEach(item, array) {
        if (!error)
            error = cJSON_IsString(item) ? list_add(ret_list, item->valuestring) : -EACCES;
    }
    return error;
}

static int read_flag(const cJSON *rights, const char *name, bool *ret_flag)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(rights, name);
    *ret_flag = cJSON_IsTrue(item);
    return !item || cJSON_IsBool(item) ? 0 : -EACCES;
}

/* What the claim "posthorn" may say: lists of topics and flags. */
static const struct right_claim {
    const char *name;
    bool is_flag;
    size_t offset; /* in struct jwt_claims */
} right_claims[] = {
    { "publish", false, offsetof(struct jwt_claims, publish) },
    { "publish_deny", false, offsetof(struct jwt_claims, publish_deny) },
    { "subscribe", false, offsetof(struct jwt_claims, subscribe) },
    { "subscribe_deny", false, offsetof(struct jwt_claims, subscribe_deny) },
    { "manage", true, offsetof(struct jwt_claims, manage) },
    { "monitor", true, offsetof(struct jwt_claims, monitor) },
};
enum { RIGHT_CLAIM_COUNT = sizeof right_claims / sizeof *right_claims };

/* Of two claims of one name nobody knows which is meant (RFC 7519, 4). */
static bool has_doubles(const cJSON *object)
{
    for (const cJSON *item = object->child; item; item = item->next)
        if (cJSON_GetObjectItemCaseSensitive(object, item->string) != item)
            return true;
    return false;
}

/* A right that is spelled in another way could be one that was to be denied. */
static bool is_understood(const cJSON *rights)
{
    for (const cJSON *item = rights->child; item; item = item->next) {
        unsigned i = 0;
        while (i < RIGHT_CLAIM_COUNT && strcmp(right_claims[i].name, item->string) != 0)
            i++;
        if (i == RIGHT_CLAIM_COUNT)
            return false;
    }
    return !has_doubles(rights);
}

static int read_right(const cJSON *rights, const struct right_claim *claim, struct jwt_claims *ret_claims)
{
    void *field = (char *)ret_claims + claim->offset;
    return claim->is_flag ? read_flag(rights, claim->name, field) : read_topics(rights, claim->name, field);
}

/* Where something in it is not what it should be, nobody knows what was meant, and the token is refused. */
static int read_rights(const cJSON *claims, struct jwt_claims *ret_claims)
{
    const cJSON *rights = cJSON_GetObjectItemCaseSensitive(claims, "posthorn");
    if (!rights)
        return 0;
    ret_claims->has_rights = true;
    int error = cJSON_IsObject(rights) && is_understood(rights) ? 0 : -EACCES;
    for (unsigned i = 0; !error && i < RIGHT_CLAIM_COUNT; i++)
        error = read_right(rights, &right_claims[i], ret_claims);
    return error;
}

static int read_claims(const struct jwt_trust *trust, const cJSON *claims, uint64_t wall_ms,
                       struct jwt_claims *ret_claims)
{
    if (has_doubles(claims) || !is_for_us(trust, claims) ||
        !is_its_time(trust, claims, wall_ms, &ret_claims->expires_ms))
        return -EACCES;
    int error = read_subject(claims, ret_claims);
    return error ? error : read_rights(claims, ret_claims);
}

int jwt_read(const struct jwt_trust *trust, struct slice token, uint64_t wall_ms, struct jwt_claims *ret_claims)
{
    struct parts parts;
    *ret_claims = (struct jwt_claims){ .subject = NULL };
    if (token.size > JWT_SIZE_MAX || !token.size || !cut(token, &parts))
        return -EACCES;
    char *room = malloc(JWT_SIZE_MAX);
    if (!room)
        return -ENOMEM;
    cJSON *claims = is_signed(trust, &parts, room) ? read_object(parts.payload, room) : NULL;
    int error = claims ? read_claims(trust, claims, wall_ms, ret_claims) : -EACCES;
    cJSON_Delete(claims);
    free(room);
    if (error)
        jwt_claims_finish(ret_claims);
    return error;
}

void jwt_claims_finish(struct jwt_claims *claims)
{
    free(claims->subject);
    list_finish(&claims->publish);
    list_finish(&claims->publish_deny);
    list_finish(&claims->subscribe);
    list_finish(&claims->subscribe_deny);
    *claims = (struct jwt_claims){ .subject = NULL };
}
