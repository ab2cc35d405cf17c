/*
 * json: the settings of a consumer as the config object of the JetStream API, which is also how they are stored:
 * durations in nanoseconds, moments as RFC 3339, one filter as filter_subject and several as filter_subjects. Pure; any
 * thread.
 */
#ifndef CONSUMER_JSON_H
#define CONSUMER_JSON_H

#include "consumer/settings.h"

struct cJSON;

/* Reads it over fresh settings; members that it does not know are let pass. 0, -ENOMEM, or -EINVAL and a sentence in
 * room. What was read is to be finished either way. */
int consumer_settings_from_json(struct consumer_settings *settings, const struct cJSON *json,
                                char room[CONSUMER_FAULT_TEXT_SIZE]);

/* NULL: out of memory. */
struct cJSON *consumer_settings_to_json(const struct consumer_settings *settings);

#endif
