/*
 * embedded: files that are compiled into the binary, and how they are served: what is in src/http/page/ and
 * src/http/describe/. The build makes a table of each (embed.py). Constant; any thread.
 */
#ifndef HTTP_EMBEDDED_H
#define HTTP_EMBEDDED_H

#include "util/slice.h"

struct exchange;

struct embedded {
    const char *name;             /* without its folder */
    const char *type;
    const char *etag;             /* W/"digest": what is behind the W/ is the strong one */
    const unsigned char *data;
    size_t size;
};

/* NULL: the table has none of that name. */
const struct embedded *embedded_find(const struct embedded *files, size_t count, struct slice name);

/* Answers with the file: 304 where the client has this very one. headers as those of answer(). */
void embedded_answer(struct exchange *exchange, const struct embedded *file, const char *headers);

#endif
