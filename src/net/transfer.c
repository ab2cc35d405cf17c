#include "net/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop.h"

enum {
    LANES_MAX = 16,
    LANE_CONNECTIONS = 64,           /* that a lane has at least, where there are several */
    WATCHES_ROOM = 64,
};

struct transfer_lane {
    struct transfers *transfers;
    CURLM *multi;                    /* NULL: nothing has gone by it yet */
    struct timer timer;              /* curl's */
    unsigned count;                  /* under way */
    unsigned room;                   /* and at most */
};

struct transfers {
    struct loop *loop;
    struct watch **watches;          /* by socket; NULL: it is not watched */
    size_t watch_room;
    struct list under_way;
    unsigned count;
    unsigned lane_count;             /* that are used */
    struct transfer_lane lanes[LANES_MAX];
};

static void collect(struct transfer_lane *lane);

/* The loop. */

static void act(struct transfer_lane *lane, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(lane->multi, fd, what, &running);
    collect(lane);
}

/* What the loop watches of a socket. One of a connection, which we have opened and will close, stays watched for
 * reading while curl looks away, as it does between two requests: to take it out and put it in again would be two calls
 * of the kernel for each. */
struct watch {
    struct transfer_lane *lane;
    struct event *event;             /* NULL: there is none yet */
    short wanted;                    /* what curl waits for */
    short events;                    /* what the loop does */
    bool is_connection;
};

static struct watch *find_watch(const struct transfers *transfers, curl_socket_t fd)
{
    return (size_t)fd < transfers->watch_room ? transfers->watches[fd] : NULL;
}

static bool reserve_watch(struct transfers *transfers, curl_socket_t fd)
{
    size_t room = transfers->watch_room ? transfers->watch_room : WATCHES_ROOM;
    while (room <= (size_t)fd)
        room *= 2;
    if (room == transfers->watch_room)
        return true;
    struct watch **watches = reallocarray(transfers->watches, room, sizeof *watches);
    if (!watches)
        return false;
    memset(watches + transfers->watch_room, 0, (room - transfers->watch_room) * sizeof(struct watch *));
    transfers->watches = watches;
    transfers->watch_room = room;
    return true;
}

static struct watch *make_watch(struct transfer_lane *lane, curl_socket_t fd)
{
    struct watch *watch = reserve_watch(lane->transfers, fd) ? calloc(1, sizeof *watch) : NULL;
    if (watch) {
        watch->lane = lane;
        lane->transfers->watches[fd] = watch;
    }
    return watch;
}

static void drop_watch(struct transfers *transfers, curl_socket_t fd)
{
    struct watch *watch = find_watch(transfers, fd);
    if (!watch)
        return;
    if (watch->event)
        event_free(watch->event);
    free(watch);
    transfers->watches[fd] = NULL;
}

static void on_socket(evutil_socket_t fd, short what, void *arg);

/* Where memory has run out it waits for the time limit. */
static void set_events(struct watch *watch, curl_socket_t fd, short events)
{
    if (watch->events == events)
        return;
    if (watch->event)
        event_free(watch->event);
    watch->event = events ? event_new(watch->lane->transfers->loop->base, fd, (short)(events | EV_PERSIST), on_socket,
                                      watch)
                          : NULL;
    watch->events = watch->event && event_add(watch->event, NULL) == 0 ? events : 0;
}

/* What an idle connection has to say, most often that it is closed, curl finds when it would use it. */
static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    if (!watch->wanted) {
        set_events(watch, fd, 0);
        return;
    }
    watch->lane->transfers->loop->event_count++;
    act(watch->lane, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

/* curl says for what it waits. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct transfer_lane *lane = arg;
    struct watch *watch = find_watch(lane->transfers, fd);
    (void)easy;
    (void)socket_arg;
    if (what == CURL_POLL_REMOVE && !(watch && watch->is_connection)) {
        drop_watch(lane->transfers, fd);
        return 0;
    }
    if (!watch && !(watch = make_watch(lane, fd)))
        return 0;
    watch->wanted = what == CURL_POLL_REMOVE
                        ? 0 : (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    set_events(watch, fd, watch->wanted ? watch->wanted : watch->events & EV_READ);
    return 0;
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    act(LIST_OWNER(timer, struct transfer_lane, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* It may not be called from within. */
static int set_timer(CURLM *multi, long delay_ms, void *arg)
{
    struct transfer_lane *lane = arg;
    struct loop *loop = lane->transfers->loop;
    (void)multi;
    if (delay_ms < 0)
        timer_clear(&loop->timers, &lane->timer);
    else
        timer_set(&loop->timers, &lane->timer, loop_now_ms(loop) + (uint64_t)delay_ms);
    return 0;
}

int transfer_open_socket(struct transfer *transfer, const struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    struct watch *watch = fd >= 0 ? make_watch(transfer->lane, fd) : NULL;
    if (watch)
        watch->is_connection = true;
    return fd;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    return transfer_open_socket(arg, address);
}

static int close_socket(void *arg, curl_socket_t fd)
{
    drop_watch(arg, fd);
    return close(fd);
}

/* Lanes. */

static bool open_lane(struct transfer_lane *lane)
{
    if (lane->multi)
        return true;
    lane->multi = curl_multi_init();
    if (!lane->multi)
        return false;
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    return true;
}

static void limit_lane(struct transfer_lane *lane)
{
    curl_multi_setopt(lane->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)lane->room);
    curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)lane->room);
}

/* A lane that is not used any more keeps one connection, of which curl can have no fewer. */
void transfers_limit(struct transfers *transfers, unsigned connections_max)
{
    unsigned count = connections_max / LANE_CONNECTIONS;
    count = count < 1 ? 1 : count > LANES_MAX ? LANES_MAX : count;
    connections_max = connections_max < 1 ? 1 : connections_max; /* of curl 0 would be no limit */
    transfers->lane_count = count;
    for (unsigned i = 0; i < LANES_MAX; i++) {
        struct transfer_lane *lane = &transfers->lanes[i];
        lane->room = i < count ? connections_max / count + (i < connections_max % count) : 1;
        if (lane->multi)
            limit_lane(lane);
    }
}

/* Its own, or the next that has room. Where all are full, as after a change of the limit, it waits in its own. */
static struct transfer_lane *choose(struct transfers *transfers, uint64_t key)
{
    unsigned own = (unsigned)(key % transfers->lane_count);
    for (unsigned i = 0; i < transfers->lane_count; i++) {
        struct transfer_lane *lane = &transfers->lanes[(own + i) % transfers->lane_count];
        if (lane->count < lane->room)
            return lane;
    }
    return &transfers->lanes[own];
}

/* Requests. */

void transfers_prepare(struct transfers *transfers, void *easy)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfers);
}

int transfer_start(struct transfers *transfers, struct transfer *transfer, void *easy, uint64_t key)
{
    struct transfer_lane *lane = choose(transfers, key);
    if (!lane->multi) {
        if (!open_lane(lane))
            return -ENOMEM;
        limit_lane(lane);
    }
    transfer->lane = lane;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    if (curl_multi_add_handle(lane->multi, easy) != CURLM_OK)
        return -ENOMEM;
    transfer->easy = easy;
    transfer->transfers = transfers;
    list_append(&transfers->under_way, &transfer->place);
    lane->count++;
    transfers->count++;
    return 0;
}

void transfer_cancel(struct transfer *transfer)
{
    if (!transfer->easy)
        return;
    curl_multi_remove_handle(transfer->lane->multi, transfer->easy);
    list_remove(&transfer->place);
    transfer->lane->count--;
    transfer->transfers->count--;
    transfer->easy = NULL;
}

static void collect(struct transfer_lane *lane)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(lane->multi, &left));) {
        CURLcode code = message->data.result;
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) != CURLE_OK || !transfer)
            continue;
        transfer_cancel(transfer);
        transfer->done(transfer, code);
    }
}

unsigned transfers_count(const struct transfers *transfers)
{
    return transfers->count;
}

/* Coming and going. */

int transfers_create(struct loop *loop, unsigned connections_max, struct transfers **ret_transfers)
{
    struct transfers *transfers = calloc(1, sizeof *transfers);
    if (!transfers)
        return -ENOMEM;
    transfers->loop = loop;
    list_init(&transfers->under_way);
    for (unsigned i = 0; i < LANES_MAX; i++) {
        transfers->lanes[i].transfers = transfers;
        transfers->lanes[i].timer.fire = on_timer;
    }
    transfers_limit(transfers, connections_max);
    *ret_transfers = transfers;
    return 0;
}

void transfers_destroy(struct transfers *transfers)
{
    if (!transfers)
        return;
    while (!list_is_empty(&transfers->under_way))
        transfer_cancel(LIST_OWNER(transfers->under_way.next, struct transfer, place));
    for (unsigned i = 0; i < LANES_MAX; i++) {
        if (transfers->lanes[i].multi)
            curl_multi_cleanup(transfers->lanes[i].multi);
        timer_clear(&transfers->loop->timers, &transfers->lanes[i].timer);
    }
    for (size_t fd = 0; fd < transfers->watch_room; fd++)
        drop_watch(transfers, (curl_socket_t)fd);
    free(transfers->watches);
    free(transfers);
}
