/*
 * origin: which pages may ask, and under which names this server may be asked.
 *
 * A page may use the server where it comes from it (same origin) or from one of http.origins. All others are refused,
 * whatever they send, the simple requests too that browsers send without asking first. By way of an address of this
 * machine the server is asked under names of this machine only: a page whose name was made to point here (DNS
 * rebinding) is of its own name's origin, and would pass for the same.
 */
#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

#include <stdbool.h>

struct http;

/* The header lines that every answer to such a page carries; 0: to no page of another origin. */
const char *origin_lines(const struct http *http, unsigned origin);

#endif
