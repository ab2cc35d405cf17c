/*
 * creds: who we are by a key of our own: an nkey, whose seed signs what the server asks for, and a JWT that vouches for
 * it. Read from the files that the options name each time that a server is greeted, and wiped behind it.
 */
#ifndef PH_CREDS_H
#define PH_CREDS_H

#include "buffer.h"
#include "posthorn.h"
#include "util/nkey.h"

enum { PH_CREDS_WHY_SIZE = 384 };

struct ph_creds {
    char *jwt;              /* NULL: none */
    bool has_seed, from_nkey_file;
    struct nkey_seed seed;
};

/* Reads what nkey_file or creds_file says; neither: it stays empty. PH_OK, PH_E_FILE with why, PH_E_MEMORY. */
int ph_creds_load(const struct ph_options *options, struct ph_creds *ret_creds, char why[PH_CREDS_WHY_SIZE]);

/* The first seed and the first JWT of the text of such a file, added to creds. PH_OK, PH_E_MEMORY. */
int ph_creds_read(struct slice text, struct ph_creds *creds);

/* The JWT and, for an nkey, the public key, as fields of CONNECT with a comma before each; and the signature of the
 * nonce, where there is one. False: no memory. */
bool ph_creds_write(const struct ph_creds *creds, const char *nonce, struct ph_buffer *bytes);

/* Wipes it. */
void ph_creds_finish(struct ph_creds *creds);

#endif
