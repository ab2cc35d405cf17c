/*
 * request: the head of an HTTP/1.1 request, cut into slices where it lies, and bodies in chunks. RFC 9112, read
 * strictly: what two servers could understand differently is refused. Pure; any thread.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "util/slice.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_COUNT
};

enum { HTTP_HEADERS_MAX = 100 };

struct http_header {
    struct slice name, value; /* value trimmed */
};

struct http_request {
    enum http_method method;
    struct slice path;        /* as sent, still encoded, without the query */
    struct slice query;       /* without the '?' */
    bool version_1_0;
    bool keep_alive;
    bool expects_continue;
    bool chunked;
    uint64_t content_length;  /* 0 where chunked */
    unsigned header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
};

struct http_limits {
    size_t head_size_max;     /* request line and headers */
    size_t target_size_max;
    unsigned headers_max;     /* at most HTTP_HEADERS_MAX */
    size_t body_size_max;
};

/* Why a request is refused; request.c says which status each gets. */
enum http_error {
    HTTP_E_MALFORMED = -1,      /* 400 */
    HTTP_E_TARGET = -2,         /* 414 */
    HTTP_E_HEAD = -3,           /* 431 */
    HTTP_E_BODY = -4,           /* 413 */
    HTTP_E_METHOD = -5,         /* 501 */
    HTTP_E_VERSION = -6,        /* 505 */
    HTTP_E_CODING = -7,         /* 501 */
    HTTP_E_EXPECTATION = -8,    /* 417 */
};

/*
 * Reads a head from the start of data. Returns the bytes it takes, 0 where more are needed (and a client that sent so
 * much of a bad head is told early), or an http_error.
 */
long http_parse_head(const char *data, size_t size, const struct http_limits *limits, struct http_request *ret_request);

/* The first header of that name; false: none. */
bool http_header(const struct http_request *request, const char *name, struct slice *ret_value);

/* True where a comma-separated header (all lines of that name) has the word, whatever its case. */
bool http_header_has(const struct http_request *request, const char *name, const char *word);

/* Decodes percent-encoding once. Returns the length, or -1: badly encoded, or no room. plus: '+' is a blank (queries). */
long http_decode(struct slice text, bool plus, char *out, size_t size);

/* A body in chunks, as it arrives. Zero is the start. */
struct http_chunks {
    uint64_t left;   /* of the chunk that is being read */
    uint8_t state;
    size_t total;    /* decoded so far */
};

/* Reads on. Returns the bytes taken, or an http_error; *ret_data is the stretch of content in them (it may be empty),
 * *ret_done says that the last chunk and the trailers (which are thrown away) are read. */
long http_read_chunks(struct http_chunks *chunks, const char *data, size_t size, const struct http_limits *limits,
                      struct slice *ret_data, bool *ret_done);

#endif
