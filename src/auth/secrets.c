#include "auth/secrets.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "util/password.h"

enum { PASSWD_LINE_SIZE = 16 << 10 }; /* of the system's list of users */

void digest_of(struct slice data, unsigned char out[DIGEST_SIZE])
{
    SHA256((const unsigned char *)(data.data ? data.data : ""), data.size, out);
}

static int read_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

bool digest_read(const char *text, unsigned char out[DIGEST_SIZE])
{
    static const char prefix[] = "sha256:";
    const char *digits = text + sizeof prefix - 1;
    if (strncmp(text, prefix, sizeof prefix - 1) != 0 || strlen(digits) != 2 * DIGEST_SIZE)
        return false;
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        int high = read_digit(digits[2 * i]), low = read_digit(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE])
{
    return CRYPTO_memcmp(a, b, DIGEST_SIZE) == 0;
}

/* Filling in. */

static int copy_password(struct secrets *secrets, const char *password)
{
    if (!password)
        return 0;
    if (password_is_hash(password)) {
        secrets->hash = strdup(password);
        return secrets->hash ? 0 : -ENOMEM;
    }
    digest_of(slice_of(password), secrets->password);
    secrets->has_password = true;
    return 0;
}

static void copy_token(struct secrets *secrets, const char *token)
{
    if (token && !digest_read(token, secrets->token)) {
        digest_of(slice_of(token), secrets->token);
        secrets->token_is_readable = true;
    }
    secrets->has_token = token != NULL;
}

static int copy_certificate(struct secrets *secrets, const struct config_user *from)
{
    const struct config_list *names = &from->certificate_names;
    secrets->subject = *from->certificate ? strdup(from->certificate) : NULL;
    secrets->names = calloc(names->item_count + 1, sizeof *secrets->names);
    if (!secrets->names || (*from->certificate && !secrets->subject))
        return -ENOMEM;
    for (; secrets->name_count < names->item_count; secrets->name_count++)
        if (!(secrets->names[secrets->name_count] = strdup(names->items[secrets->name_count])))
            return -ENOMEM;
    return 0;
}

/* A name of the system's, or a number. 0, -ENOENT or another error. */
static int find_uid(const char *name, uint32_t *ret_uid)
{
    struct passwd entry, *found = NULL;
    char *end, *room = malloc(PASSWD_LINE_SIZE);
    int error = room ? getpwnam_r(name, &entry, room, PASSWD_LINE_SIZE, &found) : ENOMEM;
    unsigned long number = strtoul(name, &end, 10);
    if (found)
        *ret_uid = entry.pw_uid;
    else if (*name >= '0' && *name <= '9' && !*end && number < UINT32_MAX)
        *ret_uid = (uint32_t)number;
    else
        error = error ? error : ENOENT;
    free(room);
    return found ? 0 : -error;
}

static int copy_unix_users(struct secrets *secrets, const struct config_user *from, char *sentence)
{
    const struct config_list *names = &from->unix_users;
    secrets->unix_uids = calloc(names->item_count + 1, sizeof *secrets->unix_uids);
    if (!secrets->unix_uids)
        return -ENOMEM;
    for (size_t i = 0; i < names->item_count; i++) {
        int error = find_uid(names->items[i], &secrets->unix_uids[i]);
        if (error) {
            snprintf(sentence, USERS_SENTENCE_SIZE, "[user %s] unix_user: this machine has no user %s", from->name,
                     names->items[i]);
            return error == -ENOMEM ? error : -EINVAL;
        }
        secrets->unix_uid_count = i + 1;
    }
    return 0;
}

/* Each with its kind and size, so that no two sets of secrets give the same. */
static void mark_part(EVP_MD_CTX *mark, char kind, const void *data, size_t size)
{
    EVP_DigestUpdate(mark, &kind, 1);
    EVP_DigestUpdate(mark, &size, sizeof size);
    EVP_DigestUpdate(mark, data, size);
}

static int make_mark(struct secrets *secrets)
{
    EVP_MD_CTX *mark = EVP_MD_CTX_new();
    bool good = mark && EVP_DigestInit_ex(mark, EVP_sha256(), NULL);
    if (good && secrets->hash)
        mark_part(mark, 'h', secrets->hash, strlen(secrets->hash));
    if (good && secrets->has_password)
        mark_part(mark, 'p', secrets->password, sizeof secrets->password);
    if (good && secrets->has_token)
        mark_part(mark, 't', secrets->token, sizeof secrets->token);
    if (good && secrets->has_nkey)
        mark_part(mark, 'n', secrets->nkey.bytes, sizeof secrets->nkey.bytes);
    if (good && secrets->subject)
        mark_part(mark, 's', secrets->subject, strlen(secrets->subject));
    for (size_t i = 0; good && i < secrets->name_count; i++)
        mark_part(mark, 'c', secrets->names[i], strlen(secrets->names[i]));
    if (good)
        mark_part(mark, 'u', secrets->unix_uids, secrets->unix_uid_count * sizeof *secrets->unix_uids);
    good = good && EVP_DigestFinal_ex(mark, secrets->mark, NULL);
    EVP_MD_CTX_free(mark);
    return good ? 0 : -ENOMEM;
}

int secrets_fill(struct secrets *secrets, const struct config_user *from, char sentence[USERS_SENTENCE_SIZE])
{
    int error = copy_password(secrets, from->password);
    copy_token(secrets, from->token);
    secrets->has_nkey = nkey_read(slice_of(from->nkey), &secrets->nkey);
    if (!error)
        error = copy_certificate(secrets, from);
    if (!error)
        error = copy_unix_users(secrets, from, sentence);
    return error ? error : make_mark(secrets);
}

static void wipe_text(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void secrets_finish(struct secrets *secrets)
{
    wipe_text(secrets->hash);
    wipe_text(secrets->jwt);
    for (size_t i = 0; i < secrets->name_count; i++)
        free(secrets->names[i]);
    free(secrets->names);
    free(secrets->subject);
    free(secrets->unix_uids);
    OPENSSL_cleanse(secrets, sizeof *secrets);
}

/* Looking at them. */

bool secrets_have_subject(const struct secrets *secrets, struct slice subject)
{
    return secrets->subject && slice_is(subject, secrets->subject);
}

bool secrets_have_name(const struct secrets *secrets, struct slice name)
{
    for (size_t i = 0; i < secrets->name_count; i++)
        if (slice_is(name, secrets->names[i]))
            return true;
    return false;
}

bool secrets_have_unix_uid(const struct secrets *secrets, uint32_t uid)
{
    for (size_t i = 0; i < secrets->unix_uid_count; i++)
        if (secrets->unix_uids[i] == uid)
            return true;
    return false;
}

const char *secrets_shared(const struct secrets *a, const struct secrets *b)
{
    if (a->has_token && b->has_token && digest_equal(a->token, b->token))
        return "token";
    if (a->has_nkey && b->has_nkey && nkey_equal(&a->nkey, &b->nkey))
        return "nkey";
    if (a->subject && secrets_have_subject(b, slice_of(a->subject)))
        return "certificate";
    for (size_t i = 0; i < a->name_count; i++)
        if (secrets_have_name(b, slice_of(a->names[i])))
            return "certificate_names";
    for (size_t i = 0; i < a->unix_uid_count; i++)
        if (secrets_have_unix_uid(b, a->unix_uids[i]))
            return "unix_user";
    return NULL;
}
