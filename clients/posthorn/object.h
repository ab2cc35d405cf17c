/* object: members of JSON objects, as the server sends and takes them. What is not there, or of another kind, reads as
 * 0, "" and false. */
#ifndef POSTHORN_OBJECT_H
#define POSTHORN_OBJECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

double object_number(const cJSON *object, const char *name);
const char *object_text(const cJSON *object, const char *name);
bool object_flag(const cJSON *object, const char *name);
const cJSON *object_member(const cJSON *object, const char *name);

enum { OBJECT_MOMENT_SIZE = 32 };

/* A point of time, down to milliseconds; "-" where it is none, or NATS's year 1. Returns out. */
const char *object_moment(const cJSON *object, const char *name, char out[OBJECT_MOMENT_SIZE]);

/* Puts a member, in place of one of that name. Takes the item. */
void object_put(cJSON *object, const char *name, cJSON *item);
void object_put_text(cJSON *object, const char *name, const char *text);
void object_put_number(cJSON *object, const char *name, double number);

/* As JSON, in which whole numbers have all their digits: cJSON would write a year in nanoseconds as 3.1536e+16, which
 * servers do not take for one. Yours to free. */
char *object_print(cJSON *object);

#endif
