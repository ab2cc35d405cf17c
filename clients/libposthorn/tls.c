#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "posthorn.h"
#include "tls_why.h"
#include "util/transient.h"

enum { FILE_COUNT = 3, LABEL_SIZE = 280, HOST_SIZE = 256, READ_SIZE = 32 << 10 };

/* By which a file is known to be another than the one that was read. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct ph_tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *method;
    struct stamp stamps[FILE_COUNT];
    bool has_certificate;
    SSL_SESSION *session;          /* NULL: none */
    char session_label[LABEL_SIZE]; /* of the server that gave it */
};

struct ph_tls {
    struct ph_tls_context *context;
    SSL *ssl;
    int fd;
    char host[HOST_SIZE], label[LABEL_SIZE]; /* of the server */
    int error;          /* errno of the socket's last failure; 0: none */
    bool is_at_end;     /* the socket has said so */
    bool has_more;
    bool is_broken;     /* nothing more may be said by it */
    short handshake_wants, read_wants;
    char why[PH_TLS_WHY_SIZE];
};

/* ---- the socket ---- */

/* OpenSSL's own socket BIO would raise SIGPIPE. */

static int keep_error(BIO *bio, struct ph_tls *tls, short want)
{
    if (is_transient(errno))
        BIO_set_flags(bio, BIO_FLAGS_SHOULD_RETRY | (want == POLLIN ? BIO_FLAGS_READ : BIO_FLAGS_WRITE));
    else
        tls->error = errno;
    return -1;
}

static int socket_read(BIO *bio, char *data, int size)
{
    struct ph_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t count = recv(tls->fd, data, (size_t)size, MSG_DONTWAIT);
    tls->is_at_end = count == 0;
    return count < 0 ? keep_error(bio, tls, POLLIN) : (int)count;
}

static int socket_write(BIO *bio, const char *data, int size)
{
    struct ph_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t count = send(tls->fd, data, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return count < 0 ? keep_error(bio, tls, POLLOUT) : (int)count;
}

static long socket_control(BIO *bio, int command, long number, void *arg)
{
    const struct ph_tls *tls = BIO_get_data(bio);
    (void)number, (void)arg;
    return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && tls->is_at_end);
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "posthorn socket");
    if (method && BIO_meth_set_read(method, socket_read) == 1 && BIO_meth_set_write(method, socket_write) == 1 &&
        BIO_meth_set_ctrl(method, socket_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* ---- callbacks of OpenSSL ---- */

/* The first complaint counts; those about certificates further up only follow from it. */
static int on_certificate(int is_good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct ph_tls *tls = SSL_get_app_data(ssl);
    if (!is_good && !*tls->why)
        ph_tls_explain_certificate(X509_STORE_CTX_get_current_cert(store), X509_STORE_CTX_get_error(store), tls->host,
                                   tls->why, sizeof tls->why);
    return is_good;
}

/* Takes the session, and says so. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    const struct ph_tls *tls = SSL_get_app_data(ssl);
    struct ph_tls_context *context = tls->context;
    SSL_SESSION_free(context->session);
    context->session = session;
    snprintf(context->session_label, sizeof context->session_label, "%s", tls->label);
    return 1;
}

/* A library asks nobody for a password. */
static int on_password(char *out, int size, int is_writing, void *arg)
{
    (void)out, (void)size, (void)is_writing, (void)arg;
    return -1;
}

/* ---- files ---- */

static const char *key_path(const struct ph_options *options)
{
    return options->tls_key ? options->tls_key : options->tls_cert;
}

static struct stamp stamp_of(const char *path)
{
    struct stat found;
    if (!path || stat(path, &found) < 0)
        return (struct stamp){ 0 };
    return (struct stamp){ found.st_dev, found.st_ino, found.st_size, found.st_mtim };
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void take_stamps(const struct ph_options *options, struct stamp stamps[FILE_COUNT])
{
    const char *const paths[FILE_COUNT] = { options->tls_ca, options->tls_cert, key_path(options) };
    for (unsigned i = 0; i < FILE_COUNT; i++)
        stamps[i] = stamp_of(paths[i]);
}

static bool is_fresh(const struct ph_tls_context *context, const struct ph_options *options)
{
    struct stamp stamps[FILE_COUNT];
    take_stamps(options, stamps);
    for (unsigned i = 0; i < FILE_COUNT; i++)
        if (!is_same(&stamps[i], &context->stamps[i]))
            return false;
    return true;
}

static int refuse_file(const char *what, const char *path, char *why)
{
    ph_tls_explain_file(what, path, why, PH_TLS_WHY_SIZE);
    return PH_E_FILE;
}

static int load_authorities(SSL_CTX *ssl, const struct ph_options *options, char *why)
{
    if (options->tls_ca)
        return SSL_CTX_load_verify_file(ssl, options->tls_ca) == 1
                   ? PH_OK
                   : refuse_file("certificates of the CA", options->tls_ca, why);
    if (!options->tls_insecure && SSL_CTX_set_default_verify_paths(ssl) != 1)
        return refuse_file("certificates of the system", "as OpenSSL finds them", why);
    return PH_OK;
}

static int load_certificate(SSL_CTX *ssl, const struct ph_options *options, char *why)
{
    const char *key = key_path(options);
    if (!options->tls_cert && !key)
        return PH_OK;
    if (!options->tls_cert) {
        snprintf(why, PH_TLS_WHY_SIZE, "the key, %s: there is no certificate beside it", key);
        return PH_E_FILE;
    }
    if (SSL_CTX_use_certificate_chain_file(ssl, options->tls_cert) != 1)
        return refuse_file("certificate", options->tls_cert, why);
    if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
        return refuse_file("key", key, why);
    return PH_OK;
}

/* ---- context ---- */

static void configure(SSL_CTX *ssl, const struct ph_options *options)
{
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_default_read_buffer_len(ssl, READ_SIZE);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_session);
    SSL_CTX_set_default_passwd_cb(ssl, on_password);
    SSL_CTX_set_verify(ssl, options->tls_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       options->tls_insecure ? NULL : on_certificate);
}

static int make_context(const struct ph_options *options, struct ph_tls_context *context, char *why)
{
    ERR_clear_error();
    take_stamps(options, context->stamps);
    context->has_certificate = options->tls_cert != NULL;
    context->method = make_method();
    context->ssl = SSL_CTX_new(TLS_client_method());
    if (!context->method || !context->ssl)
        return PH_E_MEMORY;
    configure(context->ssl, options);
    int error = load_authorities(context->ssl, options, why);
    return error ? error : load_certificate(context->ssl, options, why);
}

int ph_tls_context_prepare(struct ph_tls_context **context, const struct ph_options *options,
                           char why[PH_TLS_WHY_SIZE])
{
    if (*context && is_fresh(*context, options))
        return PH_OK;
    struct ph_tls_context *made = calloc(1, sizeof *made);
    int error = made ? make_context(options, made, why) : PH_E_MEMORY;
    ERR_clear_error();
    if (error) {
        ph_tls_context_destroy(made);
        return error;
    }
    ph_tls_context_destroy(*context);
    *context = made;
    return PH_OK;
}

void ph_tls_context_destroy(struct ph_tls_context *context)
{
    if (!context)
        return;
    SSL_SESSION_free(context->session);
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->method);
    free(context);
}

/* ---- a stream ---- */

/* An address is looked for among the certificate's addresses, a name among its names; names are told to the server,
 * too, which may have several certificates. */
static bool set_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host) == 1)
        return true;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(wanted, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool attach(struct ph_tls *tls)
{
    BIO *bio = BIO_new(tls->context->method);
    if (!bio)
        return false;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_connect_state(tls->ssl);
    return true;
}

static void resume(struct ph_tls *tls)
{
    const struct ph_tls_context *context = tls->context;
    if (context->session && strcmp(context->session_label, tls->label) == 0)
        SSL_set_session(tls->ssl, context->session);
}

struct ph_tls *ph_tls_create(struct ph_tls_context *context, int fd, const char *host, const char *label)
{
    struct ph_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return NULL;
    ERR_clear_error();
    tls->context = context;
    tls->fd = fd;
    tls->handshake_wants = POLLOUT;
    snprintf(tls->host, sizeof tls->host, "%s", host);
    snprintf(tls->label, sizeof tls->label, "%s", label);
    tls->ssl = SSL_new(context->ssl);
    if (!tls->ssl || !attach(tls) || !set_host(tls->ssl, host)) {
        tls->is_broken = true;
        ph_tls_destroy(tls);
        return NULL;
    }
    resume(tls);
    return tls;
}

void ph_tls_destroy(struct ph_tls *tls)
{
    if (!tls)
        return;
    ERR_clear_error();
    if (!tls->is_broken && SSL_is_init_finished(tls->ssl))
        SSL_shutdown(tls->ssl);
    /* A session whose connection was only cut off is as good as before; OpenSSL would forget it. */
    if (tls->ssl && !*tls->why)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(tls->ssl);
    ERR_clear_error();
    free(tls);
}

/* Whatever ended it, nothing can be said any more. Returns its errno. */
static int fail(struct ph_tls *tls, int error)
{
    tls->is_broken = true;
    if (!*tls->why && error == EPROTO)
        ph_tls_explain_failure(tls->context->has_certificate, tls->why, sizeof tls->why);
    return error;
}

/* What an answer of OpenSSL's means: an errno, EAGAIN with what it waits for; 0 for the end. */
static int judge(struct ph_tls *tls, int answer, short *ret_wants)
{
    switch (SSL_get_error(tls->ssl, answer)) {
    case SSL_ERROR_WANT_READ:
        *ret_wants = POLLIN;
        return EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *ret_wants = POLLOUT;
        return EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return tls->error || !tls->is_at_end ? fail(tls, tls->error ? tls->error : EIO) : 0;
    default:
        return fail(tls, EPROTO);
    }
}

int ph_tls_handshake(struct ph_tls *tls)
{
    ERR_clear_error();
    int answer = SSL_do_handshake(tls->ssl);
    if (answer == 1) {
        tls->has_more = true; /* what came with the end of the handshake, no poll tells of */
        return 1;
    }
    int error = judge(tls, answer, &tls->handshake_wants);
    if (error == EAGAIN)
        return 0;
    tls->is_broken = true;
    if (!*tls->why)
        snprintf(tls->why, sizeof tls->why, "%s in the midst of the handshake",
                 error ? strerror(error) : "closed by the server");
    return -1;
}

ssize_t ph_tls_read(struct ph_tls *tls, char *data, size_t size)
{
    size_t filled = 0, count;
    int error = EAGAIN;
    tls->read_wants = 0;
    ERR_clear_error();
    while (filled < size) {
        int answer = SSL_read_ex(tls->ssl, data + filled, size - filled, &count);
        if (answer != 1) {
            error = judge(tls, answer, &tls->read_wants);
            break;
        }
        filled += count;
    }
    tls->has_more = filled == size || (filled > 0 && error != EAGAIN);
    if (filled > 0 || error == 0)
        return (ssize_t)filled;
    errno = error;
    return -1;
}

ssize_t ph_tls_write(struct ph_tls *tls, const char *data, size_t size)
{
    size_t written = 0, count;
    short wants;
    ERR_clear_error();
    while (written < size) {
        int answer = SSL_write_ex(tls->ssl, data + written, size - written, &count);
        if (answer != 1) {
            int error = judge(tls, answer, &wants);
            if (written > 0)
                break; /* the next call tells */
            errno = error ? error : EPIPE;
            return -1;
        }
        written += count;
    }
    return (ssize_t)written;
}

bool ph_tls_reads_on(const struct ph_tls *tls, short revents)
{
    return tls->has_more || (tls->read_wants & POLLOUT & revents);
}

short ph_tls_events(const struct ph_tls *tls)
{
    return SSL_is_init_finished(tls->ssl) ? tls->read_wants : tls->handshake_wants;
}

const char *ph_tls_why(const struct ph_tls *tls)
{
    return tls->why;
}

const char *ph_tls_version(const struct ph_tls *tls)
{
    return SSL_get_version(tls->ssl);
}

bool ph_tls_resumed(const struct ph_tls *tls)
{
    return SSL_session_reused(tls->ssl) == 1;
}
