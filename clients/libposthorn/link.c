/* link: from a list of URLs to a greeted server, and back there whenever it breaks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "json.h"

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
        int error = ph_dial_begin(&conn->dial, conn->url, &why);
        if (error) {
            fail_attempt(conn, error, why);
        } else if (conn->dial.lookup) {
            conn->phase = PH_PHASE_LOOKUP;
            conn->link++;
            conn->attempt_deadline_ms = ph_now_ms() + conn->options.connect_timeout_ms;
            return;
        }
    }
}

void ph_link_looked_up(struct ph_conn *conn)
{
    const char *why = "";
    int error = ph_dial_take(&conn->dial, &why);
    if (conn->dial.lookup)
        return;
    conn->link++;
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
}

/* ---- greeting ---- */

static bool add_field(struct ph_buffer *bytes, const char *name, const char *value)
{
    return !value || (ph_buffer_add_text(bytes, ",\"") && ph_buffer_add_text(bytes, name) &&
                      ph_buffer_add_text(bytes, "\":") && ph_json_write(bytes, value));
}

/* Credentials in the URL go before those in the options. */
static bool add_credentials(const struct ph_conn *conn, struct ph_buffer *bytes)
{
    const struct ph_url *url = conn->url;
    const struct ph_options *options = &conn->options;
    bool in_url = url->user || url->token;
    return add_field(bytes, "user", in_url ? url->user : options->user) &&
           add_field(bytes, "pass", in_url ? url->password : options->password) &&
           add_field(bytes, "auth_token", in_url ? url->token : options->token);
}

static bool add_connect(const struct ph_conn *conn, struct ph_buffer *bytes)
{
    bool headers = conn->server.shown.headers;
    return ph_buffer_add_text(bytes,
                              "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"protocol\":1,"
                              "\"lang\":\"c\",\"version\":\"" PH_VERSION "\"") &&
           ph_buffer_add_text(bytes, conn->options.no_echo ? ",\"echo\":false" : ",\"echo\":true") &&
           ph_buffer_add_text(bytes, headers ? ",\"headers\":true,\"no_responders\":true" : ",\"headers\":false") &&
           add_field(bytes, "name", conn->options.name) && add_credentials(conn, bytes) &&
           ph_buffer_add_text(bytes, "}\r\nPING\r\n");
}

void ph_link_greet(struct ph_conn *conn)
{
    if (conn->server.tls_required) {
        ph_link_break(conn, PH_E_TLS, ph_strerror(PH_E_TLS));
        return;
    }
    ph_output_finish(&conn->hello);
    if (!add_connect(conn, &conn->hello.bytes)) {
        ph_link_break(conn, PH_E_MEMORY, ph_strerror(PH_E_MEMORY));
        return;
    }
    conn->phase = PH_PHASE_HELLO;
    ph_out_write(conn);
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
    ph_output_finish(&conn->hello);
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

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whether they would make another connection. */
static bool ask_for_another(const struct ph_options *old, const struct ph_options *now)
{
    return !same(old->url, now->url) || !same(old->user, now->user) || !same(old->password, now->password) ||
           !same(old->token, now->token) || !same(old->name, now->name) || old->no_echo != now->no_echo;
}

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
    bool anew = conn->state != PH_STATE_NEW && ask_for_another(&conn->options, &now);
    if (anew)
        begin_anew(conn);
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
