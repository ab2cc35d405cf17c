/*
 * buffer: bytes in one piece that grow by doubling. Whoever holds it owns it; knows nothing of sockets or operations.
 */
#ifndef PH_BUFFER_H
#define PH_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct ph_buffer {
    char *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/* Makes room for at least this many bytes behind size. False: no memory, nothing changed. */
bool ph_buffer_reserve(struct ph_buffer *buffer, size_t size);

/* Appends a copy of data. False: no memory, nothing changed. */
bool ph_buffer_add(struct ph_buffer *buffer, const void *data, size_t size);

/* Appends text up to its NUL. False: no memory. */
bool ph_buffer_add_text(struct ph_buffer *buffer, const char *text);

/* Appends a decimal number. False: no memory. */
bool ph_buffer_add_number(struct ph_buffer *buffer, unsigned long long number);

/* Drops the first size bytes. */
void ph_buffer_cut(struct ph_buffer *buffer, size_t size);

/* Frees the bytes; the buffer is empty and may be used again. */
void ph_buffer_finish(struct ph_buffer *buffer);

/* Bytes that ph_number_write may write. */
#define PH_NUMBER_SIZE 20

/* Writes a decimal number and returns its end. */
char *ph_number_write(char *out, unsigned long long number);

#endif
