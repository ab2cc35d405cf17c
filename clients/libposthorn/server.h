/* server: what a server said of itself in INFO, kept as struct ph_server. Pure. */
#ifndef PH_SERVER_H
#define PH_SERVER_H

#include "posthorn.h"
#include "util/slice.h"

struct ph_server_info {
    struct ph_server shown; /* its strings point into this struct: never copy it whole */
    bool tls_required, tls_available;
    char address[280], id[128], name[256], version[64], client_ip[64], nonce[256], tls[16];
};

/* Empty, but for what holds for a server that says nothing: 1 MiB of payload. */
void ph_server_init(struct ph_server_info *info);

/* How the connection to it is encrypted: "TLSv1.3". */
void ph_server_set_tls(struct ph_server_info *info, const char *version, bool resumed);

/* Where it is: "127.0.0.1:4222" or "unix:/path", cut to fit. */
void ph_server_set_address(struct ph_server_info *info, const char *address);

/*
 * Reads an INFO. Fields that it does not carry keep their value. False where it is malformed, or a known field has
 * another type.
 */
bool ph_server_parse(struct ph_server_info *info, struct slice json);

#endif
