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

/* "GET" and so on, in that order. */
extern const char *const http_method_names[HTTP_METHOD_COUNT];

enum { HTTP_HEADERS_MAX = 100 };

struct http_header {
    struct slice name, value; /* value trimmed */
};

struct http_request {
    enum http_method method;
    struct slice path;        /* as sent, still encoded, without the query; "*" is for OPTIONS alone */
    struct slice query;       /* without the '?' */
    struct slice host;        /* host or host:port, well-formed; empty: HTTP/1.0 without one */
    bool version_1_0;
    bool keep_alive;
    bool closes;              /* it says so itself */
    bool expects_continue;
    bool chunked;
    bool has_length;          /* a Content-Length is there */
    uint64_t content_length;  /* 0 where there is none */
    unsigned header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
};

struct http_limits {
    size_t head_size_max;     /* request line and headers; of a body in chunks, extensions and trailers together */
    size_t target_size_max;
    unsigned headers_max;     /* at most HTTP_HEADERS_MAX */
    size_t body_size_max;
};

/* Why a request is refused; client.c says which problem each is. After any of them it is not known where the next
 * request begins. */
enum http_error {
    HTTP_E_MALFORMED = -1,
    HTTP_E_TARGET = -2,         /* too long */
    HTTP_E_HEAD = -3,           /* too large, or too many headers */
    HTTP_E_BODY = -4,           /* too large */
    HTTP_E_METHOD = -5,         /* unknown */
    HTTP_E_VERSION = -6,        /* unknown */
    HTTP_E_CODING = -7,         /* a Transfer-Encoding other than chunked */
    HTTP_E_EXPECTATION = -8,    /* other than 100-continue */
};

/*
 * Reads a head from the start of data; one empty line before it is passed over. Returns the bytes it takes, 0 where
 * more are needed, or an http_error, told as early as it is known.
 */
long http_parse_head(const char *data, size_t size, const struct http_limits *limits, struct http_request *ret_request);

/* The first header of that name; false: none. */
bool http_header(const struct http_request *request, const char *name, struct slice *ret_value);

/* True where a comma-separated header (all lines of that name) has the word, whatever its case. */
bool http_header_has(const struct http_request *request, const char *name, const char *word);

/* Cuts the next item, trimmed, off a list separated by commas; empty items are passed over. False at the end. */
bool http_next_item(struct slice *list, struct slice *ret_item);

/* True for what may stand as the name of a header, or of a method. */
bool http_is_token(struct slice text);

/* Whatever their case. */
bool http_name_is(struct slice text, const char *name);

/* The value of the first query parameter of that name, still encoded; false: none. */
bool http_query(struct slice query, const char *name, struct slice *ret_value);

/* Decodes percent-encoding once. Returns the length, or -1: badly encoded, or no room. plus: '+' is a blank, as in
 * queries. */
long http_decode(struct slice text, bool plus, char *out, size_t size);

/* A body in chunks, as it arrives. Zero is the start. */
struct http_chunks {
    uint64_t left;      /* of the chunk that is being read */
    uint8_t state;      /* enum chunk_state of request.c */
    unsigned trailers;  /* lines of them so far */
    size_t total;       /* content so far */
    size_t extra;       /* bytes of extensions and trailers so far */
};

/*
 * Reads on, up to the end of one stretch of content. Returns the bytes taken (0: more are needed), or an http_error;
 * *ret_data is the stretch (it may be empty), *ret_done says that the last chunk and the trailers, which are thrown
 * away, are read. Call it again with what is left until it takes nothing or is done.
 */
long http_read_chunks(struct http_chunks *chunks, const char *data, size_t size, const struct http_limits *limits,
                      struct slice *ret_data, bool *ret_done);

#endif
