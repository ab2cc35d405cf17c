/* link: from a list of URLs to a greeted server, and back there whenever it breaks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "creds.h"
#include "json.h"
#include "lookup.h"

int ph_link_start(struct ph_conn *conn)
{
    struct ph_url *urls;
    size_t count;
    struct slice bad = { 0 };
    if (conn->state != PH_STATE_NEW)
        return PH_E_ARGUMENT;
    int error = ph_urls_parse(conn->options.url, &urls, &count, &bad);
    if (error)
        return ph_fail(conn, error, "%s: '%.*s'", ph_strerror(error), SLICE_ARGS(bad));
    ph_urls_free(conn->urls, conn->url_count);
    conn->urls = urls;
    conn->url_count = count;
    conn->state = PH_STATE_CONNECTING;
    conn->phase = PH_PHASE_PAUSE;
    conn->pause_until_ms = 0;
    conn->pause_ms = conn->options.reconnect_wait_ms;
    conn->round_count = 0;
    return PH_OK;
}

/* ---- rounds and attempts ---- */

/* A pause from half of pause_ms to the whole of it; the next will be twice as long. */
static void pause_before_round(struct ph_conn *conn)
{
    int whole = conn->pause_ms, longest = conn->options.reconnect_wait_max_ms;
    if (whole > longest)
        whole = longest;
    conn->phase = PH_PHASE_PAUSE;
    conn->pause_until_ms = ph_now_ms() + whole - (int)ph_random((uint32_t)whole / 2 + 1);
    conn->pause_ms = whole > longest / 2 ? longest : whole * 2;
}

static bool is_first_and_only(const struct ph_conn *conn)
{
    return conn->state == PH_STATE_CONNECTING && !conn->options.connect_retry;
}

/* Every URL has failed once. conn->error says how the last did. */
static void fail_round(struct ph_conn *conn)
{
    int max = conn->options.reconnect_max;
    conn->round_count++;
    if (!is_first_and_only(conn) && max != PH_OFF && conn->round_count < max) {
        pause_before_round(conn);
        ph_emit(conn, PH_EVENT_ERROR, conn->error, conn->error_text, NULL);
    } else if (conn->blocking && conn->state == PH_STATE_CONNECTING) {
        conn->state = PH_STATE_NEW; /* ph_connect answers the error, and may be called again */
        conn->phase = PH_PHASE_IDLE;
    } else {
        ph_shut(conn, conn->error);
    }
}

static void fail_attempt(struct ph_conn *conn, int error, const char *why)
{
    ph_fail(conn, error, "%s: %s", conn->url->label, why);
}

/* Whether we insist on TLS, whatever the server says. A unix socket is no way for others to listen. */
static bool insists_on_tls(const struct ph_conn *conn)
{
    return conn->url->tls || (!conn->url->path && ph_options_ask_for_tls(&conn->options));
}

/* Files are read before there is a connection: a server may wait a few milliseconds only for who begins with TLS. What
 * is wrong with them is told when it begins. */
static void prepare_tls(struct ph_conn *conn)
{
    char why[PH_TLS_WHY_SIZE];
    if (insists_on_tls(conn))
        ph_tls_context_prepare(&conn->tls_context, &conn->options, why);
}

/* Opens a socket to the next address of the URL being tried. False where it has none left. */
static bool dial_address(struct ph_conn *conn)
{
    while (ph_dial_more(&conn->dial)) {
        int fd = ph_dial_next(&conn->dial);
        if (fd >= 0) {
            conn->fd = fd;
            conn->phase = PH_PHASE_DIAL;
            conn->attempt_deadline_ms = ph_now_ms() + conn->options.connect_timeout_ms;
            return true;
        }
        fail_attempt(conn, PH_E_CONNECT, strerror(errno));
    }
    ph_dial_finish(&conn->dial);
    return false;
}

/* Goes on with the next address, the next URL, or the next round. */
static void dial_on(struct ph_conn *conn)
{
    while (!dial_address(conn)) {
        const char *why = "";
        if (conn->urls_left == 0) {
            fail_round(conn);
            return;
        }
        conn->url = &conn->urls[conn->url_next];
        conn->url_next = (conn->url_next + 1) % conn->url_count;
        conn->urls_left--;
        prepare_tls(conn);
        int error = ph_dial_begin(&conn->dial, conn->url, &why);
        if (error) {
            fail_attempt(conn, error, why);
        } else if (conn->dial.lookup) {
            conn->phase = PH_PHASE_LOOKUP;
            conn->attempt_deadline_ms = ph_now_ms() + conn->options.connect_timeout_ms;
            return;
        }
    }
}

/* Of the look-up, or of the socket. */
static void tell_fd_closes(struct ph_conn *conn)
{
    if (ph_fd(conn) >= 0)
        ph_emit(conn, PH_EVENT_FD_CLOSES, PH_OK, "", NULL);
}

void ph_link_looked_up(struct ph_conn *conn)
{
    const char *why = "";
    if (!ph_lookup_is_done(conn->dial.lookup))
        return;
    tell_fd_closes(conn);
    int error = ph_dial_take(&conn->dial, &why);
    if (error)
        fail_attempt(conn, error, why);
    dial_on(conn);
}

void ph_link_begin_round(struct ph_conn *conn)
{
    conn->url_next = conn->options.shuffle ? ph_random((uint32_t)conn->url_count) : 0;
    conn->urls_left = conn->url_count;
    dial_on(conn);
}

/* ---- TLS ---- */

static bool begins_with_tls(const struct ph_conn *conn)
{
    return !conn->url->path && conn->options.tls_first;
}

/* Whom the certificate must name. */
static const char *certified_name(const struct ph_conn *conn)
{
    const char *name = conn->options.tls_name;
    return name ? name : conn->url->host ? conn->url->host : "localhost";
}

static void begin_tls(struct ph_conn *conn)
{
    char why[PH_TLS_WHY_SIZE] = "";
    int error = ph_tls_context_prepare(&conn->tls_context, &conn->options, why);
    if (!error) {
        conn->tls = ph_tls_create(conn->tls_context, conn->fd, certified_name(conn), conn->url->label);
        error = conn->tls ? PH_OK : PH_E_MEMORY;
    }
    if (error) {
        ph_link_break(conn, error, *why ? why : ph_strerror(error));
        return;
    }
    conn->phase = PH_PHASE_TLS; /* what stands behind INFO is seen before the first step */
}

static void greet(struct ph_conn *conn);

void ph_link_secure(struct ph_conn *conn)
{
    if (conn->in.bytes.size > 0) {
        ph_link_break(conn, PH_E_PROTOCOL, "plain text behind INFO, where TLS was to begin");
        return;
    }
    int done = ph_tls_handshake(conn->tls);
    if (done < 0) {
        char why[PH_TLS_WHY_SIZE];
        snprintf(why, sizeof why, "%s", ph_tls_why(conn->tls)); /* it goes with the stream */
        ph_link_break(conn, PH_E_TLS, why);
    } else if (done) {
        ph_server_set_tls(&conn->server, ph_tls_version(conn->tls), ph_tls_resumed(conn->tls));
        if (begins_with_tls(conn))
            conn->phase = PH_PHASE_INFO;
        else
            greet(conn);
    }
}

void ph_link_dialled(struct ph_conn *conn)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error) {
        ph_link_break(conn, PH_E_CONNECT, strerror(error));
        return;
    }
    conn->phase = PH_PHASE_INFO;
    ph_server_init(&conn->server);
    ph_server_set_address(&conn->server, conn->url->label);
    if (begins_with_tls(conn))
        begin_tls(conn);
}

/* ---- greeting ---- */

static bool add_field(struct ph_buffer *bytes, const char *name, const char *value)
{
    return !value || (ph_buffer_add_text(bytes, ",\"") && ph_buffer_add_text(bytes, name) &&
                      ph_buffer_add_text(bytes, "\":") && ph_json_write(bytes, value));
}

void ph_link_forget_hello(struct ph_conn *conn)
{
    struct ph_buffer *bytes = &conn->hello.bytes;
    if (bytes->data)
        explicit_bzero(bytes->data, bytes->capacity);
    ph_output_finish(&conn->hello);
}

static bool add_texts(const char *user, const char *password, const char *token, struct ph_buffer *bytes)
{
    return add_field(bytes, "user", user) && add_field(bytes, "pass", password) &&
           add_field(bytes, "auth_token", token);
}

/* Credentials in the URL go before those in the options. */
static bool add_credentials(const struct ph_conn *conn, const struct ph_creds *creds, struct ph_buffer *bytes)
{
    const struct ph_url *url = conn->url;
    const struct ph_options *options = &conn->options;
    if (url->user || url->token)
        return add_texts(url->user, url->password, url->token, bytes);
    return add_texts(options->user, options->password, options->token, bytes) &&
           ph_creds_write(creds, conn->server.nonce, bytes);
}

static bool add_connect(const struct ph_conn *conn, const struct ph_creds *creds, struct ph_buffer *bytes)
{
    bool headers = conn->server.shown.headers;
    return ph_buffer_add_text(bytes,
                              "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"lang\":\"c\","
                              "\"version\":\"" PH_VERSION "\"") &&
           ph_buffer_add_text(bytes, conn->tls ? ",\"tls_required\":true" : ",\"tls_required\":false") &&
           ph_buffer_add_text(bytes, conn->options.no_echo ? ",\"echo\":false" : ",\"echo\":true") &&
           ph_buffer_add_text(bytes, headers ? ",\"headers\":true,\"no_responders\":true" : ",\"headers\":false") &&
           add_field(bytes, "name", conn->options.name) && add_credentials(conn, creds, bytes) &&
           ph_buffer_add_text(bytes, "}\r\nPING\r\n");
}

/* What the files say of who we are; nothing, where the URL says it. */
static int load_creds(struct ph_conn *conn, struct ph_creds *ret_creds, char why[PH_CREDS_WHY_SIZE])
{
    *ret_creds = (struct ph_creds){ 0 };
    if (conn->url->user || conn->url->token)
        return PH_OK;
    int error = ph_creds_load(&conn->options, ret_creds, why);
    if (error || !ret_creds->from_nkey_file || *conn->server.nonce)
        return error;
    ph_creds_finish(ret_creds);
    snprintf(why, PH_CREDS_WHY_SIZE, "the server takes no nkeys: it gives nothing to be signed");
    return PH_E_AUTH;
}

/* INFO came, and what follows is encrypted where it is to be. */
static void greet(struct ph_conn *conn)
{
    char why[PH_CREDS_WHY_SIZE] = "";
    struct ph_creds creds;
    ph_link_forget_hello(conn);
    int error = load_creds(conn, &creds, why);
    if (!error && !add_connect(conn, &creds, &conn->hello.bytes))
        error = PH_E_MEMORY;
    ph_creds_finish(&creds);
    if (error) {
        ph_link_break(conn, error, *why ? why : ph_strerror(error));
        return;
    }
    conn->phase = PH_PHASE_HELLO;
    ph_out_write(conn);
}

void ph_link_greet(struct ph_conn *conn)
{
    bool is_offered = conn->server.tls_required || conn->server.tls_available;
    if (conn->tls)
        greet(conn);
    else if (insists_on_tls(conn) && !is_offered)
        ph_link_break(conn, PH_E_TLS, "the server offers no TLS");
    else if (insists_on_tls(conn) || conn->server.tls_required)
        begin_tls(conn);
    else
        greet(conn);
}

void ph_link_establish(struct ph_conn *conn)
{
    bool first = conn->state == PH_STATE_CONNECTING;
    ph_out_write(conn);
    if (ph_output_waiting(&conn->hello) > 0) {
        ph_link_break(conn, PH_E_PROTOCOL, "PONG before PING");
        return;
    }
    if (!ph_out_replay(conn)) {
        ph_link_break(conn, PH_E_MEMORY, ph_strerror(PH_E_MEMORY));
        return;
    }
    ph_link_forget_hello(conn);
    ph_dial_finish(&conn->dial);
    conn->state = PH_STATE_CONNECTED;
    conn->phase = PH_PHASE_LIVE;
    conn->round_count = 0;
    conn->server_error = PH_OK;
    conn->pings_outstanding = 0;
    conn->live_since_ms = ph_now_ms();
    conn->ping_due_ms = conn->options.ping_interval_ms == PH_OFF ? INT64_MAX
                                                                 : conn->live_since_ms + conn->options.ping_interval_ms;
    conn->statistics.connects++;
    ph_emit(conn, first ? PH_EVENT_CONNECTED : PH_EVENT_RECONNECTED, PH_OK, conn->server.address, NULL);
    if (conn->phase == PH_PHASE_LIVE && conn->server.shown.lame_duck)
        ph_emit(conn, PH_EVENT_LAME_DUCK, PH_OK, conn->server.address, NULL);
}

/* ---- breaking ---- */

void ph_link_drop_socket(struct ph_conn *conn)
{
    tell_fd_closes(conn);
    ph_tls_destroy(conn->tls);
    conn->tls = NULL;
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    conn->link++;
    conn->broken = 0;
    conn->in.bytes.size = 0;
    conn->in.need = 0;
    conn->hello.blocked = false;
}

/*
 * A pause grows from the last one where the connection did not hold long, so that a server that throws us out is left
 * in peace.
 */
static void begin_again(struct ph_conn *conn)
{
    if (ph_now_ms() - conn->live_since_ms > conn->options.reconnect_wait_max_ms)
        conn->pause_ms = conn->options.reconnect_wait_ms;
    pause_before_round(conn);
}

/* Whoever waits for a PONG will not get it. */
static void fail_pongs(struct ph_conn *conn, struct ph_pongs *lost)
{
    struct ph_pong pong;
    while (ph_pongs_take(lost, &pong))
        if (pong.done)
            pong.done(conn, PH_E_DISCONNECTED, pong.arg);
    ph_pongs_finish(lost);
}

/* Flushes that the callbacks ask for are for the next connection: those of the lost one are put aside before. */
static void break_live(struct ph_conn *conn)
{
    struct ph_pongs lost = conn->pongs;
    conn->pongs = (struct ph_pongs){ 0 };
    if (conn->options.no_resend)
        ph_output_drop(&conn->out);
    else
        ph_output_salvage(&conn->out);
    conn->state = PH_STATE_RECONNECTING;
    conn->server.shown.lame_duck = false;
    begin_again(conn);
    ph_emit(conn, PH_EVENT_DISCONNECTED, conn->error, conn->error_text, NULL);
    ph_subs_end_draining(conn);
    fail_pongs(conn, &lost);
    if (conn->options.no_resend)
        ph_requests_fail(conn, PH_E_DISCONNECTED);
    if (conn->state == PH_STATE_RECONNECTING && conn->options.reconnect_max == PH_OFF)
        ph_shut(conn, conn->error);
}

void ph_link_break(struct ph_conn *conn, int error, const char *text)
{
    bool was_live = conn->phase == PH_PHASE_LIVE;
    fail_attempt(conn, error, text);
    ph_link_drop_socket(conn);
    if (was_live)
        break_live(conn);
    else
        dial_on(conn);
}

/* ---- other options ---- */

/* Leaves whatever it was doing; the next ph_process begins a round by the new options. */
static void begin_anew(struct ph_conn *conn)
{
    if (conn->phase == PH_PHASE_LIVE) {
        ph_link_break(conn, PH_E_DISCONNECTED, "there are other options");
    } else {
        ph_link_drop_socket(conn);
        ph_dial_finish(&conn->dial);
        conn->phase = PH_PHASE_PAUSE;
    }
    conn->pause_until_ms = 0;
}

int ph_set_options(struct ph_conn *conn, const struct ph_options *options)
{
    struct ph_options now;
    struct ph_url *urls = NULL;
    size_t count = 0;
    struct slice bad = { 0 };
    if (conn->processing)
        return PH_E_BUSY;
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    int error = ph_options_copy(options, &now);
    if (error)
        return error;
    now.on_event = conn->options.on_event;
    now.event_arg = conn->options.event_arg;
    error = ph_urls_parse(now.url, &urls, &count, &bad);
    if (error) {
        ph_options_finish(&now);
        return ph_fail(conn, error, "%s: '%.*s'", ph_strerror(error), SLICE_ARGS(bad));
    }
    bool is_other = ph_options_ask_for_another(&conn->options, &now);
    bool anew = is_other && conn->state != PH_STATE_NEW;
    if (anew)
        begin_anew(conn);
    if (is_other) {
        ph_tls_context_destroy(conn->tls_context);
        conn->tls_context = NULL;
    }
    ph_options_finish(&conn->options);
    conn->options = now;
    if (!anew) {
        ph_urls_free(urls, count);
        return PH_OK;
    }
    ph_urls_free(conn->urls, conn->url_count);
    conn->urls = urls;
    conn->url_count = count;
    conn->url = NULL;
    return conn->state == PH_STATE_CLOSED ? PH_E_CLOSED : PH_OK;
}
