/* crc32c, against the vectors of RFC 3720, B.4, and against itself. */
#include "util/crc32c.h"

#include <string.h>

#include "../unit.h"
#include "util/random.h"

START_TEST(the_vectors_of_the_rfc_hold)
{
    unsigned char zeros[32] = { 0 }, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (unsigned i = 0; i < 32; i++) {
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    ck_assert_uint_eq(crc32c(0, zeros, sizeof zeros), 0x8a9136aa);
    ck_assert_uint_eq(crc32c(0, ones, sizeof ones), 0x62a8ab43);
    ck_assert_uint_eq(crc32c(0, up, sizeof up), 0x46dd794e);
    ck_assert_uint_eq(crc32c(0, down, sizeof down), 0x113fdb5c);
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
    ck_assert_uint_eq(crc32c(0, "", 0), 0);
}
END_TEST

START_TEST(pieces_and_the_table_give_the_same)
{
    struct random random;
    unsigned char bytes[300];
    random_init(&random, unit_seed("pieces_and_the_table_give_the_same"));
    for (unsigned round = 0; round < 2000; round++) {
        size_t start = random_below(&random, 8), size = random_below(&random, sizeof bytes - 8);
        size_t cut = random_below(&random, (uint32_t)size + 1);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)random_below(&random, 256);
        uint32_t before = random_below(&random, UINT32_MAX), whole = crc32c(before, bytes + start, size);
        unit_assert(whole == crc32c_by_table(before, bytes + start, size));
        unit_assert(whole == crc32c(crc32c(before, bytes + start, cut), bytes + start + cut, size - cut));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_vectors_of_the_rfc_hold,
        pieces_and_the_table_give_the_same,
        NULL,
    };
    return unit_run("crc32c", tests);
}
