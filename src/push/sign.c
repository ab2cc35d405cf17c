#include "push/sign.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "util/base64.h"
#include "wire/format.h"

enum { DIGEST_SIZE = 32, SIGNATURE_SIZE = 64, STAMP_SIZE = 24 };

struct signer {
    EVP_MAC_CTX *hmac;               /* of SHA-256 */
    struct secret last;              /* by which it was set up; size 0: by none */
    EVP_MD_CTX *ed25519;
    char *joined;                    /* ed25519 signs what lies together */
    size_t joined_room;
};

struct signer *signer_create(void)
{
    struct signer *signer = calloc(1, sizeof *signer);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (signer && mac) {
        signer->hmac = EVP_MAC_CTX_new(mac);
        signer->ed25519 = EVP_MD_CTX_new();
    }
    EVP_MAC_free(mac);
    if (signer && signer->hmac && signer->ed25519 && EVP_MAC_CTX_set_params(signer->hmac, parameters) == 1)
        return signer;
    signer_destroy(signer);
    return NULL;
}

void signer_destroy(struct signer *signer)
{
    if (!signer)
        return;
    EVP_MAC_CTX_free(signer->hmac);
    EVP_MD_CTX_free(signer->ed25519);
    secret_wipe(&signer->last);
    free(signer->joined);
    free(signer);
}

/* ".1614265330." */
static struct slice write_stamp(uint64_t timestamp_s, char room[STAMP_SIZE])
{
    char *out = room;
    *out++ = '.';
    out = format_number(out, timestamp_s);
    *out++ = '.';
    return slice_make(room, (size_t)(out - room));
}

static bool add(EVP_MAC_CTX *hmac, struct slice part)
{
    return EVP_MAC_update(hmac, (const unsigned char *)part.data, part.size) == 1;
}

/* A busy webhook signs with one secret again and again: it is set up once. */
static bool begin(struct signer *signer, const struct secret *secret)
{
    if (signer->last.size && secret_equal(&signer->last, secret))
        return EVP_MAC_init(signer->hmac, NULL, 0, NULL) == 1;
    signer->last.size = 0;
    if (EVP_MAC_init(signer->hmac, secret->bytes, secret->size, NULL) != 1)
        return false;
    signer->last = *secret;
    return true;
}

/* Each signs with one secret: returns the bytes of the signature, or -errno. */
static int sign_shared(struct signer *signer, const struct secret *secret, const struct sign_text *text,
                       unsigned char signature[SIGNATURE_SIZE])
{
    char room[STAMP_SIZE];
    size_t size = 0;
    bool is_good = begin(signer, secret) && add(signer->hmac, text->id) &&
                   add(signer->hmac, write_stamp(text->timestamp_s, room)) &&
                   add(signer->hmac, text->body) &&
                   EVP_MAC_final(signer->hmac, signature, &size, SIGNATURE_SIZE) == 1;
    return is_good && size == DIGEST_SIZE ? DIGEST_SIZE : -EIO;
}

static bool make_room(struct signer *signer, size_t size)
{
    if (size <= signer->joined_room)
        return true;
    char *joined = realloc(signer->joined, size);
    if (!joined)
        return false;
    signer->joined = joined;
    signer->joined_room = size;
    return true;
}

static char *append(char *out, struct slice part)
{
    if (part.size)
        memcpy(out, part.data, part.size);
    return out + part.size;
}

/* All of the text in one piece; size 0: out of memory. */
static struct slice join(struct signer *signer, const struct sign_text *text)
{
    char room[STAMP_SIZE];
    struct slice stamp = write_stamp(text->timestamp_s, room);
    size_t size = text->id.size + stamp.size + text->body.size;
    if (!make_room(signer, size))
        return slice_make(NULL, 0);
    append(append(append(signer->joined, text->id), stamp), text->body);
    return slice_make(signer->joined, size);
}

static int sign_private(struct signer *signer, const struct secret *secret, const struct sign_text *text,
                        unsigned char signature[SIGNATURE_SIZE])
{
    size_t size = SIGNATURE_SIZE;
    struct slice joined = join(signer, text);
    if (!joined.size)
        return -ENOMEM;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret->bytes, SECRET_HALF_SIZE);
    bool is_good = key && EVP_MD_CTX_reset(signer->ed25519) == 1 &&
                   EVP_DigestSignInit(signer->ed25519, NULL, NULL, NULL, key) == 1 &&
                   EVP_DigestSign(signer->ed25519, signature, &size, (const unsigned char *)joined.data,
                                  joined.size) == 1;
    EVP_MD_CTX_reset(signer->ed25519);
    EVP_PKEY_free(key);
    return is_good && size == SIGNATURE_SIZE ? SIGNATURE_SIZE : -EIO;
}

static int sign_public(struct signer *signer, const struct secret *secret, const struct sign_text *text,
                       unsigned char signature[SIGNATURE_SIZE])
{
    (void)signer, (void)secret, (void)text, (void)signature;
    return -EINVAL;
}

static const struct {
    const char *version;
    int (*sign)(struct signer *signer, const struct secret *secret, const struct sign_text *text,
                unsigned char signature[SIGNATURE_SIZE]);
} schemes[] = {
    [SECRET_SHARED] = { "v1,", sign_shared },
    [SECRET_PRIVATE] = { "v1a,", sign_private },
    [SECRET_PUBLIC] = { "", sign_public },
};

int sign_write(struct signer *signer, const struct secret *secrets, unsigned secret_count,
               const struct sign_text *text, char *out)
{
    unsigned char signature[SIGNATURE_SIZE];
    for (unsigned i = 0; i < secret_count; i++) {
        int size = schemes[secrets[i].kind].sign(signer, &secrets[i], text, signature);
        if (size < 0)
            return size;
        if (i)
            *out++ = ' ';
        out = append(out, slice_of(schemes[secrets[i].kind].version));
        out = base64_write(out, slice_make((const char *)signature, (size_t)size));
    }
    *out = '\0';
    return 0;
}
