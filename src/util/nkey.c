#include "util/nkey.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "util/base32.h"

/* Five bits each, by which the letters of a text begin. */
enum { SEED_LETTER = 18, CRC_SIZE = 2, HEAD_SIZE_MAX = 2, RAW_SIZE_MAX = HEAD_SIZE_MAX + NKEY_SIZE + CRC_SIZE };

static const unsigned char kind_letters[] = {
    [NKEY_USER] = 20,     /* U */
    [NKEY_ACCOUNT] = 0,   /* A */
    [NKEY_OPERATOR] = 14, /* O */
    [NKEY_SERVER] = 13,   /* N */
    [NKEY_CLUSTER] = 2,   /* C */
};

enum { KIND_COUNT = sizeof kind_letters };

/* CRC-16/XMODEM: polynomial 0x1021, begins with 0. */
static uint16_t crc_of(const unsigned char *data, size_t size)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint32_t)data[i] << 8;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
    }
    return (uint16_t)crc;
}

/* What stands before the 32 bytes; returns how many bytes it is. */
static size_t write_head(enum nkey_kind kind, bool is_seed, unsigned char out[HEAD_SIZE_MAX])
{
    unsigned letter = kind_letters[kind];
    if (!is_seed) {
        out[0] = (unsigned char)(letter << 3);
        return 1;
    }
    out[0] = (unsigned char)(SEED_LETTER << 3 | letter >> 2);
    out[1] = (unsigned char)(letter << 6);
    return 2;
}

static const char *write_text(enum nkey_kind kind, bool is_seed, const unsigned char bytes[NKEY_SIZE], char *text)
{
    unsigned char raw[RAW_SIZE_MAX];
    size_t size = write_head(kind, is_seed, raw);
    memcpy(raw + size, bytes, NKEY_SIZE);
    size += NKEY_SIZE;
    uint16_t crc = crc_of(raw, size);
    raw[size++] = (unsigned char)crc;
    raw[size++] = (unsigned char)(crc >> 8);
    *base32_write(text, slice_make((const char *)raw, size)) = '\0';
    OPENSSL_cleanse(raw, sizeof raw);
    return text;
}

/* The kind whose head raw begins with; KIND_COUNT: none. */
static unsigned find_kind(const unsigned char *raw, bool is_seed)
{
    unsigned char head[HEAD_SIZE_MAX];
    unsigned kind = 0;
    while (kind < KIND_COUNT && memcmp(raw, head, write_head((enum nkey_kind)kind, is_seed, head)) != 0)
        kind++;
    return kind;
}

/* Returns the kind, and KIND_COUNT where the text is no key. */
static unsigned read_raw(struct slice text, bool is_seed, unsigned char raw[RAW_SIZE_MAX])
{
    size_t size, whole = (is_seed ? 2 : 1) + NKEY_SIZE + CRC_SIZE;
    if (text.size != base32_size(whole) || !base32_read(text, (char *)raw, &size))
        return KIND_COUNT;
    uint16_t crc = (uint16_t)(raw[whole - 1] << 8 | raw[whole - 2]);
    return crc_of(raw, whole - CRC_SIZE) == crc ? find_kind(raw, is_seed) : KIND_COUNT;
}

static bool read_text(struct slice text, bool is_seed, enum nkey_kind *ret_kind, unsigned char *ret_bytes)
{
    unsigned char raw[RAW_SIZE_MAX];
    unsigned kind = read_raw(text, is_seed, raw);
    if (kind < KIND_COUNT) {
        *ret_kind = (enum nkey_kind)kind;
        memcpy(ret_bytes, raw + (is_seed ? 2 : 1), NKEY_SIZE);
    }
    OPENSSL_cleanse(raw, sizeof raw);
    return kind < KIND_COUNT;
}

bool nkey_read(struct slice text, struct nkey *ret_key)
{
    return read_text(text, false, &ret_key->kind, ret_key->bytes);
}

bool nkey_seed_read(struct slice text, struct nkey_seed *ret_seed)
{
    return read_text(text, true, &ret_seed->kind, ret_seed->bytes);
}

const char *nkey_write(const struct nkey *key, char text[NKEY_TEXT_SIZE])
{
    return write_text(key->kind, false, key->bytes, text);
}

const char *nkey_seed_write(const struct nkey_seed *seed, char text[NKEY_SEED_TEXT_SIZE])
{
    return write_text(seed->kind, true, seed->bytes, text);
}

void nkey_seed_make(enum nkey_kind kind, const unsigned char chance[NKEY_SIZE], struct nkey_seed *ret_seed)
{
    ret_seed->kind = kind;
    memcpy(ret_seed->bytes, chance, NKEY_SIZE);
}

static EVP_PKEY *private_key(const struct nkey_seed *seed)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed->bytes, NKEY_SIZE);
}

bool nkey_public(const struct nkey_seed *seed, struct nkey *ret_key)
{
    size_t size = NKEY_SIZE;
    struct nkey key = { .kind = seed->kind };
    EVP_PKEY *pair = private_key(seed);
    bool is_good = pair && EVP_PKEY_get_raw_public_key(pair, key.bytes, &size) == 1 && size == NKEY_SIZE;
    EVP_PKEY_free(pair);
    if (is_good)
        *ret_key = key;
    return is_good;
}

bool nkey_equal(const struct nkey *a, const struct nkey *b)
{
    return a->kind == b->kind && memcmp(a->bytes, b->bytes, NKEY_SIZE) == 0;
}

void nkey_seed_wipe(struct nkey_seed *seed)
{
    OPENSSL_cleanse(seed, sizeof *seed);
}

bool nkey_sign(const struct nkey_seed *seed, struct slice data, unsigned char signature[NKEY_SIGNATURE_SIZE])
{
    size_t size = NKEY_SIGNATURE_SIZE;
    EVP_PKEY *pair = private_key(seed);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_good = pair && digest && EVP_DigestSignInit(digest, NULL, NULL, NULL, pair) == 1 &&
                   EVP_DigestSign(digest, signature, &size, (const unsigned char *)data.data, data.size) == 1;
    EVP_MD_CTX_free(digest);
    EVP_PKEY_free(pair);
    return is_good && size == NKEY_SIGNATURE_SIZE;
}

bool nkey_verify(const struct nkey *key, struct slice data, struct slice signature)
{
    if (signature.size != NKEY_SIGNATURE_SIZE)
        return false;
    EVP_PKEY *half = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, NKEY_SIZE);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_good = half && digest && EVP_DigestVerifyInit(digest, NULL, NULL, NULL, half) == 1 &&
                   EVP_DigestVerify(digest, (const unsigned char *)signature.data, signature.size,
                                    (const unsigned char *)data.data, data.size) == 1;
    EVP_MD_CTX_free(digest);
    EVP_PKEY_free(half);
    ERR_clear_error(); /* a wrong signature leaves a word behind, which TLS in the same thread would take for its own */
    return is_good;
}
