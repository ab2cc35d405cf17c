/*
 * output: received messages on standard output, in the form that the options choose. Everything is written by the end
 * of each turn, so that a pipe sees messages when they come; a reader that went away ends the command without a word.
 */
#ifndef POSTHORN_OUTPUT_H
#define POSTHORN_OUTPUT_H

#include <stdio.h>

#include "kept.h"
#include "options.h"
#include "posthorn.h"

struct output_values {
    bool raw;
    bool null_ended;
    bool json;
    bool timestamps;
    const char *format;
};

extern const struct option output_options[];

#define OUTPUT_GROUP(values) \
    { \
        "Output", output_options, offsetof(values, output) \
    }

/* The letters of --format: X(letter, function, meaning). The parser and the help texts are made of this list. */
#define OUTPUT_LETTERS(X) \
    X(t, put_topic, "the topic") \
    X(p, put_payload, "the payload, its bytes as they are") \
    X(r, put_reply, "the reply topic, empty where there is none") \
    X(h, put_headers, "the headers: Name: value, with ', ' between them") \
    X(s, put_size, "the size of the payload in bytes") \
    X(i, put_number, "the number of the message, from 1") \
    X(d, put_time, "when it came or was kept, such as 2026-01-31T23:59:59.123456Z") \
    X(q, put_sequence, "its sequence, where it comes out of a stream; else empty") \
    X(n, put_newline, "a newline") \
    X(N, put_newline_if_missing, "a newline unless the payload ends with one") \
    X(0, put_nul, "a NUL byte") \
    X(%, put_percent, "a percent sign")

#define OUTPUT_LETTER_ABOUT(letter, put, meaning) "    %" #letter "  " meaning "\n"
#define OUTPUT_FORMAT_ABOUT \
    "A --format is text in which these stand for parts of the message; nothing is added to it:\n\n" OUTPUT_LETTERS( \
        OUTPUT_LETTER_ABOUT)

struct output {
    FILE *stream; /* into text */
    char *text;   /* what waits to be written */
    size_t text_size;
    const char *format; /* NULL: JSON */
    bool timestamps;
    bool written;   /* nothing is missing on standard output: a write has never failed */
    uint64_t count; /* messages put */
    bool is_kept;   /* the one being put comes out of a stream, from where kept says */
    struct kept kept;
};

/* default_format is used where the options choose none. Says what is wrong with them. */
enum exit_code output_init(struct output *output, const struct output_values *values, const char *default_format);
void output_finish(struct output *output);

/* Puts a message. It is on standard output after output_flush; a long burst is written on the way. */
void output_message(struct output *output, const struct ph_message *message);

/* The same for a message that was asked for where it is kept, and that no consumer delivered. */
void output_kept(struct output *output, const struct ph_message *message, const struct kept *kept);

/*
 * EXIT_OK, or it has been said why standard output cannot be written; a reader that closed the pipe ends the process
 * quietly.
 */
enum exit_code output_flush(struct output *output);

/*
 * The reader has closed the pipe: ends the process by SIGPIPE, without a word. Returns a failure only where the
 * signal is blocked.
 */
enum exit_code output_closed(void);

#endif
