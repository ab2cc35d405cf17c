/*
 * contexts: saved servers, a file each: $XDG_CONFIG_HOME/posthorn/contexts/NAME.ini (mode 0600) with the keys url,
 * user, password, token, the paths nkey, creds, tls_ca, tls_cert and tls_key, and tls_first, in a section [context].
 * The name of the selected one stands in
 * $XDG_CONFIG_HOME/posthorn/context.
 */
#ifndef POSTHORN_CONTEXTS_H
#define POSTHORN_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "exits.h"

/* Strings are its own; NULL where there is none, but url is never NULL in a loaded one. */
struct context {
    char *url;
    char *user;
    char *password;
    char *token;
    char *nkey, *creds, *tls_ca, *tls_cert, *tls_key; /* absolute paths */
    char *tls_first;                                  /* "yes" */
};

void context_finish(struct context *context);

/* Each says what is wrong. On failure *ret_context may be half filled: finish it in any case. */
enum exit_code context_load(const char *name, struct context *ret_context);

/* Writes a new context; with replace, over one of that name. What could not be read back as it was is refused. */
enum exit_code context_save(const char *name, const struct context *context, bool replace);

/* Removes it; if it was selected, none is any more. */
enum exit_code context_remove(const char *name);

/* Selects it; NULL: none. */
enum exit_code context_select(const char *name);

/* The name of the selected context, or NULL. Yours to free. */
char *context_selected(void);

/* The names of all, sorted, yours to free each; *ret_names too. No directory is no context. */
enum exit_code context_names(char ***ret_names, size_t *ret_count);

#endif
