#include "util/password.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

enum { METHOD_SIZE_MAX = 4 };

bool password_is_hash(const char *text)
{
    size_t size = text[0] == '$' ? strspn(text + 1, "abcdefghijklmnopqrstuvwxyz0123456789") : 0;
    return size && size <= METHOD_SIZE_MAX && text[1 + size] == '$';
}

/* The kinds that are taken, and how many letters stand behind the last '$' (crypt(5)): libcrypt itself looks at no more
 * than how a hash begins. */
static const struct {
    const char *prefix;
    size_t size;
} endings[] = { { "$2", 53 }, { "$5$", 43 }, { "$6$", 86 }, { "$7$", 43 }, { "$y$", 43 }, { "$gy$", 43 } };

bool password_hash_is_good(const char *hash)
{
    const char *end = strrchr(hash, '$');
    int verdict = crypt_checksalt(hash); /* sha256crypt is legacy to it, which is not broken */
    if (strlen(hash) >= PASSWORD_HASH_SIZE || !end ||
        (verdict != CRYPT_SALT_OK && verdict != CRYPT_SALT_METHOD_LEGACY))
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strncmp(hash, endings[i].prefix, strlen(endings[i].prefix)) == 0)
            return strlen(end + 1) == endings[i].size;
    return false;
}

/* The hash of a password by a setting, which another hash begins with. NULL: it cannot be made. Lies in data. */
static const char *run_crypt(struct slice password, const char *setting, struct crypt_data *data)
{
    char text[PASSWORD_SIZE_MAX + 1];
    if (password.size > PASSWORD_SIZE_MAX || memchr(password.data, '\0', password.size))
        return NULL;
    memcpy(text, password.data, password.size);
    text[password.size] = '\0';
    const char *hash = crypt_r(text, setting, data);
    OPENSSL_cleanse(text, sizeof text);
    return hash && hash[0] != '*' ? hash : NULL;
}

bool password_check(struct slice password, const char *hash)
{
    struct crypt_data *data = calloc(1, sizeof *data);
    const char *made = data && password.size ? run_crypt(password, hash, data) : NULL;
    size_t size = strlen(hash);
    bool good = made && strlen(made) == size && CRYPTO_memcmp(made, hash, size) == 0;
    if (data)
        OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return good;
}

int password_make_hash(struct slice password, unsigned cost, char out[PASSWORD_HASH_SIZE])
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!password.size || password.size > PASSWORD_BCRYPT_SIZE_MAX)
        return -EINVAL;
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return -ENOMEM;
    bool salted = crypt_gensalt_rn("$2b$", cost, NULL, 0, setting, sizeof setting) != NULL;
    const char *made = salted ? run_crypt(password, setting, data) : NULL;
    if (made)
        strcpy(out, made);
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return made ? 0 : -EINVAL;
}
