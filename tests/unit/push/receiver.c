#include "receiver.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_SIZE = 256 << 10, OPEN_MAX = 1024 };

const char receiver_hangs[] = "";

struct connection {
    struct receiver *receiver;
    int fd;
    unsigned place;                  /* in open_fds */
    size_t size;                     /* of what has come */
    char bytes[REQUEST_SIZE + 1];
};

/* The bytes of the first request of what has come; 0: it is not whole. */
static size_t request_size(const struct connection *connection)
{
    char room[32];
    const char *end = strstr(connection->bytes, "\r\n\r\n");
    if (!end)
        return 0;
    const char *length = receiver_header(connection->bytes, "Content-Length", room, sizeof room);
    size_t size = (size_t)(end + 4 - connection->bytes) + (length ? strtoul(length, NULL, 10) : 0);
    return size <= connection->size ? size : 0;
}

static int read_more(struct connection *connection)
{
    ssize_t got = read(connection->fd, connection->bytes + connection->size, REQUEST_SIZE - connection->size);
    if (got <= 0)
        return -1;
    connection->size += (size_t)got;
    connection->bytes[connection->size] = '\0';
    return 0;
}

static int say(struct connection *connection, const char *answer)
{
    char nothing[4096];
    if (answer == receiver_hangs) {
        while (read(connection->fd, nothing, sizeof nothing) > 0)
            ;
        return -1;
    }
    return answer && send(connection->fd, answer, strlen(answer), MSG_NOSIGNAL) == (ssize_t)strlen(answer) ? 0 : -1;
}

/* Answers the first request. */
static int answer(struct connection *connection, size_t size)
{
    struct receiver *receiver = connection->receiver;
    char after = connection->bytes[size];
    connection->bytes[size] = '\0';
    pthread_mutex_lock(&receiver->mutex);
    const char *text = receiver->answer(receiver->arg, connection->bytes, ++receiver->request_count);
    pthread_mutex_unlock(&receiver->mutex);
    connection->bytes[size] = after;
    memmove(connection->bytes, connection->bytes + size, connection->size - size + 1);
    connection->size -= size;
    return say(connection, text);
}

static void *serve(void *arg)
{
    struct connection *connection = arg;
    struct receiver *receiver = connection->receiver;
    int result = 0;
    while (result == 0) {
        size_t size = request_size(connection);
        result = size ? answer(connection, size) : read_more(connection);
    }
    pthread_mutex_lock(&receiver->mutex);
    receiver->open_fds[connection->place] = -1;
    close(connection->fd);
    receiver->open_count--;
    pthread_cond_signal(&receiver->left);
    pthread_mutex_unlock(&receiver->mutex);
    free(connection);
    return NULL;
}

static void take(struct receiver *receiver, int fd)
{
    struct connection *connection = calloc(1, sizeof *connection);
    pthread_t thread;
    ck_assert_ptr_nonnull(connection);
    connection->receiver = receiver;
    connection->fd = fd;
    pthread_mutex_lock(&receiver->mutex);
    while (receiver->open_fds[connection->place] >= 0)
        connection->place++;
    receiver->open_fds[connection->place] = fd;
    receiver->connection_count++;
    receiver->open_count++;
    pthread_mutex_unlock(&receiver->mutex);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, connection), 0);
    pthread_detach(thread);
}

static void *listen_to_all(void *arg)
{
    struct receiver *receiver = arg;
    for (int fd; (fd = accept(receiver->fd, NULL, NULL)) >= 0;)
        take(receiver, fd);
    return NULL;
}

void receiver_start(struct receiver *receiver, receiver_answer *chosen, void *arg)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    *receiver = (struct receiver){ .answer = chosen, .arg = arg, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    memset(receiver->open_fds, 0xff, sizeof receiver->open_fds);
    pthread_mutex_init(&receiver->mutex, NULL);
    pthread_cond_init(&receiver->left, NULL);
    ck_assert_int_eq(bind(receiver->fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(receiver->fd, OPEN_MAX), 0);
    getsockname(receiver->fd, (struct sockaddr *)&address, &size);
    receiver->port = ntohs(address.sin_port);
    snprintf(receiver->url, sizeof receiver->url, "http://127.0.0.1:%u/hook", receiver->port);
    ck_assert_int_eq(pthread_create(&receiver->thread, NULL, listen_to_all, receiver), 0);
}

void receiver_hang_up(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->mutex);
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (receiver->open_fds[i] >= 0)
            shutdown(receiver->open_fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&receiver->mutex);
}

void receiver_stop(struct receiver *receiver)
{
    shutdown(receiver->fd, SHUT_RDWR);
    pthread_join(receiver->thread, NULL);
    close(receiver->fd);
    receiver_hang_up(receiver);
    pthread_mutex_lock(&receiver->mutex);
    while (receiver->open_count)
        pthread_cond_wait(&receiver->left, &receiver->mutex);
    pthread_mutex_unlock(&receiver->mutex);
}

static unsigned read_count(struct receiver *receiver, const unsigned *count)
{
    pthread_mutex_lock(&receiver->mutex);
    unsigned value = *count;
    pthread_mutex_unlock(&receiver->mutex);
    return value;
}

unsigned receiver_requests(struct receiver *receiver)
{
    return read_count(receiver, &receiver->request_count);
}

unsigned receiver_connections(struct receiver *receiver)
{
    return read_count(receiver, &receiver->connection_count);
}

unsigned receiver_open(struct receiver *receiver)
{
    return read_count(receiver, &receiver->open_count);
}

const char *receiver_header(const char *request, const char *name, char *room, size_t room_size)
{
    size_t size = strlen(name);
    for (const char *line = strstr(request, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':') {
            const char *value = line + 2 + size + 1 + strspn(line + 2 + size + 1, " ");
            snprintf(room, room_size, "%.*s", (int)strcspn(value, "\r"), value);
            return room;
        }
    return NULL;
}

const char *receiver_body(const char *request)
{
    return strstr(request, "\r\n\r\n") + 4;
}
