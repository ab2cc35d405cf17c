/*
 * describe: what clients of programs read of this interface: openapi.json and asyncapi.json, which lie in
 * src/http/describe/. tests/unit/http/test_describe.c holds them against the table of routes. Constant; any thread.
 */
#ifndef HTTP_DESCRIBE_H
#define HTTP_DESCRIBE_H

#include "http/embedded.h"

extern const struct embedded describe_files[];
extern const size_t describe_file_count;

#endif
