/*
 * hash: a seeded hash of bytes for the daemon's own tables. Not for storage and not cryptographic: the seed, drawn at
 * start, keeps outsiders from choosing topics that collide. Folds 64x64 -> 128-bit products, as wyhash and its kin do.
 */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_PRIME_A 0x9e3779b97f4a7c15u
#define HASH_PRIME_B 0xd6e8feb86659fd93u

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t size)
{
    const unsigned char *at = data;
    uint64_t hash = seed ^ (size * HASH_PRIME_B), word;
    for (; size > 8; at += 8, size -= 8) {
        memcpy(&word, at, 8);
        hash = hash_mix(hash ^ word, HASH_PRIME_A);
    }
    word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return hash_mix(hash ^ word, HASH_PRIME_A ^ seed);
}

#endif
