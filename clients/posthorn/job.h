/*
 * job: one run of a command of the user's for one message: the payload on its standard input, its standard output
 * collected, its life bounded in time. Whoever runs jobs polls for them: job_fds, poll, job_process, until
 * job_is_over.
 */
#ifndef POSTHORN_JOB_H
#define POSTHORN_JOB_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "posthorn.h"

struct job {
    struct ph_message *message; /* owned; NULL: this place is free */
    pid_t pid;                  /* also the number of its process group */
    int process_fd;             /* readable when the command has ended; -1: it has been waited for */
    int input_fd;               /* its standard input, -1: closed */
    int output_fd;              /* its standard output, -1: closed */
    size_t input_done;          /* bytes of the payload written */
    char *output;
    size_t output_size;
    size_t output_size_max;
    uint64_t deadline_ns;
    int wait_status;
    bool late;     /* ended because its time was up */
    bool too_long; /* ended because it wrote more than output_size_max */
};

enum { JOB_FDS = 3 };

/*
 * Starts `/bin/sh -c command`. Takes the message. False, with errno, where it cannot be started; the message is freed
 * then too.
 */
bool job_start(struct job *job, const char *command, struct ph_message *message, uint64_t deadline_ns,
               size_t output_size_max);

/* Fills in what to poll for; nothing for a free place. */
void job_fds(const struct job *job, struct pollfd fds[JOB_FDS]);

/* Does what poll found. now_ns: of the monotonic clock; past the deadline the command is killed. */
void job_process(struct job *job, const struct pollfd fds[JOB_FDS], uint64_t now_ns);

/* Has it ended, and has everything been read? */
bool job_is_over(const struct job *job);

/* Ends the command at once, with everything that it started. */
void job_kill(struct job *job);

/* Frees the place. The job is over. */
void job_finish(struct job *job);

#endif
