#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_state.h"

/* Names that say who somebody is; of the other kinds nobody asks. */
static bool is_name(const GENERAL_NAME *name)
{
    return name->type == GEN_EMAIL || name->type == GEN_DNS || name->type == GEN_URI;
}

static struct slice text_of(const GENERAL_NAME *name)
{
    const ASN1_IA5STRING *text = name->d.ia5;
    return slice_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

/* A NUL within could make one name look like another. */
static bool is_plain(struct slice text)
{
    return text.size && !memchr(text.data, '\0', text.size);
}

/* The subject, written to memory. What is not ASCII stays UTF-8, as it stands in configurations. */
static BIO *print_subject(X509 *certificate)
{
    BIO *out = BIO_new(BIO_s_mem());
    unsigned long style = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    if (out && X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, style) >= 0)
        return out;
    BIO_free(out);
    return NULL;
}

static struct slice copy_text(char **at, struct slice text)
{
    char *copy = *at;
    if (text.size)
        memcpy(copy, text.data, text.size);
    *at += text.size;
    return slice_make(copy, text.size);
}

static struct tls_identity *identity_of(struct slice subject, const GENERAL_NAMES *names)
{
    size_t size = subject.size, count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (is_name(sk_GENERAL_NAME_value(names, i))) {
            size += text_of(sk_GENERAL_NAME_value(names, i)).size;
            count++;
        }
    struct tls_identity *identity = malloc(sizeof *identity + count * sizeof *identity->names + size);
    if (!identity)
        return NULL;
    char *at = (char *)(identity->names + count);
    identity->subject = copy_text(&at, subject);
    identity->name_count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (is_name(name) && is_plain(text_of(name)))
            identity->names[identity->name_count++] = copy_text(&at, text_of(name));
    }
    return identity;
}

struct tls_identity *tls_identity_create(X509 *certificate)
{
    char *subject;
    BIO *printed = print_subject(certificate);
    if (!printed)
        return NULL;
    long size = BIO_get_mem_data(printed, &subject);
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    struct tls_identity *identity = identity_of(slice_make(subject, (size_t)size), names);
    GENERAL_NAMES_free(names);
    BIO_free(printed);
    return identity;
}
