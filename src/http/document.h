/*
 * document: a JSON text that is written from its start to its end: objects and arrays opened and closed, members put in
 * between. Whoever runs out of memory learns it at the end. Zero is an empty one. One thread at a time.
 *
 * Members have a name; elements of an array have none (NULL).
 */
#ifndef HTTP_DOCUMENT_H
#define HTTP_DOCUMENT_H

#include "http/buffer.h"

struct exchange;

struct document {
    struct buffer buffer;
    bool failed; /* memory ran out: something is missing */
};

/* bracket: '{' or '[', and the same closed. */
void document_open(struct document *document, const char *name, char bracket);
void document_close(struct document *document, char bracket);

void document_text(struct document *document, const char *name, struct slice text);
void document_number(struct document *document, const char *name, uint64_t number);
void document_real(struct document *document, const char *name, double number);
void document_flag(struct document *document, const char *name, bool flag);

/* A point of time, as RFC 3339 writes it; milliseconds since 1970. */
void document_moment(struct document *document, const char *name, uint64_t time_ms);

/* A stretch of time for eyes: "1d2h3m4s", "4s". */
void document_span(struct document *document, const char *name, uint64_t span_ms);

/* A value that is JSON already. */
void document_value(struct document *document, const char *name, struct slice json);

/* Frees the text; the document is empty. */
void document_finish(struct document *document);

/* Answers 200 with the text, or 500 where memory ran out, and finishes the document. */
void document_answer(struct document *document, struct exchange *exchange);

/* The same with another status that says that all is well. */
void document_answer_as(struct document *document, struct exchange *exchange, unsigned status);

#endif
