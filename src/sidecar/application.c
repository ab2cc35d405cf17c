#include "sidecar/application.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

#include "net/loop.h"
#include "util/log.h"

enum {
    IDLE_MAX = 16,
    IDLE_S = 1,                      /* a connection is not used again after that: applications close idle ones */
    LINES_ROOM = 16,
    ANSWER_ROOM = 1024,
    AWAY_INTERVAL_MS = 1000,         /* between two looks at most, while it is away */
    MISSES_MAX = 3,                  /* looks in a row that fail, until it is */
};

struct application {
    struct loop *loop;
    struct transfers *transfers;
    struct application_settings settings; /* its texts are copies */
    char *section, *to;
    char *health_url;                /* NULL: none */
    uint64_t key;                    /* of its connections */
    bool is_there;
    unsigned miss_count;             /* looks in a row that have failed */
    struct timer timer;              /* for the next look */
    struct visit look;
    void *idle[IDLE_MAX];                       /* handles to be used again */
    unsigned idle_count;
};

/* Handles. */

static void *take_handle(struct application *application)
{
    return application->idle_count ? application->idle[--application->idle_count] : curl_easy_init();
}

static void give_handle(struct application *application, void *easy)
{
    if (application->idle_count == IDLE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    application->idle[application->idle_count++] = easy;
}

/* Visits. */

int visit_add_line(struct visit *visit, const char *line)
{
    if (visit->line_count == visit->line_room) {
        unsigned room = visit->line_room ? 2 * visit->line_room : LINES_ROOM;
        struct curl_slist *lines = reallocarray(visit->lines, room, sizeof *lines);
        if (!lines)
            return -ENOMEM;
        visit->lines = lines;
        visit->line_room = room;
    }
    visit->lines[visit->line_count++].data = (char *)line;
    return 0;
}

/* A list as curl wants it, which it only reads. */
static struct curl_slist *link_lines(struct visit *visit)
{
    for (unsigned i = 0; i < visit->line_count; i++)
        visit->lines[i].next = i + 1 < visit->line_count ? &visit->lines[i + 1] : NULL;
    return visit->line_count ? visit->lines : NULL;
}

static bool reserve_answer(struct visit *visit, size_t size)
{
    size_t room = visit->answer_room ? visit->answer_room : ANSWER_ROOM;
    while (room < size)
        room *= 2;
    char *answer = room > visit->answer_room ? realloc(visit->answer, room) : visit->answer;
    if (!answer)
        return false;
    visit->answer = answer;
    visit->answer_room = room;
    return true;
}

static size_t take_answer(char *data, size_t unit, size_t count, void *arg)
{
    struct visit *visit = arg;
    size_t size = unit * count, left = visit->answer_max - visit->answer_size, kept = size < left ? size : left;
    visit->is_too_large = visit->is_too_large || size > left;
    if (visit->is_too_large && visit->wants_whole)
        return CURL_WRITEFUNC_ERROR;
    if (!kept)
        return size;
    if (!reserve_answer(visit, visit->answer_size + kept))
        return CURL_WRITEFUNC_ERROR;
    memcpy(visit->answer + visit->answer_size, data, kept);
    visit->answer_size += kept;
    return size;
}

/* Before it is sent. What was sent on a connection that then broke curl would send once more by itself: whether that is
 * right is the owner's to say. */
static int on_sending(void *arg, char *peer, char *own, int peer_port, int own_port)
{
    struct visit *visit = arg;
    (void)peer, (void)own, (void)peer_port, (void)own_port;
    if (visit->is_sent)
        return CURL_PREREQFUNC_ABORT;
    visit->is_sent = true;
    return CURL_PREREQFUNC_OK;
}

static bool has_body(const struct visit *visit)
{
    static const char *const methods[] = { "POST", "PUT", "PATCH" };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(visit->method, methods[i]) == 0)
            return true;
    return visit->content.size > 0;
}

/* What is sent: with a length of 0 where the method is one that brings a body. */
static void describe_method(const struct visit *visit)
{
    void *easy = visit->easy;
    if (has_body(visit)) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)visit->content.size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, visit->content.size ? visit->content.data : "");
    }
    if (strcmp(visit->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (strcmp(visit->method, "GET") != 0 || visit->content.size)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, visit->method);
}

static void describe(struct visit *visit)
{
    void *easy = visit->easy;
    transfers_prepare(visit->application->transfers, easy);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_URL, visit->url);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)visit->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)visit->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_sending);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, visit);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, visit);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, link_lines(visit));
    if (visit->method)
        describe_method(visit);
    else
        curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
}

static const struct {
    int code;
    const char *error;
} errors[] = {
    { CURLE_COULDNT_RESOLVE_HOST, "its name is not known" },
    { CURLE_COULDNT_CONNECT, "it cannot be connected to" },
    { CURLE_OPERATION_TIMEDOUT, "it did not answer in time" },
    { CURLE_GOT_NOTHING, "it closed without an answer" },
    { CURLE_SEND_ERROR, "it broke off" },
    { CURLE_RECV_ERROR, "it broke off" },
    { CURLE_ABORTED_BY_CALLBACK, "it broke off" },
    { CURLE_PARTIAL_FILE, "it broke off" },
    { CURLE_WRITE_ERROR, "its answer is too large" },
    { CURLE_WEIRD_SERVER_REPLY, "its answer is no HTTP" },
    { CURLE_UNSUPPORTED_PROTOCOL, "its answer is no HTTP" },
};

static const char *error_of(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code)
            return errors[i].error;
    return curl_easy_strerror((CURLcode)code);
}

static void on_done(struct transfer *transfer, int code)
{
    struct visit *visit = LIST_OWNER(transfer, struct visit, transfer);
    long status = 0;
    visit->duration_ms = loop_now_ms(visit->application->loop) - visit->began_ms;
    visit->is_missed = !visit->is_sent && (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST);
    if (code == CURLE_COULDNT_CONNECT && visit->is_sent)
        code = CURLE_RECV_ERROR;
    visit->error = code == CURLE_OK ? NULL : error_of(code);
    visit->is_timed_out = code == CURLE_OPERATION_TIMEDOUT;
    if (code == CURLE_OK)
        curl_easy_getinfo(visit->easy, CURLINFO_RESPONSE_CODE, &status);
    visit->status = (unsigned)status;
    visit->done(visit);
}

int visit_start(struct application *application, struct visit *visit)
{
    visit->easy = take_handle(application);
    if (!visit->easy)
        return -ENOMEM;
    visit->application = application;
    visit->began_ms = loop_now_ms(application->loop);
    visit->transfer.done = on_done;
    describe(visit);
    return transfer_start(application->transfers, &visit->transfer, visit->easy, application->key);
}

void visit_finish(struct visit *visit)
{
    transfer_cancel(&visit->transfer);
    if (visit->easy && visit->method)
        give_handle(visit->application, visit->easy);
    else
        curl_easy_cleanup(visit->easy); /* a connection may hang on it */
    free(visit->lines);
    free(visit->answer);
    *visit = (struct visit){ .method = NULL };
}

bool visit_next_header(const struct visit *visit, struct curl_header **cursor)
{
    *cursor = curl_easy_nextheader(visit->easy, CURLH_HEADER, -1, *cursor);
    return *cursor != NULL;
}

/* Whether it is there. */

static void look_after(struct application *application, uint64_t delay_ms)
{
    struct loop *loop = application->loop;
    if (timer_set(&loop->timers, &application->timer, loop_now_ms(loop) + delay_ms) != 0)
        log_error("application_unwatched", "section=\"%s\" error=\"out of memory\"", application->settings.section);
}

static void look_later(struct application *application)
{
    uint64_t interval_ms = application->settings.health_interval_ms;
    if (!application->is_there && interval_ms > AWAY_INTERVAL_MS)
        interval_ms = AWAY_INTERVAL_MS;
    if (application->health_url || !application->is_there)
        look_after(application, interval_ms);
}

static void set_there(struct application *application, bool is_there, const char *why)
{
    const struct application_settings *settings = &application->settings;
    if (application->is_there == is_there)
        return;
    application->is_there = is_there;
    if (is_there)
        log_info("application_there", "section=\"%s\" to=%s", settings->section, settings->to);
    else
        log_warning("application_away", "section=\"%s\" to=%s error=\"%s\"", settings->section, settings->to, why);
    settings->changed(settings->arg, is_there);
}

static void on_look_done(struct visit *visit)
{
    struct application *application = LIST_OWNER(visit, struct application, look);
    bool is_good = application->health_url ? visit->status >= 200 && visit->status <= 299 : !visit->error;
    const char *why = visit->error ? visit->error : "it says that it is not healthy";
    application->miss_count = is_good ? 0 : application->miss_count + 1;
    visit_finish(visit);
    if (is_good || application->miss_count >= MISSES_MAX)
        set_there(application, is_good, why);
    look_later(application);
}

/* Where there is no path to ask, it is enough that it takes connections. */
static void look(struct application *application)
{
    const struct application_settings *settings = &application->settings;
    application->look = (struct visit){
        .method = application->health_url ? "GET" : NULL,
        .url = application->health_url ? application->health_url : settings->to,
        .timeout_ms = settings->health_interval_ms,
        .done = on_look_done,
    };
    if (visit_start(application, &application->look) == 0)
        return;
    visit_finish(&application->look);
    look_later(application);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    look(LIST_OWNER(timer, struct application, timer));
}

bool application_is_there(const struct application *application)
{
    return application->is_there;
}

void application_missed(struct application *application)
{
    if (!application->is_there)
        return;
    set_there(application, false, "it cannot be connected to");
    if (!application->look.application)
        look_later(application);
}

/* Coming and going. */

/* The path on the same host. */
static char *make_health_url(const char *to, const char *path)
{
    const char *host = strstr(to, "://");
    size_t size = host ? (size_t)(host - to) + 3 : 0;
    size += strcspn(to + size, "/");
    char *url = malloc(size + strlen(path) + 1);
    if (!url)
        return NULL;
    memcpy(url, to, size);
    strcpy(url + size, path);
    return url;
}

static int copy_texts(struct application *application)
{
    struct application_settings *settings = &application->settings;
    bool has_health = *settings->health;
    application->section = strdup(settings->section);
    application->to = strdup(settings->to);
    application->health_url = has_health ? make_health_url(settings->to, settings->health) : NULL;
    settings->section = application->section;
    settings->to = application->to;
    settings->health = NULL;
    return application->section && application->to && (application->health_url || !has_health) ? 0 : -ENOMEM;
}

int application_create(struct loop *loop, struct transfers *transfers, const struct application_settings *settings,
                       struct application **ret_application)
{
    struct application *application = calloc(1, sizeof *application);
    if (!application)
        return -ENOMEM;
    application->loop = loop;
    application->transfers = transfers;
    application->settings = *settings;
    application->key = (uint64_t)(uintptr_t)application;
    application->timer.fire = on_timer;
    if (copy_texts(application) != 0) {
        application_destroy(application);
        return -ENOMEM;
    }
    application->is_there = !application->health_url;
    if (application->health_url)
        look_after(application, 0);
    *ret_application = application;
    return 0;
}

void application_destroy(struct application *application)
{
    if (!application)
        return;
    visit_finish(&application->look);
    timer_clear(&application->loop->timers, &application->timer);
    while (application->idle_count)
        curl_easy_cleanup(application->idle[--application->idle_count]);
    free(application->section);
    free(application->to);
    free(application->health_url);
    free(application);
}
