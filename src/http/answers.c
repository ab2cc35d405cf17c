#include "http/answers.h"

#include "http/calls.h"
#include "http/headers.h"
#include "wire/format.h"

static const char fixed_lines[] = "Cache-Control: no-store\r\n"
                                  "Content-Security-Policy: sandbox; default-src 'none'\r\n";

/* Behind the lines, in the same room: the media type, both with a NUL. */
static const char *put_type(char *out, struct slice type)
{
    static const char unknown[] = "application/octet-stream";
    *format_slice(out, type.size > 0 ? type : slice_make(unknown, sizeof unknown - 1)) = '\0';
    return out;
}

void answer_message(struct calls *calls, struct exchange *exchange, struct slice lines, struct slice head,
                    struct slice payload)
{
    struct buffer *buffer = &calls->lines;
    struct slice type;
    buffer->size = 0;
    char *out = buffer_reserve(buffer, sizeof fixed_lines + lines.size + headers_answer_size_max(head) +
                                           head.size + sizeof "application/octet-stream" + 1);
    if (!out) {
        calls_short_of_memory(exchange);
        return;
    }
    char *end = format_bytes(out, fixed_lines, sizeof fixed_lines - 1);
    if (lines.size > 0)
        end = format_slice(end, lines);
    end = headers_to_answer(head, end, &type);
    *end++ = '\0';
    answer(exchange, 200, put_type(end, type), payload, out);
}
