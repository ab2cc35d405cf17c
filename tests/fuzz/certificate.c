/*
 * Fuzz target: whom a client's certificate names.
 *
 *   input = a certificate in DER
 *
 * Whatever OpenSSL takes for one: its names lie within the identity, one behind the other, and none is empty or has a
 * NUL in it, behind which another name could hide.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "net/tls_state.h"

static void check_identity(const struct tls_identity *identity)
{
    const char *end = identity->subject.data + identity->subject.size;
    for (size_t i = 0; i < identity->name_count; i++) {
        struct slice name = identity->names[i];
        fuzz_require(name.size && name.data >= end);
        fuzz_require(!memchr(name.data, '\0', name.size));
        end = name.data + name.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    struct tls_identity *identity = certificate ? tls_identity_create(certificate) : NULL;
    if (identity)
        check_identity(identity);
    free(identity);
    X509_free(certificate);
    return 0;
}
