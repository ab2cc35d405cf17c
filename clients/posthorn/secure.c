#include "secure.h"

#include <stdlib.h>

#include "posthorn.h"

#define FIELD(member) offsetof(struct secure_values, member)

const struct option secure_options[] = {
    { "tls-ca", 0, "FILE", OPTION_TEXT, FIELD(ca), NULL,
      "trust the certificates in this file, in place of the system's, to vouch for the server" },
    { "tls-cert", 0, "FILE", OPTION_TEXT, FIELD(cert), NULL,
      "show the server this certificate, behind which those up to its CA may stand" },
    { "tls-key", 0, "FILE", OPTION_TEXT, FIELD(key), NULL, "its key; in the certificate's file where it is not given" },
    { "tls-first", 0, NULL, OPTION_FLAG, FIELD(first), NULL,
      "begin with TLS, for a server that does so too, and not after its greeting" },
    { "tls-insecure", 0, NULL, OPTION_FLAG, FIELD(insecure), NULL,
      "take any certificate: whoever stands between can then read and change everything" },
    { 0 },
};

void secure_fill_in(struct secure_values *values, const struct secure_values *weaker)
{
    if (!values->ca)
        values->ca = weaker->ca;
    if (!values->cert && !values->key) {
        values->cert = weaker->cert;
        values->key = weaker->key;
    }
    values->first |= weaker->first;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

struct secure_values secure_environment(void)
{
    return (struct secure_values){
        .ca = environment("POSTHORN_TLS_CA"),
        .cert = environment("POSTHORN_TLS_CERT"),
        .key = environment("POSTHORN_TLS_KEY"),
    };
}

void secure_put(const struct secure_values *values, struct ph_options *options)
{
    options->tls_ca = values->ca;
    options->tls_cert = values->cert;
    options->tls_key = values->key;
    options->tls_first = values->first;
    options->tls_insecure = values->insecure;
}
