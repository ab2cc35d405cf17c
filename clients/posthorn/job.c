#include "job.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "util/transient.h"

enum { READ_SIZE = 64 * 1024 };

/* ---- the environment of the command ---- */

/*
 * "Content-Type" becomes "POSTHORN_HEADER_CONTENT_TYPE". The prefix keeps a stranger's header from naming PATH or
 * LD_PRELOAD.
 */
static char *variable_name(struct ph_text header)
{
    static const char prefix[] = "POSTHORN_HEADER_";
    char *name = must(malloc(sizeof prefix + header.size));
    char *out = stpcpy(name, prefix);
    for (size_t i = 0; i < header.size; i++) {
        unsigned char letter = (unsigned char)header.data[i];
        *out++ = isalnum(letter) ? (char)toupper(letter) : '_';
    }
    *out = '\0';
    return name;
}

/* The first of several headers of one name counts, as everywhere. */
static void set_header_variable(struct ph_text header, struct ph_text value)
{
    char *name = variable_name(header);
    char *text = must(strndup(value.data, value.size));
    setenv(name, text, 0);
    free(text);
    free(name);
}

/* What an outer posthorn set is not this message's. */
static void unset_header_variables(void)
{
    static const char prefix[] = "POSTHORN_HEADER_";
    for (char **entry = environ; *entry;) {
        if (strncmp(*entry, prefix, strlen(prefix)) != 0) {
            entry++;
            continue;
        }
        char *name = must(strndup(*entry, strcspn(*entry, "=")));
        unsetenv(name); /* moves the rest up: look at the same place again */
        free(name);
    }
}

static void set_environment(const struct ph_message *message)
{
    struct ph_text name, value;
    size_t cursor = 0;
    unset_header_variables();
    setenv("POSTHORN_TOPIC", message->topic, 1);
    while (ph_message_header_next(message, &cursor, &name, &value))
        set_header_variable(name, value);
}

/* ---- starting ---- */

/* In the child. Signals are the command's own affair again; its group is its own, so that Ctrl-C lets it finish. */
static _Noreturn void become_command(const char *command, const struct ph_message *message, int input, int output)
{
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    set_environment(message);
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    say("cannot run the command: %s", strerror(errno));
    _exit(127);
}

static void close_pair(int pair[2])
{
    if (pair[0] >= 0)
        close(pair[0]);
    if (pair[1] >= 0)
        close(pair[1]);
}

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* The pipes' far ends go to the child; ours do not block. False with errno. */
static bool start_process(struct job *job, const char *command, int input[2], int output[2])
{
    if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0)
        return false;
    job->pid = fork();
    if (job->pid < 0)
        return false;
    if (job->pid == 0)
        become_command(command, job->message, input[0], output[1]);
    setpgid(job->pid, job->pid); /* in both, so that neither need wait for the other */
    job->process_fd = pidfd_open(job->pid, 0);
    if (job->process_fd >= 0)
        return true;
    int error = errno;
    kill(-job->pid, SIGKILL);
    waitpid(job->pid, NULL, 0);
    errno = error;
    return false;
}

bool job_start(struct job *job, const char *command, struct ph_message *message, uint64_t deadline_ns,
               size_t output_size_max)
{
    int input[2] = { -1, -1 }, output[2] = { -1, -1 };
    *job = (struct job){
        .message = message, .deadline_ns = deadline_ns, .output_size_max = output_size_max, .process_fd = -1
    };
    bool started = start_process(job, command, input, output);
    int error = errno;
    if (started) {
        job->input_fd = input[1], input[1] = -1;
        job->output_fd = output[0], output[0] = -1;
        set_nonblocking(job->input_fd);
        set_nonblocking(job->output_fd);
    } else {
        ph_message_free(message);
        *job = (struct job){ 0 };
    }
    close_pair(input);
    close_pair(output);
    errno = error;
    return started;
}

/* ---- running ---- */

static void close_fd(int *fd)
{
    close(*fd);
    *fd = -1;
}

/* A command that does not read all of its input is within its rights. */
static void write_input(struct job *job)
{
    const struct ph_message *message = job->message;
    ssize_t count = write(job->input_fd, message->payload + job->input_done, message->payload_size - job->input_done);
    if (count > 0)
        job->input_done += (size_t)count;
    bool broken = count < 0 && !is_transient(errno);
    if (broken || job->input_done == message->payload_size)
        close_fd(&job->input_fd);
}

static void read_output(struct job *job)
{
    job->output = must(realloc(job->output, job->output_size + READ_SIZE));
    ssize_t count = read(job->output_fd, job->output + job->output_size, READ_SIZE);
    if (count > 0)
        job->output_size += (size_t)count;
    else if (count == 0 || !is_transient(errno))
        close_fd(&job->output_fd);
    if (job->output_size > job->output_size_max) {
        job->too_long = true;
        job_kill(job);
    }
}

void job_fds(const struct job *job, struct pollfd fds[JOB_FDS])
{
    if (!job->message) {
        fds[0] = fds[1] = fds[2] = (struct pollfd){ .fd = -1 };
        return;
    }
    /* Waited for last: until then its number, and that of its group, cannot be given to another process. */
    fds[0] = (struct pollfd){ .fd = job->output_fd < 0 ? job->process_fd : -1, .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = job->input_fd, .events = POLLOUT };
    fds[2] = (struct pollfd){ .fd = job->output_fd, .events = POLLIN };
}

void job_process(struct job *job, const struct pollfd fds[JOB_FDS], uint64_t now_ns)
{
    if (fds[1].revents)
        write_input(job);
    if (fds[0].revents && waitpid(job->pid, &job->wait_status, WNOHANG) == job->pid)
        close_fd(&job->process_fd);
    if (fds[2].revents)
        read_output(job);
    if (now_ns >= job->deadline_ns && !job_is_over(job)) {
        job->late = true;
        job_kill(job);
    }
}

bool job_is_over(const struct job *job)
{
    return job->process_fd < 0;
}

void job_kill(struct job *job)
{
    if (job->output_fd >= 0)
        close_fd(&job->output_fd);
    if (job->process_fd < 0)
        return;
    kill(-job->pid, SIGKILL);
    while (waitpid(job->pid, &job->wait_status, 0) < 0 && errno == EINTR)
        ;
    close_fd(&job->process_fd);
}

void job_finish(struct job *job)
{
    if (job->input_fd >= 0)
        close(job->input_fd);
    free(job->output);
    ph_message_free(job->message);
    *job = (struct job){ 0 };
}
