/*
 * prometheus: numbers in the text format 0.0.4 that Prometheus and its kin read. Every name begins with "posthorn_".
 * Pure; any thread.
 */
#ifndef METRICS_PROMETHEUS_H
#define METRICS_PROMETHEUS_H

#include <stdio.h>

#include "metrics/counters.h"

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The whole list of counters, each as posthorn_NAME_total. */
void prometheus_put_counters(FILE *out, const struct counters *counters);

/* Samples of one name. */
struct prometheus_family {
    const char *name; /* without the prefix */
    const char *help; /* one line, without a full stop */
    const char *type; /* "gauge"; "counter", and then the name ends in "_total"; or "histogram" */
};

/* Begins a family: its HELP and TYPE lines. prometheus_put_sample follows, once for each of its labels. */
void prometheus_put_family(FILE *out, const struct prometheus_family *family);

/* One sample of a family. label NULL: it has none. The value of a label is escaped. */
void prometheus_put_sample(FILE *out, const char *name, const char *label, const char *label_value, double value);

/* The same with two labels, of which the first may be NULL. */
void prometheus_put_pair(FILE *out, const char *name, const char *label, const char *label_value, const char *other,
                         const char *other_value, double value);

#endif
