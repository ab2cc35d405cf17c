/* Dead letters as front ends ask for them: shown, and sent once more. */
#include <errno.h>
#include <stdlib.h>

#include "push/scan.h"
#include "push/errand.h"
#include "push/state.h"
#include "util/moment.h"

enum {
    SHOWN_MAX = 100,
    REPLAYED_MAX = 100000,           /* letters of one call */
};

/* Each asks on behalf of an errand. */
struct search {
    struct scan scan;           /* first */
    struct errand *errand;
    int error;                       /* that ended it */
    uint64_t limit;

    /* What is shown. */
    struct shown {
        uint64_t time_ms;
        cJSON *json;
    } *shown;

    /* What is sent again: of each stream, the newest first. */
    cJSON *ids;                      /* NULL: all */
    uint64_t since_ms;
    struct stream **streams;         /* of each; references */
    uint64_t *sequences;

    size_t count, room;
};

static void search_free(struct search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->shown)
            cJSON_Delete(search->shown[i].json);
        if (search->streams)
            stream_destroy(search->streams[i]);
    }
    free(search->shown);
    free(search->streams);
    free(search->sequences);
    cJSON_Delete(search->ids);
    free(search);
}

static bool stop(struct search *search, int error)
{
    search->error = error;
    return false;
}

/* Answers what is wrong, and returns false. */
static bool is_answered(struct search *search, int error)
{
    struct errand *errand = search->errand;
    if (!error)
        error = search->error;
    if (error == -ECANCELED)
        errand_answer(errand, WEBHOOK_STOPPING, NULL);
    else if (error)
        errand_answer(errand, WEBHOOK_SHORT, NULL);
    return error != 0;
}

/* Takes the search. True: its done answers. */
static bool begin(struct search *search, const struct hook *hook)
{
    struct errand *errand = search->errand;
    if (scan_begin(errand->deliverer, hook->settings.name, &search->scan) == 0)
        return true;
    errand_answer(errand, WEBHOOK_SHORT, NULL);
    search_free(search);
    return false;
}

/* Showing. */

static cJSON *letter_json(const struct stream_message *message, const struct letter_content *content)
{
    cJSON *json = cJSON_CreateObject();
    if (json && json_add_slice(json, "id", content->id) && json_add_slice(json, "topic", content->topic) &&
        json_add_number(json, "seq", content->cursor.sequence) && json_add_moment(json, "time", message->time_ms) &&
        json_add_number(json, "attempts", content->attempt_count) && json_add_slice(json, "reason", content->words))
        return json;
    cJSON_Delete(json);
    return NULL;
}

/* So many of each stream; of all of them the newest are shown. */
static bool show(struct scan *scan, struct stream *stream, const struct stream_message *message,
                 const struct letter_content *content)
{
    struct search *search = (struct search *)scan;
    (void)stream;
    if (search->count == search->room) {
        size_t room = search->room + SHOWN_MAX;
        struct shown *shown = reallocarray(search->shown, room, sizeof *shown);
        if (!shown)
            return stop(search, -ENOMEM);
        search->shown = shown;
        search->room = room;
    }
    struct shown *shown = &search->shown[search->count];
    *shown = (struct shown){ message->time_ms, letter_json(message, content) };
    if (!shown->json)
        return stop(search, -ENOMEM);
    search->count++;
    scan->visited++;
    return scan->visited < search->limit;
}

static int newer_first(const void *a, const void *b)
{
    uint64_t first = ((const struct shown *)a)->time_ms, second = ((const struct shown *)b)->time_ms;
    return first > second ? -1 : first < second;
}

static void on_shown(struct scan *scan, int error)
{
    struct search *search = (struct search *)scan;
    struct errand *errand = search->errand;
    if (!is_answered(search, error)) {
        cJSON *json = cJSON_CreateObject(), *array = json ? cJSON_AddArrayToObject(json, "dead") : NULL;
        if (search->count)
            qsort(search->shown, search->count, sizeof *search->shown, newer_first);
        for (size_t i = 0; array && i < search->count && i < search->limit; i++) {
            cJSON_AddItemToArray(array, search->shown[i].json);
            search->shown[i].json = NULL;
        }
        if (!array)
            cJSON_Delete(json);
        errand_answer_json(errand, WEBHOOK_GOOD, array ? json : NULL);
    }
    search_free(search);
    errand_finish(errand);
}

bool ask_dead(struct errand *errand)
{
    const struct hook *hook = errand_find(errand);
    cJSON *json = hook ? errand_read_body(errand) : NULL;
    const cJSON *limit = json ? cJSON_GetObjectItemCaseSensitive(json, "limit") : NULL;
    bool is_good = !limit || (cJSON_IsNumber(limit) && limit->valuedouble >= 1 && limit->valuedouble <= SHOWN_MAX);
    uint64_t most = limit && is_good ? (uint64_t)limit->valuedouble : SHOWN_MAX;
    if (!json)
        return false;
    cJSON_Delete(json);
    if (!errand_goes_on(errand, is_good ? 0 : -EINVAL, "limit is a number from 1 to 100"))
        return false;
    struct search *search = calloc(1, sizeof *search);
    if (!errand_goes_on(errand, search ? 0 : -ENOMEM, NULL))
        return false;
    search->errand = errand;
    search->limit = most;
    search->scan.visit = show;
    search->scan.done = on_shown;
    return begin(search, hook);
}

/* Sending again. */

static bool is_asked_for(const struct search *search, const struct letter_content *content)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, search->ids)
        if (slice_is(content->id, item->valuestring))
            return true;
    return !search->ids;
}

static bool reserve(struct search *search)
{
    if (search->count < search->room)
        return true;
    size_t room = search->room ? 2 * search->room : 64;
    struct stream **streams = reallocarray(search->streams, room, sizeof *streams);
    search->streams = streams ? streams : search->streams;
    uint64_t *sequences = reallocarray(search->sequences, room, sizeof *sequences);
    search->sequences = sequences ? sequences : search->sequences;
    if (streams && sequences)
        search->room = room;
    return streams && sequences;
}

static bool choose(struct scan *scan, struct stream *stream, const struct stream_message *message,
                   const struct letter_content *content)
{
    struct search *search = (struct search *)scan;
    if (message->time_ms < search->since_ms)
        return false;
    if (!is_asked_for(search, content))
        return true;
    if (!reserve(search))
        return stop(search, -ENOMEM);
    search->streams[search->count] = stream_ref(stream);
    search->sequences[search->count++] = message->sequence;
    return search->count < search->limit;
}

/* Those of a stream follow one another. 0 or -ENOMEM. */
static int replay(const struct search *search, struct hook *hook, size_t *ret_count)
{
    int error = 0;
    *ret_count = 0;
    for (size_t end, i = 0; i < search->count && !error; i = end) {
        size_t count = 0;
        for (end = i + 1; end < search->count && search->streams[end] == search->streams[i];)
            end++;
        error = hook_replay(hook, search->streams[i], &search->sequences[i], end - i, &count);
        *ret_count += count;
    }
    return error;
}

static void on_chosen(struct scan *scan, int error)
{
    size_t count;
    struct search *search = (struct search *)scan;
    struct errand *errand = search->errand;
    struct hook *hook = is_answered(search, error) ? NULL : errand_find(errand);
    if (hook && errand_goes_on(errand, replay(search, hook, &count), NULL)) {
        cJSON *json = cJSON_CreateObject();
        if (json && !json_add_number(json, "replayed", count)) {
            cJSON_Delete(json);
            json = NULL;
        }
        errand_answer_json(errand, WEBHOOK_GOOD, json);
    }
    search_free(search);
    errand_finish(errand);
}

/* 0 or -EINVAL. */
static int read_choice(struct search *search, cJSON *json)
{
    const cJSON *item, *since = cJSON_GetObjectItemCaseSensitive(json, "since");
    search->ids = cJSON_DetachItemFromObjectCaseSensitive(json, "ids");
    if ((search->ids && !cJSON_IsArray(search->ids)) ||
        (since && !(cJSON_IsString(since) && moment_parse(slice_of(since->valuestring), &search->since_ms))))
        return -EINVAL;
    cJSON_ArrayForEach(item, search->ids)
        if (!cJSON_IsString(item))
            return -EINVAL;
    return 0;
}

bool ask_replay(struct errand *errand)
{
    const struct hook *hook = errand_find(errand);
    cJSON *json = hook ? errand_read_body(errand) : NULL;
    if (!json)
        return false;
    struct search *search = calloc(1, sizeof *search);
    int error = search ? read_choice(search, json) : -ENOMEM;
    cJSON_Delete(json);
    if (!errand_goes_on(errand, error, "ids is a list of ids of dead letters, since is a time such as "
                        "\"2026-01-31T12:00:00Z\"; without both all are sent again")) {
        if (search)
            search_free(search);
        return false;
    }
    search->errand = errand;
    search->limit = REPLAYED_MAX;
    search->scan.visit = choose;
    search->scan.done = on_chosen;
    return begin(search, hook);
}
