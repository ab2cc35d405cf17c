/*
 * Fuzz target: the short texts that webhooks are told by others: networks that an operator names, secrets, where to
 * begin, and what a receiver says in Retry-After. Each input is given to all of their readers.
 *
 *   input = a text
 */
#include "fuzz.h"

#include <string.h>

#include "push/retry.h"
#include "push/settings.h"
#include "util/network.h"

#define WALL_MS 1700000000000u

/* An address of a network is in it, and its own bits alone count. */
static void try_network(const char *text)
{
    struct network network;
    if (!network_read(text, &network))
        return;
    fuzz_require(network.size == 4 || network.size == 16);
    fuzz_require(network.bits <= 8 * network.size);
    fuzz_require(network_contains(&network, network.bytes, network.size));
    for (unsigned bit = network.bits; bit < 8u * network.size; bit++)
        fuzz_require(!(network.bytes[bit / 8] & (0x80 >> bit % 8)));
    if (network.bits) {
        network.bytes[0] ^= 0x80;
        unsigned char other[16];
        memcpy(other, network.bytes, sizeof other);
        network.bytes[0] ^= 0x80;
        fuzz_require(!network_contains(&network, other, network.size));
    }
}

/* A secret that is written is read as the same. */
static void try_secret(struct slice text)
{
    struct secret secret, again;
    char written[SECRET_TEXT_SIZE];
    if (!secret_read(text, &secret))
        return;
    fuzz_require(secret.size <= SECRET_SIZE_MAX);
    fuzz_require(secret_read(slice_of(secret_write(&secret, written)), &again));
    fuzz_require(secret_equal(&secret, &again));
}

static void try_start(struct slice text)
{
    enum webhook_start start;
    struct cursor cursor;
    uint64_t time_ms;
    if (webhook_start_read(text, &start, &cursor, &time_ms) && start == WEBHOOK_START_CURSOR)
        fuzz_require(cursor.epoch != 0);
}

/* What has passed is no delay, and a delay is a multiple of a second but for what is left of the present one. */
static void try_retry_after(struct slice text)
{
    uint64_t delay_ms = 1;
    if (!retry_after_read(text, WALL_MS, &delay_ms))
        fuzz_require(delay_ms == 1);
    else
        fuzz_require(delay_ms == UINT64_MAX || delay_ms % 1000 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    fuzz_require(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    try_network(text);
    free(text);
    struct slice given = slice_make((const char *)data, size);
    try_secret(given);
    try_start(given);
    try_retry_after(given);
    return 0;
}
