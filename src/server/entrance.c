#include "server/entrance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "net/loop.h"
#include "util/log.h"

static const char *const front_names[FRONT_COUNT] = { [FRONT_LINE] = "line", [FRONT_HTTP] = "http" };

struct door {
    struct entrance *entrance;
    struct listener *listener;
    enum front_end front_end;
};

struct entrance {
    struct loop *loop;
    entrance_accepted *accepted;
    void *arg;
    size_t door_count;
    struct door doors[];
};

static void on_accepted(void *arg, int fd, const struct address *peer)
{
    struct door *door = arg;
    struct entrance *entrance = door->entrance;
    const struct address here = address_of_socket(fd); /* a listener may have all the addresses of this machine */
    entrance->accepted(entrance->arg, door->front_end, address_is_local(&here), fd, peer);
}

/* A machine without IPv6, say, still serves the rest. */
static bool may_skip(int error, const struct config_list *addresses)
{
    return (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL) && addresses->item_count > 1;
}

static int open_door(struct entrance *entrance, enum front_end front_end, const char *where, unsigned unix_mode)
{
    struct door *door = &entrance->doors[entrance->door_count];
    *door = (struct door){ .entrance = entrance, .front_end = front_end };
    int error = listener_open(entrance->loop, where, unix_mode, on_accepted, door, &door->listener);
    if (error)
        return error;
    entrance->door_count++;
    return 0;
}

static int open_doors(struct entrance *entrance, enum front_end front_end, const struct config_list *addresses,
                      unsigned unix_mode)
{
    size_t before = entrance->door_count;
    int error = -EADDRNOTAVAIL;
    for (size_t i = 0; i < addresses->item_count; i++) {
        const char *where = addresses->items[i];
        error = open_door(entrance, front_end, where, unix_mode);
        if (error && may_skip(error, addresses)) {
            log_warning("listener_skipped", "address=%s error=\"%s\"", where, strerror(-error));
        } else if (error) {
            log_error("listen_failed", "address=%s error=\"%s\"", where, strerror(-error));
            return error;
        }
    }
    return entrance->door_count > before ? 0 : error;
}

int entrance_open(struct loop *loop, const struct config *config, entrance_accepted *accepted, void *arg,
                  struct entrance **ret_entrance)
{
    size_t count = config->line.listen.item_count + config->http.listen.item_count;
    struct entrance *entrance = calloc(1, sizeof *entrance + count * sizeof *entrance->doors);
    if (!entrance)
        return -ENOMEM;
    entrance->loop = loop;
    entrance->accepted = accepted;
    entrance->arg = arg;
    int error = open_doors(entrance, FRONT_LINE, &config->line.listen, config->line.unix_mode);
    if (!error && config->http.enabled)
        error = open_doors(entrance, FRONT_HTTP, &config->http.listen, config->http.unix_mode);
    if (error) {
        entrance_close(entrance);
        return error;
    }
    *ret_entrance = entrance;
    return 0;
}

int entrance_start(struct entrance *entrance)
{
    for (size_t i = 0; i < entrance->door_count; i++) {
        const struct door *door = &entrance->doors[i];
        if (listener_start(door->listener) != 0)
            return -ENOMEM;
        log_info("listening", "protocol=%s address=%s", front_names[door->front_end], listener_where(door->listener));
    }
    return 0;
}

void entrance_close(struct entrance *entrance)
{
    if (!entrance)
        return;
    for (size_t i = 0; i < entrance->door_count; i++)
        listener_close(entrance->doors[i].listener);
    free(entrance);
}

const struct listener *entrance_first(const struct entrance *entrance, enum front_end front_end)
{
    for (size_t i = 0; i < entrance->door_count; i++)
        if (entrance->doors[i].front_end == front_end)
            return entrance->doors[i].listener;
    return NULL;
}

void entrance_describe(const struct entrance *entrance, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < entrance->door_count && used < size; i++) {
        const struct door *door = &entrance->doors[i];
        bool is_first = door->listener == entrance_first(entrance, door->front_end);
        used += (size_t)snprintf(out + used, size - used, "%s%s%s%s", !is_first ? "," : i ? " " : "",
                                 is_first ? front_names[door->front_end] : "", is_first ? "=" : "",
                                 listener_where(door->listener));
    }
}
