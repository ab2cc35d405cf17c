/*
 * plan: which streams there are to be: those that the configuration names, and those that are there already, which were
 * stored or run. The configuration owns the streams that it names; all others stay as they are. What cannot be brought
 * together is explained. Pure; any thread.
 */
#ifndef SERVER_PLAN_H
#define SERVER_PLAN_H

#include "server/reload.h"
#include "stream/settings.h"

enum plan_step {
    PLAN_KEEP,    /* there, and to stay as it is */
    PLAN_ADD,     /* named for the first time */
    PLAN_CHANGE,  /* named, and other than it is there */
    PLAN_RELEASE, /* no longer named: it stays, and belongs to the API from now on */
};

struct plan_item {
    struct stream_settings settings; /* as they are to be */
    enum plan_step step;
};

struct plan {
    struct plan_item *items;
    size_t count;
};

/* Adds a stream that is there. The plan begins zeroed, and is finished by the caller. 0 or -ENOMEM. */
int plan_add(struct plan *plan, const struct stream_settings *settings);

/*
 * Lays the configuration over what is there; can_keep: there is a directory for streams in files. 0; -ENOMEM; or
 * -EINVAL and a sentence that says what stands against what, and what to do.
 */
int plan_lay(struct plan *plan, const struct config *config, bool can_keep, uint64_t now_ms,
             char sentence[RELOAD_SENTENCE_SIZE]);

void plan_finish(struct plan *plan);

#endif
