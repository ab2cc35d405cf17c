/* Which files there are: globs, looked through when a directory says that something has changed, and now and then. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/tail_state.h"
#include "util/crc32c.h"
#include "util/log.h"

enum {
    SETTLE_MS = 10,             /* several changes of a directory are one search */
    EVENTS_SIZE = 16 << 10,
    SUM_PIECE = 64 << 10,
};

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A file opened and seen. -1: it cannot be, or is none to be followed. */
static int open_seen(const char *path, char head[TAIL_HEAD_MAX], struct tail_sight *ret_sight)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return -1;
    }
    *ret_sight = (struct tail_sight){
        .device = status.st_dev, .inode = status.st_ino, .size = (uint64_t)status.st_size,
        .head = tail_read_head(fd, head),
    };
    return fd;
}

static struct followed *find_followed(const struct followed_tail *tail, uint64_t device, uint64_t inode)
{
    for (struct list *at = tail->files.next; at != &tail->files; at = at->next) {
        struct followed *file = LIST_OWNER(at, struct followed, place);
        if (file->position.inode == inode && file->position.device == device)
            return file;
    }
    return NULL;
}

/* Copies. */

/* True where what lies between since and offset has the sum. */
static bool has_sum(int fd, const struct tail_position *read)
{
    char *piece = malloc(SUM_PIECE);
    uint64_t at = read->since;
    uint32_t sum = 0;
    while (piece && at < read->offset) {
        size_t size = read->offset - at < SUM_PIECE ? (size_t)(read->offset - at) : SUM_PIECE;
        ssize_t count = pread(fd, piece, size, (off_t)at);
        if (count <= 0)
            break;
        sum = crc32c(sum, piece, (size_t)count);
        at += (uint64_t)count;
    }
    free(piece);
    return at == read->offset && sum == read->sum;
}

static bool is_copy(int fd, const struct tail_position *read, const struct tail_sight *sight)
{
    return tail_judge(read, sight) == TAIL_COPY && has_sum(fd, read);
}

/* The directory that a file is in, open; with a descriptor of its own, for what is in it. NULL: it cannot be read. */
static DIR *open_directory(const char *path, char room[TAIL_PATH_MAX])
{
    size_t size = (size_t)(name_of(path) - path);
    if (size >= TAIL_PATH_MAX)
        return NULL;
    memcpy(room, path, size);
    room[size] = '\0';
    return opendir(size ? room : ".");
}

/* directory ends in a slash, or is empty. NULL: out of memory. */
static char *join_path(const char *directory, const char *name)
{
    char *path;
    return asprintf(&path, "%s%s", directory, name) < 0 ? NULL : path;
}

int tail_find_copy(struct followed_tail *tail, const struct tail_position *read, const char *path, char **ret_path,
                   struct tail_sight *ret_sight)
{
    char head[TAIL_HEAD_MAX], folder[TAIL_PATH_MAX];
    const char *base = name_of(path);
    DIR *directory = open_directory(path, folder);
    int fd = -1;
    for (struct dirent *entry; fd < 0 && directory && (entry = readdir(directory));) {
        if (strncmp(entry->d_name, base, strlen(base)) != 0 || strcmp(entry->d_name, base) == 0)
            continue;
        *ret_path = join_path(folder, entry->d_name);
        fd = *ret_path ? open_seen(*ret_path, head, ret_sight) : -1;
        if (fd >= 0 && (find_followed(tail, ret_sight->device, ret_sight->inode) || !is_copy(fd, read, ret_sight))) {
            close(fd);
            fd = -1;
        }
        if (fd < 0)
            free(*ret_path);
    }
    if (directory)
        closedir(directory);
    ret_sight->head = slice_make(NULL, 0);
    return fd;
}

/* What was stored. */

/* A device may have another number after a start; then name and number of the file must do. */
static bool is_stored_of(const struct stored_position *stored, const struct followed_tail *tail,
                         const struct tail_sight *sight, const char *path)
{
    return strcmp(stored->tail, tail->name) == 0 && stored->position.inode == sight->inode &&
           (stored->position.device == sight->device || strcmp(stored->path, path) == 0);
}

static struct stored_position *take_stored(struct followed_tail *tail, const struct tail_sight *sight, const char *path)
{
    struct stored_position **place = &tail->reader->stored;
    while (*place && !is_stored_of(*place, tail, sight, path))
        place = &(*place)->next;
    struct stored_position *stored = *place;
    if (!stored)
        return NULL;
    *place = stored->next;
    stored->position.device = sight->device;
    return stored;
}

static void take_up_copy(struct followed_tail *tail, const struct tail_position *was, const char *path, uint64_t now_ms)
{
    struct tail_sight sight;
    char *copy_path;
    int fd = tail_find_copy(tail, was, path, &copy_path, &sight);
    if (fd < 0) {
        log_info("tail_file_missing", "tail=%s path=\"%s\" read=%" PRIu64, tail->name, path, was->offset);
        return;
    }
    struct tail_position position = *was;
    position.device = sight.device;
    position.inode = sight.inode;
    struct followed *copy = followed_create(tail, fd, copy_path, &position, now_ms);
    if (copy)
        copy->is_copy = copy->is_found = true;
    free(copy_path);
}

/* The same file under another name of its directory. */
static bool take_up_renamed(struct followed_tail *tail, const struct stored_position *stored, uint64_t now_ms)
{
    char head[TAIL_HEAD_MAX], folder[TAIL_PATH_MAX];
    struct followed *file = NULL;
    DIR *directory = open_directory(stored->path, folder);
    for (struct dirent *entry; !file && directory && (entry = readdir(directory));) {
        struct tail_sight sight;
        char *path = entry->d_ino == stored->position.inode ? join_path(folder, entry->d_name) : NULL;
        int fd = path ? open_seen(path, head, &sight) : -1;
        struct tail_position position = stored->position;
        position.device = sight.device = fd < 0 ? 0 : sight.device;
        if (fd >= 0 && tail_judge(&position, &sight) == TAIL_SAME)
            file = followed_create(tail, fd, path, &position, now_ms);
        else if (fd >= 0)
            close(fd);
        free(path);
    }
    if (directory)
        closedir(directory);
    return file;
}

/* What is stored of files that no glob names: they were renamed, or are gone. */
static void take_up_rest(struct followed_tail *tail, uint64_t now_ms)
{
    struct stored_position **place = &tail->reader->stored;
    while (*place) {
        struct stored_position *stored = *place;
        if (strcmp(stored->tail, tail->name) != 0) {
            place = &stored->next;
            continue;
        }
        *place = stored->next;
        if (!take_up_renamed(tail, stored, now_ms))
            take_up_copy(tail, &stored->position, stored->path, now_ms);
        stored_free(stored);
        tail->reader->is_unstored = true;
    }
}

/* What the globs name. */

/* A followed file of which this one is a copy that bears another name. */
static const struct followed *find_original(const struct followed_tail *tail, int fd, const struct tail_sight *sight,
                                            const char *path)
{
    for (struct list *at = tail->files.next; at != &tail->files; at = at->next) {
        const struct followed *file = LIST_OWNER(at, struct followed, place);
        if (file->is_found && strcmp(file->path, path) != 0 && is_copy(fd, &file->read, sight))
            return file;
    }
    return NULL;
}

static struct tail_position position_of_new(const struct followed_tail *tail, int fd, const struct tail_sight *sight,
                                            const char *path)
{
    const struct followed *original = find_original(tail, fd, sight, path);
    bool is_old = !tail->is_begun && tail->from_end;
    if (!original)
        return tail_begin_file(sight->device, sight->inode, is_old ? sight->size : 0);
    struct tail_position position = original->read;
    position.device = sight->device;
    position.inode = sight->inode;
    return position;
}

static void take_up(struct followed_tail *tail, int fd, const struct tail_sight *sight, const char *path,
                    uint64_t now_ms)
{
    struct stored_position *stored = take_stored(tail, sight, path);
    struct tail_position position;
    bool is_same = stored && tail_judge(&stored->position, sight) == TAIL_SAME;
    if (is_same)
        position = stored->position;
    else if (stored)
        position = tail_begin_file(sight->device, sight->inode, 0);
    else
        position = position_of_new(tail, fd, sight, path);
    struct followed *file = followed_create(tail, fd, path, &position, now_ms);
    if (file)
        file->is_found = file->is_named = true;
    if (stored && !is_same)
        take_up_copy(tail, &stored->position, path, now_ms);
    stored_free(stored);
}

static void tell_refused(struct followed_tail *tail, const char *path)
{
    if (!tail->is_refused)
        log_warning("tail_file_not_opened", "tail=%s path=\"%s\" error=\"%s\"", tail->name, path, strerror(errno));
    tail->is_refused = true;
}

/* It is where it was, or has another name by now. */
static void keep_name(struct followed *file, const char *path)
{
    char *copy = strcmp(file->path, path) == 0 ? NULL : strdup(path);
    if (copy) {
        free(file->path);
        file->path = copy;
    }
    file->is_found = file->is_named = true;
}

static bool is_excluded(const struct followed_tail *tail, const char *path)
{
    for (char **pattern = tail->exclude; *pattern; pattern++)
        if (fnmatch(*pattern, name_of(path), 0) == 0)
            return true;
    return strchr(path, '\n') || strlen(path) >= TAIL_PATH_MAX;
}

static void consider(struct followed_tail *tail, const char *path, uint64_t now_ms)
{
    char head[TAIL_HEAD_MAX];
    struct stat status;
    struct tail_sight sight;
    if (is_excluded(tail, path) || stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    struct followed *file = find_followed(tail, status.st_dev, status.st_ino);
    if (file && !file->is_copy) {
        keep_name(file, path);
        return;
    }
    int fd = file ? -1 : open_seen(path, head, &sight);
    if (fd >= 0)
        take_up(tail, fd, &sight, path, now_ms);
    else if (!file)
        tell_refused(tail, path);
}

/* The directories in which something may come. */
static void watch_directories(const struct followed_tail *tail, const char *pattern)
{
    char room[TAIL_PATH_MAX];
    glob_t found;
    size_t size = (size_t)(name_of(pattern) - pattern);
    if (tail->reader->inotify < 0 || size >= sizeof room)
        return;
    memcpy(room, pattern, size);
    room[size] = '\0';
    if (glob(room, GLOB_ONLYDIR | GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            inotify_add_watch(tail->reader->inotify, found.gl_pathv[i],
                              IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
    globfree(&found);
}

static void search(struct followed_tail *tail, uint64_t now_ms)
{
    for (struct list *at = tail->files.next; at != &tail->files; at = at->next)
        LIST_OWNER(at, struct followed, place)->is_found = false;
    for (char **pattern = tail->paths; *pattern; pattern++) {
        glob_t found;
        watch_directories(tail, *pattern);
        if (glob(*pattern, 0, NULL, &found) == 0)
            for (size_t i = 0; i < found.gl_pathc; i++)
                consider(tail, found.gl_pathv[i], now_ms);
        globfree(&found);
    }
    take_up_rest(tail, now_ms);
    for (struct list *at = tail->files.next; at != &tail->files; at = at->next) {
        struct followed *file = LIST_OWNER(at, struct followed, place);
        file->is_named = file->is_found && !file->is_copy;
        file->is_stirred = true;
    }
    tail->reader->is_unstored |= !tail->is_begun;
    tail->is_begun = true;
}

void tail_find(struct tail_reader *reader, uint64_t now_ms)
{
    reader->search_due_ms = UINT64_MAX;
    for (size_t i = 0; i < reader->count; i++) {
        search(&reader->tails[i], now_ms);
        if (now_ms + reader->tails[i].poll_ms < reader->search_due_ms)
            reader->search_due_ms = now_ms + reader->tails[i].poll_ms;
    }
}

/* What inotify says. */

static bool is_wanted(const struct tail_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->count; i++)
        for (char **pattern = reader->tails[i].paths; *pattern; pattern++)
            if (fnmatch(name_of(*pattern), name, 0) == 0)
                return true;
    return false;
}

static bool stir(struct tail_reader *reader, int watch)
{
    bool is_found = false;
    for (size_t i = 0; i < reader->count; i++)
        for (struct list *at = reader->tails[i].files.next; at != &reader->tails[i].files; at = at->next) {
            struct followed *file = LIST_OWNER(at, struct followed, place);
            if (file->watch == watch)
                file->is_stirred = is_found = true;
        }
    return is_found;
}

static void take_event(struct tail_reader *reader, const struct inotify_event *event, uint64_t now_ms)
{
    bool is_search = event->mask & IN_Q_OVERFLOW;
    if (!is_search && !stir(reader, event->wd))
        is_search = event->mask & IN_ISDIR || (event->len && is_wanted(reader, event->name));
    if (is_search && reader->search_due_ms > now_ms + SETTLE_MS)
        reader->search_due_ms = now_ms + SETTLE_MS;
}

void tail_listen(struct tail_reader *reader, uint64_t now_ms)
{
    _Alignas(struct inotify_event) char events[EVENTS_SIZE];
    ssize_t size;
    while (reader->inotify >= 0 && (size = read(reader->inotify, events, sizeof events)) > 0)
        for (char *at = events; at < events + size;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            take_event(reader, event, now_ms);
            at += sizeof *event + event->len;
        }
}
