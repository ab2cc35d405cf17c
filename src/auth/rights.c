#include "auth/rights.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "config/config.h"
#include "core/topic.h"

/* A pattern of a list. */
struct entry {
    struct slice pattern;
    struct slice group;  /* empty: whatever the group */
    bool names_system;   /* its first token is no wildcard */
};

struct entries {
    size_t count;
    struct entry *items;
};

struct side {
    struct entries allow, deny;
    bool is_open;        /* allows all, and denies nothing */
};

struct rights {
    atomic_uint count;
    struct side publish, subscribe;
    unsigned responses_max;
    uint64_t responses_ms;
    bool manage, monitor;
};

static const char *const right_names[RIGHT_COUNT] = {
    [RIGHT_UNSAID] = "",     [RIGHT_ANYBODY] = "",       [RIGHT_MEMBER] = "",
    [RIGHT_PUBLISH] = "publish", [RIGHT_SUBSCRIBE] = "subscribe", [RIGHT_LOOK] = "monitor",
    [RIGHT_MONITOR] = "monitor", [RIGHT_MANAGE] = "manage",
};

const char *right_name(enum right right)
{
    return right_names[right];
}

/* Topics of the server's own. */

static const char *const system_roots[] = { "$JS", "$SYS", "$POSTHORN", "$DEAD", "$REFUSED" };
enum { SYSTEM_COUNT = sizeof system_roots / sizeof *system_roots };

static struct slice first_token(struct slice topic)
{
    size_t cursor = 0;
    struct slice token = slice_make(topic.data, 0);
    topic_next_token(topic, &cursor, &token);
    return token;
}

static bool is_system(struct slice topic)
{
    if (!topic.size || *topic.data != '$')
        return false;
    struct slice root = first_token(topic);
    for (size_t i = 0; i < SYSTEM_COUNT; i++)
        if (slice_is(root, system_roots[i]))
            return true;
    return false;
}

static bool begins_wild(struct slice pattern)
{
    struct slice token = first_token(pattern);
    return slice_is(token, "*") || slice_is(token, ">");
}

bool topic_asks(struct slice topic)
{
    static const char *const asking[] = { "$JS.API.", "$JS.ACK.", "$JS.FC.", "$POSTHORN.API." };
    if (!topic.size || *topic.data != '$')
        return false;
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
        if (slice_starts_with(topic, slice_of(asking[i])))
            return true;
    return false;
}

static struct slice behind(struct slice pattern, struct slice prefix)
{
    return slice_make(pattern.data + prefix.size, pattern.size - prefix.size);
}

/* "$POSTHORN.ACK.NAME..." and "$POSTHORN.ACK.TRAIN.NAME...": where the broker answers whoever thought of the NAME. */
static bool is_own_answer(struct slice pattern)
{
    const struct slice prefix = slice_of("$POSTHORN.ACK."), train = slice_of("TRAIN");
    if (!slice_starts_with(pattern, prefix))
        return false;
    struct slice name = behind(pattern, prefix);
    if (!slice_equal(first_token(name), train))
        return !begins_wild(name);
    return name.size > train.size && !begins_wild(slice_make(name.data + train.size + 1, name.size - train.size - 1));
}

/* Making them. */

static bool parse_entry(const char *text, struct entry *entry)
{
    static const struct topic_limits limits = { UINT16_MAX, TOPIC_DEPTH_LIMIT };
    const char *blank = strpbrk(text, " \t");
    entry->pattern = blank ? slice_make(text, (size_t)(blank - text)) : slice_of(text);
    entry->group = blank ? slice_of(blank + strspn(blank, " \t")) : slice_make(NULL, 0);
    entry->names_system = !begins_wild(entry->pattern);
    return pattern_valid(entry->pattern, &limits) && topic_is_writable(entry->pattern) &&
           (!blank || (pattern_valid(entry->group, &limits) && topic_is_writable(entry->group)));
}

static int copy_entry(const char *item, struct entry *entry)
{
    char *text = strdup(item);
    if (!text)
        return -ENOMEM;
    entry->pattern = slice_of(text); /* so that it is freed, whatever it is */
    return parse_entry(text, entry) ? 0 : -EINVAL;
}

static int fill(struct entries *entries, const struct config_list *list)
{
    int error = 0;
    if (!list || !list->item_count)
        return 0;
    entries->items = calloc(list->item_count, sizeof *entries->items);
    if (!entries->items)
        return -ENOMEM;
    for (size_t i = 0; i < list->item_count && !error; i++)
        error = copy_entry(list->items[i], &entries->items[entries->count++]);
    return error;
}

/* A group in a list asks for more than a pattern does. */
static bool allows_all(const struct entries *allow)
{
    bool all = false, grouped = false;
    for (size_t i = 0; i < allow->count; i++) {
        all |= slice_is(allow->items[i].pattern, ">");
        grouped |= allow->items[i].group.size != 0;
    }
    return all && !grouped;
}

static int fill_side(struct side *side, const struct config_list *allow, const struct config_list *deny)
{
    static char *everything[] = { (char *)">" };
    static const struct config_list all = { everything, 1 };
    int error = fill(&side->allow, allow ? allow : &all);
    if (!error)
        error = fill(&side->deny, deny);
    side->is_open = !error && allows_all(&side->allow) && side->deny.count == 0;
    return error;
}

static void empty(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free((char *)entries->items[i].pattern.data);
    free(entries->items);
}

static void rights_destroy(struct rights *rights)
{
    empty(&rights->publish.allow);
    empty(&rights->publish.deny);
    empty(&rights->subscribe.allow);
    empty(&rights->subscribe.deny);
    free(rights);
}

int rights_create(const struct rights_options *options, const struct rights **ret_rights)
{
    struct rights *rights = calloc(1, sizeof *rights);
    if (!rights)
        return -ENOMEM;
    atomic_init(&rights->count, 1);
    rights->responses_max = options->responses_max;
    rights->responses_ms = options->responses_ms;
    rights->manage = options->manage;
    rights->monitor = options->monitor;
    int error = fill_side(&rights->publish, options->publish, options->publish_deny);
    if (!error)
        error = fill_side(&rights->subscribe, options->subscribe, options->subscribe_deny);
    if (error)
        rights_destroy(rights);
    else
        *ret_rights = rights;
    return error;
}

int rights_of_config(const struct config_user *user, const struct rights **ret_rights)
{
    struct rights_options options = {
        .publish = &user->publish,
        .publish_deny = &user->publish_deny,
        .subscribe = &user->subscribe,
        .subscribe_deny = &user->subscribe_deny,
        .manage = user->manage,
        .monitor = user->monitor,
    };
    config_read_responses(user->allow_responses ? user->allow_responses : "no", &options.responses_max,
                          &options.responses_ms);
    return rights_create(&options, ret_rights);
}

/* Not counted: it stays. */
static struct rights nothing;

const struct rights *rights_none(void)
{
    return &nothing;
}

const struct rights *rights_ref(const struct rights *rights)
{
    if (rights && rights != &nothing)
        atomic_fetch_add_explicit(&((struct rights *)rights)->count, 1, memory_order_relaxed);
    return rights;
}

void rights_unref(const struct rights *rights)
{
    if (rights && rights != &nothing &&
        atomic_fetch_sub_explicit(&((struct rights *)rights)->count, 1, memory_order_acq_rel) == 1)
        rights_destroy((struct rights *)rights);
}

/* Comparing. */

static bool entries_equal(const struct entries *a, const struct entries *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!slice_equal(a->items[i].pattern, b->items[i].pattern) ||
            !slice_equal(a->items[i].group, b->items[i].group))
            return false;
    return true;
}

static bool sides_equal(const struct side *a, const struct side *b)
{
    return entries_equal(&a->allow, &b->allow) && entries_equal(&a->deny, &b->deny);
}

bool rights_equal(const struct rights *a, const struct rights *b)
{
    if (!a || !b || a == b)
        return a == b;
    return a->manage == b->manage && a->monitor == b->monitor && a->responses_max == b->responses_max &&
           a->responses_ms == b->responses_ms && sides_equal(&a->publish, &b->publish) &&
           sides_equal(&a->subscribe, &b->subscribe);
}

bool rights_are_whole(const struct rights *rights)
{
    return !rights || (rights->manage && rights->publish.is_open && rights->subscribe.is_open);
}

bool rights_give(const struct rights *rights, enum right right)
{
    switch (right) {
    case RIGHT_UNSAID:
    case RIGHT_COUNT:
        return false;
    case RIGHT_MONITOR:
        return !rights || rights->monitor || rights->manage;
    case RIGHT_MANAGE:
        return !rights || rights->manage;
    case RIGHT_ANYBODY:
    case RIGHT_MEMBER:
    case RIGHT_PUBLISH:
    case RIGHT_SUBSCRIBE:
    case RIGHT_LOOK:
        return true;
    }
    return false;
}

/* Topics. */

static bool denies_topic(const struct entries *deny, struct slice topic)
{
    for (size_t i = 0; i < deny->count; i++)
        if (!deny->items[i].group.size && pattern_matches(deny->items[i].pattern, topic))
            return true;
    return false;
}

static bool allows_topic(const struct entries *allow, struct slice topic, bool system)
{
    for (size_t i = 0; i < allow->count; i++)
        if ((!system || allow->items[i].names_system) && pattern_matches(allow->items[i].pattern, topic))
            return true;
    return false;
}

static bool side_allows(const struct rights *rights, const struct side *side, struct slice topic)
{
    bool system = is_system(topic);
    if (side->is_open && !system)
        return true;
    if (denies_topic(&side->deny, topic))
        return false;
    return (system && rights->manage) || allows_topic(&side->allow, topic, system);
}

/* No topic of a user's own begins with the sign that those of the server do. */
static bool is_free(const struct side *side, struct slice topic)
{
    return side->is_open && topic.size && *topic.data != '$';
}

bool rights_publish_freely(const struct rights *rights, struct slice topic)
{
    return is_free(&rights->publish, topic);
}

bool rights_read_freely(const struct rights *rights, struct slice topic)
{
    return is_free(&rights->subscribe, topic);
}

bool rights_name(const struct rights *rights, struct slice topic)
{
    return !rights || side_allows(rights, &rights->publish, topic);
}

bool rights_may_publish(const struct rights *rights, struct slice topic)
{
    if (!rights)
        return true;
    if (topic_asks(topic))
        return !denies_topic(&rights->publish.deny, topic);
    return side_allows(rights, &rights->publish, topic);
}

bool rights_may_read(const struct rights *rights, struct slice topic)
{
    return !rights || side_allows(rights, &rights->subscribe, topic);
}

/* Patterns. */

static bool denies_pattern(const struct entries *deny, struct slice pattern, struct slice group)
{
    for (size_t i = 0; i < deny->count; i++) {
        const struct entry *entry = &deny->items[i];
        if (pattern_covers(entry->pattern, pattern) &&
            (!entry->group.size || (group.size && pattern_matches(entry->group, group))))
            return true;
    }
    return false;
}

/* Where an allowed pattern has a group, those that join one are to join such a one. */
static bool allows_pattern(const struct entries *allow, struct slice pattern, struct slice group, bool system)
{
    bool plain = false, grouped = false, joins = false;
    for (size_t i = 0; i < allow->count; i++) {
        const struct entry *entry = &allow->items[i];
        if ((system && !entry->names_system) || !pattern_covers(entry->pattern, pattern))
            continue;
        plain |= !entry->group.size;
        grouped |= entry->group.size != 0;
        joins |= entry->group.size && group.size && pattern_matches(entry->group, group);
    }
    return grouped && group.size ? joins : plain;
}

static bool overlaps_deny(const struct entries *deny, struct slice pattern)
{
    for (size_t i = 0; i < deny->count; i++)
        if (!deny->items[i].group.size && pattern_overlaps(deny->items[i].pattern, pattern))
            return true;
    return false;
}

enum reach rights_reach(const struct rights *rights, struct slice pattern, struct slice group)
{
    if (!rights)
        return REACH_WHOLE;
    const struct side *side = &rights->subscribe;
    bool system = is_system(pattern), own = is_own_answer(pattern);
    bool may = own || (system && rights->manage) || allows_pattern(&side->allow, pattern, group, system);
    if (!may || denies_pattern(&side->deny, pattern, group))
        return REACH_NOTHING;
    bool hidden = begins_wild(pattern) && !rights->manage;
    return hidden || overlaps_deny(&side->deny, pattern) ? REACH_PART : REACH_WHOLE;
}

bool rights_may_publish_all(const struct rights *rights, struct slice pattern)
{
    bool system = is_system(pattern);
    if (!rights)
        return true;
    return !overlaps_deny(&rights->publish.deny, pattern) &&
           ((system && rights->manage) ||
            allows_pattern(&rights->publish.allow, pattern, slice_make(NULL, 0), system));
}

static bool is_inbox(struct slice topic)
{
    return (topic.size && *topic.data == '_') || is_own_answer(topic);
}

bool rights_may_be_answered(const struct rights *rights, struct slice topic, struct slice group)
{
    if (topic_asks(topic))
        return false;
    return rights_may_publish(rights, topic) ||
           (is_inbox(topic) && rights_reach(rights, topic, group) != REACH_NOTHING);
}

static bool side_touches(const struct rights *rights, const struct side *side, struct slice pattern)
{
    bool system = is_system(pattern);
    if (denies_pattern(&side->deny, pattern, slice_make(NULL, 0)))
        return false;
    if (system && rights->manage)
        return true;
    for (size_t i = 0; i < side->allow.count; i++)
        if ((!system || side->allow.items[i].names_system) &&
            pattern_overlaps(side->allow.items[i].pattern, pattern))
            return true;
    return false;
}

bool rights_touch(const struct rights *rights, struct slice pattern)
{
    return !rights || side_touches(rights, &rights->publish, pattern) ||
           side_touches(rights, &rights->subscribe, pattern);
}

bool rights_may_see(const struct rights *rights, struct slice pattern)
{
    return !rights || side_touches(rights, &rights->subscribe, pattern);
}

bool rights_touch_all(const struct rights *rights)
{
    return !rights || rights->publish.is_open || rights->subscribe.is_open;
}

/* Limits. */

static bool overlaps_any(struct slice pattern, struct slice patterns)
{
    size_t cursor = 0;
    struct slice other;
    while (patterns_next(patterns, &cursor, &other))
        if (pattern_overlaps(pattern, other))
            return true;
    return false;
}

static char *put_limit(char *out, struct slice pattern, const char *rest)
{
    *out++ = ',';
    *out++ = PATTERN_NOT;
    memcpy(out, pattern.data, pattern.size);
    out += pattern.size;
    memcpy(out, rest, strlen(rest));
    return out + strlen(rest);
}

/* A wildcard at the start names none of the server's own topics. */
static bool any_begins_wild(struct slice patterns)
{
    size_t cursor = 0;
    struct slice pattern;
    while (patterns_next(patterns, &cursor, &pattern))
        if (begins_wild(pattern))
            return true;
    return false;
}

char *rights_write_limits(const struct rights *rights, struct slice patterns, char *out)
{
    if (!rights)
        return out;
    const struct entries *deny = &rights->subscribe.deny;
    for (size_t i = 0; i < deny->count; i++)
        if (!deny->items[i].group.size && overlaps_any(deny->items[i].pattern, patterns))
            out = put_limit(out, deny->items[i].pattern, "");
    for (size_t i = 0; i < SYSTEM_COUNT && !rights->manage && any_begins_wild(patterns); i++)
        out = put_limit(out, slice_of(system_roots[i]), ".>");
    return out;
}

size_t rights_limits_size_max(const struct rights *rights)
{
    size_t size = 0;
    if (!rights)
        return 0;
    for (size_t i = 0; i < rights->subscribe.deny.count; i++)
        size += 2 + rights->subscribe.deny.items[i].pattern.size;
    for (size_t i = 0; i < SYSTEM_COUNT; i++)
        size += 2 + strlen(system_roots[i]) + 2;
    return size;
}

unsigned rights_responses_max(const struct rights *rights)
{
    return rights ? rights->responses_max : 0;
}

uint64_t rights_responses_ms(const struct rights *rights)
{
    return rights ? rights->responses_ms : 0;
}
