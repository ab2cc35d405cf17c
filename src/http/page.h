/* page: the dashboard, whose files lie in src/http/page/. Constant; any thread. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http/embedded.h"

extern const struct embedded page_files[];
extern const size_t page_file_count;

#endif
