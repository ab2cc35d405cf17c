/* Hashes of passwords: what is made is known again, and what is none is refused. */
#include <errno.h>

#include "../unit.h"
#include "util/password.h"

START_TEST(what_is_made_is_known_again)
{
    char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];
    ck_assert_int_eq(password_make_hash(slice_of("sesame"), 4, hash), 0);
    ck_assert_int_eq(password_make_hash(slice_of("sesame"), 4, again), 0);
    ck_assert_str_ne(hash, again);
    ck_assert(password_is_hash(hash) && password_hash_is_good(hash));
    ck_assert(password_check(slice_of("sesame"), hash) && password_check(slice_of("sesame"), again));
    ck_assert(!password_check(slice_of("sesam"), hash) && !password_check(slice_of(""), hash));
    ck_assert(!password_check(slice_make("sesame\0", 7), hash) && !password_check(slice_of(hash), hash));
}
END_TEST

START_TEST(what_bcrypt_would_not_look_at_is_refused)
{
    static const char longest[] = "123456789012345678901234567890123456789012345678901234567890123456789012";
    char hash[PASSWORD_HASH_SIZE];
    ck_assert_int_eq(password_make_hash(slice_of(longest), 4, hash), 0);
    ck_assert_int_eq(password_make_hash(slice_make(longest, sizeof longest), 4, hash), -EINVAL);
    ck_assert_int_eq(password_make_hash(slice_of(""), 4, hash), -EINVAL);
    ck_assert_int_eq(password_make_hash(slice_of("x"), 3, hash), -EINVAL);
}
END_TEST

/* Made by Python's crypt. */
START_TEST(hashes_of_other_kinds_are_checked_as_they_come)
{
    static const char *const hashes[] = {
        "$2a$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW",
        "$2y$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW",
        "$5$rounds=1000$salt$rloU6KpfKKm9G.NUT4Kh3.lZ3eQ67D/GrlYTTZlly7.",
        "$6$rounds=1000$salt$GK3yib7Lb94CdPqNt0xP5RxgvpEWVn9CfnufX04biOKhvXzbBUvzy01KX.g/08wFRTJ2aRZ.lH3NQTM08sbo9.",
        "$y$j75$abcdefghijkl$FJK7gjhPCFCMbQdts7oukGsqBcFL2ozQI7SMFjvzPf0",
    };
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        ck_assert_msg(password_is_hash(hashes[i]) && password_hash_is_good(hashes[i]), "%s", hashes[i]);
        ck_assert(password_check(slice_of("sesame"), hashes[i]));
        ck_assert(!password_check(slice_of("Sesame"), hashes[i]));
    }
}
END_TEST

START_TEST(what_is_no_good_hash_is_told)
{
    static const char *const bad[] = { "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", "$2b$04$short", "$6$salt$short", "$zz$x",
                                       "$y$j9T$abc" };
    static const char *const plain[] = { "sesame", "$", "$$", "$a", "$toolong$x", "pa$2b$", "" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(password_is_hash(bad[i]) && !password_hash_is_good(bad[i]), "%s", bad[i]);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        ck_assert_msg(!password_is_hash(plain[i]), "%s", plain[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_made_is_known_again,
        what_bcrypt_would_not_look_at_is_refused,
        hashes_of_other_kinds_are_checked_as_they_come,
        what_is_no_good_hash_is_told,
        NULL,
    };
    return unit_run("password", tests);
}
