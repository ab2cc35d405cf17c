#include "jetstream/home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "jetstream/api.h"
#include "jetstream/stored.h"
#include "util/hash.h"
#include "util/log.h"

enum { TABLE_MIN = 8 };

/* The sinks. */

static unsigned take_letters(struct sink *sink, const struct batch *batch)
{
    struct home_sink *at = (struct home_sink *)sink;
    struct slice nobody = slice_make(NULL, 0);
    unsigned count = 0;
    while (count < batch->count &&
           letters_add(&at->jetstream->letters, batch->topic, &batch->messages[count], nobody, NULL, NULL))
        count++;
    loop_again(at->jetstream->loop);
    return count;
}

static const struct sink_ops home_sink_ops = { .deliver = take_letters };

/* 0 or -errno. */
static int listen_on(struct home *home, struct home_sink *sink, const char *prefix, const char *rest)
{
    struct jetstream *jetstream = home->jetstream;
    char pattern[STREAM_NAME_SIZE_MAX + 64];
    int size = snprintf(pattern, sizeof pattern, "%s%s%s", prefix, home->name, rest);
    sink->sink = (struct sink){ .ops = &home_sink_ops, .weight = 1 };
    sink->jetstream = jetstream;
    int error = size < (int)sizeof pattern ? jetstream_listen(jetstream, &sink->sink, slice_of(pattern)) : -EINVAL;
    sink->listens = !error;
    return error;
}

static int listen_all(struct home *home)
{
    int error = listen_on(home, &home->sinks[0], "$JS.API.CONSUMER.MSG.NEXT.", ".*");
    if (!error)
        error = listen_on(home, &home->sinks[1], "$JS.ACK.", ".>");
    if (!error)
        error = listen_on(home, &home->sinks[2], "$JS.FC.", ".>");
    return error;
}

static void listen_no_more(struct home *home)
{
    for (unsigned i = 0; i < HOME_SINKS; i++)
        if (home->sinks[i].listens)
            jetstream_listen_no_more(home->jetstream, &home->sinks[i].sink);
}

/* The table of seats. */

static uint64_t hash_of(const struct home *home, struct slice name)
{
    return hash_bytes(home->jetstream->hash_seed, name.data, name.size);
}

struct seat *home_find_seat(const struct home *home, struct slice name)
{
    uint64_t hash = hash_of(home, name);
    struct seat *seat = home->table_size ? home->table[hash & (home->table_size - 1)] : NULL;
    while (seat && (seat->hash != hash || !slice_equal(seat->name, name)))
        seat = seat->next;
    return seat;
}

static void table_put(struct seat **table, size_t size, struct seat *seat)
{
    struct seat **place = &table[seat->hash & (size - 1)];
    seat->next = *place;
    *place = seat;
}

static int table_grow(struct home *home)
{
    size_t size = home->table_size ? home->table_size * 2 : TABLE_MIN;
    struct seat **table = calloc(size, sizeof(struct seat *));
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < home->table_size; i++)
        for (struct seat *seat = home->table[i], *next; seat; seat = next) {
            next = seat->next;
            table_put(table, size, seat);
        }
    free(home->table);
    home->table = table;
    home->table_size = size;
    return 0;
}

int home_add_seat(struct home *home, struct seat *seat)
{
    int error = home->seat_count < home->table_size ? 0 : table_grow(home);
    if (error)
        return error;
    seat->hash = hash_of(home, seat->name);
    table_put(home->table, home->table_size, seat);
    home->seat_count++;
    keeper_attend(home->keeper, +1);
    stream_set_consumer_count(home->stream, (unsigned)home->seat_count);
    return 0;
}

void home_remove_seat(struct home *home, struct seat *seat)
{
    struct seat **place = &home->table[seat->hash & (home->table_size - 1)];
    while (*place != seat)
        place = &(*place)->next;
    *place = seat->next;
    home->seat_count--;
    keeper_attend(home->keeper, -1);
    stream_set_consumer_count(home->stream, (unsigned)home->seat_count);
}

static int compare_names(const void *a, const void *b)
{
    const struct slice first = (*(struct seat *const *)a)->name, second = (*(struct seat *const *)b)->name;
    return strcmp(first.data, second.data);
}

struct seat **home_list_seats(const struct home *home)
{
    struct seat **list = home->seat_count ? malloc(home->seat_count * sizeof(struct seat *)) : NULL;
    size_t count = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < home->table_size; i++)
        for (struct seat *seat = home->table[i]; seat; seat = seat->next)
            list[count++] = seat;
    qsort(list, count, sizeof(struct seat *), compare_names);
    return list;
}

/* Coming and going. */

struct home *home_find(struct jetstream *jetstream, struct slice stream)
{
    struct keeper *keeper = keepers_find(jetstream->keepers, stream);
    return keeper ? keeper_guest(keeper) : NULL;
}

static void home_init(struct home *home, struct jetstream *jetstream, struct keeper *keeper)
{
    struct stream_settings settings;
    *home = (struct home){ .jetstream = jetstream, .keeper = keeper, .stream = keeper_stream(keeper), .buries = true };
    home->name = stream_name(home->stream);
    home->keeps_settings = jetstream->meta;
    home->is_stored = jetstream->meta && stream_is_durable(home->stream);
    if (stream_get_settings(home->stream, &settings) == 0) {
        home->retention = settings.retention;
        home->buries = strlen(home->name) + sizeof DEAD_STREAM <= STREAM_NAME_SIZE_MAX &&
                       !(settings.topic_count && slice_starts_with(slice_of(settings.topics[0]), slice_of(DEAD_TOPIC)));
        settings_finish(&settings);
    }
}

/* What is stored of a consumer becomes a seat. */
static void take_up(void *arg, const struct stored_consumer *stored)
{
    struct home *home = arg;
    struct seat *seat;
    int error = seat_create(home, &stored->settings, home->is_stored ? stored->position : slice_make(NULL, 0), &seat);
    if (error)
        log_error("consumer_lost", "stream=%s consumer=%s error=\"%s\"", home->name, stored->settings.name,
                  strerror(-error));
}

static void all_are_ready(struct home *home)
{
    for (size_t i = 0; i < home->table_size; i++)
        for (struct seat *seat = home->table[i]; seat; seat = seat->next)
            seat_is_ready(seat);
}

/* A stream has come that may be the one for dead letters. */
static void look_for_graves(struct jetstream *jetstream)
{
    for (struct list *at = jetstream->homes.next; at != &jetstream->homes; at = at->next) {
        struct home *home = LIST_OWNER(at, struct home, place);
        if (home->opening_grave)
            all_are_ready(home);
        home->opening_grave = false;
    }
}

void home_tied(void *arg, struct keeper *keeper)
{
    struct jetstream *jetstream = arg;
    look_for_graves(jetstream);
    if (stream_home(keeper_stream(keeper), jetstream->worker_count) != jetstream->number)
        return;
    struct home *home = malloc(sizeof *home);
    if (!home) {
        log_error("home_lost", "stream=%s error=\"out of memory\"", stream_name(keeper_stream(keeper)));
        return;
    }
    home_init(home, jetstream, keeper);
    list_append(&jetstream->homes, &home->place);
    keeper_set_guest(keeper, home);
    int error = listen_all(home);
    if (error)
        log_error("home_deaf", "stream=%s error=\"%s\"", home->name, strerror(-error));
    if (home->retention == STREAM_INTEREST)
        keeper_attend(keeper, +1); /* what nobody wants is not kept */
    if (jetstream->stored)
        stored_visit(jetstream->stored, home->name, take_up, home);
    retention_begin(home);
}

static void home_destroy(struct home *home, bool forget)
{
    for (size_t i = 0; i < home->table_size; i++)
        while (home->table[i])
            seat_destroy(home->table[i], forget);
    if (home->retention == STREAM_INTEREST)
        keeper_attend(home->keeper, -1);
    listen_no_more(home);
    keeper_set_guest(home->keeper, NULL);
    list_remove(&home->place);
    free(home->table);
    free(home);
}

void home_untied(void *arg, struct keeper *keeper)
{
    struct jetstream *jetstream = arg;
    struct home *home = keeper_guest(keeper);
    if (home)
        home_destroy(home, true);
    if (jetstream->away_count)
        api_retry(jetstream, slice_of(stream_name(keeper_stream(keeper))));
}

void homes_finish(struct jetstream *jetstream)
{
    while (!list_is_empty(&jetstream->homes))
        home_destroy(LIST_OWNER(jetstream->homes.next, struct home, place), false);
}

void home_advanced(void *arg, struct keeper *keeper)
{
    struct jetstream *jetstream = arg;
    struct home *home = keeper_guest(keeper);
    if (home)
        all_are_ready(home);
    if (jetstream->away_count)
        api_retry(jetstream, slice_of(stream_name(keeper_stream(keeper))));
}

void home_recheck(struct jetstream *jetstream, struct slice stream)
{
    struct home *home = home_find(jetstream, stream);
    if (!home)
        return;
    for (size_t i = 0; i < home->table_size; i++)
        for (struct seat *seat = home->table[i]; seat; seat = seat->next)
            consumer_recheck(seat->consumer);
    all_are_ready(home);
}
