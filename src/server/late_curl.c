/*
 * late_curl: libcurl as the sidecar has it: brought in when something is sent over HTTP for the first time, not before.
 * With all that it stands on, it is more than the rest of the program together, and most sidecars never send anything.
 *
 * These are libcurl's own functions, of the few that the rooms use (one more is a name and a function here); each
 * passes its call on. Where libcurl is not there, handles cannot be made, as where memory is short, and the log says
 * why. What is set or asked is a word in any case (a long, a pointer, or a number of 64 bits).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "util/log.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

_Static_assert(sizeof(long) == 8 && sizeof(void *) == 8 && sizeof(curl_off_t) == 8, "values are words");

#define LIBRARY "libcurl.so.4"

typedef void any_fn(void);

enum name {
    EASY_CLEANUP, EASY_GETINFO, EASY_HEADER, EASY_INIT, EASY_NEXTHEADER, EASY_PAUSE, EASY_RESET, EASY_SETOPT,
    EASY_STRERROR, FREE, GETDATE, MULTI_ADD_HANDLE, MULTI_CLEANUP, MULTI_INFO_READ, MULTI_INIT, MULTI_REMOVE_HANDLE,
    MULTI_SETOPT, MULTI_SOCKET_ACTION, SLIST_APPEND, SLIST_FREE_ALL, URL, URL_CLEANUP, URL_GET, URL_SET, VERSION_INFO,
    NAME_COUNT
};

static const char *const names[NAME_COUNT] = {
    [EASY_CLEANUP] = "curl_easy_cleanup",
    [EASY_GETINFO] = "curl_easy_getinfo",
    [EASY_HEADER] = "curl_easy_header",
    [EASY_INIT] = "curl_easy_init",
    [EASY_NEXTHEADER] = "curl_easy_nextheader",
    [EASY_PAUSE] = "curl_easy_pause",
    [EASY_RESET] = "curl_easy_reset",
    [EASY_SETOPT] = "curl_easy_setopt",
    [EASY_STRERROR] = "curl_easy_strerror",
    [FREE] = "curl_free",
    [GETDATE] = "curl_getdate",
    [MULTI_ADD_HANDLE] = "curl_multi_add_handle",
    [MULTI_CLEANUP] = "curl_multi_cleanup",
    [MULTI_INFO_READ] = "curl_multi_info_read",
    [MULTI_INIT] = "curl_multi_init",
    [MULTI_REMOVE_HANDLE] = "curl_multi_remove_handle",
    [MULTI_SETOPT] = "curl_multi_setopt",
    [MULTI_SOCKET_ACTION] = "curl_multi_socket_action",
    [SLIST_APPEND] = "curl_slist_append",
    [SLIST_FREE_ALL] = "curl_slist_free_all",
    [URL] = "curl_url",
    [URL_CLEANUP] = "curl_url_cleanup",
    [URL_GET] = "curl_url_get",
    [URL_SET] = "curl_url_set",
    [VERSION_INFO] = "curl_version_info",
};

/* Written once, by load; any thread. */
static any_fn *functions[NAME_COUNT];
static bool is_there;

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    is_there = library != NULL;
    for (unsigned i = 0; is_there && i < NAME_COUNT; i++) {
        void *symbol = dlsym(library, names[i]);
        memcpy(&functions[i], &symbol, sizeof symbol);
        is_there = symbol != NULL;
    }
    if (!is_there)
        log_error("curl_missing", "library=" LIBRARY " error=\"%s\"", dlerror());
}

static bool is_loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return is_there;
}

/* The library's own function; it has been loaded. */
#define REAL(name, function) ((__typeof__(function) *)functions[name])

/* Handles, and what can be asked without one. */

CURL *curl_easy_init(void)
{
    return is_loaded() ? REAL(EASY_INIT, curl_easy_init)() : NULL;
}

CURLM *curl_multi_init(void)
{
    return is_loaded() ? REAL(MULTI_INIT, curl_multi_init)() : NULL;
}

CURLU *curl_url(void)
{
    return is_loaded() ? REAL(URL, curl_url)() : NULL;
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
    return is_loaded() ? REAL(SLIST_APPEND, curl_slist_append)(list, text) : NULL;
}

time_t curl_getdate(const char *text, const time_t *unused)
{
    return is_loaded() ? REAL(GETDATE, curl_getdate)(text, unused) : -1;
}

const char *curl_easy_strerror(CURLcode code)
{
    return is_loaded() ? REAL(EASY_STRERROR, curl_easy_strerror)(code) : "libcurl is not there";
}

/* What may be given nothing. */

void curl_easy_cleanup(CURL *easy)
{
    if (easy)
        REAL(EASY_CLEANUP, curl_easy_cleanup)(easy);
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
    return multi ? REAL(MULTI_CLEANUP, curl_multi_cleanup)(multi) : CURLM_BAD_HANDLE;
}

void curl_url_cleanup(CURLU *url)
{
    if (url)
        REAL(URL_CLEANUP, curl_url_cleanup)(url);
}

void curl_slist_free_all(struct curl_slist *list)
{
    if (list)
        REAL(SLIST_FREE_ALL, curl_slist_free_all)(list);
}

void curl_free(void *memory)
{
    if (memory)
        REAL(FREE, curl_free)(memory);
}

/* What has a handle, which only a library that is there can have made. */

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    va_list args;
    va_start(args, option);
    void *value = va_arg(args, void *);
    va_end(args);
    return easy ? REAL(EASY_SETOPT, curl_easy_setopt)(easy, option, value) : CURLE_BAD_FUNCTION_ARGUMENT;
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    va_list args;
    va_start(args, info);
    void *value = va_arg(args, void *);
    va_end(args);
    return easy ? REAL(EASY_GETINFO, curl_easy_getinfo)(easy, info, value) : CURLE_BAD_FUNCTION_ARGUMENT;
}

CURLHcode curl_easy_header(CURL *easy, const char *name, size_t index, unsigned origin, int request,
                           struct curl_header **ret_header)
{
    return REAL(EASY_HEADER, curl_easy_header)(easy, name, index, origin, request, ret_header);
}

struct curl_header *curl_easy_nextheader(CURL *easy, unsigned origin, int request, struct curl_header *last)
{
    return REAL(EASY_NEXTHEADER, curl_easy_nextheader)(easy, origin, request, last);
}

void curl_easy_reset(CURL *easy)
{
    REAL(EASY_RESET, curl_easy_reset)(easy);
}

CURLcode curl_easy_pause(CURL *easy, int mask)
{
    return REAL(EASY_PAUSE, curl_easy_pause)(easy, mask);
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
    va_list args;
    va_start(args, option);
    void *value = va_arg(args, void *);
    va_end(args);
    return multi ? REAL(MULTI_SETOPT, curl_multi_setopt)(multi, option, value) : CURLM_BAD_HANDLE;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    return REAL(MULTI_ADD_HANDLE, curl_multi_add_handle)(multi, easy);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
    return REAL(MULTI_REMOVE_HANDLE, curl_multi_remove_handle)(multi, easy);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *ret_left)
{
    return REAL(MULTI_INFO_READ, curl_multi_info_read)(multi, ret_left);
}

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t socket, int what, int *ret_running)
{
    return REAL(MULTI_SOCKET_ACTION, curl_multi_socket_action)(multi, socket, what, ret_running);
}

/* Whether the handle is const depends on the version, so it is not declared a second time, but named. */
CURLUcode late_url_get(const CURLU *url, CURLUPart part, char **ret_text, unsigned flags) __asm__("curl_url_get");

CURLUcode late_url_get(const CURLU *url, CURLUPart part, char **ret_text, unsigned flags)
{
    return REAL(URL_GET, late_url_get)(url, part, ret_text, flags);
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags)
{
    return REAL(URL_SET, curl_url_set)(url, part, text, flags);
}

curl_version_info_data *curl_version_info(CURLversion age)
{
    return is_loaded() ? REAL(VERSION_INFO, curl_version_info)(age) : NULL;
}
