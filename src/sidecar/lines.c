#include "sidecar/lines.h"

#include "http/request.h"
#include "sidecar/carry.h"
#include "util/decimal.h"
#include "wire/format.h"
#include "wire/headers.h"

static const char *const our_names[] = { "Date", "X-Content-Type-Options", "Content-Type" };

bool lines_is_ours(struct slice name)
{
    static const char prefix[] = "Access-Control-";
    for (size_t i = 0; i < sizeof our_names / sizeof *our_names; i++)
        if (http_name_is(name, our_names[i]))
            return true;
    return name.size >= sizeof prefix - 1 && strncasecmp(name.data, prefix, sizeof prefix - 1) == 0;
}

static bool has_controls(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (((unsigned char)value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice lines_trim(struct slice value)
{
    while (value.size && is_blank(value.data[0]))
        value = slice_make(value.data + 1, value.size - 1);
    while (value.size && is_blank(value.data[value.size - 1]))
        value.size--;
    return value;
}

/* Of a reply to HEAD the length goes along: it is that of a body which is not there. */
static bool is_line(struct slice name, struct slice value, bool is_head)
{
    bool goes_along = carry_goes_along(name, slice_make(NULL, 0)) || (is_head && http_name_is(name, "Content-Length"));
    return goes_along && !lines_is_ours(name) && !has_controls(value);
}

unsigned lines_status(struct slice head)
{
    struct slice value;
    uint64_t status;
    if (!headers_find(head, CARRY_STATUS, &value) || value.size != 3 || !decimal_read_max(value, 599, &status))
        return 0;
    return status >= 200 ? (unsigned)status : 0;
}

size_t lines_size_max(struct slice head)
{
    return 2 * head.size + 1; /* a line has at most a blank and a CR that the header lacked */
}

void lines_write(struct slice head, bool is_head, char *out, struct slice *ret_type)
{
    struct slice name, value;
    size_t cursor = 0;
    *ret_type = slice_make(NULL, 0);
    while (headers_next(head, &cursor, &name, &value))
        if (is_line(name, value, is_head))
            out = headers_add(out, name, value);
        else if (http_name_is(name, "Content-Type") && !ret_type->data && !has_controls(value))
            *ret_type = value;
    *out = '\0';
}
