#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "net/tls_state.h"
#include "util/log.h"

enum {
    CERTIFICATES_SIZE_MAX = 32 << 10, /* of a client, all of its chain */
    CHAIN_LENGTH_MAX = 8,
    TICKET_LIFETIME_S = 3600,
    EXPIRES_SOON_S = 14 * 24 * 3600,
    DATE_SIZE = 32,
};

/* Where the files of a certificate stand, and in which section. */
struct pair {
    const char *section, *name;
    const char *certificate, *key;
};

/* Errors. */

/* The name of the section, with its NAME. */
static const char *heading_of(const struct pair *pair, char room[128])
{
    snprintf(room, 128, "[%s%s%s]", pair->section, pair->name ? " " : "", pair->name ? pair->name : "");
    return room;
}

static int refuse(char sentence[TLS_SENTENCE_SIZE], const struct pair *pair, const char *what, const char *value,
                  const char *why)
{
    char heading[128];
    snprintf(sentence, TLS_SENTENCE_SIZE, "%s %s %s: %s", heading_of(pair, heading), what, value, why);
    return -EINVAL;
}

/* What OpenSSL has against it; the last error is the nearest to what was asked. */
static int refuse_for_openssl(char sentence[TLS_SENTENCE_SIZE], const struct pair *pair, const char *what,
                              const char *value)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    ERR_clear_error();
    return refuse(sentence, pair, what, value, reason ? reason : "OpenSSL does not take it");
}

/* Files. */

/* OpenSSL says little of a file that it cannot open. */
static int check_file(char sentence[TLS_SENTENCE_SIZE], const struct pair *pair, const char *what, const char *path,
                      struct stat *ret_status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 || fstat(fd, ret_status) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return error ? refuse(sentence, pair, what, path, strerror(error)) : 0;
}

/* Keys under a password are not for a daemon, which has nobody to ask. */
static int no_password(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int load_key(SSL_CTX *context, const struct pair *pair, char sentence[TLS_SENTENCE_SIZE])
{
    const char *path = *pair->key ? pair->key : pair->certificate;
    struct stat status;
    int error = check_file(sentence, pair, "key", path, &status);
    if (error)
        return error;
    if (status.st_mode & S_IRWXO)
        log_warning("key_exposed", "file=%s action=\"take the rights of others away: chmod o= %s\"", path, path);
    if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
        return refuse_for_openssl(sentence, pair, "key", path);
    return 0;
}

static void log_validity(const struct pair *pair, const X509 *certificate)
{
    char date[DATE_SIZE] = "", heading[128];
    struct tm tm;
    time_t soon = time(NULL) + EXPIRES_SOON_S;
    const ASN1_TIME *end = X509_get0_notAfter(certificate);
    if (ASN1_TIME_to_tm(end, &tm) == 1)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (X509_cmp_current_time(end) < 0)
        log_warning("certificate_expired", "section=\"%s\" file=%s expired=%s", heading_of(pair, heading),
                    pair->certificate, date);
    else if (X509_cmp_time(end, &soon) < 0)
        log_warning("certificate_expires_soon", "section=\"%s\" file=%s expires=%s", heading_of(pair, heading),
                    pair->certificate, date);
    else
        log_info("certificate_loaded", "section=\"%s\" file=%s expires=%s", heading_of(pair, heading),
                 pair->certificate, date);
}

/* The certificate with its chain, and its key. */
static int load_pair(SSL_CTX *context, const struct pair *pair, char sentence[TLS_SENTENCE_SIZE])
{
    struct stat status;
    int error = check_file(sentence, pair, "certificate", pair->certificate, &status);
    if (error)
        return error;
    if (SSL_CTX_use_certificate_chain_file(context, pair->certificate) != 1)
        return refuse_for_openssl(sentence, pair, "certificate", pair->certificate);
    error = load_key(context, pair, sentence);
    if (!error)
        log_validity(pair, SSL_CTX_get0_certificate(context));
    return error;
}

/* Rules. */

static int set_ciphers(SSL_CTX *context, const struct config_tls *config, const struct pair *pair,
                       char sentence[TLS_SENTENCE_SIZE])
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    SSL_CTX_set_min_proto_version(context, versions[config->min_version]);
    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
    if (SSL_CTX_set_cipher_list(context, config->ciphers) != 1)
        return refuse_for_openssl(sentence, pair, "ciphers", config->ciphers);
    if (*config->cipher_suites && SSL_CTX_set_ciphersuites(context, config->cipher_suites) != 1)
        return refuse_for_openssl(sentence, pair, "cipher_suites", config->cipher_suites);
    return 0;
}

static int set_clients(SSL_CTX *context, const struct config_tls *config, const struct pair *pair,
                       char sentence[TLS_SENTENCE_SIZE])
{
    static const int modes[] = { SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT };
    struct stat status;
    SSL_CTX_set_verify(context, modes[config->verify], NULL);
    SSL_CTX_set_verify_depth(context, CHAIN_LENGTH_MAX);
    SSL_CTX_set_max_cert_list(context, CERTIFICATES_SIZE_MAX);
    if (config->verify == 0)
        return 0;
    int error = check_file(sentence, pair, "ca", config->ca, &status);
    if (error)
        return error;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(config->ca);
    if (!names || SSL_CTX_load_verify_locations(context, config->ca, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse_for_openssl(sentence, pair, "ca", config->ca);
    }
    SSL_CTX_set_client_CA_list(context, names);
    return 0;
}

/* The certificate that names what the client asks for; where none does, that of [tls]. */
static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    const struct tls *tls = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (size_t i = 0; name && i < tls->context_count; i++)
        if (X509_check_host(SSL_CTX_get0_certificate(tls->contexts[i]), name, 0, 0, NULL) == 1) {
            SSL_set_SSL_CTX(ssl, tls->contexts[i]);
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_NOACK;
}

/*
 * Sessions go on by tickets alone, under a key that lives as long as the context: a server whose certificates or
 * authorities have changed asks everybody again. There is no early data, which could be said twice. An end without
 * close_notify is an end: what was cut off is noticed by the protocols, whose messages have lengths.
 */
static void set_rules(SSL_CTX *context, struct tls *tls)
{
    static const unsigned char ours[] = "posthorn";
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, ours, sizeof ours - 1);
    SSL_CTX_set_timeout(context, TICKET_LIFETIME_S);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context, tls);
    SSL_CTX_set_alpn_select_cb(context, tls_choose_protocol, NULL);
}

/* Life. */

static int add_context(struct tls *tls, const struct config *config, const struct pair *pair,
                       char sentence[TLS_SENTENCE_SIZE])
{
    static const struct pair main_pair = { .section = "tls" };
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context)
        return -ENOMEM;
    tls->contexts[tls->context_count++] = context;
    set_rules(context, tls);
    int error = set_ciphers(context, &config->tls, &main_pair, sentence);
    if (!error)
        error = set_clients(context, &config->tls, &main_pair, sentence);
    return error ? error : load_pair(context, pair, sentence);
}

static int add_contexts(struct tls *tls, const struct config *config, char sentence[TLS_SENTENCE_SIZE])
{
    const struct pair first = { "tls", NULL, config->tls.certificate, config->tls.key };
    int error = add_context(tls, config, &first, sentence);
    for (size_t i = 0; i < config->certificate_count && !error; i++) {
        const struct config_certificate *from = &config->certificates[i];
        const struct pair pair = { "certificate", from->name, from->certificate, from->key };
        error = add_context(tls, config, &pair, sentence);
    }
    return error;
}

int tls_create(const struct config *config, struct tls **ret_tls, char sentence[TLS_SENTENCE_SIZE])
{
    *ret_tls = NULL;
    if (!*config->tls.certificate)
        return 0;
    struct tls *tls = calloc(1, sizeof *tls + (1 + config->certificate_count) * sizeof *tls->contexts);
    if (!tls)
        return -ENOMEM;
    ERR_clear_error();
    atomic_init(&tls->reference_count, 1);
    tls->handshake_timeout_ms = config->tls.handshake_timeout_ms;
    tls->socket = tls_socket_create();
    int error = tls->socket ? add_contexts(tls, config, sentence) : -ENOMEM;
    if (error) {
        tls_destroy(tls);
        return error;
    }
    *ret_tls = tls;
    return 0;
}

void tls_destroy(struct tls *tls)
{
    if (!tls || atomic_fetch_sub(&tls->reference_count, 1) > 1)
        return;
    for (size_t i = 0; i < tls->context_count; i++)
        SSL_CTX_free(tls->contexts[i]);
    BIO_meth_free(tls->socket);
    free(tls);
}

uint64_t tls_handshake_timeout_ms(const struct tls *tls)
{
    return tls->handshake_timeout_ms;
}
