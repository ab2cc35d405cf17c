/*
 * Fuzz target: the letters of base32 and of keys. What is read and written again is the same text.
 *
 *   input = a text
 */
#include "fuzz.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    try_letters(text);
    try_keys(text);
    return 0;
}
