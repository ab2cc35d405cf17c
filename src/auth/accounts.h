/*
 * accounts: what each user uses at this moment, all workers together, so that limits hold for a user and not for each
 * of his connections; and in a table of its own, what each address uses.
 *
 * A rate is kept by the generic cell rate algorithm (ITU-T I.371): a moment, up to which all that was published is paid
 * for. Each message moves it on by its share of a second; who is more than a second ahead of the clock waits. So a
 * second's worth may come at once, and nothing is lost or counted twice, however many connections publish.
 *
 * An account is found by name under a lock, when a session says who it is; from then on its counts are atomic. It stays
 * for as long as it is ahead of the clock, so that nobody gets rid of what he owes by coming anew. Any thread.
 */
#ifndef AUTH_ACCOUNTS_H
#define AUTH_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/slice.h"

struct account;
struct accounts;
struct user_limits;

/* NULL: out of memory. */
struct accounts *accounts_create(void);

/* When nobody has an account any more. Takes NULL. */
void accounts_destroy(struct accounts *accounts);

/*
 * Counts a connection in under a name; limits NULL: it comes in whatever they say. 0 and the account, which
 * accounts_leave gives back; -EDQUOT: the user has as many as he may, -ENOMEM. now_ns: of the monotonic clock.
 */
int accounts_enter(struct accounts *accounts, struct slice name, const struct user_limits *limits, uint64_t now_ns,
                   struct account **ret_account);
void accounts_leave(struct accounts *accounts, struct account *account);

/* Counts a subscription in; false: the user has as many as he may. */
bool account_subscribe(struct account *account, const struct user_limits *limits);
void account_unsubscribe(struct account *account);

/* Takes over so many at once from another account, or with a negative count gives them up, whatever the limits say. */
void account_move_subscriptions(struct account *account, int count);

/* Counts what was published. Returns for how many milliseconds whoever did so is to publish no more; 0: he may go on.
 */
uint64_t account_charge(struct account *account, const struct user_limits *limits, uint64_t messages, uint64_t bytes,
                        uint64_t now_ns);

/* The same without having published. */
uint64_t account_wait_ms(const struct account *account, uint64_t now_ns);

/* What may come at once from now on, a message at least: then it is time to charge and see. */
void account_room(const struct account *account, const struct user_limits *limits, uint64_t now_ns,
                  uint64_t *ret_messages, uint64_t *ret_bytes);

/* What is counted, for those who show it. */
unsigned account_connections(const struct account *account);
unsigned account_subscriptions(const struct account *account);

/* How many accounts there are, for tests. */
size_t accounts_count(struct accounts *accounts);

#endif
