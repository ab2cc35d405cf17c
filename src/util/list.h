/* list: a doubly linked ring through its members; an empty list is a ring of its head alone. Owned by nobody here. */
#ifndef UTIL_LIST_H
#define UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/* The struct of which a member is embedded as `field`. */
#define LIST_OWNER(member, type, field) ((type *)(void *)((char *)(member) - offsetof(type, field)))

static inline void list_init(struct list *list)
{
    list->prev = list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *member)
{
    member->prev = list->prev;
    member->next = list;
    list->prev->next = member;
    list->prev = member;
}

/* Takes a member out of whatever list it is in; it is then a list of its own, so that this may be repeated. */
static inline void list_remove(struct list *member)
{
    member->prev->next = member->next;
    member->next->prev = member->prev;
    list_init(member);
}

/* Moves all members of `from` behind those of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
