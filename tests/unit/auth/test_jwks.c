/* Keys of tokens: the examples of RFC 7515 and RFC 8037, and that a key signs by one algorithm. */
#include <errno.h>
#include <stdio.h>

#include "../unit.h"
#include "auth/jwks.h"
#include "util/base64.h"

#define PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const struct example {
    const char *key, *algorithm, *data, *signature;
} examples[] = {
    /* RFC 7515, A.1 */
    { "{\"kty\":\"oct\",\"kid\":\"1\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4"
      "hcgUuTwjAzZr1Z9CAow\"}",
      "HS256", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." PAYLOAD, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" },
    /* A.3 */
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"1\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\""
      "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
      "ES256", "eyJhbGciOiJFUzI1NiJ9." PAYLOAD,
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
    /* RFC 8037, A.4 */
    { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"1\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
      "EdDSA", "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
};

enum { EXAMPLE_COUNT = sizeof examples / sizeof *examples };

static struct jwks *keys_of(const char *key)
{
    char set[1024], why[JWKS_WHY_SIZE];
    struct jwks *keys = jwks_create();
    snprintf(set, sizeof set, "{\"keys\":[%s]}", key);
    ck_assert_int_eq(jwks_read(keys, slice_of(set), why), 0);
    return keys;
}

static bool fits(const struct jwks *keys, const struct example *example, const char *algorithm, const char *id)
{
    char signature[128];
    size_t size;
    ck_assert(base64url_read(slice_of(example->signature), signature, &size));
    return jwks_verify(keys, slice_of(algorithm), slice_of(id), slice_of(example->data), slice_make(signature, size));
}

START_TEST(the_examples_of_the_standards_are_good)
{
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        struct jwks *keys = keys_of(examples[i].key);
        ck_assert_msg(fits(keys, &examples[i], examples[i].algorithm, ""), "%s", examples[i].algorithm);
        ck_assert(fits(keys, &examples[i], examples[i].algorithm, "1"));
        ck_assert(!fits(keys, &examples[i], examples[i].algorithm, "2"));
        jwks_destroy(keys);
    }
}
END_TEST

START_TEST(no_key_signs_by_the_algorithm_of_another)
{
    static const char *const others[] = { "none", "", "HS256", "HS512", "ES256", "EdDSA", "RS256", "hs256" };
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        struct jwks *keys = keys_of(examples[i].key);
        for (size_t k = 0; k < sizeof others / sizeof *others; k++)
            if (strcmp(others[k], examples[i].algorithm) != 0)
                ck_assert(!fits(keys, &examples[i], others[k], ""));
        jwks_destroy(keys);
    }
}
END_TEST

START_TEST(a_changed_byte_is_noticed)
{
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        struct jwks *keys = keys_of(examples[i].key);
        struct example changed = examples[i];
        char data[256];
        strcpy(data, changed.data);
        data[30] ^= 1;
        changed.data = data;
        ck_assert(!fits(keys, &changed, changed.algorithm, ""));
        jwks_destroy(keys);
    }
}
END_TEST

START_TEST(a_set_that_cannot_be_used_is_refused)
{
    static const char *const bad[] = {
        "", "{", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-521\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", "{\"keys\":[7]}",
        "{\"keys\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}", "{\"keys\":[]} x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct jwks *keys = jwks_create();
        char why[JWKS_WHY_SIZE] = "";
        ck_assert_int_eq(jwks_read(keys, slice_of(bad[i]), why), -EINVAL);
        ck_assert_msg(*why, "%s", bad[i]);
        jwks_destroy(keys);
    }
}
END_TEST

START_TEST(a_short_secret_is_refused)
{
    struct jwks *keys = jwks_create();
    ck_assert_int_eq(jwks_add_secret(keys, slice_of("0123456789abcdef0123456789abcde")), -EINVAL);
    ck_assert_int_eq(jwks_add_secret(keys, slice_of("0123456789abcdef0123456789abcdef")), 0);
    jwks_destroy(keys);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_examples_of_the_standards_are_good,
        no_key_signs_by_the_algorithm_of_another,
        a_changed_byte_is_noticed,
        a_set_that_cannot_be_used_is_refused,
        a_short_secret_is_refused,
        NULL,
    };
    return unit_run("jwks", tests);
}
