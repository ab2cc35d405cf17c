#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "contexts.h"
#include "posthorn.h"
#include "say.h"

#define FIELD(member) offsetof(struct server_values, member)

const struct option server_options[] = {
    { "server", 's', "URL", OPTION_TEXT, FIELD(url), NULL,
      "where the server is: nats://host:port, tls://host:port, unix:/path, or several with commas between" },
    { "context", 0, "CONTEXT", OPTION_TEXT, FIELD(context), NULL,
      "take address and credentials from this saved context" },
    { "user", 0, "NAME", OPTION_TEXT, FIELD(user), NULL, "enter as this user" },
    { "password", 0, "TEXT", OPTION_TEXT, FIELD(password), NULL,
      "with this password (the list of processes shows it: prefer POSTHORN_PASSWORD or a context)" },
    { "token", 0, "TEXT", OPTION_TEXT, FIELD(token), NULL,
      "enter with this token (the same holds: prefer POSTHORN_TOKEN)" },
    { "nkey", 0, "FILE", OPTION_TEXT, FIELD(nkey), NULL, "enter with the nkey whose seed, SU..., is in this file" },
    { "creds", 0, "FILE", OPTION_TEXT, FIELD(creds), NULL,
      "enter with the JWT in this file, and the seed that belongs to it, as NATS's tools write .creds" },
    { "connect-timeout", 0, "TIME", OPTION_DURATION, FIELD(connect_timeout_ns), "2s", "for each attempt to connect" },
    { "verbose", 'v', NULL, OPTION_FLAG, FIELD(verbose), NULL,
      "tell on standard error of connecting, subscribing and the like" },
    { 0 },
};

const struct environment_row environment_rows[] = {
    { "POSTHORN_URL", "where the server is" },
    { "NATS_URL", "the same, where POSTHORN_URL is not set" },
    { "POSTHORN_USER", "the user" },
    { "POSTHORN_PASSWORD", "the password" },
    { "POSTHORN_TOKEN", "the token" },
    { "POSTHORN_NKEY", "the file with the nkey's seed" },
    { "POSTHORN_CREDS", "the file with the JWT and its seed" },
    { "POSTHORN_TLS_CA", "the file with the certificates that are trusted" },
    { "POSTHORN_TLS_CERT", "the file with our certificate" },
    { "POSTHORN_TLS_KEY", "the file with its key" },
    { "POSTHORN_HTTP_URL", "where its HTTP side is, for top" },
    { "XDG_CONFIG_HOME", "saved contexts lie in posthorn/contexts below it; ~/.config where it is not set" },
    { NULL, NULL },
};

const char server_precedence[] =
    "The server's address is the first of these that is given: --server or --context, POSTHORN_URL, NATS_URL, the "
    "context that 'posthorn context select' chose, " PH_URL_DEFAULT ". Credentials are taken from --user, --password, "
    "--token, --nkey and --creds, then from the URL or context that the address came from, then from POSTHORN_USER, "
    "POSTHORN_PASSWORD, POSTHORN_TOKEN, POSTHORN_NKEY and POSTHORN_CREDS; so those of a context are never sent to "
    "another server. TLS is used where the address begins with tls://, where one of the options of TLS or its like "
    "in context or environment is given, and where the server demands it.";

/* ---- addresses ---- */

/* The part of one URL that holds credentials, "user:password@"; size 0: none. */
static size_t find_credentials(const char *url, size_t size, size_t *ret_start)
{
    const char *scheme_end = memmem(url, size, "://", 3);
    size_t start = scheme_end ? (size_t)(scheme_end - url) + 3 : 0;
    const char *at = memrchr(url + start, '@', size - start);
    *ret_start = start;
    return at ? (size_t)(at - url) + 1 - start : 0;
}

static bool has_credentials(const char *url)
{
    return strchr(url, '@') != NULL;
}

char *server_mask_url(const char *url, const char *mask)
{
    char *masked = must(calloc(1, strlen(url) * (strlen(mask) + 1) + 1));
    char *out = masked;
    while (*url) {
        size_t size = strcspn(url, ","), start;
        size_t secret_size = find_credentials(url, size, &start);
        out = mempcpy(out, url, start);
        if (secret_size)
            out = stpcpy(out, mask);
        out = mempcpy(out, url + start + secret_size, size - start - secret_size);
        url += size;
        if (*url)
            *out++ = *url++;
    }
    return masked;
}

/* ---- credentials ---- */

struct credentials {
    const char *user;
    const char *password;
    const char *token;
    const char *nkey, *creds;
};

/* How many ways to enter they name. */
static unsigned count_ways(const struct credentials *credentials)
{
    return (credentials->user || credentials->password) + !!credentials->token + !!credentials->nkey +
           !!credentials->creds;
}

static bool is_empty(const struct credentials *credentials)
{
    return count_ways(credentials) == 0;
}

/* What a stronger source left open is taken from a weaker one; but two ways never mix. */
static void fill_in(struct credentials *credentials, struct credentials weaker)
{
    if (is_empty(credentials)) {
        *credentials = weaker;
    } else if (credentials->user || credentials->password) {
        if (!credentials->user)
            credentials->user = weaker.user;
        if (!credentials->password)
            credentials->password = weaker.password;
    }
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static enum exit_code check_credentials(const struct credentials *credentials)
{
    if (count_ways(credentials) > 1)
        return fail(EXIT_USAGE, "more than one of user, token, nkey and creds is given: the server takes one of them");
    if (credentials->password && !credentials->user)
        return fail(EXIT_USAGE, "a password without a user: add --user NAME");
    return EXIT_OK;
}

/* ---- the answer ---- */

static char *copy(const char *text)
{
    return text ? must(strdup(text)) : NULL;
}

/* The address, and the context that it comes from, if any. */
static enum exit_code find_address(const struct server_values *values, struct context *ret_context,
                                   const char **ret_url, const char **ret_source)
{
    enum exit_code code = EXIT_OK;
    char *selected = NULL;
    if (values->url && values->context)
        return fail(EXIT_USAGE, "--server and --context both name the server: leave one of them out");
    if (values->url) {
        *ret_url = values->url, *ret_source = "--server";
    } else if (values->context) {
        code = context_load(values->context, ret_context);
        *ret_url = ret_context->url, *ret_source = "--context";
    } else if ((*ret_url = environment("POSTHORN_URL"))) {
        *ret_source = "POSTHORN_URL";
    } else if ((*ret_url = environment("NATS_URL"))) {
        *ret_source = "NATS_URL";
    } else if ((selected = context_selected())) {
        code = context_load(selected, ret_context);
        *ret_url = ret_context->url, *ret_source = "the selected context";
    } else {
        *ret_url = PH_URL_DEFAULT, *ret_source = "the default";
    }
    free(selected);
    return code;
}

/* Options come first, then what stands with the address, then the environment. */
static struct credentials find_credentials_for(const struct server_values *values, const struct context *context,
                                               bool url_has_some)
{
    struct credentials credentials = { values->user, values->password, values->token, values->nkey, values->creds };
    fill_in(&credentials, (struct credentials){ context->user, context->password, context->token, context->nkey,
                                                context->creds });
    if (is_empty(&credentials) && url_has_some)
        return credentials;
    fill_in(&credentials, (struct credentials){ environment("POSTHORN_USER"), environment("POSTHORN_PASSWORD"),
                                                environment("POSTHORN_TOKEN"), environment("POSTHORN_NKEY"),
                                                environment("POSTHORN_CREDS") });
    return credentials;
}

static struct secure_values find_secure(const struct server_values *values, const struct context *context)
{
    struct secure_values secure = values->secure, environment = secure_environment();
    const struct secure_values saved = { context->tls_ca, context->tls_cert, context->tls_key,
                                         context->tls_first != NULL, false };
    secure_fill_in(&secure, &saved);
    secure_fill_in(&secure, &environment);
    secure.ca = copy(secure.ca);
    secure.cert = copy(secure.cert);
    secure.key = copy(secure.key);
    return secure;
}

enum exit_code server_resolve(const struct server_values *values, struct server *ret_server)
{
    struct context context = { 0 };
    const char *url = NULL, *source = NULL;
    *ret_server = (struct server){ 0 };
    enum exit_code code = find_address(values, &context, &url, &source);
    if (code == EXIT_OK) {
        struct credentials credentials = find_credentials_for(values, &context, has_credentials(url));
        code = check_credentials(&credentials);
        *ret_server = (struct server){
            .url = is_empty(&credentials) ? copy(url) : server_mask_url(url, ""),
            .user = copy(credentials.user),
            .password = copy(credentials.password),
            .token = copy(credentials.token),
            .nkey = copy(credentials.nkey),
            .creds = copy(credentials.creds),
            .secure = find_secure(values, &context),
            .source = source,
        };
    }
    context_finish(&context);
    return code;
}

void server_finish(struct server *server)
{
    free(server->url);
    free(server->user);
    free(server->password);
    free(server->token);
    free(server->nkey);
    free(server->creds);
    free((char *)server->secure.ca);
    free((char *)server->secure.cert);
    free((char *)server->secure.key);
}
