/* scene: what the tests of webhooks at work share: a world on a loop, whose owner writes down what he is told. */
#ifndef TESTS_PUSH_SCENE_H
#define TESTS_PUSH_SCENE_H

#include "net/loop.h"
#include "push/hook.h"
#include "receiver.h"

enum { SCENE_TOLD_SIZE = 4096 };

struct scene {
    struct loop loop;
    struct guard guard;
    struct network here;
    struct hook_world world;
    struct stream *stream;           /* "S", in memory */
    struct hook *hook;
    struct hook_source *source;
    char told[SCENE_TOLD_SIZE];        /* "failing words; dead words; buried 3 words; ..." */
    bool keeps_no_dead;
    bool (*is_done)(void *arg);      /* when the loop is to end */
    void *arg;
};

/* Connections to this machine are let pass. */
void scene_open(struct scene *scene);
void scene_close(struct scene *scene);

/* A webhook "w" of "t.>" that reads all; text is JSON that is laid over that. */
void scene_begin(struct scene *scene, const char *url, const char *text);

/* The hook is destroyed and made anew, of what its source saved. */
void scene_restart(struct scene *scene);

/* One message; head NULL: none. The hook is run by scene_run_until. */
void scene_publish(struct scene *scene, const char *topic, const char *head, const char *payload);

/* Turns the loop until the condition holds; fails when that takes long. */
void scene_run_until(struct scene *scene, bool (*is_done)(void *arg), void *arg);

/* Until so many attempts have ended. */
void scene_run_attempts(struct scene *scene, uint64_t count);
/* For so long. */
void scene_run_for(struct scene *scene, uint64_t ms);

#endif
