/* Dead letters: what webhooks give up, on its way into the streams that keep it. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "push/letter.h"
#include "push/state.h"
#include "stream/registry.h"

/* A message that is on its way into its stream of dead letters. */
struct corpse {
    struct corpse *next;             /* of its keeping */
    struct list member;              /* of its grave */
    struct keeping *keeping;
    uint64_t sequence;               /* where it came from */
    uint64_t kept_sequence;          /* where it is to be committed */
    struct grave *grave;
};

/* Watching. */

static void on_advance(void *arg)
{
    const struct deliverer *deliverer = arg;
    loop_wake(&deliverer->loop);
}

static struct grave *find_grave(struct deliverer *deliverer, const struct stream *stream)
{
    for (struct list *at = deliverer->graves.next; at != &deliverer->graves; at = at->next)
        if (LIST_OWNER(at, struct grave, place)->stream == stream)
            return LIST_OWNER(at, struct grave, place);
    return NULL;
}

struct grave *grave_use(struct deliverer *deliverer, struct stream *stream)
{
    struct grave *grave = find_grave(deliverer, stream);
    if (grave) {
        grave->use_count++;
        return grave;
    }
    grave = calloc(1, sizeof *grave);
    if (!grave)
        return NULL;
    grave->use_count = 1;
    grave->stream = stream_ref(stream);
    grave->watch.wake = on_advance;
    grave->watch.arg = deliverer;
    list_init(&grave->corpses);
    list_append(&deliverer->graves, &grave->place);
    stream_watch(stream, &grave->watch);
    return grave;
}

void grave_leave(struct grave *grave)
{
    if (!grave || --grave->use_count)
        return;
    stream_unwatch(grave->stream, &grave->watch);
    stream_destroy(grave->stream);
    list_remove(&grave->place);
    free(grave);
}

/* Their consumers ask again for those that may be committed now. */
static void look_at(struct grave *grave)
{
    uint64_t last = stream_last(grave->stream);
    for (struct list *at = grave->corpses.next; at != &grave->corpses; at = at->next) {
        const struct corpse *corpse = LIST_OWNER(at, struct corpse, member);
        if (last >= corpse->kept_sequence)
            hook_is_ready(corpse->keeping->source->hook);
    }
}

void graves_look(struct deliverer *deliverer)
{
    for (struct list *at = deliverer->graves.next; at != &deliverer->graves; at = at->next) {
        struct grave *grave = LIST_OWNER(at, struct grave, place);
        if (stream_watch_take(&grave->watch))
            look_at(grave);
    }
}

/* Burying. */

/* As long-lived as the stream that the letters are from. */
static char *grave_text(const struct hook_source *source, const char *name)
{
    struct stream_settings grave, from;
    char topic[LETTER_TOPIC_SIZE];
    settings_init(&grave);
    if (stream_get_settings(source->stream, &from) == 0) {
        grave.storage = stream_is_durable(source->stream) ? from.storage : STREAM_MEMORY;
        grave.sync = from.sync;
        grave.sync_interval_ms = from.sync_interval_ms;
        settings_finish(&from);
    }
    grave.allow_direct = true;
    snprintf(topic, sizeof topic, DEAD_TOPIC "%.255s.>", stream_name(source->stream));
    bool is_good = settings_set_text(&grave.name, name) == 0 && settings_add_topic(&grave, topic) == 0 &&
                   settings_set_text(&grave.description,
                                     "dead letters: messages that consumers could not deal with") == 0;
    cJSON *json = is_good ? settings_to_json(&grave) : NULL;
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    settings_finish(&grave);
    return text;
}

/* Asks for it as any client would. */
static void open_grave(struct keeping *keeping)
{
    struct deliverer *deliverer = keeping->deliverer;
    char name[LETTER_TOPIC_SIZE], topic[LETTER_TOPIC_SIZE + 32];
    uint64_t now_ms = loop_now_ms(&deliverer->loop);
    if (keeping->grave_retry_ms > now_ms)
        return;
    keeping->grave_retry_ms = now_ms + DELIVERER_RETRY_MS;
    snprintf(name, sizeof name, DEAD_STREAM "%.255s", stream_name(keeping->source->stream));
    snprintf(topic, sizeof topic, "$JS.API.STREAM.CREATE.%s", name);
    char *text = grave_text(keeping->source, name);
    if (text)
        note_add(deliverer, slice_of(topic), slice_of(text));
    cJSON_free(text);
}

static struct corpse **find_corpse(struct keeping *keeping, uint64_t sequence)
{
    struct corpse **place = &keeping->corpses;
    while (*place && (*place)->sequence != sequence)
        place = &(*place)->next;
    return place;
}

static void remove_corpse(struct corpse **place)
{
    struct corpse *corpse = *place;
    *place = corpse->next;
    list_remove(&corpse->member);
    grave_leave(corpse->grave);
    free(corpse);
}

/* Where there is no memory for this the message is asked for again, and is a duplicate of the letter. */
static void expect(struct keeping *keeping, struct stream *stream, uint64_t sequence, uint64_t kept_sequence)
{
    struct grave *grave = grave_use(keeping->deliverer, stream);
    struct corpse *corpse = grave ? malloc(sizeof *corpse) : NULL;
    if (!corpse) {
        grave_leave(grave);
        return;
    }
    *corpse = (struct corpse){ .keeping = keeping, .sequence = sequence, .kept_sequence = kept_sequence };
    corpse->grave = grave;
    list_append(&grave->corpses, &corpse->member);
    corpse->next = keeping->corpses;
    keeping->corpses = corpse;
}

/* Puts it into the stream. True where there is nothing to wait for. */
static bool put_letter(struct keeping *keeping, struct stream *stream, struct slice topic, const struct letter *letter)
{
    struct message message;
    struct receipt receipt = { .sequence = 0 };
    if (letter_make(letter, &message) != 0)
        return false;
    const struct batch batch = { .topic = topic, .messages = &message, .count = 1, .receipts = &receipt };
    stream_append(stream, &batch, loop_wall_ms(&keeping->deliverer->loop), NULL);
    free((char *)message.body);
    if (!receipt.sequence || !receipt.durable)
        return receipt.sequence != 0;
    expect(keeping, stream, letter->message->sequence, receipt.sequence);
    return false;
}

static bool bury(struct keeping *keeping, const struct letter *letter)
{
    char room[LETTER_TOPIC_SIZE];
    struct slice topic = letter_topic(letter->stream, letter->consumer, room);
    struct stream *grave = stream_registry_find_by_pattern(keeping->deliverer->registry, topic);
    bool is_buried = false;
    if (grave)
        is_buried = put_letter(keeping, grave, topic, letter);
    else
        open_grave(keeping);
    stream_destroy(grave);
    return is_buried;
}

/* Letters that die once more are not kept: there would be no end. */
bool graves_bury(void *arg, struct hook_source *source, const struct stream_message *message, uint64_t attempt_count,
                 struct slice words)
{
    char consumer[sizeof HOOK_CONSUMER_PREFIX + WEBHOOK_NAME_SIZE_MAX];
    struct keeping *keeping = source->owner;
    struct corpse **place = find_corpse(keeping, message->sequence);
    (void)arg;
    if (strncmp(stream_name(source->stream), DEAD_STREAM, sizeof DEAD_STREAM - 1) == 0)
        return true;
    if (*place) {
        bool is_buried = stream_last((*place)->grave->stream) >= (*place)->kept_sequence;
        if (is_buried)
            remove_corpse(place);
        return is_buried;
    }
    snprintf(consumer, sizeof consumer, HOOK_CONSUMER_PREFIX "%s", source->hook->settings.name);
    const struct letter letter = {
        stream_name(source->stream), consumer, stream_epoch(source->stream), message, attempt_count, words,
    };
    return bury(keeping, &letter);
}

void graves_forget(struct keeping *keeping)
{
    while (keeping->corpses)
        remove_corpse(&keeping->corpses);
}
