#include "util/network.h"

#include "util/units.h"

enum { GROUPS = 8, GROUP_DIGITS = 4 };

static int digit_value(char letter, int base)
{
    int value = letter >= '0' && letter <= '9' ? letter - '0' : (letter | 0x20) - 'a' + 10;
    bool is_letter = (letter | 0x20) >= 'a' && (letter | 0x20) <= 'f';
    return (letter >= '0' && letter <= '9') || (is_letter && base == 16) ? value : -1;
}

/* The number at *text, of some digits, moving *text behind it. Decimal ones have no 0 in front: some read octal. */
static bool read_number(const char **text, int base, unsigned digits_max, unsigned *ret_number)
{
    unsigned count = 0, number = 0;
    for (int value; count < digits_max && (value = digit_value((*text)[count], base)) >= 0; count++)
        number = number * (unsigned)base + (unsigned)value;
    if (!count || digit_value((*text)[count], base) >= 0 || (base == 10 && count > 1 && **text == '0'))
        return false;
    *text += count;
    *ret_number = number;
    return true;
}

/* Moves *text behind the address. */
static bool read_ipv4(const char **text, unsigned char bytes[4])
{
    const char *at = *text;
    for (unsigned i = 0; i < 4; i++) {
        unsigned number;
        if ((i && *at++ != '.') || !read_number(&at, 10, 3, &number) || number > 255)
            return false;
        bytes[i] = (unsigned char)number;
    }
    *text = at;
    return true;
}

static bool is_end(char letter)
{
    return letter == '\0' || letter == '/';
}

/* Groups from *text on, up to "::" or the end, as bytes. Returns their number of bytes, or -1. */
static int read_groups(const char **text, unsigned char bytes[16])
{
    unsigned size = 0, number;
    const char *at = *text;
    while (size < 16) {
        if (size <= 12 && read_ipv4(&at, bytes + size)) {
            *text = at;
            return is_end(*at) ? (int)size + 4 : -1; /* it stands last */
        }
        if (!read_number(&at, 16, GROUP_DIGITS, &number))
            return -1;
        bytes[size++] = (unsigned char)(number >> 8);
        bytes[size++] = (unsigned char)number;
        if (size == 16 || *at != ':' || at[1] == ':')
            break;
        at++;
    }
    *text = at;
    return (int)size;
}

/* Moves *text behind the address. "::" stands for one group of zeros or more. */
static bool read_ipv6(const char **text, unsigned char bytes[16])
{
    unsigned char front[16] = { 0 }, back[16] = { 0 };
    const char *at = *text;
    int front_size = strncmp(at, "::", 2) == 0 ? 0 : read_groups(&at, front), back_size = 0;
    bool has_gap = front_size >= 0 && strncmp(at, "::", 2) == 0;
    if (has_gap) {
        at += 2;
        back_size = is_end(*at) ? 0 : read_groups(&at, back);
    }
    if (front_size < 0 || back_size < 0 || (has_gap ? front_size + back_size > 14 : front_size != 16))
        return false;
    memset(bytes, 0, 16);
    memcpy(bytes, front, (size_t)front_size);
    memcpy(bytes + 16 - back_size, back, (size_t)back_size);
    *text = at;
    return true;
}

static bool read_bits(const char *text, unsigned size, unsigned char *ret_bits)
{
    uint64_t bits;
    if (!units_parse_count(text, &bits) || bits > 8u * size)
        return false;
    *ret_bits = (unsigned char)bits;
    return true;
}

static bool is_clean(const struct network *network)
{
    for (unsigned i = network->bits; i < 8u * network->size; i++)
        if (network->bytes[i / 8] >> (7 - i % 8) & 1)
            return false;
    return true;
}

bool network_read(const char *text, struct network *ret_network)
{
    struct network network = { .size = 4 };
    if (!read_ipv4(&text, network.bytes)) {
        network.size = 16;
        if (!read_ipv6(&text, network.bytes))
            return false;
    }
    network.bits = (unsigned char)(8 * network.size);
    if (!is_end(*text) || (*text && !read_bits(text + 1, network.size, &network.bits)) || !is_clean(&network))
        return false;
    *ret_network = network;
    return true;
}

bool network_contains(const struct network *network, const unsigned char *bytes, unsigned size)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (network->size != size || memcmp(network->bytes, bytes, whole) != 0)
        return false;
    return !rest || (network->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}
