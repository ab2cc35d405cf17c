/* Fuzz target: what a reply topic says of a train stands in it, at its start. The input is the topic. */
#include "fuzz.h"

#include "core/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct train train;
    struct slice given = slice_make((const char *)data, size);
    if (!train_read(given, &train))
        return 0;
    fuzz_require(slice_starts_with(given, train.text) && train.text.data[train.text.size - 1] == '.');
    fuzz_require(train.publisher.size && train.publisher.data > train.text.data);
    fuzz_require(!memchr(train.publisher.data, '.', train.publisher.size));
    fuzz_require(strtoull(train.publisher.data + train.publisher.size + 1, NULL, 10) == train.number);
    return 0;
}
