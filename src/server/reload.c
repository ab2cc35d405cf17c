#include "server/reload.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/users.h"
#include "config/config.h"
#include "net/tls.h"
#include "server/notify.h"
#include "util/clock.h"
#include "util/log.h"

_Static_assert((int)TLS_SENTENCE_SIZE == (int)RELOAD_SENTENCE_SIZE, "why certificates are refused fits");

/* Whoever reads the configuration can enter as such a user. */
static void warn_of_readable_secrets(const struct users *users)
{
    size_t cursor = 0;
    bool is_token;
    const char *name;
    while ((name = users_next_readable(users, &cursor, &is_token)))
        log_warning("secrets_readable", "user=%s option=%s action=\"posthorn passwd%s, and its line in [user %s]\"",
                    name, is_token ? "token" : "password", is_token ? " --token" : "", name);
}

int reload_init(struct reload *reload, struct config *config, const struct reload_source *source,
                char sentence[RELOAD_SENTENCE_SIZE])
{
    *reload = (struct reload){ .config = config, .source = source };
    int error = users_create(config, &reload->users, sentence);
    if (!error)
        warn_of_readable_secrets(reload->users);
    return error ? error : tls_create(config, &reload->tls, sentence);
}

static void let_go_of_old(struct reload *reload)
{
    config_destroy(reload->old_config);
    users_destroy(reload->old_users);
    tls_destroy(reload->old_tls);
    reload->old_config = NULL;
    reload->old_users = NULL;
    reload->old_tls = NULL;
}

void reload_finish(struct reload *reload)
{
    let_go_of_old(reload);
    config_destroy(reload->config);
    users_destroy(reload->users);
    tls_destroy(reload->tls);
}

/* Names the options that only a restart changes, and keeps them as they are. 0 or -ENOMEM. */
static int keep_what_needs_restart(const struct config *old_config, struct config *new_config)
{
    char *names = NULL;
    int error = config_changes_needing_restart(old_config, new_config, &names);
    if (!error)
        error = config_carry_over(old_config, new_config);
    if (!error && names)
        log_warning("reload_incomplete", "options=\"%s\" action=\"restart to change them\"", names);
    free(names);
    return error;
}

/* What is to hold. */
struct prepared {
    struct config *config;
    struct users *users;
    struct tls *tls;
};

static void install(struct reload *reload, const struct prepared *prepared)
{
    reload->old_config = reload->config;
    reload->old_users = reload->users;
    reload->old_tls = reload->tls;
    reload->config = prepared->config;
    reload->users = prepared->users;
    reload->tls = prepared->tls;
    reload->confirmations_left = reload->hooks.install(reload->hooks.arg);
    if (reload->confirmations_left < reload->worker_count) {
        reload->old_config = NULL; /* whoever could not be told goes on with these, so they stay */
        reload->old_users = NULL;
        reload->old_tls = NULL;
    }
}

static void fail(const struct reload *reload, const char *why)
{
    reload->hooks.tell(reload->hooks.arg, "reload", why);
    log_error("reload_failed", "error=\"%s\" action=\"nothing has changed\"", why);
    notify_ready("serving; the last reload failed, nothing has changed");
}

/* The listeners stay what they are, so whether strangers could come in is asked of what will hold. 0 or -EINVAL. */
static int stay_closed(const struct config *config, struct config_error *why)
{
    const char *section, *address = config_exposure(config, &section);
    if (address)
        snprintf(why->sentence, sizeof why->sentence, "[%s] listen = %s: %s", section, address,
                 CONFIG_EXPOSURE_EXPECTED);
    return address ? -EINVAL : 0;
}

/* Makes of a configuration what goes with it, and has it accepted. 0, or it is refused and why says so. */
static int prepare(struct reload *reload, struct prepared *prepared, struct config_error *why)
{
    int error = keep_what_needs_restart(reload->config, prepared->config);
    if (!error)
        error = stay_closed(prepared->config, why);
    if (!error)
        error = users_create(prepared->config, &prepared->users, why->sentence);
    if (!error)
        error = tls_create(prepared->config, &prepared->tls, why->sentence);
    return error ? error : reload->hooks.accept(reload->hooks.arg, prepared->config, why->sentence);
}

static void discard(const struct prepared *prepared)
{
    config_destroy(prepared->config);
    users_destroy(prepared->users);
    tls_destroy(prepared->tls);
}

/* Loads what the source says now. 0, or it is refused and why says so. */
static int load(struct reload *reload, struct prepared *ret_prepared, struct config_error *why)
{
    const struct reload_source *source = reload->source;
    *ret_prepared = (struct prepared){ .config = NULL };
    snprintf(why->sentence, sizeof why->sentence, "out of memory");
    int error = config_load(reload->config->program, source->path, source->overrides, source->override_count,
                            &ret_prepared->config, why);
    if (error)
        return error;
    error = prepare(reload, ret_prepared, why);
    if (error)
        discard(ret_prepared);
    return error;
}

void reload_run(struct reload *reload)
{
    struct config_error why;
    struct prepared prepared;
    if (reload->confirmations_left) {
        reload->again = true;
        return;
    }
    notify_reloading(clock_monotonic_ns());
    if (load(reload, &prepared, &why) == 0) {
        install(reload, &prepared);
        warn_of_readable_secrets(reload->users);
    } else {
        fail(reload, why.sentence);
    }
}

void reload_confirmed(struct reload *reload)
{
    if (--reload->confirmations_left)
        return;
    let_go_of_old(reload);
    reload->hooks.tell(reload->hooks.arg, "reload", NULL);
    log_info("reloaded", "file=%s", reload->source->path ? reload->source->path : "-");
    notify_ready("serving");
    if (reload->again) {
        reload->again = false;
        reload_run(reload);
    }
}
