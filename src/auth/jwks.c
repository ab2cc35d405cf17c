#include "auth/jwks.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/json.h"
#include "util/base64.h"

enum {
    COORDINATE_SIZE = 32,   /* of a point on P-256, and of an Ed25519 key */
    SIGNATURE_SIZE = 64,    /* of both */
    MEMBER_SIZE_MAX = 2048, /* a number of a key, decoded: JWK_RSA_BITS_MAX has 1024 */
    DER_SIZE_MAX = 80,      /* an ECDSA signature */
};

struct jwk {
    enum jwk_kind kind;
    char *id;             /* NULL: it has none */
    EVP_PKEY *key;        /* NULL: it is a secret */
    unsigned char *secret;
    size_t secret_size;
};

struct jwks {
    struct jwk list[JWKS_KEYS_MAX];
    size_t count;
};

/* A number of a key, as it stands in a member. */
struct number {
    unsigned char data[MEMBER_SIZE_MAX];
    size_t size;
};

/* Life. */

struct jwks *jwks_create(void)
{
    return calloc(1, sizeof(struct jwks));
}

static void finish_key(struct jwk *key)
{
    if (key->secret)
        OPENSSL_cleanse(key->secret, key->secret_size);
    free(key->secret);
    free(key->id);
    EVP_PKEY_free(key->key);
}

void jwks_destroy(struct jwks *keys)
{
    for (size_t i = 0; keys && i < keys->count; i++)
        finish_key(&keys->list[i]);
    free(keys);
}

/* Keys of JSON. */

static bool read_number(const cJSON *json, const char *name, struct number *ret_number)
{
    struct slice text = json_text(json, name);
    return text.size && base64url_data_size_max(text.size) <= sizeof ret_number->data &&
           base64url_read(text, (char *)ret_number->data, &ret_number->size) && ret_number->size;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (parameters && context && EVP_PKEY_fromdata_init(context) > 0 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return key;
}

static EVP_PKEY *read_ed25519(const cJSON *json)
{
    struct number x;
    if (!slice_is(json_text(json, "crv"), "Ed25519") || !read_number(json, "x", &x) || x.size != COORDINATE_SIZE)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.data, x.size);
}

static EVP_PKEY *read_p256(const cJSON *json)
{
    struct number x, y;
    unsigned char point[1 + 2 * COORDINATE_SIZE] = { POINT_CONVERSION_UNCOMPRESSED };
    if (!read_number(json, "x", &x) || !read_number(json, "y", &y) || x.size != COORDINATE_SIZE ||
        y.size != COORDINATE_SIZE)
        return NULL;
    memcpy(point + 1, x.data, COORDINATE_SIZE);
    memcpy(point + 1 + COORDINATE_SIZE, y.data, COORDINATE_SIZE);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        key = make_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *read_rsa(const cJSON *json)
{
    struct number n, e;
    if (!read_number(json, "n", &n) || !read_number(json, "e", &e))
        return NULL;
    BIGNUM *modulus = BN_bin2bn(n.data, (int)n.size, NULL), *exponent = BN_bin2bn(e.data, (int)e.size, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (modulus && exponent && build && BN_num_bits(modulus) >= JWK_RSA_BITS_MIN &&
        BN_num_bits(modulus) <= JWK_RSA_BITS_MAX && BN_num_bits(exponent) <= 64 && BN_is_odd(exponent) &&
        !BN_is_one(exponent) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        key = make_key("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* What a key is of which kty and crv say so. A secret has no reader here. */
static const struct {
    const char *type, *curve; /* NULL: any */
    const char *algorithm;
    EVP_PKEY *(*read)(const cJSON *json);
} kinds[JWK_KIND_COUNT] = {
    [JWK_ED25519] = { "OKP", "Ed25519", "EdDSA", read_ed25519 },
    [JWK_P256] = { "EC", "P-256", "ES256", read_p256 },
    [JWK_RSA] = { "RSA", NULL, "RS256", read_rsa },
    [JWK_SECRET] = { "oct", NULL, "HS256", NULL },
};

const char *jwk_algorithm(enum jwk_kind kind)
{
    return kinds[kind].algorithm;
}

/* JWK_KIND_COUNT: one that is not known, or is for something else. */
static enum jwk_kind kind_of(const cJSON *json)
{
    struct slice use = json_text(json, "use"), algorithm = json_text(json, "alg");
    unsigned kind = 0;
    while (kind < JWK_KIND_COUNT && !(slice_is(json_text(json, "kty"), kinds[kind].type) &&
                                      (!kinds[kind].curve || slice_is(json_text(json, "crv"), kinds[kind].curve))))
        kind++;
    if (kind == JWK_KIND_COUNT || (use.size && !slice_is(use, "sig")) ||
        (algorithm.size && !slice_is(algorithm, kinds[kind].algorithm)))
        return JWK_KIND_COUNT;
    return (enum jwk_kind)kind;
}

static int take_secret(struct jwk *key, struct slice secret)
{
    if (secret.size < JWK_SECRET_SIZE_MIN)
        return -EINVAL;
    key->secret = malloc(secret.size);
    if (!key->secret)
        return -ENOMEM;
    memcpy(key->secret, secret.data, secret.size);
    key->secret_size = secret.size;
    return 0;
}

static int read_secret(const cJSON *json, struct jwk *key)
{
    struct number k;
    int error = read_number(json, "k", &k) ? take_secret(key, slice_make((const char *)k.data, k.size)) : -EINVAL;
    OPENSSL_cleanse(&k, sizeof k);
    return error;
}

static int read_key(const cJSON *json, enum jwk_kind kind, struct jwk *key)
{
    struct slice id = json_text(json, "kid");
    *key = (struct jwk){ .kind = kind, .id = id.size ? strndup(id.data, id.size) : NULL };
    if (id.size && !key->id)
        return -ENOMEM;
    if (kind == JWK_SECRET)
        return read_secret(json, key);
    key->key = kinds[kind].read(json);
    return key->key ? 0 : -EINVAL;
}

static int read_keys(struct jwks *keys, const cJSON *array, char why[JWKS_WHY_SIZE])
{
    const cJSON *json;
    unsigned place = 0;
    cJSON_ArrayForEach(json, array) {
        enum jwk_kind kind = kind_of(json);
        place++;
        if (kind == JWK_KIND_COUNT)
            continue;
        if (keys->count == JWKS_KEYS_MAX) {
            snprintf(why, JWKS_WHY_SIZE, "there are more than %d keys", JWKS_KEYS_MAX);
            return -EINVAL;
        }
        int error = read_key(json, kind, &keys->list[keys->count++]);
        if (error) {
            snprintf(why, JWKS_WHY_SIZE, "key %u is no good %s key", place, kinds[kind].algorithm);
            return error;
        }
    }
    return 0;
}

int jwks_read(struct jwks *keys, struct slice text, char why[JWKS_WHY_SIZE])
{
    size_t before = keys->count;
    cJSON *json = json_parse(text);
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, "keys");
    int error = cJSON_IsArray(array) ? read_keys(keys, array, why) : -EINVAL;
    if (!cJSON_IsArray(array))
        snprintf(why, JWKS_WHY_SIZE, "it is no JSON Web Key Set");
    cJSON_Delete(json);
    if (error || keys->count > before)
        return error;
    snprintf(why, JWKS_WHY_SIZE, "it has no key for EdDSA, ES256, RS256 or HS256");
    return -EINVAL;
}

int jwks_add_secret(struct jwks *keys, struct slice secret)
{
    struct jwk *key = &keys->list[keys->count];
    if (keys->count == JWKS_KEYS_MAX)
        return -EINVAL;
    *key = (struct jwk){ .kind = JWK_SECRET };
    keys->count++;
    return take_secret(key, secret);
}

/* Signatures. */

/* Both halves of an ECDSA signature, as libcrypto wants it. Returns its size; 0: it is none. */
static size_t write_der(struct slice signature, unsigned char der[DER_SIZE_MAX])
{
    const unsigned char *data = (const unsigned char *)signature.data;
    unsigned char *at = der;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(data, COORDINATE_SIZE, NULL), *s = BN_bin2bn(data + COORDINATE_SIZE, COORDINATE_SIZE, NULL);
    if (!pair || !r || !s || !ECDSA_SIG_set0(pair, r, s)) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(pair);
        return 0;
    }
    int size = i2d_ECDSA_SIG(pair, NULL) <= DER_SIZE_MAX ? i2d_ECDSA_SIG(pair, &at) : 0;
    ECDSA_SIG_free(pair);
    return size > 0 ? (size_t)size : 0;
}

static bool verify_by_key(const struct jwk *key, const EVP_MD *digest, struct slice data, const void *signature,
                          size_t size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, digest, NULL, key->key) == 1 &&
                EVP_DigestVerify(context, signature, size, (const unsigned char *)data.data, data.size) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

static bool verify_by_secret(const struct jwk *key, struct slice data, struct slice signature)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    return HMAC(EVP_sha256(), key->secret, (int)key->secret_size, (const unsigned char *)data.data, data.size, made,
                &size) &&
           signature.size == size && CRYPTO_memcmp(made, signature.data, size) == 0;
}

static bool verify(const struct jwk *key, struct slice data, struct slice signature)
{
    unsigned char der[DER_SIZE_MAX];
    size_t size;
    switch (key->kind) {
    case JWK_ED25519:
        return signature.size == SIGNATURE_SIZE && verify_by_key(key, NULL, data, signature.data, signature.size);
    case JWK_P256:
        return signature.size == SIGNATURE_SIZE && (size = write_der(signature, der)) &&
               verify_by_key(key, EVP_sha256(), data, der, size);
    case JWK_RSA:
        return verify_by_key(key, EVP_sha256(), data, signature.data, signature.size);
    default:
        return verify_by_secret(key, data, signature);
    }
}

static bool may_be(const struct jwk *key, struct slice algorithm, struct slice id)
{
    return slice_is(algorithm, kinds[key->kind].algorithm) && (!id.size || (key->id && slice_is(id, key->id)));
}

bool jwks_verify(const struct jwks *keys, struct slice algorithm, struct slice id, struct slice data,
                 struct slice signature)
{
    bool is_named = false;
    for (size_t i = 0; i < keys->count; i++) {
        is_named |= id.size && may_be(&keys->list[i], algorithm, id);
        if (may_be(&keys->list[i], algorithm, id) && verify(&keys->list[i], data, signature))
            return true;
    }
    /* A key without an id may be the one that is named; where one of that id was tried it is not. */
    for (size_t i = 0; i < keys->count && id.size && !is_named; i++)
        if (!keys->list[i].id && may_be(&keys->list[i], algorithm, slice_make(NULL, 0)) &&
            verify(&keys->list[i], data, signature))
            return true;
    return false;
}
