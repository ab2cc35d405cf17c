#include "push/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "util/base64.h"

static const char *const prefixes[] = {
    [SECRET_SHARED] = "whsec_",
    [SECRET_PRIVATE] = "whsk_",
    [SECRET_PUBLIC] = "whpk_",
};

/* The public half of a seed, behind it. */
static bool add_public(struct secret *secret)
{
    size_t size = SECRET_HALF_SIZE;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret->bytes, SECRET_HALF_SIZE);
    bool is_good = key && EVP_PKEY_get_raw_public_key(key, secret->bytes + SECRET_HALF_SIZE, &size) == 1;
    EVP_PKEY_free(key);
    secret->size = 2 * SECRET_HALF_SIZE;
    return is_good;
}

static bool check_shared(struct secret *secret)
{
    return secret->size >= SECRET_SHARED_SIZE_MIN;
}

static bool check_private(struct secret *secret)
{
    struct secret whole = *secret;
    bool is_good = (secret->size == SECRET_HALF_SIZE || secret->size == 2 * SECRET_HALF_SIZE) && add_public(&whole) &&
                   CRYPTO_memcmp(whole.bytes, secret->bytes, secret->size) == 0;
    if (is_good)
        *secret = whole;
    secret_wipe(&whole);
    return is_good;
}

static bool check_public(struct secret *secret)
{
    return secret->size == SECRET_HALF_SIZE;
}

static bool (*const checks[])(struct secret *secret) = {
    [SECRET_SHARED] = check_shared,
    [SECRET_PRIVATE] = check_private,
    [SECRET_PUBLIC] = check_public,
};

static bool read_bytes(struct slice base64, struct secret *secret)
{
    size_t size;
    char bytes[SECRET_SIZE_MAX + 2];
    if (base64_data_size_max(base64.size) > sizeof bytes)
        return false;
    bool is_good = base64_read(base64, bytes, &size) && size <= SECRET_SIZE_MAX;
    if (is_good) {
        memcpy(secret->bytes, bytes, size);
        secret->size = (unsigned)size;
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return is_good;
}

bool secret_read(struct slice text, struct secret *ret_secret)
{
    bool is_good = false;
    for (unsigned kind = 0; kind <= SECRET_PUBLIC && !is_good; kind++) {
        struct slice prefix = slice_of(prefixes[kind]);
        struct secret secret = { .kind = (enum secret_kind)kind };
        if (!slice_starts_with(text, prefix))
            continue;
        is_good = read_bytes(slice_make(text.data + prefix.size, text.size - prefix.size), &secret) &&
                  checks[kind](&secret);
        if (is_good)
            *ret_secret = secret;
        secret_wipe(&secret);
    }
    return is_good;
}

const char *secret_write(const struct secret *secret, char text[SECRET_TEXT_SIZE])
{
    struct slice prefix = slice_of(prefixes[secret->kind]);
    memcpy(text, prefix.data, prefix.size);
    *base64_write(text + prefix.size, slice_make((const char *)secret->bytes, secret->size)) = '\0';
    return text;
}

bool secret_make(enum secret_kind kind, const unsigned char chance[SECRET_HALF_SIZE], struct secret *ret_secret)
{
    struct secret secret = { .kind = kind, .size = SECRET_HALF_SIZE };
    memcpy(secret.bytes, chance, SECRET_HALF_SIZE);
    bool is_good = kind == SECRET_SHARED || (kind == SECRET_PRIVATE && add_public(&secret));
    if (is_good)
        *ret_secret = secret;
    secret_wipe(&secret);
    return is_good;
}

void secret_public(const struct secret *secret, struct secret *ret_public)
{
    *ret_public = (struct secret){ .kind = SECRET_PUBLIC, .size = SECRET_HALF_SIZE };
    memcpy(ret_public->bytes, secret->bytes + SECRET_HALF_SIZE, SECRET_HALF_SIZE);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a->kind == b->kind && a->size == b->size && CRYPTO_memcmp(a->bytes, b->bytes, a->size) == 0;
}

void secret_wipe(struct secret *secret)
{
    OPENSSL_cleanse(secret, sizeof *secret);
}
