#include "server/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config/config.h"
#include "util/log.h"

/* The sanitizer that looks for leaks at the end looks into the process from outside. */
#ifdef HAVE_SANITIZER
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

static void log_failure(const char *what)
{
    log_warning("privileges_kept", "what=%s error=\"%s\"", what, strerror(errno));
}

static void forbid_core_dumps(const struct config *config)
{
    const struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        log_failure("core_dumps");
    if (config->program == PROGRAM_BROKER && !IS_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        log_failure("dumpable");
}

void privileges_give_up(const struct config *config)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        log_failure("new_privileges");
    if (!config->server.core_dumps)
        forbid_core_dumps(config);
}
