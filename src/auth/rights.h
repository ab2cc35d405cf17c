/*
 * rights: what one may: which topics to publish to, which to read, and whether to manage and to monitor. Made of what
 * a [user NAME] or a JWT says, constant from then on, counted, shared by all threads.
 *
 *   allow, without what is denied     a deny wins, wherever it stands
 *   system topics                     $JS, $SYS, $POSTHORN, $DEAD and $REFUSED: who manages may; to others a wildcard
 *                                     at the start of an allowed pattern does not give them, they have to be named
 *
 * NULL is everything: sessions where there are no users, and the server's own. Every function takes it.
 */
#ifndef AUTH_RIGHTS_H
#define AUTH_RIGHTS_H

#include "util/slice.h"

struct config_list;
struct config_user;
struct rights;

/* What a route, a verb or a call of an API asks for. */
enum right {
    RIGHT_UNSAID,    /* a row of a table that names none: nobody may, and the tests refuse it */
    RIGHT_ANYBODY,   /* nothing, not even a name */
    RIGHT_MEMBER,    /* to be somebody, where there are users */
    RIGHT_PUBLISH,   /* publish, to the topics that it is about: the door looks at them */
    RIGHT_SUBSCRIBE, /* subscribe, to the topics that it reads: likewise */
    RIGHT_LOOK,      /* monitor, or any right on a topic of the stream that it is about */
    RIGHT_MONITOR,   /* who manages may as well */
    RIGHT_MANAGE,
    RIGHT_COUNT
};

/* The option that gives it: "publish", "monitor", ...; "" where there is none. */
const char *right_name(enum right right);

struct rights_options {
    /* Items are a pattern, or a pattern, a blank and a group, which is a pattern too, for those that subscribe. NULL:
     * not given, which allows all and denies nothing. */
    const struct config_list *publish, *publish_deny, *subscribe, *subscribe_deny;
    unsigned responses_max; /* how often it may publish to the reply topic of a message that it was delivered */
    uint64_t responses_ms;  /* and for how long after that */
    bool manage, monitor;
};

/* Copies what it needs. 0, -ENOMEM, or -EINVAL: an item is no valid pattern. */
int rights_create(const struct rights_options *options, const struct rights **ret_rights);

/* Those of a [user NAME]. 0 or -ENOMEM. */
int rights_of_config(const struct config_user *user, const struct rights **ret_rights);

/* One more, and one less, who refers to them. */
const struct rights *rights_ref(const struct rights *rights);
void rights_unref(const struct rights *rights);

/* Those of who may do nothing. */
const struct rights *rights_none(void);

/* Both allow the same. */
bool rights_equal(const struct rights *a, const struct rights *b);

/* Everything is allowed: a session has NULL in place of these. */
bool rights_are_whole(const struct rights *rights);

/* Whether they give a right that is not a matter of topics; RIGHT_PUBLISH, RIGHT_SUBSCRIBE, RIGHT_LOOK: to be seen. */
bool rights_give(const struct rights *rights, enum right right);

/* Topics. What is asked of the JetStream API and of webhooks by messages, and acknowledged, is judged by what it asks
 * for, wherever that is done: here only a deny stands against it. */
bool rights_may_publish(const struct rights *rights, struct slice topic);

/* May publish to all topics that the pattern names. */
bool rights_may_publish_all(const struct rights *rights, struct slice pattern);

/* True for most, where there is no limit: so that nobody has to look further. False: ask the other. */
bool rights_publish_freely(const struct rights *rights, struct slice topic);
bool rights_read_freely(const struct rights *rights, struct slice topic);

/* A pattern allows publishing to this topic in words, without a wildcard at its start; or who has them manages. */
bool rights_name(const struct rights *rights, struct slice topic);

/* True where the topic is judged by what it asks for. */
bool topic_asks(struct slice topic);

/* May have the server answer there, or bring what a consumer reads: may publish to it, or it is an inbox, whose first
 * token begins with "_", that he may read. Nothing is asked by it (topic_asks). Group: as in rights_reach. */
bool rights_may_be_answered(const struct rights *rights, struct slice topic, struct slice group);

/* May be shown a message of this topic. */
bool rights_may_read(const struct rights *rights, struct slice topic);

/* No topic is denied that the user may otherwise read: nothing needs to be looked at. */
enum reach {
    REACH_NOTHING, /* it may not be subscribed to */
    REACH_PART,    /* some topics that it names may not be read: each is to be looked at */
    REACH_WHOLE,
};

/* Group empty: none. */
enum reach rights_reach(const struct rights *rights, struct slice pattern, struct slice group);

/* May publish to some topic that the pattern names, or read one: it is the user's business that there is a stream. */
bool rights_touch(const struct rights *rights, struct slice pattern);

/* The same of reading alone. */
bool rights_may_see(const struct rights *rights, struct slice pattern);

/* Nothing that a user could name is out of reach: not to be told what there is would tell nothing. */
bool rights_touch_all(const struct rights *rights);

/* Writes patterns, each behind a comma and PATTERN_NOT, of what may not be read of what the patterns (joined by commas)
 * name; so that appended to them they say what may. Returns the end, and at most rights_limits_size_max bytes. */
char *rights_write_limits(const struct rights *rights, struct slice patterns, char *out);
size_t rights_limits_size_max(const struct rights *rights);

/* How often, and for how long, a session may answer. 0: not at all. */
unsigned rights_responses_max(const struct rights *rights);
uint64_t rights_responses_ms(const struct rights *rights);

#endif
