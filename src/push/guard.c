#include "push/guard.h"

#include <netinet/in.h>

enum { FORMS_MAX = 4 };

/* One address, of either family. */
struct form {
    unsigned char bytes[16];
    unsigned char size;
};

static const struct {
    struct network network;
    const char *reason;
} refusals[] = {
    /* IPv4: the special-purpose registry of IANA, and multicast. */
    { { { 0 }, 4, 8 }, "this network" },
    { { { 10 }, 4, 8 }, "private" },
    { { { 100, 64 }, 4, 10 }, "shared address space" },
    { { { 127 }, 4, 8 }, "loopback" },
    { { { 169, 254 }, 4, 16 }, "link-local" },            /* and the metadata services of most clouds */
    { { { 172, 16 }, 4, 12 }, "private" },
    { { { 192, 0, 0 }, 4, 24 }, "protocol assignments" }, /* 192.0.0.192 is Oracle's metadata service */
    { { { 192, 0, 2 }, 4, 24 }, "documentation" },
    { { { 192, 88, 99 }, 4, 24 }, "6to4 relay" },
    { { { 192, 168 }, 4, 16 }, "private" },
    { { { 198, 18 }, 4, 15 }, "benchmarking" },
    { { { 198, 51, 100 }, 4, 24 }, "documentation" },
    { { { 203, 0, 113 }, 4, 24 }, "documentation" },
    { { { 224 }, 4, 4 }, "multicast" },
    { { { 240 }, 4, 4 }, "reserved" },                    /* with broadcast */
    { { { 168, 63, 129, 16 }, 4, 32 }, "metadata" },      /* Azure's */
    /* IPv6: what is global unicast is 2000::/3, and not all of that. */
    { { { 0 }, 16, 128 }, "this network" },
    { { { [15] = 1 }, 16, 128 }, "loopback" },
    { { { 0 }, 16, 3 }, "not global" },                   /* ::, ::1, mapped, NAT64 and all that is not assigned */
    { { { 0x20, 0x01 }, 16, 23 }, "protocol assignments" }, /* with Teredo */
    { { { 0x20, 0x01, 0x0d, 0xb8 }, 16, 32 }, "documentation" },
    { { { 0x20, 0x02 }, 16, 16 }, "6to4" },
    { { { 0x3f, 0xff }, 16, 20 }, "documentation" },
    { { { 0x40 }, 16, 2 }, "not global" },
    { { { 0x80 }, 16, 2 }, "not global" },
    { { { 0xc0 }, 16, 3 }, "not global" },
    { { { 0xe0 }, 16, 4 }, "not global" },
    { { { 0xf0 }, 16, 5 }, "not global" },
    { { { 0xf8 }, 16, 6 }, "not global" },
    { { { 0xfc }, 16, 7 }, "private" },
    { { { 0xfe }, 16, 9 }, "not global" },
    { { { 0xfe, 0x80 }, 16, 10 }, "link-local" },
    { { { 0xfe, 0xc0 }, 16, 10 }, "private" },
    { { { 0xff }, 16, 8 }, "multicast" },
};

static bool contains(const struct network *network, const struct form *form)
{
    return network_contains(network, form->bytes, form->size);
}

/* IPv4 within IPv6: where it lies, and whether it is inverted there. An alias is that IPv4 address and nothing else, so
 * that it is judged as it: a host without IPv4 behind a NAT64 reaches all of IPv4 so. */
static const struct embedding {
    struct network network;
    unsigned char at;
    unsigned char mask;
    bool is_alias;
} embeddings[] = {
    { { { [10] = 0xff, [11] = 0xff }, 16, 96 }, 12, 0, true },            /* ::ffff:a.b.c.d */
    { { { [8] = 0xff, [9] = 0xff }, 16, 96 }, 12, 0, false },             /* ::ffff:0:a.b.c.d, translated */
    { { { 0 }, 16, 96 }, 12, 0, false },                                  /* ::a.b.c.d */
    { { { 0x00, 0x64, 0xff, 0x9b }, 16, 96 }, 12, 0, true },              /* 64:ff9b::a.b.c.d, NAT64 */
    { { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 16, 48 }, 12, 0, false }, /* a network's own NAT64, its longest form */
    { { { 0x20, 0x02 }, 16, 16 }, 2, 0, false },                          /* 6to4 */
    { { { 0x20, 0x01, 0x00, 0x00 }, 16, 32 }, 12, 0xff, false },          /* Teredo: the client */
};

/* The interface identifiers of ISATAP stand behind any prefix. */
static bool is_isatap(const struct form *form)
{
    static const unsigned char mark[3] = { 0x00, 0x5e, 0xfe };
    return form->size == 16 && (form->bytes[8] & ~2u) == 0 && memcmp(form->bytes + 9, mark, sizeof mark) == 0;
}

/* False where it is of 0.0.0.0/8, which is no address: ::1 is no IPv4. */
static bool cut_out(const struct form *form, unsigned at, unsigned char mask, struct form *ret_cut)
{
    ret_cut->size = 4;
    for (unsigned i = 0; i < 4; i++)
        ret_cut->bytes[i] = form->bytes[at + i] ^ mask;
    return ret_cut->bytes[0] != 0;
}

/* The address and what is written within it. Returns how many; *ret_is_alias: the first counts for nothing. */
static unsigned decode(const struct form *form, struct form forms[FORMS_MAX], bool *ret_is_alias)
{
    unsigned count = 0;
    forms[count++] = *form;
    *ret_is_alias = false;
    for (unsigned i = 0; i < sizeof embeddings / sizeof *embeddings && count < FORMS_MAX; i++)
        if (contains(&embeddings[i].network, form) &&
            cut_out(form, embeddings[i].at, embeddings[i].mask, &forms[count])) {
            *ret_is_alias |= embeddings[i].is_alias;
            count++;
        }
    if (count < FORMS_MAX && is_isatap(form) && cut_out(form, 12, 0, &forms[count]))
        count++;
    return count;
}

static bool is_allowed(const struct guard *guard, const struct form *form)
{
    for (size_t i = 0; i < guard->allowed_count; i++)
        if (contains(&guard->allowed[i], form))
            return true;
    return false;
}

static const char *why_not(const struct form *form)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (contains(&refusals[i].network, form))
            return refusals[i].reason;
    return NULL;
}

static bool form_of(const struct sockaddr *address, struct form *ret_form)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        memcpy(ret_form->bytes, &in->sin_addr, 4);
        ret_form->size = 4;
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)address;
        memcpy(ret_form->bytes, &in->sin6_addr, 16);
        ret_form->size = 16;
    } else {
        return false;
    }
    return true;
}

/* One of the forms is that in which the packets arrive, and nobody knows which; so the innermost tells the reason, and
 * the operator may name any. */
const char *guard_refuses(const struct guard *guard, const struct sockaddr *address)
{
    struct form form = { .size = 0 }, forms[FORMS_MAX];
    const char *reason = NULL;
    bool is_alias;
    if (!form_of(address, &form))
        return "neither IPv4 nor IPv6";
    unsigned count = decode(&form, forms, &is_alias);
    for (unsigned i = 0; i < count; i++)
        if (is_allowed(guard, &forms[i]))
            return NULL;
    for (unsigned i = count; i-- > is_alias && !reason;)
        reason = why_not(&forms[i]);
    return reason;
}
