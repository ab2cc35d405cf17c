/*
 * crc32c: the checksum of Castagnoli (RFC 3720, B.4) over bytes, by the processor's instruction where it has one. Pure;
 * any thread.
 */
#ifndef UTIL_CRC32C_H
#define UTIL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from the checksum of the bytes before; 0 for none. A seed of one's own makes the sum of the same bytes
 * another. */
uint32_t crc32c(uint32_t before, const void *data, size_t size);

/* The same by table, whatever the processor has: for tests. */
uint32_t crc32c_by_table(uint32_t before, const void *data, size_t size);

#endif
