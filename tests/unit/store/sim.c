#include "sim.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "util/random.h"

enum { SECTOR_SIZE = 512, FILES_MAX = 512 };

/* Bytes behind one or more names. */
struct inode {
    unsigned char *now, *sure;      /* as the process sees them, and as they are sure to outlive a cut */
    uint64_t now_size, sure_size;
    size_t now_room, sure_room;
    uint64_t changed_from, changed_to; /* where the two differ, at most */
    uint64_t bad_from;              /* cannot be read from here on; 0: it can */
    unsigned reference_count;       /* names, descriptors and changes that refer to it */
};

struct name {
    struct name *next;
    struct inode *inode;            /* NULL: a directory */
    char path[];
};

/* A change of a directory that no sync_directory has made sure yet. */
struct change {
    struct change *next;
    struct inode *inode;            /* of the name that came; NULL: a directory came */
    char *gone, *came;              /* paths; NULL: none */
};

struct sim {
    pthread_mutex_t lock;
    struct files files;
    struct random random;
    struct name *now, *sure;
    struct change *changes, **changes_end;
    struct inode *open[FILES_MAX];
    bool is_off, syncs_fail;
    uint64_t call_count, fail_call, off_call, space;
    int fail_error;
};

static void *must(void *memory)
{
    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* Inodes. */

static struct inode *inode_ref(struct inode *inode)
{
    if (inode)
        inode->reference_count++;
    return inode;
}

static void inode_unref(struct inode *inode)
{
    if (!inode || --inode->reference_count)
        return;
    free(inode->now);
    free(inode->sure);
    free(inode);
}

static void resize(unsigned char **bytes, size_t *room, uint64_t *size, uint64_t wanted)
{
    if (wanted >= *room) {
        *room = 2 * (size_t)wanted + 16;
        *bytes = must(realloc(*bytes, *room));
    }
    if (wanted > *size)
        memset(*bytes + *size, 0, wanted - *size);
    *size = wanted;
}

static void note_change(struct inode *inode, uint64_t from, uint64_t to)
{
    inode->changed_from = from < inode->changed_from ? from : inode->changed_from;
    inode->changed_to = to > inode->changed_to ? to : inode->changed_to;
}

static void resize_now(struct inode *inode, uint64_t wanted)
{
    note_change(inode, wanted < inode->now_size ? wanted : inode->now_size, UINT64_MAX);
    resize(&inode->now, &inode->now_room, &inode->now_size, wanted);
}

static void resize_sure(struct inode *inode, uint64_t wanted)
{
    resize(&inode->sure, &inode->sure_room, &inode->sure_size, wanted);
}

static void make_sure(struct inode *inode)
{
    uint64_t from = inode->changed_from, to = inode->changed_to < inode->now_size ? inode->changed_to : inode->now_size;
    resize_sure(inode, inode->now_size);
    if (from < to)
        memcpy(inode->sure + from, inode->now + from, to - from);
    inode->changed_from = UINT64_MAX;
    inode->changed_to = 0;
}

/* Names. */

static struct name **find(struct name **names, const char *path)
{
    while (*names && strcmp((*names)->path, path) != 0)
        names = &(*names)->next;
    return names;
}

static void drop(struct name **names, const char *path)
{
    struct name **place = find(names, path), *name = *place;
    if (!name)
        return;
    *place = name->next;
    inode_unref(name->inode);
    free(name);
}

static void enter(struct name **names, const char *path, struct inode *inode)
{
    drop(names, path);
    struct name *name = must(malloc(sizeof *name + strlen(path) + 1));
    name->next = *names;
    name->inode = inode_ref(inode);
    strcpy(name->path, path);
    *names = name;
}

/* What lies in a directory goes with it. */
static void move_children(struct name **names, const char *from, const char *to)
{
    size_t size = strlen(from);
    for (struct name *name = *names, *next; name; name = next) {
        next = name->next;
        if (strncmp(name->path, from, size) != 0 || name->path[size] != '/')
            continue;
        char *path = must(malloc(strlen(to) + strlen(name->path + size) + 1));
        strcpy(path, to);
        strcat(path, name->path + size);
        enter(names, path, name->inode);
        drop(names, name->path);
        free(path);
    }
}

static void apply(struct name **names, const char *gone, const char *came, struct inode *inode)
{
    if (came)
        enter(names, came, inode);
    if (came && gone && !inode)
        move_children(names, gone, came);
    if (gone)
        drop(names, gone);
}

static void change(struct sim *sim, const char *gone, const char *came, struct inode *inode)
{
    struct change *change = must(calloc(1, sizeof *change));
    change->gone = gone ? must(strdup(gone)) : NULL;
    change->came = came ? must(strdup(came)) : NULL;
    change->inode = inode_ref(inode);
    *sim->changes_end = change;
    sim->changes_end = &change->next;
    apply(&sim->now, gone, came, inode);
}

static bool lies_in(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    return path && strncmp(path, directory, size) == 0 && path[size] == '/' && !strchr(path + size + 1, '/');
}

/* Takes the changes of a directory (NULL: all) out of the list, and makes those sure of which a coin says so: in order
 * up to one that is not, or any. */
static void settle(struct sim *sim, const char *directory, bool all_sure)
{
    struct change **link = &sim->changes, *at;
    bool goes_on = true, in_order = random_below(&sim->random, 2);
    while ((at = *link)) {
        if (directory && !lies_in(at->came ? at->came : at->gone, directory)) {
            link = &at->next;
            continue;
        }
        goes_on = (goes_on || !in_order) && (all_sure || random_below(&sim->random, 4));
        if (goes_on)
            apply(&sim->sure, at->gone, at->came, at->inode);
        *link = at->next;
        inode_unref(at->inode);
        free(at->gone);
        free(at->came);
        free(at);
    }
    sim->changes_end = link;
}

static uint64_t used(const struct sim *sim)
{
    uint64_t size = 0;
    for (const struct name *name = sim->now; name; name = name->next)
        size += name->inode ? name->inode->now_size : 0;
    return size;
}

/* Calls. */

/* 0, or the error with which this call fails: -ESHUTDOWN where power goes with it. Takes the lock. */
static int begin(struct sim *sim)
{
    pthread_mutex_lock(&sim->lock);
    if (sim->is_off)
        return -EIO;
    sim->is_off = ++sim->call_count == sim->off_call;
    if (sim->is_off)
        return -ESHUTDOWN;
    return sim->call_count == sim->fail_call ? -sim->fail_error : 0;
}

static int end_error(int error)
{
    return error == -ESHUTDOWN ? -EIO : error;
}

static int end(struct sim *sim, int result)
{
    pthread_mutex_unlock(&sim->lock);
    return end_error(result);
}

static struct inode *opened(struct sim *sim, int fd)
{
    unit_assert(fd >= 0 && fd < FILES_MAX && sim->open[fd]);
    return sim->open[fd];
}

static int open_name(struct sim *sim, const char *path, enum files_open how)
{
    struct name *name = *find(&sim->now, path);
    struct inode *inode = name ? name->inode : NULL;
    if (!name && how != FILES_CREATE)
        return -ENOENT;
    if (name && !inode)
        return -EISDIR;
    if (!name) {
        inode = must(calloc(1, sizeof *inode));
        change(sim, NULL, path, inode);
    }
    for (int fd = 0; fd < FILES_MAX; fd++)
        if (!sim->open[fd]) {
            sim->open[fd] = inode_ref(inode);
            return fd;
        }
    return -EMFILE;
}

static int sim_open(void *arg, const char *path, enum files_open how)
{
    int error = begin(arg);
    return end(arg, error ? error : open_name(arg, path, how));
}

/* Closes even where it fails, as close(2) does. */
static int sim_close(void *arg, int fd)
{
    struct sim *sim = arg;
    int error = begin(sim);
    if (!sim->is_off) {
        inode_unref(opened(sim, fd));
        sim->open[fd] = NULL;
    }
    return end(sim, error);
}

static ssize_t sim_read(void *arg, int fd, void *data, size_t size, uint64_t at)
{
    int error = begin(arg);
    if (error)
        return end(arg, error);
    const struct inode *inode = opened(arg, fd);
    if (inode->bad_from && at + size > inode->bad_from)
        return end(arg, -EIO);
    uint64_t left = at < inode->now_size ? inode->now_size - at : 0;
    size_t count = size < left ? size : (size_t)left;
    if (count)
        memcpy(data, inode->now + at, count);
    pthread_mutex_unlock(&((struct sim *)arg)->lock);
    return (ssize_t)count;
}

/* How many more bytes files may grow. */
static uint64_t room(const struct sim *sim)
{
    uint64_t size = used(sim);
    return size < sim->space ? sim->space - size : 0;
}

static ssize_t write_parts(struct sim *sim, struct inode *inode, const struct iovec *parts, int part_count, uint64_t at)
{
    uint64_t limit = sim->space == UINT64_MAX ? UINT64_MAX : inode->now_size + room(sim);
    ssize_t written = 0;
    for (int i = 0; i < part_count; i++) {
        uint64_t from = at + (uint64_t)written, size = parts[i].iov_len;
        if (from + size > limit)
            size = limit > from ? limit - from : 0;
        if (from + size > inode->now_size)
            resize_now(inode, from + size);
        note_change(inode, from, from + size);
        if (size)
            memcpy(inode->now + from, parts[i].iov_base, size);
        written += (ssize_t)size;
        if (size < parts[i].iov_len)
            return written ? written : -ENOSPC;
    }
    return written;
}

static ssize_t sim_write(void *arg, int fd, const struct iovec *parts, int part_count, uint64_t at)
{
    int error = begin(arg);
    ssize_t written = error && error != -ESHUTDOWN ? error : write_parts(arg, opened(arg, fd), parts, part_count, at);
    pthread_mutex_unlock(&((struct sim *)arg)->lock);
    return error ? end_error(error) : written;
}

static int grow(struct sim *sim, struct inode *inode, uint64_t size)
{
    if (size <= inode->now_size)
        return 0;
    if (sim->space != UINT64_MAX && size - inode->now_size > room(sim))
        return -ENOSPC;
    resize_now(inode, size);
    return 0;
}

static int sim_allocate(void *arg, int fd, uint64_t size)
{
    int error = begin(arg);
    return end(arg, error ? error : grow(arg, opened(arg, fd), size));
}

static int sim_truncate(void *arg, int fd, uint64_t size)
{
    int error = begin(arg);
    if (!error) {
        struct inode *inode = opened(arg, fd);
        resize_now(inode, size);
    }
    return end(arg, error);
}

static int sim_size(void *arg, int fd, uint64_t *ret_size)
{
    int error = begin(arg);
    if (!error)
        *ret_size = opened(arg, fd)->now_size;
    return end(arg, error);
}

static int sim_sync(void *arg, int fd)
{
    struct sim *sim = arg;
    int error = begin(sim);
    if (!error && sim->syncs_fail)
        error = -EIO;
    if (!error)
        make_sure(opened(sim, fd));
    return end(sim, error);
}

static int sim_sync_directory(void *arg, const char *path)
{
    int error = begin(arg);
    if (!error)
        settle(arg, path, true);
    return end(arg, error);
}

static int sim_make_directory(void *arg, const char *path)
{
    struct sim *sim = arg;
    int error = begin(sim);
    const struct name *name = *find(&sim->now, path);
    if (!error && name && name->inode)
        error = -ENOTDIR;
    if (!error && !name)
        change(sim, NULL, path, NULL);
    return end(sim, error);
}

static bool is_empty(const struct sim *sim, const char *directory)
{
    for (const struct name *name = sim->now; name; name = name->next)
        if (lies_in(name->path, directory))
            return false;
    return true;
}

static int sim_remove(void *arg, const char *path)
{
    struct sim *sim = arg;
    int error = begin(sim);
    const struct name *name = *find(&sim->now, path);
    if (!error && !name)
        error = -ENOENT;
    if (!error && !name->inode && !is_empty(sim, path))
        error = -ENOTEMPTY;
    if (!error)
        change(sim, path, NULL, NULL);
    return end(sim, error);
}

static int sim_rename(void *arg, const char *from, const char *to)
{
    struct sim *sim = arg;
    int error = begin(sim);
    struct name *name = *find(&sim->now, from);
    if (!error && !name)
        error = -ENOENT;
    if (!error)
        change(sim, from, to, name->inode);
    return end(sim, error);
}

/* The names are gathered first: visit may call the file system. */
static int sim_list(void *arg, const char *path, void (*visit)(void *visit_arg, const char *name), void *visit_arg)
{
    struct sim *sim = arg;
    char *found[FILES_MAX];
    size_t count = 0;
    int error = begin(sim);
    struct name *directory = *find(&sim->now, path);
    if (!error && (!directory || directory->inode))
        error = -ENOENT;
    for (const struct name *name = error ? NULL : sim->now; name; name = name->next)
        if (lies_in(name->path, path)) {
            unit_assert(count < FILES_MAX);
            found[count++] = must(strdup(name->path + strlen(path) + 1));
        }
    error = end(sim, error);
    for (size_t i = 0; i < count; i++) {
        visit(visit_arg, found[i]);
        free(found[i]);
    }
    return error;
}

/* What the test does to it. */

static void close_all(struct sim *sim)
{
    for (int fd = 0; fd < FILES_MAX; fd++) {
        inode_unref(sim->open[fd]);
        sim->open[fd] = NULL;
    }
}

void sim_power_off(struct sim *sim)
{
    pthread_mutex_lock(&sim->lock);
    sim->is_off = true;
    pthread_mutex_unlock(&sim->lock);
}

void sim_power_off_at(struct sim *sim, uint64_t call)
{
    pthread_mutex_lock(&sim->lock);
    sim->off_call = call;
    pthread_mutex_unlock(&sim->lock);
}

/* Sector by sector, what was written and not synced is there, or is not. */
static void lose(struct sim *sim, struct inode *inode)
{
    uint64_t size = random_below(&sim->random, 2) ? inode->now_size : inode->sure_size;
    resize_sure(inode, size);
    resize_now(inode, size);
    unsigned chance = 1 + random_below(&sim->random, 7); /* of a sector to be lost, in eighths */
    for (uint64_t at = 0; at < size; at += SECTOR_SIZE) {
        size_t part = size - at < SECTOR_SIZE ? (size_t)(size - at) : SECTOR_SIZE;
        if (memcmp(inode->now + at, inode->sure + at, part) != 0 && random_below(&sim->random, 8) >= chance)
            memcpy(inode->sure + at, inode->now + at, part);
    }
    memcpy(inode->now, inode->sure, size);
    make_sure(inode);
}

static void names_free(struct name **names)
{
    while (*names)
        drop(names, (*names)->path);
}

void sim_power_on(struct sim *sim)
{
    pthread_mutex_lock(&sim->lock);
    close_all(sim);
    settle(sim, NULL, false);
    names_free(&sim->now);
    for (const struct name *name = sim->sure; name; name = name->next) {
        if (name->inode)
            lose(sim, name->inode);
        enter(&sim->now, name->path, name->inode);
    }
    sim->is_off = false;
    pthread_mutex_unlock(&sim->lock);
}

void sim_process_ends(struct sim *sim)
{
    pthread_mutex_lock(&sim->lock);
    close_all(sim);
    sim->is_off = false;
    pthread_mutex_unlock(&sim->lock);
}

uint64_t sim_call_count(struct sim *sim)
{
    pthread_mutex_lock(&sim->lock);
    uint64_t count = sim->call_count;
    pthread_mutex_unlock(&sim->lock);
    return count;
}

void sim_fail_at(struct sim *sim, uint64_t call, int error)
{
    pthread_mutex_lock(&sim->lock);
    sim->fail_call = call;
    sim->fail_error = error;
    pthread_mutex_unlock(&sim->lock);
}

void sim_fail_syncs(struct sim *sim, bool fail)
{
    pthread_mutex_lock(&sim->lock);
    sim->syncs_fail = fail;
    pthread_mutex_unlock(&sim->lock);
}

void sim_set_space(struct sim *sim, uint64_t size)
{
    pthread_mutex_lock(&sim->lock);
    sim->space = size;
    pthread_mutex_unlock(&sim->lock);
}

unsigned char *sim_bytes(struct sim *sim, const char *path, uint64_t *ret_size)
{
    const struct name *name = *find(&sim->now, path);
    if (!name || !name->inode)
        return NULL;
    *ret_size = name->inode->now_size;
    note_change(name->inode, 0, UINT64_MAX);
    return name->inode->now;
}

void sim_spoil(struct sim *sim, const char *path, uint64_t from)
{
    (*find(&sim->now, path))->inode->bad_from = from == UINT64_MAX ? 0 : from;
}

void sim_put(struct sim *sim, const char *path, const void *data, size_t size)
{
    struct inode *inode = must(calloc(1, sizeof *inode));
    resize_now(inode, size);
    if (size)
        memcpy(inode->now, data, size);
    make_sure(inode);
    enter(&sim->now, path, inode);
    enter(&sim->sure, path, inode);
}

struct sim *sim_create(uint64_t seed)
{
    struct sim *sim = must(calloc(1, sizeof *sim));
    pthread_mutex_init(&sim->lock, NULL);
    random_init(&sim->random, seed);
    sim->changes_end = &sim->changes;
    sim->space = UINT64_MAX;
    sim->files = (struct files){
        .arg = sim,
        .open = sim_open,
        .close = sim_close,
        .read = sim_read,
        .write = sim_write,
        .allocate = sim_allocate,
        .truncate = sim_truncate,
        .size = sim_size,
        .sync = sim_sync,
        .sync_directory = sim_sync_directory,
        .make_directory = sim_make_directory,
        .remove = sim_remove,
        .rename = sim_rename,
        .list = sim_list,
    };
    return sim;
}

const struct files *sim_files(struct sim *sim)
{
    return &sim->files;
}

void sim_destroy(struct sim *sim)
{
    close_all(sim);
    settle(sim, NULL, true);
    names_free(&sim->now);
    names_free(&sim->sure);
    pthread_mutex_destroy(&sim->lock);
    free(sim);
}
