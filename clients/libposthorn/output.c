#include "output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tls.h"
#include "util/transient.h"
#include "wire/op.h"

/* A buffer that grew beyond this is given back once it is empty. */
#define CAPACITY_KEPT_MAX (1024u * 1024)

static const struct wire_limits no_limits = { .line_size_max = INT32_MAX, .body_size_max = INT32_MAX };

/* Where the operation begins that the written bytes end in (or behind, if they end with one). */
static size_t boundary(const struct ph_output *output)
{
    size_t at = 0;
    while (at < output->written) {
        struct wire_op op;
        long taken = wire_parse(output->bytes.data + at, output->bytes.size - at, &no_limits, &op, NULL);
        if (taken <= 0 || at + (size_t)taken > output->written)
            break;
        at += (size_t)taken;
    }
    return at;
}

static void drop_written(struct ph_output *output)
{
    size_t size = boundary(output);
    ph_buffer_cut(&output->bytes, size);
    output->written -= size;
}

char *ph_output_reserve(struct ph_output *output, size_t size)
{
    struct ph_buffer *bytes = &output->bytes;
    if (bytes->capacity - bytes->size < size) {
        if (output->written > bytes->size / 2)
            drop_written(output);
        if (!ph_buffer_reserve(bytes, size))
            return NULL;
    }
    return bytes->data + bytes->size;
}

int ph_output_write(struct ph_output *output, int fd, struct ph_tls *tls, size_t *ret_written)
{
    struct ph_buffer *bytes = &output->bytes;
    const char *data = bytes->data + output->written;
    size_t waiting = ph_output_waiting(output);
    *ret_written = 0;
    ssize_t count = tls ? ph_tls_write(tls, data, waiting) : send(fd, data, waiting, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && !is_transient(errno))
        return -errno;
    if (count > 0) {
        output->written += (size_t)count;
        *ret_written = (size_t)count;
    }
    output->blocked = output->written < bytes->size;
    if (output->blocked)
        return 0;
    output->written = bytes->size = 0;
    if (bytes->capacity > CAPACITY_KEPT_MAX)
        ph_buffer_finish(bytes);
    return 0;
}

static bool is_publication(enum wire_verb verb)
{
    return verb == WIRE_PUB || verb == WIRE_HPUB;
}

void ph_output_salvage(struct ph_output *output)
{
    struct ph_buffer *bytes = &output->bytes;
    size_t at = boundary(output), kept = 0;
    while (at < bytes->size) {
        struct wire_op op;
        long taken = wire_parse(bytes->data + at, bytes->size - at, &no_limits, &op, NULL);
        if (taken <= 0)
            break;
        if (is_publication(op.verb)) {
            memmove(bytes->data + kept, bytes->data + at, (size_t)taken);
            kept += (size_t)taken;
        }
        at += (size_t)taken;
    }
    bytes->size = kept;
    output->written = 0;
    output->blocked = false;
}

void ph_output_drop(struct ph_output *output)
{
    output->bytes.size = output->written = 0;
    output->blocked = false;
}

void ph_output_finish(struct ph_output *output)
{
    ph_buffer_finish(&output->bytes);
    *output = (struct ph_output){ 0 };
}
