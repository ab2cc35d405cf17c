#include "sidecar/tail_reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/tail_state.h"
#include "util/clock.h"
#include "util/log.h"

enum {
    SAVE_INTERVAL_MS = 250,
    SAVE_RETRY_MS = 1000,
    SPARE_ROOM_MAX = 1 << 20,        /* bytes of a parcel that is kept to be used again */
};

/* Between the threads. */

static void wake_thread(const struct tail_reader *reader)
{
    const uint64_t one = 1;
    ssize_t written = write(reader->wake_fd, &one, sizeof one); /* it fails where it is awake already */
    (void)written;
}

void tail_hand_over(struct tail_reader *reader, struct tail_parcel *parcel)
{
    pthread_mutex_lock(&reader->lock);
    *reader->last_ready = parcel;
    reader->last_ready = &parcel->next;
    pthread_mutex_unlock(&reader->lock);
    reader->wake(reader->arg);
}

struct tail_parcel *tail_reader_take(struct tail_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    struct tail_parcel *parcel = reader->ready;
    if (parcel) {
        reader->ready = parcel->next;
        if (!reader->ready)
            reader->last_ready = &reader->ready;
        parcel->next = NULL;
    }
    pthread_mutex_unlock(&reader->lock);
    return parcel;
}

void tail_reader_give_back(struct tail_reader *reader, struct tail_parcel *parcel)
{
    parcel->next = NULL;
    pthread_mutex_lock(&reader->lock);
    *reader->last_returned = parcel;
    reader->last_returned = &parcel->next;
    pthread_mutex_unlock(&reader->lock);
    wake_thread(reader);
}

void tail_parcel_free(struct tail_parcel *parcel)
{
    free(parcel->bytes);
    free(parcel->messages);
    free(parcel);
}

void tail_reader_quiesce(struct tail_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    reader->quiesced = true;
    reader->is_quiet |= !reader->is_running;
    pthread_mutex_unlock(&reader->lock);
    wake_thread(reader);
}

bool tail_reader_is_quiet(struct tail_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    bool is_quiet = reader->is_quiet && !reader->ready;
    pthread_mutex_unlock(&reader->lock);
    return is_quiet;
}

/* The thread. */

/* Parcels to be used again. */

static void give_parcel(struct tail_reader *reader, struct tail_parcel *parcel)
{
    if (reader->spare_count == TAIL_PARCELS_MAX || parcel->room > SPARE_ROOM_MAX) {
        tail_parcel_free(parcel);
        return;
    }
    *parcel = (struct tail_parcel){
        .next = reader->spare, .bytes = parcel->bytes, .room = parcel->room,
        .messages = parcel->messages, .message_room = parcel->message_room,
    };
    reader->spare = parcel;
    reader->spare_count++;
}

struct tail_parcel *tail_take_parcel(struct tail_reader *reader)
{
    struct tail_parcel *parcel = reader->spare;
    if (!parcel)
        return calloc(1, sizeof *parcel);
    reader->spare = parcel->next;
    reader->spare_count--;
    parcel->next = NULL;
    return parcel;
}

static void free_spare(struct tail_reader *reader)
{
    while (reader->spare)
        tail_parcel_free(tail_take_parcel(reader));
}

/* Their records are done with. Where the file was cut meanwhile, they were not of what is there now. */
static void take_back(struct tail_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    struct tail_parcel *parcel = reader->returned, *next;
    reader->returned = NULL;
    reader->last_returned = &reader->returned;
    pthread_mutex_unlock(&reader->lock);
    for (; parcel; parcel = next) {
        struct followed *file = parcel->file;
        next = parcel->next;
        file->out--;
        file->tail->out--;
        if (parcel->id == file->position.id) {
            file->position.offset = parcel->end;
            file->position.sum = parcel->sum;
            reader->is_dirty = true;
        }
        give_parcel(reader, parcel);
    }
}

static bool may_read(const struct followed *file)
{
    return file->is_stirred && file->is_stored && file->tail->out < TAIL_PARCELS_MAX;
}

static void stir_when_due(struct followed *file, uint64_t now_ms)
{
    if (file->due_ms > now_ms)
        return;
    file->is_stirred = true;
    file->due_ms = UINT64_MAX;
}

/* A piece of each file where there is something: of those that have their names, or of the others. True: go on. */
static bool read_round(struct followed_tail *tail, bool named, uint64_t now_ms)
{
    bool is_more = false;
    for (struct list *next, *at = tail->files.next; at != &tail->files; at = next) {
        struct followed *file = LIST_OWNER(at, struct followed, place);
        next = at->next;
        if (file->is_named != named)
            continue;
        stir_when_due(file, now_ms);
        if (may_read(file)) {
            file->is_stirred = followed_read(file, now_ms);
            is_more |= may_read(file);
        }
        if (followed_is_over(file, now_ms)) {
            followed_destroy(file);
            tail->reader->is_dirty = true;
        }
    }
    return is_more;
}

/* What was renamed is older than what is written now, and comes before it. */
static bool read_tail(struct followed_tail *tail, uint64_t now_ms)
{
    return read_round(tail, false, now_ms) || read_round(tail, true, now_ms);
}

static bool read_all(struct tail_reader *reader, uint64_t now_ms)
{
    bool is_more = false;
    for (size_t i = 0; i < reader->count; i++)
        is_more |= read_tail(&reader->tails[i], now_ms);
    return is_more;
}

/* Where what was there at its last mark is committed, there is another mark: all that is there now. */
static uint64_t measure(struct followed *file, uint64_t now_ms)
{
    struct stat status;
    uint64_t size = file->size, done = file->position.offset;
    if (file->is_stirred && fstat(file->fd, &status) == 0)
        size = (uint64_t)status.st_size;
    bool is_behind = (file->is_stirred || file->out) && size > done;
    if (!is_behind)
        file->mark_ms = 0;
    else if (!file->mark_ms || done >= file->mark_offset) {
        file->mark_ms = now_ms;
        file->mark_offset = size;
    }
    return size > done ? size - done : 0;
}

static void tell_lag(struct followed_tail *tail, uint64_t now_ms)
{
    struct tail_lag lag = { .name = tail->name };
    for (struct list *at = tail->files.next; at != &tail->files; at = at->next) {
        struct followed *file = LIST_OWNER(at, struct followed, place);
        lag.file_count++;
        lag.bytes += measure(file, now_ms);
        if (file->mark_ms && (!lag.since_ms || file->mark_ms < lag.since_ms))
            lag.since_ms = file->mark_ms;
    }
    pthread_mutex_lock(&tail->reader->lock);
    tail->lag = lag;
    pthread_mutex_unlock(&tail->reader->lock);
}

bool tail_reader_get_lag(struct tail_reader *reader, size_t place, struct tail_lag *ret_lag)
{
    if (place >= reader->count)
        return false;
    pthread_mutex_lock(&reader->lock);
    *ret_lag = reader->tails[place].lag;
    pthread_mutex_unlock(&reader->lock);
    return true;
}

/* Ids must be stored before files are read; positions can wait a little. */
static void save(struct tail_reader *reader, uint64_t now_ms)
{
    if (!reader->is_unstored && (!reader->is_dirty || now_ms < reader->save_due_ms))
        return;
    if (reader->is_unstored && now_ms < reader->retry_due_ms)
        return;
    if (tail_save(reader))
        reader->save_due_ms = now_ms + SAVE_INTERVAL_MS;
    else
        reader->save_due_ms = reader->retry_due_ms = now_ms + SAVE_RETRY_MS;
}

static uint64_t next_due_ms(const struct tail_reader *reader)
{
    uint64_t due_ms = reader->search_due_ms;
    if (reader->is_dirty && reader->save_due_ms < due_ms)
        due_ms = reader->save_due_ms;
    if (reader->is_unstored && reader->retry_due_ms < due_ms)
        due_ms = reader->retry_due_ms;
    for (size_t i = 0; i < reader->count; i++) {
        const struct list *files = &reader->tails[i].files;
        for (const struct list *at = files->next; at != files; at = at->next)
            if (LIST_OWNER(at, struct followed, place)->due_ms < due_ms)
                due_ms = LIST_OWNER(at, struct followed, place)->due_ms;
    }
    return due_ms;
}

static bool is_idle(const struct tail_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++)
        if (reader->tails[i].out)
            return false;
    return true;
}

static void trim(struct tail_reader *reader)
{
    if (is_idle(reader))
        free_spare(reader);
    if (reader->scratch_room <= TAIL_PARCEL_SIZE)
        return;
    free(reader->scratch);
    reader->scratch = NULL;
    reader->scratch_room = 0;
}

/* timeout_ms: -1: until something comes. */
static void wait_for_something(struct tail_reader *reader, int timeout_ms)
{
    struct pollfd fds[] = {
        { .fd = reader->wake_fd, .events = POLLIN },
        { .fd = reader->inotify, .events = POLLIN }, /* none where it is below 0 */
    };
    uint64_t count;
    if (timeout_ms != 0)
        trim(reader);
    if (poll(fds, 2, timeout_ms) > 0 && fds[0].revents)
        while (read(reader->wake_fd, &count, sizeof count) > 0)
            continue;
}

static void rest(struct tail_reader *reader, uint64_t now_ms, bool is_quiesced)
{
    uint64_t due_ms = is_quiesced ? UINT64_MAX : next_due_ms(reader);
    if (due_ms == UINT64_MAX)
        wait_for_something(reader, -1);
    else
        wait_for_something(reader, due_ms > now_ms ? (int)(due_ms - now_ms < 60000 ? due_ms - now_ms : 60000) : 0);
}

/* True where it is to go on; and whether it is to read. */
static bool goes_on(struct tail_reader *reader, bool *ret_quiesced)
{
    pthread_mutex_lock(&reader->lock);
    bool tell = reader->quiesced && !reader->is_quiet;
    reader->is_quiet = *ret_quiesced = reader->quiesced;
    bool stopping = reader->stopping;
    pthread_mutex_unlock(&reader->lock);
    if (tell)
        reader->wake(reader->arg);
    return !stopping;
}

static void *run(void *arg)
{
    struct tail_reader *reader = arg;
    bool quiesced;
    tail_load(reader);
    while (goes_on(reader, &quiesced)) {
        uint64_t now_ms = clock_monotonic_ms();
        bool is_more = false;
        take_back(reader);
        if (!quiesced) {
            tail_listen(reader, now_ms);
            if (now_ms >= reader->search_due_ms)
                tail_find(reader, now_ms);
            save(reader, now_ms);
            is_more = read_all(reader, now_ms);
        }
        for (size_t i = 0; i < reader->count; i++)
            tell_lag(&reader->tails[i], now_ms);
        if (!is_more)
            rest(reader, now_ms, quiesced);
    }
    take_back(reader);
    tail_save(reader);
    return NULL;
}

/* Life. */

static char **copy_list(const struct config_list *list)
{
    char **copy = calloc(list->item_count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < list->item_count; i++)
        if (!(copy[i] = strdup(list->items[i])))
            break; /* seen by its being shorter */
    return copy;
}

static bool is_whole(char **copy, const struct config_list *list)
{
    size_t count = 0;
    while (copy && copy[count])
        count++;
    return copy && count == list->item_count;
}

static void free_list(char **list)
{
    for (char **item = list; item && *item; item++)
        free(*item);
    free(list);
}

/* 0 or -errno. */
static int open_tail(struct followed_tail *tail, struct tail_reader *reader, const struct config_tail *config)
{
    *tail = (struct followed_tail){
        .reader = reader,
        .name = strdup(config->name), .topic = strdup(config->topic),
        .paths = copy_list(&config->paths), .exclude = copy_list(&config->exclude),
        .rules.size_max = config->record_size_max,
        .record_wait_ms = config->record_wait_ms, .poll_ms = config->poll_ms,
        .is_json = config->format, .from_end = config->from, .show_path = config->show_path,
    };
    list_init(&tail->files);
    tail->lag.name = tail->name;
    if (!tail->name || !tail->topic || !is_whole(tail->paths, &config->paths) ||
        !is_whole(tail->exclude, &config->exclude))
        return -ENOMEM;
    if (config->record_begins && regcomp(&tail->begins, config->record_begins, REG_EXTENDED | REG_NOSUB) != 0)
        return -EINVAL;
    tail->rules.begins = config->record_begins ? &tail->begins : NULL;
    return 0;
}

static void close_tail(struct followed_tail *tail)
{
    while (!list_is_empty(&tail->files))
        followed_destroy(LIST_OWNER(tail->files.next, struct followed, place));
    if (tail->rules.begins)
        regfree(&tail->begins);
    free_list(tail->paths);
    free_list(tail->exclude);
    free(tail->name);
    free(tail->topic);
}

static int open_tails(struct tail_reader *reader, const struct config_tail *tails, size_t count)
{
    int error = 0;
    reader->tails = calloc(count ? count : 1, sizeof *reader->tails);
    if (!reader->tails)
        return -ENOMEM;
    for (; !error && reader->count < count; reader->count++)
        error = open_tail(&reader->tails[reader->count], reader, &tails[reader->count]);
    return error;
}

int tail_reader_create(const struct config_tail *tails, size_t count, const char *directory, void (*wake)(void *arg),
                       void *arg, struct tail_reader **ret_reader)
{
    struct tail_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return -ENOMEM;
    *reader = (struct tail_reader){ .inotify = -1, .wake = wake, .arg = arg };
    reader->last_ready = &reader->ready;
    reader->last_returned = &reader->returned;
    pthread_mutex_init(&reader->lock, NULL);
    reader->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reader->directory = directory ? strdup(directory) : NULL;
    int error = reader->wake_fd < 0 ? -errno : 0;
    if (!error && directory && !reader->directory)
        error = -ENOMEM;
    if (!error)
        error = open_tails(reader, tails, count);
    if (error) {
        tail_reader_destroy(reader);
        return error;
    }
    *ret_reader = reader;
    return 0;
}

int tail_reader_start(struct tail_reader *reader)
{
    sigset_t all, old;
    reader->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (reader->inotify < 0)
        log_warning("tail_without_inotify", "error=\"%s\"", strerror(errno));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = -pthread_create(&reader->thread, NULL, run, reader);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    reader->is_running = !error;
    return error;
}

static void stop(struct tail_reader *reader)
{
    if (!reader->is_running)
        return;
    pthread_mutex_lock(&reader->lock);
    reader->stopping = true;
    pthread_mutex_unlock(&reader->lock);
    wake_thread(reader);
    pthread_join(reader->thread, NULL);
}

static void free_parcels(struct tail_parcel *parcel)
{
    for (struct tail_parcel *next; parcel; parcel = next) {
        next = parcel->next;
        tail_parcel_free(parcel);
    }
}

void tail_reader_destroy(struct tail_reader *reader)
{
    if (!reader)
        return;
    stop(reader);
    free_parcels(reader->ready);
    free_parcels(reader->returned);
    free_parcels(reader->spare);
    for (size_t i = 0; i < reader->count; i++)
        close_tail(&reader->tails[i]);
    while (reader->stored) {
        struct stored_position *stored = reader->stored;
        reader->stored = stored->next;
        stored_free(stored);
    }
    if (reader->wake_fd >= 0)
        close(reader->wake_fd);
    if (reader->inotify >= 0)
        close(reader->inotify);
    pthread_mutex_destroy(&reader->lock);
    free(reader->scratch);
    free(reader->directory);
    free(reader->tails);
    free(reader);
}
