#include "http/request.h"

#include "util/decimal.h"

const char *const http_method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
};

enum {
    CHUNK_LINE_MAX = 256,    /* of a chunk's size and its extensions */
    SIZE_DIGITS_MAX = 16,    /* hexadecimal, of a chunk's size */
};

/* Bytes and what they may stand in. */

/* tchar of RFC 9110 5.6.2: letters, digits and !#$%&'*+-.^_`|~, a bit each. */
static const uint64_t token_bits[4] = { UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe), 0, 0 };

static bool is_token_byte(char c)
{
    unsigned byte = (unsigned char)c;
    return token_bits[byte / 64] >> (byte % 64) & 1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_byte(char c)
{
    char letter = (char)(c | 0x20);
    return (letter >= 'a' && letter <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_address_byte(char c)
{
    char letter = (char)(c | 0x20);
    return (letter >= 'a' && letter <= 'f') || is_digit(c) || c == ':' || c == '.';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* What stands between blanks in a request line: visible ASCII. */
static bool is_visible(struct slice text)
{
    bool good = text.size > 0;
    for (size_t i = 0; i < text.size; i++)
        good &= text.data[i] > ' ' && text.data[i] < 0x7f;
    return good;
}

/* No control bytes but tabs. */
static bool is_value(struct slice text)
{
    bool good = true;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        good &= (byte >= ' ' && byte != 0x7f) || byte == '\t';
    }
    return good;
}

static size_t token_size(struct slice text)
{
    size_t size = 0;
    while (size < text.size && is_token_byte(text.data[size]))
        size++;
    return size;
}

bool http_is_token(struct slice text)
{
    return text.size && token_size(text) == text.size;
}

static struct slice skip(struct slice text, size_t size)
{
    return slice_make(text.data + size, text.size - size);
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = skip(text, 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

bool http_name_is(struct slice text, const char *name)
{
    size_t size = strlen(name);
    return text.size == size && strncasecmp(text.data, name, size) == 0;
}

/* Lines. */

/* Cuts the first line off text, without its CR LF. 1, 0: its end has not come, or HTTP_E_MALFORMED: LF stands alone. */
static int next_line(struct slice *text, struct slice *ret_line)
{
    const char *newline = text->size ? memchr(text->data, '\n', text->size) : NULL;
    if (!newline)
        return 0;
    if (newline == text->data || newline[-1] != '\r')
        return HTTP_E_MALFORMED;
    *ret_line = slice_make(text->data, (size_t)(newline - 1 - text->data));
    *text = skip(*text, ret_line->size + 2);
    return 1;
}

/* Cuts a header. Blanks before the colon, or in front of the name (a folded line), leave no name. */
static bool read_header(struct slice line, struct http_header *ret_header)
{
    size_t name_size = token_size(line);
    if (!name_size || name_size == line.size || line.data[name_size] != ':')
        return false;
    ret_header->name = slice_make(line.data, name_size);
    ret_header->value = trim(skip(line, name_size + 1));
    return is_value(ret_header->value);
}

/* The headers that say where a request ends, and how it is to be understood. */

/* host or host:port (RFC 3986 3.2), of which nothing needs to be decoded. */
static bool is_authority(struct slice text)
{
    size_t size = 0, digits = 0;
    if (text.size && text.data[0] == '[') {
        for (size = 1; size < text.size && is_address_byte(text.data[size]);)
            size++;
        if (size == 1 || size == text.size || text.data[size++] != ']')
            return false;
    } else {
        while (size < text.size && is_host_byte(text.data[size]))
            size++;
    }
    if (size == 0 || size == text.size)
        return size > 0;
    for (digits = size + 1; digits < text.size && is_digit(text.data[digits]);)
        digits++;
    return text.data[size] == ':' && digits == text.size && digits - size <= 6;
}

static int take_host(struct http_request *request, struct slice value)
{
    if (request->host.size || !is_authority(value))
        return HTTP_E_MALFORMED;
    request->host = value;
    return 0;
}

static int take_length(struct http_request *request, struct slice value)
{
    if (request->has_length || !value.size || decimal_size(value) != value.size)
        return HTTP_E_MALFORMED;
    request->has_length = true;
    return decimal_read_max(value, INT64_MAX, &request->content_length) ? 0 : HTTP_E_BODY;
}

static int take_coding(struct http_request *request, struct slice value)
{
    if (request->chunked)
        return HTTP_E_MALFORMED;
    request->chunked = true;
    return http_name_is(value, "chunked") ? 0 : HTTP_E_CODING;
}

/* Of contradictory wishes the one to close wins. */
static int take_connection(struct http_request *request, struct slice value)
{
    struct slice item;
    while (http_next_item(&value, &item)) {
        request->closes |= http_name_is(item, "close");
        request->keep_alive |= http_name_is(item, "keep-alive");
    }
    return 0;
}

static int take_expectation(struct http_request *request, struct slice value)
{
    request->expects_continue = http_name_is(value, "100-continue");
    return request->expects_continue ? 0 : HTTP_E_EXPECTATION;
}

enum { KNOWN_SIZE_MAX = 17 };

/* By the length of their names, which differ. */
static const struct known_header {
    const char *name;
    int (*take)(struct http_request *request, struct slice value);
} known_headers[KNOWN_SIZE_MAX + 1] = {
    [4] = { "host", take_host },
    [6] = { "expect", take_expectation },
    [10] = { "connection", take_connection },
    [14] = { "content-length", take_length },
    [17] = { "transfer-encoding", take_coding },
};

static int take_header(struct http_request *request, const struct http_header *header)
{
    size_t size = header->name.size;
    const struct known_header *known = size <= KNOWN_SIZE_MAX ? &known_headers[size] : NULL;
    if (!known || !known->name || strncasecmp(header->name.data, known->name, size) != 0)
        return 0;
    return known->take(request, header->value);
}

/* The request line. */

/* Cuts the method off a target, or what looks like one. */
static bool find_method(struct slice name, enum http_method *ret_method)
{
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (slice_is(name, http_method_names[i])) {
            *ret_method = (enum http_method)i;
            return true;
        }
    return false;
}

/* 1, 0 for 1.0, or an error: HTTP/1.1 is version 1. */
static int read_version(struct slice text)
{
    if (text.size != 8 || memcmp(text.data, "HTTP/", 5) != 0 || !is_digit(text.data[5]) || text.data[6] != '.' ||
        !is_digit(text.data[7]))
        return HTTP_E_MALFORMED;
    if (text.data[5] != '1' || text.data[7] > '1')
        return HTTP_E_VERSION;
    return text.data[7] == '1';
}

/* The authority of a target in absolute form (http://host/path), which becomes the path and query that follow it.
 * Where there is none the target stays as it is. */
static struct slice cut_authority(struct slice *target)
{
    size_t scheme = target->size > 7 && strncasecmp(target->data, "http://", 7) == 0    ? 7
                    : target->size > 8 && strncasecmp(target->data, "https://", 8) == 0 ? 8
                                                                                        : 0;
    size_t end = scheme;
    while (scheme && end < target->size && target->data[end] != '/' && target->data[end] != '?')
        end++;
    struct slice authority = slice_make(target->data + scheme, end - scheme);
    if (authority.size)
        *target = skip(*target, end);
    return authority;
}

static int read_target(struct slice target, struct http_request *request, struct slice *ret_authority)
{
    *ret_authority = cut_authority(&target);
    const char *mark = target.size ? memchr(target.data, '?', target.size) : NULL;
    request->path = mark ? slice_make(target.data, (size_t)(mark - target.data)) : target;
    request->query = mark ? skip(target, request->path.size + 1) : slice_make(NULL, 0);
    if (ret_authority->size && !request->path.size)
        request->path = slice_make("/", 1);
    bool good = request->path.size && request->path.data[0] == '/';
    if (!good && !(slice_is(request->path, "*") && !mark && request->method == HTTP_OPTIONS))
        return HTTP_E_MALFORMED;
    return target.size && memchr(target.data, '#', target.size) ? HTTP_E_MALFORMED : 0;
}

/* method SP target SP version, a single blank each time. */
static int read_request_line(struct slice line, const struct http_limits *limits, struct http_request *request,
                             struct slice *ret_authority)
{
    struct slice method = slice_make(line.data, token_size(line));
    if (!method.size || method.size == line.size || line.data[method.size] != ' ')
        return HTTP_E_MALFORMED;
    struct slice rest = skip(line, method.size + 1);
    const char *blank = rest.size ? memchr(rest.data, ' ', rest.size) : NULL;
    struct slice target = slice_make(rest.data, blank ? (size_t)(blank - rest.data) : rest.size);
    if (target.size > limits->target_size_max)
        return HTTP_E_TARGET;
    if (!blank || !is_visible(target))
        return HTTP_E_MALFORMED;
    int version = read_version(skip(rest, target.size + 1));
    if (version < 0)
        return version;
    request->version_1_0 = version == 0;
    if (!find_method(method, &request->method))
        return HTTP_E_METHOD;
    return read_target(target, request, ret_authority);
}

/* The head. */

/* What can be told of a head whose end has not come. */
static int judge_part(size_t size, struct slice line, bool first, const struct http_limits *limits)
{
    const char *blank = first && line.size ? memchr(line.data, ' ', line.size) : NULL;
    if (first && line.size && line.data[0] != '\r' && !is_token_byte(line.data[0]))
        return HTTP_E_MALFORMED;
    if (blank && line.size - (size_t)(blank + 1 - line.data) > limits->target_size_max + sizeof " HTTP/1.1\r")
        return HTTP_E_TARGET;
    return size >= limits->head_size_max ? HTTP_E_HEAD : 0;
}

static int read_headers(struct slice *text, const struct http_limits *limits, struct http_request *request)
{
    struct slice line;
    int got;
    while ((got = next_line(text, &line)) == 1 && line.size) {
        if (request->header_count >= limits->headers_max)
            return HTTP_E_HEAD;
        struct http_header *header = &request->headers[request->header_count++];
        int error = read_header(line, header) ? take_header(request, header) : HTTP_E_MALFORMED;
        if (error)
            return error;
    }
    return got;
}

/* What only the whole head can tell: RFC 9112 3.2 on Host, 6.1 and 6.3 on how long the body is. */
static int check_head(struct http_request *request, struct slice authority, const struct http_limits *limits)
{
    if (!request->host.size && !request->version_1_0)
        return HTTP_E_MALFORMED;
    if (authority.size && (authority.size != request->host.size ||
                           strncasecmp(authority.data, request->host.data, authority.size) != 0))
        return HTTP_E_MALFORMED;
    if (request->chunked && (request->has_length || request->version_1_0))
        return HTTP_E_MALFORMED;
    request->keep_alive = !request->closes && (request->keep_alive || !request->version_1_0);
    request->expects_continue &= !request->version_1_0;
    return request->content_length > limits->body_size_max ? HTTP_E_BODY : 0;
}

static void clear(struct http_request *request)
{
    memset(request, 0, offsetof(struct http_request, headers));
}

long http_parse_head(const char *data, size_t size, const struct http_limits *limits, struct http_request *ret_request)
{
    struct slice text = slice_make(data, size), line = { 0 }, authority;
    int got = next_line(&text, &line);
    if (got == 1 && !line.size)
        got = next_line(&text, &line);
    if (got <= 0)
        return got < 0 ? got : judge_part(size, text, true, limits);
    clear(ret_request);
    int error = read_request_line(line, limits, ret_request, &authority);
    if (error)
        return error;
    got = read_headers(&text, limits, ret_request);
    if (got <= 0)
        return got < 0 ? got : judge_part(size, text, false, limits);
    if (size - text.size > limits->head_size_max)
        return HTTP_E_HEAD;
    error = check_head(ret_request, authority, limits);
    return error ? error : (long)(size - text.size);
}

/* Looking things up. */

bool http_header(const struct http_request *request, const char *name, struct slice *ret_value)
{
    size_t size = strlen(name);
    for (unsigned i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (header->name.size == size && strncasecmp(header->name.data, name, size) == 0) {
            *ret_value = header->value;
            return true;
        }
    }
    return false;
}

bool http_next_item(struct slice *list, struct slice *ret_item)
{
    while (list->size) {
        const char *comma = memchr(list->data, ',', list->size);
        size_t size = comma ? (size_t)(comma - list->data) : list->size;
        *ret_item = trim(slice_make(list->data, size));
        *list = skip(*list, comma ? size + 1 : size);
        if (ret_item->size)
            return true;
    }
    return false;
}

bool http_header_has(const struct http_request *request, const char *name, const char *word)
{
    for (unsigned i = 0; i < request->header_count; i++) {
        struct slice list = request->headers[i].value, item;
        if (!http_name_is(request->headers[i].name, name))
            continue;
        while (http_next_item(&list, &item))
            if (http_name_is(item, word))
                return true;
    }
    return false;
}

bool http_query(struct slice query, const char *name, struct slice *ret_value)
{
    size_t name_size = strlen(name);
    while (query.size) {
        const char *mark = memchr(query.data, '&', query.size);
        size_t size = mark ? (size_t)(mark - query.data) : query.size;
        bool has_value = size > name_size && query.data[name_size] == '=';
        if (size >= name_size && memcmp(query.data, name, name_size) == 0 && (has_value || size == name_size)) {
            *ret_value = slice_make(query.data + name_size + has_value, size - name_size - has_value);
            return true;
        }
        query = skip(query, mark ? size + 1 : size);
    }
    return false;
}

static int hex_digit(char c)
{
    char letter = (char)(c | 0x20);
    if (is_digit(c))
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

long http_decode(struct slice text, bool plus, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (used == size)
            return -1;
        if (c == '%') {
            int high = text.size - i > 2 ? hex_digit(text.data[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
            if (low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        out[used++] = c;
    }
    return (long)used;
}

/* Bodies in chunks. */

enum chunk_state {
    CHUNK_SIZE,     /* a line with the size of a chunk comes next */
    CHUNK_DATA,
    CHUNK_END,      /* the CR LF behind its content */
    CHUNK_TRAILERS,
};

/* HEXDIG... [; extensions]. What stands in extensions is nobody's business, but that it stays small is. */
static int read_size(struct http_chunks *chunks, struct slice line, const struct http_limits *limits)
{
    uint64_t size = 0;
    size_t digits = 0;
    for (; digits < line.size && hex_digit(line.data[digits]) >= 0; digits++)
        size = size << 4 | (uint64_t)hex_digit(line.data[digits]);
    struct slice extension = skip(line, digits), named = trim(extension);
    if (!digits || digits > SIZE_DIGITS_MAX || !is_value(extension) ||
        (extension.size && (!named.size || named.data[0] != ';')))
        return HTTP_E_MALFORMED;
    chunks->extra += extension.size;
    if (chunks->extra > limits->head_size_max)
        return HTTP_E_HEAD;
    if (size > limits->body_size_max - chunks->total)
        return HTTP_E_BODY;
    chunks->left = size;
    chunks->state = size ? CHUNK_DATA : CHUNK_TRAILERS;
    return 1;
}

/* A line of size, or of the trailers, whose end is *done. 1, 0: it is not all there, or an error. */
static int read_chunk_line(struct http_chunks *chunks, struct slice *text, const struct http_limits *limits,
                           bool *done)
{
    struct slice line;
    struct http_header header;
    size_t size_max = chunks->state == CHUNK_SIZE ? CHUNK_LINE_MAX : limits->head_size_max - chunks->extra;
    int got = next_line(text, &line);
    if ((got == 0 && text->size > size_max + 1 /* CR */) || (got == 1 && line.size > size_max))
        return chunks->state == CHUNK_SIZE ? HTTP_E_MALFORMED : HTTP_E_HEAD;
    if (got <= 0)
        return got;
    if (chunks->state == CHUNK_SIZE)
        return read_size(chunks, line, limits);
    *done = line.size == 0;
    if (*done)
        return 1;
    chunks->extra += line.size;
    if (++chunks->trailers > limits->headers_max)
        return HTTP_E_HEAD;
    return read_header(line, &header) ? 1 : HTTP_E_MALFORMED;
}

/* The CR LF behind a chunk. */
static int read_chunk_end(struct http_chunks *chunks, struct slice *text)
{
    if (memcmp(text->data, "\r\n", text->size < 2 ? text->size : 2) != 0)
        return HTTP_E_MALFORMED;
    if (text->size < 2)
        return 0;
    *text = skip(*text, 2);
    chunks->state = CHUNK_SIZE;
    return 1;
}

static struct slice read_content(struct http_chunks *chunks, struct slice *text)
{
    size_t size = text->size < chunks->left ? text->size : (size_t)chunks->left;
    struct slice content = slice_make(text->data, size);
    *text = skip(*text, size);
    chunks->left -= size;
    chunks->total += size;
    if (!chunks->left)
        chunks->state = CHUNK_END;
    return content;
}

long http_read_chunks(struct http_chunks *chunks, const char *data, size_t size, const struct http_limits *limits,
                      struct slice *ret_data, bool *ret_done)
{
    struct slice text = slice_make(data, size);
    int got = 1;
    *ret_data = slice_make(data, 0);
    *ret_done = false;
    while (got == 1 && text.size && !*ret_done && !ret_data->size)
        if (chunks->state == CHUNK_DATA)
            *ret_data = read_content(chunks, &text);
        else if (chunks->state == CHUNK_END)
            got = read_chunk_end(chunks, &text);
        else
            got = read_chunk_line(chunks, &text, limits, ret_done);
    return got < 0 ? got : (long)(size - text.size);
}
