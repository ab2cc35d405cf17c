/*
 * head: the head of a request over plain HTTP, written in one go and handed to curl as the request's target, which it
 * copies as it is into what it sends. Given the same lines one by one it formats them letter by letter, which costs a
 * sixth of the rate (doc/BENCHMARKS.md). What curl writes behind the target, " HTTP/1.1", ends the last line:
 *
 *     POST /hook HTTP/1.1\r\nHost: example.com\r\n LINES Content-Length: 5\r\nUser-Agent: posthorn HTTP/1.1\r\n
 *     ---- ^-- start ----------------------------^                                                ---------
 *
 * Pure but for curl's reading of a URL; belongs to its owner's thread.
 */
#ifndef PUSH_HEAD_H
#define PUSH_HEAD_H

#include <curl/curl.h>
#include <stddef.h>

/* Its beginning, from what the URL says: for all requests that go there. Zeroed: there is none. */
struct head_start {
    char *bytes;                     /* NULL: requests to this URL are not written so */
    size_t size;
};

/* Of an http URL whose host is written in ASCII, and for a curl that is known to copy; else, or where memory is short,
 * there is none. */
void head_start_make(CURLU *url, struct head_start *ret_start);
void head_start_finish(struct head_start *start);

/* Room to write heads, one after the other. Zeroed: none yet. */
struct head {
    char *bytes;
    size_t room;
};

void head_finish(struct head *head);

/* Ends with a NUL; until the next is written. The lines are "Name: value" each, none of them one that is written here.
 * NULL: out of memory. */
const char *head_write(struct head *head, const struct head_start *start, const struct curl_slist *lines,
                       unsigned line_count, size_t content_size);

#endif
