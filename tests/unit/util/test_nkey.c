/* Keys, seeds and signatures as the npm package nkeys.js 1.1.0 wrote them; the first seed is of nats-server's tests. */
#include "util/nkey.h"

#include <stdlib.h>

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct vector {
    enum nkey_kind kind;
    const char *seed, *key, *data, *signature;
} vectors[] = {
    { NKEY_USER, "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
      "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4", "PXoWU7zWAMt75FY",
      "cc7b23017a176e8dad6d544b7faff7f9a1c2d8218b89ecf5c8c48b3b2178676c"
      "26ce63b8a69ca27a28b9219b1048181f769a6c8bac0c1d6cd861752fe80fbc0d" },
    { NKEY_USER, "SUAAABYOCUOCGKRRHA7UMTKULNRGS4DXP2CYZE42UGUK7NV5YTF5FWIXJQ",
      "UBGQ5Q5A2A76774TVG6M4KREWQDNI32EV37R654H3LW3CPFK7JACYEW2", "nonce",
      "8ac99b7e5fd2093a30e9fd68bfdd22f8058f385fd310f54a108a357d7f64f500"
      "0f554912824c2f8e82c8276ff2a9009f1bd13d5ced31e1f2f4b03a59e479c30f" },
    { NKEY_ACCOUNT, "SAACKLBTHJAUQT2WLVSGW4TZQCDY5FM4UOVLDOF7Y3G5JW7C5HYPP7VV5A",
      "ABSBQ2TL4FSPLX5ABAKRXCBPYNZ7V3IGLTA6LV4T53RWCMHZ7QA4NRC7", "nonce",
      "50f814eaf17eecae2d159484e677096c1ee7802e10404336f97466300ef3ed3d"
      "e15a998976e0f9a08d68c2ae5f59dd0ee30780dead5e63123df7ec6770553005" },
    { NKEY_OPERATOR, "SOAEUUKYL5TG25D3QKEZBF46UWWLHOWBZDH5NXPE5PZPSAAHBYKRYI4ANI",
      "OARODM2D7JNJ6PLSNO76HKY36DRMHD5TPULRVPAMBTAXFE5L7HOZJQPL", "nonce",
      "d92df48baee9bba1c26df1b55a2932d26240025b6b3ccf27ed96d60caa46d146"
      "7f9a0a8c1455157e6492bf713e6d561e7e10dcd3b62cee2324f2b86f5bb92b06" },
    { NKEY_SERVER, "SNAG65T5QSFZFGNAU6XLLPGDZLI5RX7G5X2PWAQJCALR4JJMGM5ECSEARU",
      "NALPPBGHVBGUA2RVL6AULCT3IOS2UDGFNDVAHN5D6P63SGKEG5XFDZGT", "nonce",
      "ede41e11662a52d12b423a24ad3f62cbcee447e70101ac650f508239bbbcc600"
      "b50462b64c66767bcb323744e47d113374a4d0174515328626a9f01bbfe5000c" },
    { NKEY_CLUSTER, "SCAJJG5CVGYLPPWFZTJ5VYPI573P2BALCIMSAJZOGU6EGSSRLBPWM3MX2A",
      "CAHYMW5W7GXQZU2ZUBLFAC4SKIWSDANWAAFOB63PUSVRADWATKF5KKG6", "nonce",
      "cb4ba35cb3a0a1e0b9883801e2e8c0541ea861e9cc816d4a7e2185fd4b7e5ed8"
      "1f9f0bf38708779043555fe70a6a2e329a153b101290f95377fd39163607230e" },
};

static struct slice slice_of_bytes(const unsigned char *bytes, size_t size)
{
    return slice_make((const char *)bytes, size);
}

static void read_hex(const char *text, unsigned char *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)strtoul((char[]){ text[2 * i], text[2 * i + 1], '\0' }, NULL, 16);
}

START_TEST(texts_are_read_and_written)
{
    char text[NKEY_TEXT_SIZE], seed_text[NKEY_SEED_TEXT_SIZE];
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct nkey key, of_seed;
        struct nkey_seed seed;
        unit_assert(nkey_read(slice_of(vectors[i].key), &key) && key.kind == vectors[i].kind);
        unit_assert(nkey_seed_read(slice_of(vectors[i].seed), &seed) && seed.kind == vectors[i].kind);
        unit_assert(nkey_public(&seed, &of_seed) && nkey_equal(&key, &of_seed));
        unit_assert(strcmp(nkey_write(&key, text), vectors[i].key) == 0);
        unit_assert(strcmp(nkey_seed_write(&seed, seed_text), vectors[i].seed) == 0);
    }
}
END_TEST

START_TEST(signatures_are_those_of_others)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct nkey key;
        struct nkey_seed seed;
        struct slice data = slice_of(vectors[i].data);
        unsigned char made[NKEY_SIGNATURE_SIZE], theirs[NKEY_SIGNATURE_SIZE];
        read_hex(vectors[i].signature, theirs, sizeof theirs);
        unit_assert(nkey_read(slice_of(vectors[i].key), &key) && nkey_seed_read(slice_of(vectors[i].seed), &seed));
        unit_assert(nkey_sign(&seed, data, made) && memcmp(made, theirs, sizeof made) == 0);
        unit_assert(nkey_verify(&key, data, slice_of_bytes(theirs, sizeof theirs)));
    }
}
END_TEST

START_TEST(a_signature_of_anything_else_is_refused)
{
    struct nkey key, other;
    unsigned char signature[NKEY_SIGNATURE_SIZE + 1] = { 0 };
    struct slice data = slice_of(vectors[0].data);
    read_hex(vectors[0].signature, signature, NKEY_SIGNATURE_SIZE);
    unit_assert(nkey_read(slice_of(vectors[0].key), &key) && nkey_read(slice_of(vectors[1].key), &other));
    unit_assert(nkey_verify(&key, data, slice_of_bytes(signature, NKEY_SIGNATURE_SIZE)));
    unit_assert(!nkey_verify(&other, data, slice_of_bytes(signature, NKEY_SIGNATURE_SIZE)));
    unit_assert(!nkey_verify(&key, slice_of("PXoWU7zWAMt75FZ"), slice_of_bytes(signature, NKEY_SIGNATURE_SIZE)));
    unit_assert(!nkey_verify(&key, slice_of(""), slice_of_bytes(signature, NKEY_SIGNATURE_SIZE)));
    unit_assert(!nkey_verify(&key, data, slice_of_bytes(signature, NKEY_SIGNATURE_SIZE - 1)));
    unit_assert(!nkey_verify(&key, data, slice_of_bytes(signature, NKEY_SIGNATURE_SIZE + 1)));
    unit_assert(!nkey_verify(&key, data, slice_of("")));
    for (size_t bit = 0; bit < 8 * NKEY_SIGNATURE_SIZE; bit++) {
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
        unit_assert(!nkey_verify(&key, data, slice_of_bytes(signature, NKEY_SIGNATURE_SIZE)));
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}
END_TEST

static bool is_read(const char *text, size_t size)
{
    struct nkey key;
    struct nkey_seed seed;
    return nkey_read(slice_make(text, size), &key) || nkey_seed_read(slice_make(text, size), &seed);
}

/* A letter changed, one fewer, one more. */
static void try_faults(const char *text)
{
    char changed[NKEY_SEED_TEXT_SIZE + 1];
    size_t size = strlen(text);
    memcpy(changed, text, size + 1);
    for (size_t i = 0; i < size; i++) {
        changed[i] = text[i] == 'A' ? 'B' : 'A';
        unit_assert(!is_read(changed, size));
        changed[i] = text[i];
        unit_assert(!is_read(text, i));
    }
    changed[size] = 'A';
    unit_assert(is_read(changed, size) && !is_read(changed, size + 1));
}

START_TEST(any_other_text_is_refused)
{
    struct nkey key;
    struct nkey_seed seed;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        try_faults(vectors[i].key);
        try_faults(vectors[i].seed);
        unit_assert(!nkey_read(slice_of(vectors[i].seed), &key) && !nkey_seed_read(slice_of(vectors[i].key), &seed));
    }
    unit_assert(!is_read("udxu4rcsjnzoiqhznwxhxordprtgnjahahfrgzneejcpqtt2m7nlcnf4", 56));
    /* Whole, with a CRC that is right, of a kind that is none here: a curve key. */
    unit_assert(!is_read("XAEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQS6I2", 56));
}
END_TEST

START_TEST(new_seeds_are_seeds)
{
    unsigned char chance[NKEY_SIZE];
    char text[NKEY_SEED_TEXT_SIZE];
    struct nkey_seed seed, again, nothing = { 0 };
    memset(chance, 7, sizeof chance);
    nkey_seed_make(NKEY_USER, chance, &seed);
    unit_assert(nkey_seed_read(slice_of(nkey_seed_write(&seed, text)), &again));
    unit_assert(again.kind == NKEY_USER && memcmp(again.bytes, chance, sizeof chance) == 0);
    nkey_seed_wipe(&again);
    unit_assert(memcmp(&again, &nothing, sizeof again) == 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        texts_are_read_and_written,
        signatures_are_those_of_others,
        a_signature_of_anything_else_is_refused,
        any_other_text_is_refused,
        new_seeds_are_seeds,
        NULL,
    };
    return unit_run("nkey", tests);
}
