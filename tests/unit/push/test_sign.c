/* Signatures against those that the public verifiers make for the same secrets and texts. */
#include "push/sign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "../unit.h"
#include "util/base64.h"

#define PAIR "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
#define SHARED "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define BY_SHARED "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define BY_PAIR "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbzEHoVmAb2ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw=="

static struct signer *signer;

static struct sign_text text_of(const char *id, uint64_t timestamp_s, const char *body)
{
    return (struct sign_text){ slice_of(id), timestamp_s, slice_of(body) };
}

/* The signatures by secrets that are given as texts, with a NULL behind the last. */
static const char *signatures(const char *const *secrets, const struct sign_text *text)
{
    static char out[SIGN_SIZE_MAX(4)];
    struct secret read[4];
    unsigned count = 0;
    for (; secrets[count]; count++)
        ck_assert(secret_read(slice_of(secrets[count]), &read[count]));
    ck_assert_int_eq(sign_write(signer, read, count, text, out), 0);
    return out;
}

static const char *signature(const char *secret, const struct sign_text *text)
{
    return signatures((const char *const[]){ secret, NULL }, text);
}

START_TEST(a_shared_secret_signs_as_the_standard_says)
{
    struct sign_text text = text_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}");
    struct sign_text empty = text_of("msg_x", 1700000000, "");
    ck_assert_str_eq(signature(SHARED, &text), BY_SHARED);
    ck_assert_str_eq(signature("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4O"
                               "To7PD0+Pw==", &empty), "v1,JnC/G9dhez2IflP+eSmttAbDdEcPgQli8EMs5DQMKf4=");
}
END_TEST

/* What is left of the last signature has no part in the next. */
START_TEST(a_secret_signs_alike_however_often)
{
    struct sign_text text = text_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}");
    struct sign_text other = text_of("msg_x", 1700000000, "other");
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_str_eq(signature(SHARED, &text), BY_SHARED);
        ck_assert_str_ne(signature(SHARED, &other), BY_SHARED);
        ck_assert_str_eq(signature(SHARED, &text), BY_SHARED);
        signature("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
                  "Pw==", &text);
    }
}
END_TEST

START_TEST(a_private_one_signs_so_that_the_public_one_verifies)
{
    struct sign_text text = text_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}");
    static const char signed_text[] = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
    const char *out = signature(PAIR, &text);
    struct secret pair, half;
    char bytes[96];
    size_t size;
    ck_assert_str_eq(out, BY_PAIR);
    ck_assert(secret_read(slice_of(PAIR), &pair));
    secret_public(&pair, &half);
    ck_assert(base64_read(slice_of(out + strlen("v1a,")), bytes, &size));
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, half.bytes, half.size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key), 1);
    ck_assert_int_eq(EVP_DigestVerify(context, (const unsigned char *)bytes, size, (const unsigned char *)signed_text,
                                      strlen(signed_text)), 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(each_secret_adds_a_signature)
{
    struct sign_text text = text_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}");
    const char *const both[] = { PAIR, SHARED, NULL };
    const char *const none[] = { NULL };
    ck_assert_str_eq(signatures(both, &text), BY_PAIR " " BY_SHARED);
    ck_assert_str_eq(signatures(none, &text), "");
}
END_TEST

START_TEST(what_is_signed_is_id_time_and_body)
{
    struct sign_text text = text_of("a", 12, "3");
    char first[SIGN_SIZE_MAX(1)];
    strcpy(first, signature(SHARED, &text));
    text = text_of("a", 12, "4");
    ck_assert_str_ne(signature(SHARED, &text), first);
    text = text_of("a", 13, "3");
    ck_assert_str_ne(signature(SHARED, &text), first);
    text = text_of("b", 12, "3");
    ck_assert_str_ne(signature(SHARED, &text), first);
    text = text_of("a", 12, "3");
    ck_assert_str_eq(signature(SHARED, &text), first);
}
END_TEST

START_TEST(nobody_signs_with_a_public_one)
{
    struct sign_text text = text_of("a", 1, "");
    struct secret half;
    char out[SIGN_SIZE_MAX(1)];
    ck_assert(secret_read(slice_of("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), &half));
    ck_assert_int_eq(sign_write(signer, &half, 1, &text, out), -EINVAL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_shared_secret_signs_as_the_standard_says,
        a_secret_signs_alike_however_often,
        a_private_one_signs_so_that_the_public_one_verifies,
        each_secret_adds_a_signature,
        what_is_signed_is_id_time_and_body,
        nobody_signs_with_a_public_one,
        NULL,
    };
    signer = signer_create();
    int result = signer ? unit_run("sign", tests) : 1;
    signer_destroy(signer);
    return result;
}
