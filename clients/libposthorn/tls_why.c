#include "tls_why.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

enum { NAME_SIZE = 128, NAMES_SIZE = 160, REASON_SIZE = 256 };

/* ---- certificates ---- */

/* What the certificate, its host and a table's row make of one sentence. */
struct complaint {
    X509 *certificate;
    const char *host;
    const char *text; /* of the row */
};

typedef void write_fn(const struct complaint *complaint, char *out, size_t size);

static void print_name(const X509_NAME *name, char out[NAME_SIZE])
{
    BIO *bio = BIO_new(BIO_s_mem());
    int size = bio && name && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) > 0 ? BIO_read(bio, out, NAME_SIZE - 1)
                                                                                   : 0;
    out[size > 0 ? size : 0] = '\0';
    if (!*out)
        snprintf(out, NAME_SIZE, "no name");
    BIO_free(bio);
}

static void write_text(const struct complaint *complaint, char *out, size_t size)
{
    snprintf(out, size, "%s", complaint->text);
}

static void write_issuer(const struct complaint *complaint, char *out, size_t size)
{
    char issuer[NAME_SIZE];
    print_name(X509_get_issuer_name(complaint->certificate), issuer);
    snprintf(out, size, "%s (%s)", complaint->text, issuer);
}

static void write_moment(const struct complaint *complaint, const ASN1_TIME *moment, char *out, size_t size)
{
    struct tm parts;
    char date[32] = "?";
    if (ASN1_TIME_to_tm(moment, &parts) == 1)
        strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &parts);
    snprintf(out, size, "%s %s", complaint->text, date);
}

static void write_begin(const struct complaint *complaint, char *out, size_t size)
{
    write_moment(complaint, X509_get0_notBefore(complaint->certificate), out, size);
}

static void write_end(const struct complaint *complaint, char *out, size_t size)
{
    write_moment(complaint, X509_get0_notAfter(complaint->certificate), out, size);
}

static void append(char *out, size_t size, const char *separator, const char *text, size_t text_size)
{
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%.*s", used ? separator : "", (int)text_size, text);
}

static void append_address(char *out, size_t size, const ASN1_OCTET_STRING *address)
{
    const unsigned char *at = ASN1_STRING_get0_data(address);
    char text[64] = "";
    if (ASN1_STRING_length(address) == 4)
        snprintf(text, sizeof text, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
    else
        for (int i = 0; i + 1 < ASN1_STRING_length(address) && i < 16; i += 2)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%x", i ? ":" : "",
                     (unsigned)at[i] << 8 | at[i + 1]);
    append(out, size, ", ", text, strlen(text));
}

/* The names and addresses for which it was made. */
static void list_names(X509 *certificate, char out[NAMES_SIZE])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    *out = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            append(out, NAMES_SIZE, ", ", (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                   (size_t)ASN1_STRING_length(name->d.dNSName));
        else if (name->type == GEN_IPADD)
            append_address(out, NAMES_SIZE, name->d.iPAddress);
    }
    GENERAL_NAMES_free(names);
}

static void write_names(const struct complaint *complaint, char *out, size_t size)
{
    char names[NAMES_SIZE];
    list_names(complaint->certificate, names);
    snprintf(out, size, "%s '%s' but %s", complaint->text, complaint->host, *names ? names : "names nobody");
}

/* What X509_verify_cert_error_string says is used for the others. */
static const struct {
    int error;
    write_fn *write;
    const char *text;
} complaints[] = {
    { X509_V_ERR_HOSTNAME_MISMATCH, write_names, "it is not for" },
    { X509_V_ERR_IP_ADDRESS_MISMATCH, write_names, "it is not for" },
    { X509_V_ERR_CERT_HAS_EXPIRED, write_end, "it expired on" },
    { X509_V_ERR_CERT_NOT_YET_VALID, write_begin, "it is not valid before" },
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, write_text, "it is signed by itself, and not trusted here" },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, write_text, "this CA is not trusted here" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, write_issuer, "whoever signed it is not known here" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, write_issuer, "whoever signed it is not trusted here" },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, write_issuer, "whoever signed it is not trusted here" },
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, write_issuer, "its signature is not of whom it says" },
    { X509_V_ERR_INVALID_PURPOSE, write_text, "it was not made for servers" },
    { X509_V_ERR_INVALID_CA, write_text, "it may not sign others" },
};

void ph_tls_explain_certificate(X509 *certificate, int error, const char *host, char *why, size_t size)
{
    char name[NAME_SIZE], reason[REASON_SIZE];
    struct complaint complaint = { certificate, host, X509_verify_cert_error_string(error) };
    write_fn *write = write_text;
    for (size_t i = 0; i < COUNT(complaints); i++) {
        if (complaints[i].error == error) {
            write = complaints[i].write;
            complaint.text = complaints[i].text;
        }
    }
    print_name(certificate ? X509_get_subject_name(certificate) : NULL, name);
    if (!certificate)
        write = write_text;
    write(&complaint, reason, sizeof reason);
    snprintf(why, size, "the certificate of %s is refused: %s", name, reason);
}

/* ---- failures ---- */

/* What the other side, or the library, says in a code. Those of alerts are about what we have shown. */
static const struct {
    int reason;
    const char *text;
} failures[] = {
    { SSL_R_WRONG_VERSION_NUMBER, "no TLS is spoken there" },
    { SSL_R_HTTP_REQUEST, "no TLS is spoken there" },
    { SSL_R_PACKET_LENGTH_TOO_LONG, "no TLS is spoken there" },
    { SSL_R_UNEXPECTED_EOF_WHILE_READING, "the server ended it" },
    { SSL_R_UNSUPPORTED_PROTOCOL, "no version of TLS that both speak: 1.2 at least is wanted here" },
    { SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "no version of TLS that both speak" },
    { SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "the server finds no way of TLS that both take" },
    { SSL_R_TLSV1_UNRECOGNIZED_NAME, "the server does not know itself by this name" },
};

static const int about_our_certificate[] = {
    SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
    SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,   SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
    SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,   SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
    SSL_R_SSLV3_ALERT_NO_CERTIFICATE,        SSL_R_TLSV1_ALERT_UNKNOWN_CA,
    SSL_R_TLSV1_ALERT_ACCESS_DENIED,         SSL_R_TLSV1_ALERT_DECRYPT_ERROR,
};

static bool is_about_our_certificate(int reason)
{
    for (size_t i = 0; i < COUNT(about_our_certificate); i++)
        if (about_our_certificate[i] == reason)
            return true;
    return false;
}

static const char *reason_text(unsigned long error)
{
    const char *text = ERR_reason_error_string(error);
    return text ? text : "no reason is given";
}

void ph_tls_explain_failure(bool has_certificate, char *why, size_t size)
{
    unsigned long error = ERR_peek_last_error();
    int reason = ERR_GET_REASON(error);
    if (is_about_our_certificate(reason)) {
        snprintf(why, size, has_certificate ? "the server refuses our certificate: %s"
                                            : "the server wants a certificate of us, and there is none: %s",
                 reason_text(error));
        return;
    }
    for (size_t i = 0; i < COUNT(failures); i++) {
        if (failures[i].reason == reason) {
            snprintf(why, size, "%s", failures[i].text);
            return;
        }
    }
    snprintf(why, size, "%s", reason_text(error));
}

/* The first error is the cause: what comes behind it only says that it was one. */
void ph_tls_explain_file(const char *what, const char *path, char *why, size_t size)
{
    unsigned long error = ERR_peek_error();
    const char *reason = reason_text(error);
    if (ERR_SYSTEM_ERROR(error))
        reason = strerror(ERR_GET_REASON(error));
    else if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE)
        reason = "there is none in it, in PEM";
    snprintf(why, size, "the %s, %s: %s", what, path, reason);
}
