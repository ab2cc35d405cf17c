/*
 * Fuzz target: the letters of base32 and of keys, and the files of clients that hold them. What is read and written
 * again is the same text.
 *
 *   input = a text
 */
#include "fuzz.h"

#include "libposthorn/creds.h"
#include "util/base32.h"
#include "util/nkey.h"

static void try_letters(struct slice text)
{
    size_t size;
    char *out = malloc(base32_data_size_max(text.size) + 1);
    char *again = malloc(text.size + 1);
    fuzz_require(out && again);
    if (base32_read(text, out, &size)) {
        fuzz_require(size <= base32_data_size_max(text.size) && base32_size(size) == text.size);
        fuzz_require(base32_write(again, slice_make(out, size)) == again + text.size);
        fuzz_require(slice_equal(slice_make(again, text.size), text));
    }
    free(out);
    free(again);
}

static void try_keys(struct slice text)
{
    struct nkey key;
    struct nkey_seed seed;
    char written[NKEY_TEXT_SIZE], seed_written[NKEY_SEED_TEXT_SIZE];
    if (nkey_read(text, &key))
        fuzz_require(slice_equal(slice_of(nkey_write(&key, written)), text));
    if (nkey_seed_read(text, &seed))
        fuzz_require(slice_equal(slice_of(nkey_seed_write(&seed, seed_written)), text));
}

/* Both stand in the text, and what goes into CONNECT is one field or more. */
static void try_file(struct slice text)
{
    struct ph_creds creds = { 0 };
    struct ph_buffer bytes = { 0 };
    char seed[NKEY_SEED_TEXT_SIZE];
    fuzz_require(ph_creds_read(text, &creds) == PH_OK);
    if (creds.jwt)
        fuzz_require(memmem(text.data, text.size, creds.jwt, strlen(creds.jwt)) && !strpbrk(creds.jwt, "\"\\ \r\n"));
    if (creds.has_seed)
        fuzz_require(memmem(text.data, text.size, nkey_seed_write(&creds.seed, seed), NKEY_SEED_TEXT_SIZE - 1));
    fuzz_require(ph_creds_write(&creds, "nonce", &bytes));
    fuzz_require((bytes.size > 0) == (creds.jwt || creds.has_seed));
    ph_buffer_finish(&bytes);
    ph_creds_finish(&creds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    try_letters(text);
    try_keys(text);
    try_file(text);
    return 0;
}
