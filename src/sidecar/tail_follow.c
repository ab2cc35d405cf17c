/* One file: looked at, read in pieces, cut into records, and made messages of. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/tail_state.h"
#include "util/crc32c.h"
#include "util/log.h"
#include "util/random.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    GONE_REST_MS = 1000,        /* a file without a name that has not grown for so long is complete */
    UNNAMED_REST_MS = 30000,    /* likewise one that was renamed: its writer may not know yet */
    GONE_KEPT_MS = 5000,        /* and so long it is kept open, */
    UNNAMED_KEPT_MS = 3600000,  /* or so long */
    ID_SIZE_MAX = 64,
};

struct tail_position tail_begin_file(uint64_t device, uint64_t inode, uint64_t offset)
{
    struct tail_position position = { .device = device, .inode = inode, .offset = offset, .since = offset };
    random_bytes(&position.id, sizeof position.id);
    return position;
}

/* Life. */

static int watch(const struct followed *file)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file->fd);
    return file->tail->reader->inotify < 0 ? -1
                                           : inotify_add_watch(file->tail->reader->inotify, path,
                                                               IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
}

struct followed *followed_create(struct followed_tail *tail, int fd, const char *path,
                                 const struct tail_position *position, uint64_t now_ms)
{
    struct followed *file = calloc(1, sizeof *file);
    char *copy = strdup(path);
    if (!file || !copy) {
        free(file);
        free(copy);
        close(fd);
        return NULL;
    }
    *file = (struct followed){
        .tail = tail, .path = copy, .fd = fd, .position = *position, .read = *position,
        .moved_ms = now_ms, .is_stirred = true,
    };
    file->watch = watch(file);
    list_append(&tail->files, &file->place);
    tail->reader->is_unstored = true;
    log_info("tail_file_opened", "tail=%s path=\"%s\" offset=%" PRIu64, tail->name, path, position->offset);
    return file;
}

/* One watch stands for all that follow the same file. */
static bool is_watched_by_another(const struct followed *file)
{
    const struct tail_reader *reader = file->tail->reader;
    for (size_t i = 0; i < reader->count; i++)
        for (struct list *at = reader->tails[i].files.next; at != &reader->tails[i].files; at = at->next) {
            const struct followed *other = LIST_OWNER(at, struct followed, place);
            if (other != file && other->watch == file->watch)
                return true;
        }
    return false;
}

static void unwatch(struct followed *file)
{
    if (file->watch >= 0 && !is_watched_by_another(file))
        inotify_rm_watch(file->tail->reader->inotify, file->watch);
    file->watch = -1;
}

void followed_destroy(struct followed *file)
{
    log_info("tail_file_closed", "tail=%s path=\"%s\" offset=%" PRIu64, file->tail->name, file->path,
             file->position.offset);
    unwatch(file);
    list_remove(&file->place);
    close(file->fd);
    free(file->path);
    free(file);
}

/* What has become of it. */

struct slice tail_read_head(int fd, char room[TAIL_HEAD_MAX])
{
    ssize_t size = pread(fd, room, TAIL_HEAD_MAX, 0);
    return slice_make(room, size > 0 ? (size_t)size : 0);
}

/* What was here goes on in its copy, and this file begins anew; where there is none, what was not read is gone. */
static void begin_anew(struct followed *file, uint64_t now_ms)
{
    char *path;
    struct tail_sight sight;
    struct followed_tail *tail = file->tail;
    int fd = tail_find_copy(tail, &file->read, file->path, &path, &sight);
    log_info("tail_file_cut", "tail=%s path=\"%s\" read=%" PRIu64 " copy=\"%s\"", tail->name, file->path,
             file->read.offset, fd < 0 ? "" : path);
    const struct tail_position begin = tail_begin_file(file->position.device, file->position.inode, 0);
    if (fd >= 0) {
        /* The parcels that are out are of the copy from now on, and the new file is another. */
        struct followed *anew = followed_create(tail, file->fd, file->path, &begin, now_ms);
        if (anew)
            anew->is_named = file->is_named;
        unwatch(file);
        free(file->path);
        file->path = path;
        file->fd = fd;
        file->is_copy = true;
        file->is_named = false;
        file->position.device = file->read.device = sight.device;
        file->position.inode = file->read.inode = sight.inode;
    } else {
        file->position = file->read = begin;
    }
    file->is_stored = false;
    tail->reader->is_unstored = true;
}

/* False: it is not any more what it was. */
static bool look(struct followed *file, uint64_t now_ms)
{
    char room[TAIL_HEAD_MAX];
    struct stat status;
    if (fstat(file->fd, &status) != 0)
        return true; /* reading it will fail, too */
    const struct tail_sight sight = {
        .device = status.st_dev, .inode = status.st_ino, .size = (uint64_t)status.st_size,
        .head = tail_read_head(file->fd, room),
    };
    file->is_gone = status.st_nlink == 0;
    if (sight.size != file->size)
        file->moved_ms = now_ms;
    file->size = sight.size;
    return tail_judge(&file->read, &sight) == TAIL_SAME;
}

/* Messages. */

/* Room for one message more, whose bytes are so many. False: out of memory. */
static bool make_room(struct tail_parcel *parcel, size_t size)
{
    if (parcel->room - parcel->size < size) {
        size_t room = 2 * parcel->room + size;
        char *bytes = realloc(parcel->bytes, room);
        if (!bytes)
            return false;
        parcel->bytes = bytes;
        parcel->room = room;
    }
    if (parcel->count == parcel->message_room) {
        unsigned room = 2 * parcel->message_room + 64;
        struct tail_message *messages = realloc(parcel->messages, room * sizeof *messages);
        if (!messages)
            return false;
        parcel->messages = messages;
        parcel->message_room = room;
    }
    return true;
}

/* What the ids of a file's messages begin with. */
static size_t write_id_start(char out[ID_SIZE_MAX], uint64_t id)
{
    return (size_t)snprintf(out, ID_SIZE_MAX, "%016" PRIx64 ".", id);
}

/* Where a record ends says which it is, and nothing else does: were it cut elsewhere when it is read once more, all up
 * to an end that is known would have been published all the same. */
static struct slice write_id(char *id, size_t start_size, uint64_t end)
{
    return slice_make(id, (size_t)(format_number(id + start_size, end) - id));
}

/* id has room for ID_SIZE_MAX, and begins as all of this file do. False: out of memory. */
static bool add_message(struct tail_parcel *parcel, const struct followed *file, const struct tail_record *record,
                        char *id_room, size_t id_start_size)
{
    struct slice id = write_id(id_room, id_start_size, parcel->end + record->size);
    struct slice id_name = slice_of("Nats-Msg-Id"), path_name = slice_of("Posthorn-Path"), path = slice_of(file->path);
    struct slice type_name = slice_of("Content-Type"), type = slice_of("application/json");
    size_t size_max = HEADERS_BEGIN_SIZE + headers_add_size(id_name, id) + headers_add_size(path_name, path) +
                      headers_add_size(type_name, type) + HEADERS_END_SIZE + record->text.size + 2;
    if (!make_room(parcel, size_max))
        return false;
    char *start = parcel->bytes + parcel->size;
    char *at = headers_add(headers_begin(start), id_name, id);
    if (file->tail->show_path)
        at = headers_add(at, path_name, path);
    if (file->tail->is_json && tail_is_json(record->text))
        at = headers_add(at, type_name, type);
    at = headers_end(at);
    struct tail_message *message = &parcel->messages[parcel->count++];
    *message = (struct tail_message){ .at = (uint32_t)parcel->size, .head_size = (uint32_t)(at - start) };
    at = format_slice(at, record->text);
    message->body_size = (uint32_t)(at - start);
    at = format_bytes(at, "\r\n", 2);
    parcel->size = (size_t)(at - parcel->bytes);
    parcel->end += record->size;
    return true;
}

/* All records of a piece. What does not fit in memory is read again. */
static struct tail_parcel *make_parcel(struct followed *file, struct slice bytes, enum tail_end end)
{
    struct tail_record record;
    char id[ID_SIZE_MAX];
    if (!tail_next_record(&file->tail->rules, bytes, end, &record))
        return NULL;
    struct tail_parcel *parcel = tail_take_parcel(file->tail->reader);
    if (!parcel)
        return NULL;
    parcel->name = slice_of(file->tail->name);
    parcel->topic = slice_of(file->tail->topic);
    parcel->file = file;
    parcel->id = file->read.id;
    parcel->end = file->read.offset;
    size_t used = 0, id_start_size = write_id_start(id, file->read.id);
    for (;;) {
        struct slice rest = slice_make(bytes.data + used, bytes.size - used);
        if (!tail_next_record(&file->tail->rules, rest, end, &record) ||
            !add_message(parcel, file, &record, id, id_start_size))
            break;
        used += record.size;
    }
    parcel->sum = crc32c(file->read.sum, bytes.data, used);
    return parcel;
}

/* Reading. */

static uint64_t rest_ms(const struct followed *file)
{
    return file->is_gone ? GONE_REST_MS : UNNAMED_REST_MS;
}

static enum tail_end end_of(const struct followed *file, uint64_t now_ms)
{
    uint64_t quiet_ms = now_ms - file->moved_ms;
    if (file->is_copy || (!file->is_named && quiet_ms >= rest_ms(file)))
        return TAIL_ENDED;
    return file->tail->rules.begins && quiet_ms >= file->tail->record_wait_ms ? TAIL_RESTS : TAIL_GROWS;
}

/* When what is left of a record, or of a line, is to be taken for whole; none where that has passed already. */
static uint64_t next_due_ms(const struct followed *file, uint64_t now_ms)
{
    uint64_t record_ms = file->moved_ms + file->tail->record_wait_ms, line_ms = file->moved_ms + rest_ms(file);
    uint64_t due_ms = UINT64_MAX;
    if (file->read.offset >= file->size)
        return due_ms;
    if (!file->is_named && line_ms > now_ms)
        due_ms = line_ms;
    if (file->tail->rules.begins && record_ms > now_ms && record_ms < due_ms)
        due_ms = record_ms;
    return due_ms;
}

/* Room for a piece, or for a record that is longer. False: out of memory. */
static bool prepare_scratch(struct tail_reader *reader, size_t size)
{
    if (size <= reader->scratch_room)
        return true;
    char *scratch = realloc(reader->scratch, size);
    if (!scratch)
        return false;
    reader->scratch = scratch;
    reader->scratch_room = size;
    return true;
}

/* Hands a parcel over, after which its records are read. */
static void send_parcel(struct followed *file, struct tail_parcel *parcel)
{
    char room[TAIL_HEAD_MAX];
    file->read.offset = parcel->end;
    file->read.sum = parcel->sum;
    if (file->read.head_size < TAIL_HEAD_MAX) {
        tail_learn_head(&file->read, tail_read_head(file->fd, room), file->read.offset);
        file->position.head_size = file->read.head_size;
        file->position.head_sum = file->read.head_sum;
    }
    file->out++;
    file->tail->out++;
    tail_hand_over(file->tail->reader, parcel);
}

static bool read_piece(struct followed *file, size_t size, uint64_t now_ms)
{
    struct tail_reader *reader = file->tail->reader;
    if (!prepare_scratch(reader, size))
        return false;
    ssize_t count = pread(file->fd, reader->scratch, size, (off_t)file->read.offset);
    if (count <= 0)
        return false;
    bool is_all = (size_t)count < size;
    struct slice bytes = slice_make(reader->scratch, (size_t)count);
    struct tail_parcel *parcel = make_parcel(file, bytes, is_all ? end_of(file, now_ms) : TAIL_GROWS);
    if (parcel)
        send_parcel(file, parcel);
    else if (!is_all)
        return size <= file->tail->rules.size_max && read_piece(file, file->tail->rules.size_max + 1, now_ms);
    return !is_all;
}

bool followed_read(struct followed *file, uint64_t now_ms)
{
    if (!look(file, now_ms)) {
        begin_anew(file, now_ms);
        return true;
    }
    bool is_more = read_piece(file, TAIL_PARCEL_SIZE, now_ms);
    file->due_ms = next_due_ms(file, now_ms);
    return is_more;
}

bool followed_is_over(const struct followed *file, uint64_t now_ms)
{
    uint64_t quiet_ms = now_ms - file->moved_ms;
    if (file->out || file->is_stirred || file->read.offset < file->size || file->is_named)
        return false;
    return file->is_copy || quiet_ms >= (file->is_gone ? GONE_KEPT_MS : UNNAMED_KEPT_MS);
}
