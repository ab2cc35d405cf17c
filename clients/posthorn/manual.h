/*
 * manual: the source of posthorn(1), out of the command table. doc/posthorn.1 is this text; a test holds the two
 * equal.
 */
#ifndef POSTHORN_MANUAL_H
#define POSTHORN_MANUAL_H

#include <stdio.h>

void manual_print(FILE *out);

#endif
