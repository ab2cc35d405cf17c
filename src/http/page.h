/*
 * page: the dashboard, served from inside the binary. Its files lie in src/http/page/; the build makes a table of them
 * (page/embed.py). Constant; any thread.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include <stddef.h>

struct page_file {
    const char *name;             /* as below /ui/ */
    const char *type;
    const char *etag;             /* W/"digest": what is behind the W/ is the strong one */
    const unsigned char *data;
    size_t size;
};

extern const struct page_file page_files[];
extern const size_t page_file_count;

#endif
