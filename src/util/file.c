#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Bytes until the end, or until room is full; -errno. */
static ssize_t fill(int fd, char *room, size_t room_size)
{
    size_t size = 0;
    while (size < room_size) {
        ssize_t got = read(fd, room + size, room_size - size);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        size += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)size;
}

ssize_t file_read(const char *path, char *room, size_t room_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char more;
    if (fd < 0)
        return -errno;
    ssize_t size = fill(fd, room, room_size);
    ssize_t rest = size < (ssize_t)room_size ? 0 : fill(fd, &more, 1);
    close(fd);
    return rest < 0 ? rest : rest ? -EFBIG : size;
}
