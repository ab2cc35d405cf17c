/* quantity: what util/units does not know: rates, and numbers rounded for eyes. */
#ifndef POSTHORN_QUANTITY_H
#define POSTHORN_QUANTITY_H

#include <stdbool.h>

/* Events a second: 100, 100/s, 0.5/s, 30/m, 5/h. False, and *ret_rate untouched, for what is none. */
bool quantity_rate(const char *text, double *ret_rate);

#define QUANTITY_TEXT_SIZE 32

/* Three figures and a unit: "12.5 MiB", "340 us", "1.25 M". */
const char *quantity_print_size(double bytes, char out[QUANTITY_TEXT_SIZE]);
const char *quantity_print_duration(double ns, char out[QUANTITY_TEXT_SIZE]);
const char *quantity_print_count(double count, char out[QUANTITY_TEXT_SIZE]);

#endif
