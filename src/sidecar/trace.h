/* trace: traceparent of W3C Trace Context, by which the lines of one call are found in everybody's logs. Pure; any
 * thread. */
#ifndef SIDECAR_TRACE_H
#define SIDECAR_TRACE_H

#include "util/slice.h"

#define TRACE_HEADER "traceparent"

enum { TRACE_SIZE = 56 }; /* with its NUL */

/* True for one of version 00 that is well-formed, and neither trace nor parent all zeros. */
bool trace_is_valid(struct slice trace);

/* Makes one: the trace begins here. */
void trace_make(char out[TRACE_SIZE]);

#endif
