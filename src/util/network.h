/*
 * network: addresses of IPv4 and IPv6 as text and as bytes, and networks of them, "10.0.0.0/8". Pure; any thread.
 */
#ifndef UTIL_NETWORK_H
#define UTIL_NETWORK_H

#include "util/slice.h"

/* All addresses of one family whose first bits are these. An address is a network of all bits. */
struct network {
    unsigned char bytes[16];
    unsigned char size;              /* of an address: 4 or 16 */
    unsigned char bits;
};

/* "10.0.0.0/8", "fd00::/8", or one address; four decimal numbers, or RFC 4291. Bits behind the network's are 0. False
 * where the text is none. */
bool network_read(const char *text, struct network *ret_network);

/* Is an address, of so many bytes, of the network? */
bool network_contains(const struct network *network, const unsigned char *bytes, unsigned size);

#endif
