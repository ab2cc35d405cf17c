/* Endpoints about consumers. What they do is done at the stream's home, by a survey. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumer/json.h"
#include "jetstream/api.h"
#include "jetstream/home.h"
#include "util/random.h"

enum {
    NAMES_LIMIT = 1024,
    LIST_LIMIT = 256,
    GIVEN_NAME_SIZE = 8,  /* of a consumer that was not named */
};

enum action {
    CREATE_OR_UPDATE,
    CREATE,
    UPDATE,
};

static const char may_not_deliver[] = "permissions violation: the user has no right to publish to the deliver topic";
static const char may_not_read[] = "permissions violation: the user has no right to read all that the consumer does";

static void set_fault(struct request *request, int fault, const char *sentence)
{
    request->fault = fault;
    snprintf(request->sentence, sizeof request->sentence, "%s", sentence ? sentence : "");
}

/* What the home has found, or met. A stream that has no home is gone. */
static void answer_found(struct request *request)
{
    cJSON *found = request->found;
    request->found = NULL;
    if (!request->fault && !request->was_at_home)
        request->fault = API_STREAM_NOT_FOUND;
    if (!request->fault) {
        request_answer(request, found);
        return;
    }
    cJSON_Delete(found);
    request_fail(request, request->fault, *request->sentence ? request->sentence : NULL);
}

/* The home, where the survey is there; NULL elsewhere. */
static struct home *at_home(struct request *request, struct jetstream *here)
{
    struct home *home = home_find(here, request->names[0]);
    request->was_at_home |= home != NULL;
    return home;
}

static void visit_home(struct request *request, void (*visit)(struct request *request, struct jetstream *here))
{
    struct stream *stream = request_stream(request);
    if (!stream)
        return;
    stream_destroy(stream);
    request_survey(request, visit, answer_found);
}

/* CREATE: what is asked for. */

/* The number of what is wrong; 0: nothing. */
static int read_action(const struct request *request, enum action *ret_action)
{
    static const char *const actions[] = { [CREATE_OR_UPDATE] = "", [CREATE] = "create", [UPDATE] = "update" };
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->json, "action");
    const char *word = cJSON_IsString(item) ? item->valuestring : "";
    for (unsigned i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i], word) == 0) {
            *ret_action = (enum action)i;
            return 0;
        }
    return API_INVALID_JSON;
}

static struct slice member_text(const cJSON *json, const char *name)
{
    return slice_of(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name)));
}

/* What can be said of names without looking at a consumer: the topic and the settings are to agree. */
static int check_names(const struct request *request, const cJSON *config)
{
    struct slice durable = member_text(config, "durable_name"), name = member_text(config, "name");
    struct slice wanted = request->names[1];
    if (!wanted.size)
        return durable.size ? API_EPHEMERAL_DURABLE : 0;
    if (durable.size && !slice_equal(durable, wanted))
        return API_DURABLE_NOT_MATCH;
    if (name.size && durable.size && !slice_equal(name, durable))
        return API_DURABLE_AND_NAME;
    return name.size && !slice_equal(name, wanted) ? API_DURABLE_NOT_MATCH : 0;
}

/* A filter may stand in the topic too, so that rights may be given by it. */
static int check_filters(const struct request *request, const cJSON *config)
{
    struct slice filter = member_text(config, "filter_subject");
    bool several = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(config, "filter_subjects")) > 0;
    if (filter.size && several)
        return API_FILTER_AND_FILTERS;
    if (request->rest.size && several)
        return API_FILTERS_IN_TOPIC;
    return request->rest.size && !slice_equal(request->rest, filter) ? API_FILTER_MISMATCH : 0;
}

static int check_request(const struct request *request, const cJSON *config, bool durable_alone)
{
    int fault = 0;
    if (!slice_equal(member_text(request->json, "stream_name"), request->names[0]))
        return API_STREAM_MISMATCH;
    if (config && !cJSON_IsObject(config))
        return API_INVALID_JSON;
    if (durable_alone && !member_text(config, "durable_name").size)
        fault = API_DURABLE_NOT_SET;
    if (!fault)
        fault = check_names(request, config);
    return fault ? fault : check_filters(request, config);
}

static int name_it(struct consumer_settings *settings, struct slice name)
{
    if (settings->name)
        return 0;
    settings->name = malloc((name.size ? name.size : GIVEN_NAME_SIZE) + 1);
    if (!settings->name)
        return -ENOMEM;
    if (name.size) {
        memcpy(settings->name, name.data, name.size);
        settings->name[name.size] = '\0';
    } else {
        random_name(settings->name, GIVEN_NAME_SIZE);
    }
    return 0;
}

static int read_settings(struct request *request, const cJSON *config)
{
    struct consumer_settings *settings = malloc(sizeof *settings);
    if (!settings)
        return API_INSUFFICIENT;
    consumer_settings_init(settings);
    request->consumer_settings = settings;
    int error = config ? consumer_settings_from_json(settings, config, request->sentence) : 0;
    if (error == -EINVAL) {
        *request->sentence = '\0'; /* clients compare what they are told */
        return API_INVALID_JSON;
    }
    if (!error)
        error = name_it(settings, request->names[1]);
    consumer_settings_complete(settings);
    return error ? API_INSUFFICIENT : 0;
}

/* CREATE: at home. */

static void tell_consumer(struct request *request, const struct home *home, const struct seat *seat)
{
    struct consumer_time time = jetstream_time(home->jetstream);
    request->found = answer_add_consumer(request_envelope(request), home->name, seat->consumer, time);
}

/* As it has become. What is in memory alone is not stored. */
static void put_settings(struct request *request, const struct home *home, struct seat *seat)
{
    const struct consumer_settings *settings = consumer_get_settings(seat->consumer);
    if (!home->keeps_settings || settings->memory_storage)
        return;
    seat_put_position(seat); /* where it begins must not be looked up again */
    request->key = seat_key(home->name, settings->name);
    request->value = seat_settings_text(settings);
    if (request->key && request->value)
        request_put(request, "consumer");
    else
        set_fault(request, API_INSUFFICIENT, NULL);
}

static bool deliver_topic_moves(const struct consumer_settings *from, const struct consumer_settings *to)
{
    return from->deliver_topic && (!to->deliver_topic || strcmp(from->deliver_topic, to->deliver_topic) != 0);
}

static bool is_listened_to(const struct seat *seat)
{
    struct consumer_info info;
    consumer_get_info(seat->consumer, jetstream_time(seat->home->jetstream), &info);
    return info.push_bound;
}

/* Under the same name as one that is there: it is the same, becomes what is asked for, or stays in the way. */
static void meet_present(struct request *request, const struct home *home, struct seat *seat, enum action action)
{
    char room[CONSUMER_FAULT_TEXT_SIZE] = "";
    const struct consumer_settings *present = consumer_get_settings(seat->consumer);
    struct consumer_settings *settings = request->consumer_settings;
    settings->created_ms = present->created_ms;
    if (!request_may_consume(request, home->stream, present)) {
        set_fault(request, API_FORBIDDEN, may_not_read);
        return;
    }
    if (consumer_settings_equal(present, settings)) {
        tell_consumer(request, home, seat);
        return;
    }
    int fault = action == CREATE ? API_CONSUMER_EXISTS : (int)consumer_settings_check_change(present, settings, room);
    if (!fault && deliver_topic_moves(present, settings) && is_listened_to(seat))
        fault = API_CONSUMER_NAME_EXIST;
    if (!fault && seat_change(seat, settings) != 0)
        fault = API_INSUFFICIENT;
    if (fault) {
        set_fault(request, fault, room);
        return;
    }
    put_settings(request, home, seat);
    tell_consumer(request, home, seat);
}

/* Of a work queue: each message is for one consumer. */
static int check_beside(const struct home *home, const struct consumer_settings *settings, const struct seat *but,
                        char room[CONSUMER_FAULT_TEXT_SIZE])
{
    int fault = 0;
    for (size_t i = 0; home->retention == STREAM_WORKQUEUE && i < home->table_size; i++)
        for (const struct seat *seat = home->table[i]; seat && !fault; seat = seat->next)
            if (seat != but)
                fault = (int)consumer_settings_check_beside(settings, consumer_get_settings(seat->consumer), room);
    return fault;
}

static int check_with_stream(const struct home *home, const struct consumer_settings *settings, bool is_new,
                             char room[CONSUMER_FAULT_TEXT_SIZE])
{
    struct stream_settings stream;
    if (stream_get_settings(home->stream, &stream) != 0)
        return API_INSUFFICIENT;
    int fault = (int)consumer_settings_check(settings, &stream, room);
    if (!fault && is_new && stream.consumers_max && home->seat_count >= stream.consumers_max)
        fault = API_CONSUMERS_MAX;
    settings_finish(&stream);
    return fault;
}

static void make(struct request *request, struct home *home)
{
    struct seat *seat;
    request->consumer_settings->created_ms = loop_wall_ms(home->jetstream->loop);
    int error = seat_create(home, request->consumer_settings, slice_make(NULL, 0), &seat);
    if (error) {
        set_fault(request, API_INSUFFICIENT, NULL);
        return;
    }
    put_settings(request, home, seat);
    tell_consumer(request, home, seat);
}

static void visit_create(struct request *request, struct jetstream *here)
{
    char room[CONSUMER_FAULT_TEXT_SIZE] = "";
    struct home *home = at_home(request, here);
    const struct consumer_settings *settings = request->consumer_settings;
    enum action action = (enum action)request->count;
    if (!home)
        return;
    struct seat *seat = home_find_seat(home, slice_of(settings->name));
    int fault = !seat && action == UPDATE ? API_NO_CONSUMER : 0;
    if (!fault)
        fault = check_with_stream(home, settings, !seat, room);
    if (!fault)
        fault = check_beside(home, settings, seat, room);
    if (fault)
        set_fault(request, fault, room);
    else if (seat)
        meet_present(request, home, seat, action);
    else
        make(request, home);
}

/* Where there is no such stream that is told by others. */
static bool may_make(struct request *request)
{
    struct stream *stream = stream_registry_find(request->jetstream->registry, request->names[0]);
    bool reads = !stream || request_may_consume(request, stream, request->consumer_settings);
    bool delivers = request_may_deliver(request, request->consumer_settings);
    stream_destroy(stream);
    if (!reads || !delivers)
        snprintf(request->sentence, sizeof request->sentence, "%s",
                 !reads ? may_not_read : may_not_deliver);
    return reads && delivers;
}

static void create(struct request *request, bool durable_alone)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(request->json, "config");
    enum action action = CREATE_OR_UPDATE;
    int fault = read_action(request, &action);
    if (!fault)
        fault = check_request(request, config, durable_alone);
    if (!fault)
        fault = read_settings(request, config);
    request->count = action;
    if (!fault && !may_make(request))
        fault = API_FORBIDDEN;
    if (fault)
        request_fail(request, fault, *request->sentence ? request->sentence : NULL);
    else
        visit_home(request, visit_create);
}

void consumer_create_api(struct request *request)
{
    create(request, false);
}

void consumer_durable_create_api(struct request *request)
{
    create(request, true);
}

/* INFO and DELETE. */

/* The seat that is asked for; NULL: the survey is elsewhere, or there is none. */
static struct seat *seat_asked_for(struct request *request, struct jetstream *here)
{
    struct home *home = at_home(request, here);
    struct seat *seat = home ? home_find_seat(home, request->names[1]) : NULL;
    if (home && !seat)
        set_fault(request, API_CONSUMER_NOT_FOUND, NULL);
    return seat;
}

static void visit_info(struct request *request, struct jetstream *here)
{
    struct seat *seat = seat_asked_for(request, here);
    if (seat)
        tell_consumer(request, seat->home, seat);
}

void consumer_info_api(struct request *request)
{
    visit_home(request, visit_info);
}

static void visit_delete(struct request *request, struct jetstream *here)
{
    struct seat *seat = seat_asked_for(request, here);
    if (!seat)
        return;
    if (!request_may_consume(request, seat->home->stream, consumer_get_settings(seat->consumer)) &&
        !rights_give(request->rights, RIGHT_MANAGE)) {
        set_fault(request, API_FORBIDDEN, may_not_read);
        return;
    }
    bool stored = seat->home->keeps_settings;
    request->key = stored ? seat_key(seat->home->name, seat->name.data) : NULL;
    seat_destroy(seat, true);
    if (request->key) /* once more, to wait for it */
        request_put(request, "consumer");
    request->found = answer_add(request_envelope(request), "success", cJSON_CreateTrue());
}

void consumer_delete_api(struct request *request)
{
    visit_home(request, visit_delete);
}

/* NAMES and LIST. */

static cJSON *name_of_seat(const struct home *home, const struct seat *seat)
{
    (void)home;
    return cJSON_CreateString(seat->name.data);
}

static cJSON *info_of_seat(const struct home *home, const struct seat *seat)
{
    return answer_add_consumer(cJSON_CreateObject(), home->name, seat->consumer, jetstream_time(home->jetstream));
}

static void list_seats(struct request *request, struct jetstream *here,
                       cJSON *(*tell)(const struct home *home, const struct seat *seat), size_t limit)
{
    struct home *home = at_home(request, here);
    if (!home)
        return;
    size_t count = home->seat_count, offset = request->count < count ? (size_t)request->count : count;
    struct seat **seats = home_list_seats(home);
    cJSON *array = count && !seats ? NULL : cJSON_CreateArray();
    for (size_t i = offset; array && i < count && i < offset + limit; i++) {
        cJSON *told = tell(home, seats[i]);
        if (told)
            cJSON_AddItemToArray(array, told);
    }
    free(seats);
    cJSON *json = answer_add_page(request_envelope(request), (double)count, (double)offset, (double)limit);
    request->found = answer_add(json, "consumers", array);
}

static void visit_names(struct request *request, struct jetstream *here)
{
    list_seats(request, here, name_of_seat, NAMES_LIMIT);
}

static void visit_list(struct request *request, struct jetstream *here)
{
    list_seats(request, here, info_of_seat, LIST_LIMIT);
}

static void list(struct request *request, void (*visit)(struct request *request, struct jetstream *here))
{
    double offset;
    if (!request_offset(request, &offset))
        return;
    request->count = (uint64_t)offset;
    visit_home(request, visit);
}

void consumer_names_api(struct request *request)
{
    list(request, visit_names);
}

void consumer_list_api(struct request *request)
{
    list(request, visit_list);
}
