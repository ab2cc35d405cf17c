/* error: which of our codes a server's sentence means. */
#ifndef PH_ERROR_H
#define PH_ERROR_H

#include "util/slice.h"

/* Of what stands between the quotes of -ERR; PH_E_SERVER where no other code fits. */
int ph_error_of_server(struct slice sentence);

#endif
