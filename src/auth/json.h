/* json: JSON that says who somebody is, as cJSON has it. For the auth room alone. Any thread. */
#ifndef AUTH_JSON_H
#define AUTH_JSON_H

#include <cjson/cJSON.h>

#include "util/slice.h"

enum { AUTH_JSON_DEPTH_MAX = 16 };

/* A document, and nothing behind it. NULL: it is none, too deep, has a NUL in it, escaped or not, or there is no
 * memory. */
cJSON *json_parse(struct slice text);

/* A member that is a string; empty where it is not there, or is none. Borrowed. */
struct slice json_text(const cJSON *object, const char *name);

#endif
