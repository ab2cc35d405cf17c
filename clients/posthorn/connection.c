#include "connection.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "say.h"

/* ---- errors ---- */

/*
 * What an error means for whoever typed the command, and what to do about it. Others are EXIT_FAILED and speak for
 * themselves.
 */
static const struct {
    int error;
    enum exit_code code;
    const char *advice;
} error_rows[] = {
    { PH_E_URL, EXIT_USAGE, "write it as nats://host:port, tls://host:port or unix:/path" },
    { PH_E_TLS, EXIT_CONNECT, "--tls-ca, --tls-cert, --tls-key and --tls-first tell more of it" },
    { PH_E_FILE, EXIT_USAGE, NULL },
    { PH_E_RESOLVE, EXIT_CONNECT, "is the host's name right?" },
    { PH_E_CONNECT, EXIT_CONNECT, "does a server listen there, for clients and not for HTTP? --server names another" },
    { PH_E_PROTOCOL, EXIT_CONNECT, "is that a NATS-compatible server?" },
    { PH_E_DISCONNECTED, EXIT_CONNECT, "what was just sent may be lost" },
    { PH_E_CLOSED, EXIT_CONNECT, "what was just sent may be lost" },
    { PH_E_PERMISSION, EXIT_REFUSED, NULL },
    { PH_E_AUTH, EXIT_REFUSED, "give --user and --password, --token, --nkey or --creds, or a --context that has them" },
    { PH_E_TIMEOUT, EXIT_TIMEOUT, "--timeout waits longer" },
    { PH_E_NO_RESPONDERS, EXIT_RESPONDERS, "start a responder, or look at the topic" },
    { PH_E_TOPIC, EXIT_USAGE, "tokens parted by dots, no blanks; '*' and '>' only where a pattern is asked for" },
    { PH_E_HEADER, EXIT_USAGE, "write it as 'Name: value'; the server must take headers" },
};

struct verdict {
    enum exit_code code;
    const char *advice; /* NULL: none */
};

static struct verdict verdict_on(int error)
{
    for (size_t i = 0; i < sizeof error_rows / sizeof *error_rows; i++)
        if (error_rows[i].error == error)
            return (struct verdict){ error_rows[i].code, error_rows[i].advice };
    return (struct verdict){ EXIT_FAILED, NULL };
}

static void join(char *line, size_t size, const char *separator, const char *text)
{
    size_t used = strlen(line);
    if (text && *text)
        snprintf(line + used, size - used, "%s%s", used ? separator : "", text);
}

/* What the library knows past the sentence of the error. A URL that cannot be read may hold a password anywhere. */
static const char *detail_of(const struct connection *connection, int error)
{
    const char *sentence = ph_strerror(error);
    const char *detail = connection->conn ? ph_last_error(connection->conn) : "";
    bool says_more = strncmp(detail, sentence, strlen(sentence)) != 0;
    return says_more && error != PH_E_URL && error != PH_E_TIMEOUT && error != PH_E_NO_RESPONDERS ? detail : NULL;
}

enum exit_code connection_fail(const struct connection *connection, int error, const char *what)
{
    struct verdict verdict = verdict_on(error);
    char line[1024] = "";
    join(line, sizeof line, "", what);
    join(line, sizeof line, ": ", ph_strerror(error));
    join(line, sizeof line, ": ", detail_of(connection, error));
    join(line, sizeof line, "; ", verdict.advice);
    return fail(verdict.code, "%s", line);
}

void connection_tell(const struct connection *connection, const char *format, ...)
{
    if (!connection->verbose)
        return;
    char line[512];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    say("%s", line);
}

/* ---- events ---- */

/* What the server refused stays refused: the command ends with it. A failed attempt to reconnect is only news. */
static void on_error(struct connection *connection, const struct ph_event *event)
{
    const char *text = *event->text ? event->text : ph_strerror(event->error);
    if (ph_state(connection->conn) != PH_STATE_CONNECTED) {
        connection_tell(connection, "%s", text);
        return;
    }
    connection->failure = verdict_on(event->error).code;
    say("the server refuses: %s", text);
}

static void on_event(struct ph_conn *conn, const struct ph_event *event, void *arg)
{
    struct connection *connection = arg;
    switch (event->kind) {
    case PH_EVENT_DISCONNECTED:
        if (connection->keeps)
            say("connection lost (%s); connecting again", *event->text ? event->text : ph_strerror(event->error));
        break;
    case PH_EVENT_RECONNECTED:
        connection->reconnect_count++;
        say("connected again to %s", ph_server(conn)->address);
        break;
    case PH_EVENT_ERROR:
        on_error(connection, event);
        break;
    case PH_EVENT_DROPPED:
        say("too slow: messages are being dropped");
        break;
    case PH_EVENT_LAME_DUCK:
        connection_tell(connection, "the server will stop soon");
        break;
    default:
        break;
    }
}

/* ---- opening ---- */

static struct ph_options options_for(struct connection *connection, const struct server_values *values)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.url = connection->server.url;
    options.user = connection->server.user;
    options.password = connection->server.password;
    options.token = connection->server.token;
    options.nkey_file = connection->server.nkey;
    options.creds_file = connection->server.creds;
    secure_put(&connection->server.secure, &options);
    options.name = "posthorn";
    options.connect_timeout_ms = milliseconds(values->connect_timeout_ns);
    options.reconnect_max = connection->keeps ? 0 : PH_OFF;
    options.on_event = on_event;
    options.event_arg = connection;
    return options;
}

static enum exit_code fail_to_connect(struct connection *connection, int error)
{
    char what[128];
    snprintf(what, sizeof what, "cannot connect (the address is from %s)", connection->server.source);
    return connection_fail(connection, error, what);
}

enum exit_code connection_open(struct connection *connection, const struct server_values *values,
                               enum connection_flags flags)
{
    *connection = (struct connection){ .verbose = values->verbose, .keeps = flags & CONNECTION_KEEP };
    enum exit_code code = server_resolve(values, &connection->server);
    if (code != EXIT_OK)
        return code;
    struct ph_options options = options_for(connection, values);
    int error = ph_create(&options, &connection->conn);
    if (error == PH_OK)
        error = ph_connect(connection->conn);
    if (error != PH_OK)
        return fail_to_connect(connection, error);
    const struct ph_server *server = ph_server(connection->conn);
    connection_tell(connection, "connected to %s%s%s", server->address, *server->tls ? " by " : "", server->tls);
    return EXIT_OK;
}

void connection_close(struct connection *connection)
{
    ph_destroy(connection->conn);
    connection->conn = NULL;
    server_finish(&connection->server);
}

/* ---- waiting ---- */

enum exit_code connection_flush(struct connection *connection, uint64_t timeout_ns)
{
    int error = ph_flush(connection->conn, milliseconds(timeout_ns));
    if (connection->failure != EXIT_OK)
        return connection->failure;
    return error == PH_OK ? EXIT_OK : connection_fail(connection, error, "the server has not confirmed what was sent");
}

static int sooner(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms > b_ms ? a_ms : b_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

enum exit_code connection_turn(struct connection *connection, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct ph_conn *conn = connection->conn;
    fds[0] = (struct pollfd){ .fd = ph_fd(conn), .events = ph_events(conn) };
    fds[1] = (struct pollfd){ .fd = interrupt_fd(), .events = POLLIN };
    if (poll(fds, count, sooner(timeout_ms, ph_timeout_ms(conn))) < 0) {
        if (errno != EINTR)
            return fail(EXIT_FAILED, "poll: %s", strerror(errno));
        for (nfds_t i = 0; i < count; i++)
            fds[i].revents = 0;
    }
    if (fds[1].revents)
        interrupt_hear();
    int error = ph_process(conn, fds[0].revents);
    if (connection->failure != EXIT_OK)
        return connection->failure;
    return error == PH_OK ? EXIT_OK : connection_fail(connection, error, "connection lost");
}

/* ---- time ---- */

int milliseconds(uint64_t ns)
{
    uint64_t ms = ns / 1000000 + (ns % 1000000 != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* ---- headers ---- */

static enum exit_code add_header(struct ph_headers *headers, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon)
        return fail(EXIT_USAGE, "header '%s': write it as 'Name: value'", text);
    char *name = must(strndup(text, (size_t)(colon - text)));
    const char *value = colon + 1;
    while (isblank((unsigned char)*value))
        value++;
    int error = ph_headers_add(headers, name, value);
    free(name);
    if (error == PH_OK)
        return EXIT_OK;
    return fail(EXIT_USAGE, "header '%s': no blanks in the name, no line breaks in the value", text);
}

enum exit_code headers_add_texts(struct ph_headers *headers, const struct text_list *texts)
{
    enum exit_code code = EXIT_OK;
    for (size_t i = 0; i < texts->count && code == EXIT_OK; i++)
        code = add_header(headers, texts->texts[i]);
    return code;
}

enum exit_code headers_from_texts(const struct text_list *texts, struct ph_headers **ret_headers)
{
    *ret_headers = texts->count ? must(ph_headers_create()) : NULL;
    return headers_add_texts(*ret_headers, texts);
}
