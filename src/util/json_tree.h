/*
 * json_tree: JSON (RFC 8259) as a tree of cJSON's, however hostile the text: cJSON alone recurses as deep as the text
 * nests, and does not look at what stands behind the first value. Pure; any thread.
 */
#ifndef UTIL_JSON_TREE_H
#define UTIL_JSON_TREE_H

#include <cjson/cJSON.h>

#include "util/json.h"

/* Deeper than what we ask for or are asked. What holds values of others, to be kept, is given JSON_DEPTH_MAX. */
enum { JSON_TREE_DEPTH = 32 };

/* The one value of a text, blanks around it or not; objects and arrays nest at most so deep. NULL: it is none, or there
 * is no memory. To be freed with cJSON_Delete. */
cJSON *json_tree_parse(struct slice text, unsigned depth_max);

/* Is there a NUL in it, as itself or as an escape? A string would end there that does not: "alice\u0000x" for alice. */
bool json_has_nul(struct slice text);

#endif
