/*
 * streamload: load on durable streams, for what other generators lack: publishing over many topics and streams, a
 * durable pull consumer that acknowledges each message, a reader of the past over NDJSON; and the limits of the machine
 * that these are held against. It speaks raw protocol, the same to every server, and looks at every message.
 *
 *     streamload HOST:PORT --mode fill|consume|read [--http HOST:PORT] [--messages N] [--size B] [--window N] [--pid P]
 *                          [--topics N] [--streams N] [--batch N] [--connections N] [--stream NAME] [--keep] [--kept]
 *     streamload DIRECTORY --mode disk [--messages N] [--size B]
 *     streamload DIRECTORY --mode loopback [--messages N]
 *
 *   fill      publishes N messages with acknowledgement, --window of them unanswered
 *   consume   fills, then pulls all by a durable consumer in batches of --batch, acknowledges each, and waits until
 *             none is pending
 *   read      fills, then reads all over HTTP as NDJSON; bytes are those of the answer
 *   disk      writes and syncs N records of --size, one at a time, behind one another in a new file
 *   loopback  N sends of 64 KiB from one core to a reader on another
 *
 * --keep leaves the streams, --kept finds them there. One line of JSON goes to stdout; exit status 1: something was
 * lost or wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    IN_SIZE = 2 << 20,
    OUT_SIZE = 4 << 20,
    NUMBER_SIZE = 16, /* of the number at the start of a body: digits and a blank */
    BODY_MIN = 32,
    BODY_MAX = 1 << 20,
    SILENCE_MS = 20000, /* after which we give up */
    CONNECTIONS_MAX = 64,
    LOOPBACK_SEND = 64 << 10,
    LOOPBACK_READ = 256 << 10,
};

static struct settings {
    const char *host, *http, *mode, *stream;
    unsigned messages, size, window, topics, streams, batch, connections, pid;
    bool keep, kept;
} settings = { .host = "127.0.0.1:4222",
               .mode = "fill",
               .stream = "bench",
               .messages = 100000,
               .size = 256,
               .window = 1000,
               .topics = 1,
               .streams = 1,
               .batch = 100,
               .connections = 1 };

static struct result {
    uint64_t received, bytes, bad, duplicates;
    double wall_s, cpu_s;
} result;

struct connection {
    int fd;
    char *in, *out;
    size_t in_at, in_end, out_size;
    uint64_t newest; /* consume: the last number that came; numbers only rise */
    unsigned left;   /* consume: messages that the pull under way will still bring */
};

struct frame {
    const char *topic, *reply, *body; /* the topic ends in a blank */
    size_t reply_size, body_size;
    bool is_message, is_pong, has_status;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        die("out of memory");
    return memory;
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of the server; 0 where nobody asks. */
static double server_cpu_s(void)
{
    clockid_t clock;
    return settings.pid && !clock_getcpuclockid((pid_t)settings.pid, &clock) ? seconds(clock) : 0;
}

static void begin_measuring(void)
{
    result.cpu_s = server_cpu_s();
    result.wall_s = seconds(CLOCK_MONOTONIC);
}

static void end_measuring(void)
{
    result.wall_s = seconds(CLOCK_MONOTONIC) - result.wall_s;
    result.cpu_s = server_cpu_s() - result.cpu_s;
}

/* ---- connections ---- */

static int connect_to(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    if (!colon || (size_t)(colon - address) >= sizeof host)
        die("%s is no HOST:PORT", address);
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        die("connect to %s: %s", address, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void connection_open(struct connection *c, const char *address)
{
    *c = (struct connection){ .fd = connect_to(address), .in = allocate(IN_SIZE), .out = allocate(OUT_SIZE) };
}

static void connection_close(struct connection *c)
{
    close(c->fd);
    free(c->in);
    free(c->out);
}

static void flush(struct connection *c)
{
    for (size_t sent = 0; sent < c->out_size;) {
        ssize_t count = send(c->fd, c->out + sent, c->out_size - sent, MSG_NOSIGNAL);
        if (count <= 0)
            die("send: %s", strerror(errno));
        sent += (size_t)count;
    }
    c->out_size = 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct connection *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    c->out_size += (size_t)vsnprintf(c->out + c->out_size, OUT_SIZE - c->out_size, format, arguments);
    va_end(arguments);
}

/* Reads what is there, at least a byte. What is in `in` already is moved to its front. */
static void receive(struct connection *c)
{
    if (c->in_at) {
        memmove(c->in, c->in + c->in_at, c->in_end - c->in_at);
        c->in_end -= c->in_at;
        c->in_at = 0;
    }
    struct pollfd wanted = { .fd = c->fd, .events = POLLIN };
    if (c->in_end == IN_SIZE || poll(&wanted, 1, SILENCE_MS) <= 0)
        die("nothing came for %d s", SILENCE_MS / 1000);
    ssize_t count = recv(c->fd, c->in + c->in_end, IN_SIZE - c->in_end, 0);
    if (count <= 0)
        die("the server closed the connection");
    c->in_end += (size_t)count;
}

/* The last number of a control line, and how far before `end` it begins. */
static size_t number_before(const char *begin, const char **end)
{
    size_t value = 0, factor = 1;
    const char *at = *end;
    for (; at > begin && at[-1] != ' '; factor *= 10)
        value += (size_t)(*--at - '0') * factor;
    *end = at > begin ? at - 1 : at;
    return value;
}

/* Of MSG topic sid [reply]; a reply that is not there is empty. */
static void find_topics(const char *line, const char *end, struct frame *frame)
{
    const char *word[4] = { NULL };
    unsigned count = 0;
    for (const char *at = line; at && at < end && count < 4;
         at = memchr(at, ' ', (size_t)(end - at)), at = at ? at + 1 : at)
        word[count++] = at;
    frame->topic = word[1];
    frame->reply = count == 4 ? word[3] : end;
    frame->reply_size = (size_t)(end - frame->reply);
}

/* Cuts one operation off what has come; false where it is not all there. */
static bool cut(struct connection *c, struct frame *frame)
{
    const char *line = c->in + c->in_at, *stop = c->in + c->in_end;
    const char *line_end = memchr(line, '\n', (size_t)(stop - line));
    if (!line_end)
        return false;
    size_t size = (size_t)(line_end + 1 - line);
    *frame = (struct frame){ .is_message = *line == 'M' || *line == 'H',
                             .is_pong = size >= 4 && !memcmp(line, "PONG", 4) };
    if (frame->is_message) {
        const char *end = line_end - 1;
        size_t total = number_before(line, &end), head = *line == 'H' ? number_before(line, &end) : 0;
        if ((size_t)(stop - line_end - 1) < total + 2)
            return false;
        find_topics(line, end, frame);
        frame->body = line_end + 1 + head;
        frame->body_size = total - head;
        frame->has_status = head > 12 && line_end[9] == ' ';
        size += total + 2;
    } else if (*line == '-') {
        die("the server says %.*s", (int)size, line);
    } else if (size >= 4 && !memcmp(line, "PING", 4)) {
        say(c, "PONG\r\n");
    }
    c->in_at += size;
    return true;
}

/* The next message under this topic; others are passed over. */
static struct frame await(struct connection *c, const char *topic)
{
    struct frame frame;
    size_t size = strlen(topic);
    for (;;) {
        while (cut(c, &frame))
            if (frame.is_message && !memcmp(frame.topic, topic, size) && frame.topic[size] == ' ')
                return frame;
        flush(c);
        receive(c);
    }
}

/* What was sent before has been read. */
static void await_pong(struct connection *c)
{
    struct frame frame = { 0 };
    say(c, "PING\r\n");
    flush(c);
    while (!frame.is_pong)
        if (!cut(c, &frame))
            receive(c);
}

static void line_open(struct connection *c, unsigned number)
{
    connection_open(c, settings.host);
    say(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\n");
    say(c, "SUB _INBOX.load%u.> 1\r\n", number);
}

/* Asks the API and returns its answer, which must not be an error. */
__attribute__((format(printf, 3, 4))) static struct frame api(struct connection *c, const char *what,
                                                              const char *format, ...)
{
    char body[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(body, sizeof body, format, arguments);
    va_end(arguments);
    say(c, "PUB $JS.API.%s _INBOX.load0.api %d\r\n%s\r\n", what, size, body);
    flush(c);
    struct frame answer = await(c, "_INBOX.load0.api");
    if (answer.body_size < 2 || memmem(answer.body, answer.body_size, "\"error\"", 7))
        die("%s: %.*s", what, (int)answer.body_size, answer.body);
    return answer;
}

/* ---- streams ---- */

static const char *stream_name(unsigned number)
{
    static char name[64];
    if (settings.streams == 1)
        snprintf(name, sizeof name, "%s", settings.stream);
    else
        snprintf(name, sizeof name, "%s%u", settings.stream, number);
    return name;
}

static void create_streams(struct connection *c)
{
    for (unsigned i = 0; i < settings.streams; i++) {
        char what[96];
        snprintf(what, sizeof what, "STREAM.CREATE.%s", stream_name(i));
        api(c, what, "{\"name\":\"%s\",\"subjects\":[\"%s.>\"],\"storage\":\"file\",\"num_replicas\":1}",
            stream_name(i), stream_name(i));
    }
}

static void delete_streams(struct connection *c)
{
    for (unsigned i = 0; i < settings.streams && !settings.keep; i++) {
        char what[96];
        snprintf(what, sizeof what, "STREAM.DELETE.%s", stream_name(i));
        api(c, what, "%s", "");
    }
}

/* ---- fill ---- */

static char body[BODY_MAX + 1];

/* Text that JSON takes as it is; it begins with the number of the message. */
static void make_body(void)
{
    for (unsigned i = 0; i < settings.size; i++)
        body[i] = (char)('a' + i % 26);
    body[settings.size] = 0;
}

static void number_body(uint64_t number)
{
    for (unsigned digit = NUMBER_SIZE - 1; digit-- > 0; number /= 10)
        body[digit] = (char)('0' + number % 10);
    body[NUMBER_SIZE - 1] = ' ';
}

static void publish(struct connection *c, uint64_t number)
{
    number_body(number);
    say(c, "PUB %s.%llu _INBOX.load0.a %u\r\n", stream_name((unsigned)(number % settings.streams)),
        (unsigned long long)(number / settings.streams % settings.topics), settings.size);
    memcpy(c->out + c->out_size, body, settings.size);
    memcpy(c->out + c->out_size + settings.size, "\r\n", 2);
    c->out_size += settings.size + 2;
    if (c->out_size > OUT_SIZE / 2)
        flush(c);
}

static void take_acknowledgement(const struct frame *frame)
{
    if (frame->body_size < 10 || memmem(frame->body, frame->body_size, "\"error\"", 7)) {
        if (!result.bad++)
            fprintf(stderr, "refused: %.*s\n", (int)frame->body_size, frame->body);
    }
}

static void fill(struct connection *c)
{
    uint64_t sent = 0, answered = 0;
    struct frame frame;
    while (answered < settings.messages) {
        while (sent < settings.messages && sent - answered < settings.window)
            publish(c, sent++);
        flush(c);
        receive(c);
        while (cut(c, &frame))
            if (frame.is_message) {
                take_acknowledgement(&frame);
                answered++;
            }
    }
}

static void run_fill(void)
{
    struct connection c;
    line_open(&c, 0);
    if (!settings.kept)
        create_streams(&c);
    begin_measuring();
    fill(&c);
    end_measuring();
    result.received = settings.messages;
    result.bytes = settings.messages * settings.size;
    delete_streams(&c);
    connection_close(&c);
}

/* ---- consume ---- */

static uint8_t *seen; /* a byte for each message */

static bool check_body(const char *data, size_t size, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (size != settings.size || data[NUMBER_SIZE - 1] != ' ')
        return false;
    for (unsigned i = 0; i < NUMBER_SIZE - 1; i++)
        number = number * 10 + (uint64_t)(data[i] - '0');
    *ret_number = number;
    return number < settings.messages && !memcmp(data + size - 8, body + size - 8, 8);
}

static void take_message(struct connection *c, const struct frame *frame)
{
    uint64_t number;
    if (!check_body(frame->body, frame->body_size, &number) || number + 1 <= c->newest) {
        result.bad++;
        return;
    }
    c->newest = number + 1;
    if (seen[number]++)
        result.duplicates++;
    else
        result.received++;
    say(c, "PUB %.*s 4\r\n+ACK\r\n", (int)frame->reply_size, frame->reply);
}

static void pull(struct connection *c, unsigned number)
{
    char asked[64];
    uint64_t left = settings.messages - result.received;
    c->left = left < settings.batch ? (unsigned)left : settings.batch;
    int size = snprintf(asked, sizeof asked, "{\"batch\":%u,\"expires\":5000000000}", c->left);
    say(c, "PUB $JS.API.CONSUMER.MSG.NEXT.%s.load _INBOX.load%u.m %d\r\n%s\r\n", stream_name(0), number, size, asked);
}

/* One turn of a connection: takes what has come, asks for more where the last pull is done. */
static void consume_some(struct connection *c, unsigned number)
{
    struct frame frame;
    receive(c);
    while (cut(c, &frame)) {
        if (!frame.is_message)
            continue;
        if (frame.has_status) {
            c->left = 0;
        } else {
            take_message(c, &frame);
            c->left -= c->left != 0;
        }
    }
    if (!c->left && result.received < settings.messages)
        pull(c, number);
    flush(c);
}

static void consume(struct connection *connections)
{
    struct pollfd wanted[CONNECTIONS_MAX];
    for (unsigned i = 0; i < settings.connections; i++) {
        wanted[i] = (struct pollfd){ .fd = connections[i].fd, .events = POLLIN };
        pull(&connections[i], i);
        flush(&connections[i]);
    }
    while (result.received < settings.messages) {
        if (poll(wanted, settings.connections, SILENCE_MS) <= 0)
            die("nothing came for %d s", SILENCE_MS / 1000);
        for (unsigned i = 0; i < settings.connections; i++)
            if (wanted[i].revents)
                consume_some(&connections[i], i);
    }
    for (unsigned i = 0; i < settings.connections; i++)
        await_pong(&connections[i]);
}

/* Acknowledgements have no answer: the time ends when none of them waits any more. */
static void await_acknowledged(struct connection *c)
{
    static const char done[] = "\"num_ack_pending\":0,";
    char what[96];
    snprintf(what, sizeof what, "CONSUMER.INFO.%s.load", stream_name(0));
    for (double end = seconds(CLOCK_MONOTONIC) + SILENCE_MS / 1000; seconds(CLOCK_MONOTONIC) < end;) {
        struct frame info = api(c, what, "%s", "");
        if (memmem(info.body, info.body_size, done, sizeof done - 1))
            return;
    }
    result.bad++;
    fprintf(stderr, "not all is acknowledged\n");
}

static void run_consume(void)
{
    struct connection connections[CONNECTIONS_MAX];
    char what[96];
    for (unsigned i = 0; i < settings.connections; i++)
        line_open(&connections[i], i);
    create_streams(connections);
    fill(connections);
    seen = allocate(settings.messages);
    snprintf(what, sizeof what, "CONSUMER.DURABLE.CREATE.%s.load", stream_name(0));
    api(connections, what,
        "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"load\",\"ack_policy\":\"explicit\","
        "\"deliver_policy\":\"all\",\"max_ack_pending\":100000}}",
        stream_name(0));
    begin_measuring();
    consume(connections);
    await_acknowledged(&connections[0]);
    end_measuring();
    result.bytes = result.received * settings.size;
    delete_streams(connections);
    for (unsigned i = 0; i < settings.connections; i++)
        connection_close(&connections[i]);
}

/* ---- read ---- */

/* {"topic":...,"seq":N,...,"data":"..."} */
static void check_line(const char *line, size_t size)
{
    static const char mark[] = "\"data\":\"";
    uint64_t number;
    const char *data = memmem(line, size < 512 ? size : 512, mark, sizeof mark - 1);
    if (!data || (data += sizeof mark - 1) + settings.size + 2 != line + size || memcmp(line + size - 2, "\"}", 2) ||
        !check_body(data, settings.size, &number) || number != result.received) {
        if (!result.bad++)
            fprintf(stderr, "at %llu: %.*s\n", (unsigned long long)result.received, (int)(size < 200 ? size : 200),
                    line);
    }
    result.received++;
}

static void read_lines(struct connection *c)
{
    while (result.received < settings.messages) {
        const char *line = c->in + c->in_at, *end = memchr(line, '\n', c->in_end - c->in_at);
        if (!end) {
            receive(c);
            continue;
        }
        if (end > line)
            check_line(line, (size_t)(end - line));
        result.bytes += (uint64_t)(end + 1 - line);
        c->in_at += (size_t)(end + 1 - line);
    }
}

static void skip_head(struct connection *c)
{
    const char *end;
    while (!(end = memmem(c->in + c->in_at, c->in_end - c->in_at, "\r\n\r\n", 4)))
        receive(c);
    if (c->in_end - c->in_at < 12 || memcmp(c->in + c->in_at + 8, " 200", 4))
        die("the answer begins with %.*s", 60, c->in + c->in_at);
    c->in_at = (size_t)(end + 4 - c->in);
}

static void run_read(void)
{
    struct connection line, http;
    line_open(&line, 0);
    if (!settings.kept) {
        create_streams(&line);
        fill(&line);
    }
    connection_open(&http, settings.http);
    begin_measuring();
    say(&http, "GET /v1/topics/%s.%%3E/ndjson?since=all HTTP/1.1\r\nHost: %s\r\n\r\n", stream_name(0), settings.http);
    flush(&http);
    skip_head(&http);
    read_lines(&http);
    end_measuring();
    connection_close(&http);
    delete_streams(&line);
    connection_close(&line);
}

/* ---- the machine ---- */

static void run_disk(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/streamload.tmp", settings.host);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        die("%s: %s", path, strerror(errno));
    make_body();
    begin_measuring();
    for (uint64_t i = 0; i < settings.messages; i++)
        if (write(fd, body, settings.size) != (ssize_t)settings.size || fdatasync(fd))
            die("%s: %s", path, strerror(errno));
    end_measuring();
    result.received = settings.messages;
    result.bytes = settings.messages * settings.size;
    close(fd);
    unlink(path);
}

static void pin(unsigned core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void loopback_pair(int ret_fds[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ret_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &size) ||
        connect(ret_fds[0], (struct sockaddr *)&address, size))
        die("loopback: %s", strerror(errno));
    ret_fds[1] = accept(listener, NULL, NULL);
    close(listener);
}

__attribute__((noreturn)) static void read_loopback(int fd)
{
    char *buffer = allocate(LOOPBACK_READ);
    pin(1);
    while (recv(fd, buffer, LOOPBACK_READ, 0) > 0)
        ;
    _exit(0);
}

static void run_loopback(void)
{
    int fds[2];
    char *buffer = allocate(LOOPBACK_SEND);
    loopback_pair(fds);
    pid_t reader = fork();
    if (!reader) {
        close(fds[0]);
        read_loopback(fds[1]);
    }
    close(fds[1]);
    pin(0);
    begin_measuring();
    for (uint64_t i = 0; i < settings.messages; i++)
        if (send(fds[0], buffer, LOOPBACK_SEND, MSG_NOSIGNAL) != LOOPBACK_SEND)
            die("send: %s", strerror(errno));
    close(fds[0]);
    waitpid(reader, NULL, 0);
    end_measuring();
    result.received = settings.messages;
    result.bytes = settings.messages * LOOPBACK_SEND;
    free(buffer);
}

/* ---- main ---- */

static const struct mode {
    const char *name;
    void (*run)(void);
} modes[] = {
    { "fill", run_fill }, { "consume", run_consume },   { "read", run_read },
    { "disk", run_disk }, { "loopback", run_loopback },
};

static const struct word {
    const char *name;
    const char **text;
    unsigned *number; /* one of these three */
    bool *flag;
} words[] = {
    { "mode", &settings.mode, NULL, NULL },
    { "http", &settings.http, NULL, NULL },
    { "stream", &settings.stream, NULL, NULL },
    { "messages", NULL, &settings.messages, NULL },
    { "size", NULL, &settings.size, NULL },
    { "window", NULL, &settings.window, NULL },
    { "topics", NULL, &settings.topics, NULL },
    { "streams", NULL, &settings.streams, NULL },
    { "batch", NULL, &settings.batch, NULL },
    { "connections", NULL, &settings.connections, NULL },
    { "pid", NULL, &settings.pid, NULL },
    { "keep", NULL, NULL, &settings.keep },
    { "kept", NULL, NULL, &settings.kept },
};

static const struct word *find_word(const char *name)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].name, name))
            return &words[i];
    die("there is no --%s: see the head of streamload.c", name);
}

static unsigned number_of(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || !value || value > UINT32_MAX)
        die("%s is no number from 1", text);
    return (unsigned)value;
}

static void take_words(char **argv)
{
    for (; *argv; argv++) {
        if (strncmp(*argv, "--", 2)) {
            settings.host = *argv;
            continue;
        }
        const struct word *word = find_word(*argv + 2);
        if (word->flag)
            *word->flag = true;
        else if (!*++argv)
            die("--%s needs a value", word->name);
        else if (word->text)
            *word->text = *argv;
        else
            *word->number = number_of(*argv);
    }
}

static void print_result(void)
{
    uint64_t lost = settings.messages > result.received ? settings.messages - result.received : 0;
    double per_m = result.received ? result.cpu_s * 1e6 / (double)result.received : 0;
    printf("{\"tool\":\"streamload\",\"mode\":\"%s\",\"recv\":%llu,\"lost\":%llu,\"dup\":%llu,\"bad\":%llu,",
           settings.mode, (unsigned long long)result.received, (unsigned long long)lost,
           (unsigned long long)result.duplicates, (unsigned long long)result.bad);
    printf("\"wall_s\":%.4f,", result.wall_s);
    printf("\"recv_rate\":%.0f,\"byte_rate\":%.0f,\"srv_cpu_s\":%.3f,\"srv_util\":%.2f,\"cpu_s_per_m_recv\":%.3f}\n",
           (double)result.received / result.wall_s, (double)result.bytes / result.wall_s, result.cpu_s,
           result.cpu_s / result.wall_s, per_m);
    exit(lost || result.bad || result.duplicates ? 1 : 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    take_words(argv + 1);
    if (settings.size < BODY_MIN || settings.size > BODY_MAX || settings.connections > CONNECTIONS_MAX)
        die("a body has %d to %d bytes, there are %d connections at most", BODY_MIN, BODY_MAX, CONNECTIONS_MAX);
    make_body();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(settings.mode, modes[i].name)) {
            modes[i].run();
            print_result();
        }
    die("there is no mode %s", settings.mode);
}
