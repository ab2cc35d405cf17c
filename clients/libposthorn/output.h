/*
 * output: operations on their way to the socket, in one flat buffer. Its first byte always begins an operation, so that
 * after a broken connection what the server cannot have seen whole is sent again, and nothing else. Owned by one
 * connection; all that it knows of sockets is send(2), and its like for TLS.
 */
#ifndef PH_OUTPUT_H
#define PH_OUTPUT_H

#include "buffer.h"

struct ph_tls;

struct ph_output {
    struct ph_buffer bytes;
    size_t written; /* of them, to the socket */
    bool blocked;   /* the socket took no more at the last write */
};

static inline size_t ph_output_waiting(const struct ph_output *output)
{
    return output->bytes.size - output->written;
}

/* Room for size more bytes: write there, then add what you wrote to bytes.size. NULL: no memory. */
char *ph_output_reserve(struct ph_output *output, size_t size);

/* Writes what the socket takes without waiting, by tls (NULL: plainly). 0 or -errno; *ret_written is how much. */
int ph_output_write(struct ph_output *output, int fd, struct ph_tls *tls, size_t *ret_written);

/* The connection broke: keeps the messages that were not written whole, and drops every other operation. */
void ph_output_salvage(struct ph_output *output);

/* The same, but keeps nothing. */
void ph_output_drop(struct ph_output *output);

void ph_output_finish(struct ph_output *output);

#endif
