#include "auth/accounts.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "auth/limits.h"
#include "util/hash.h"
#include "util/random.h"

enum {
    CHAIN_COUNT = 256,
    BURST_NS = 1000000000, /* how far an account may be ahead of the clock */
    SECOND_NS = 1000000000,
    MS_NS = 1000000,
};

/* Where a rate has come to: all that was published is paid for up to this moment. */
struct pacer {
    _Atomic uint64_t paid_ns;
};

struct account {
    struct account *next;     /* of its chain; under the lock */
    uint64_t hash;
    _Atomic unsigned connections; /* written under the lock */
    _Atomic unsigned subscriptions;
    struct pacer messages, bytes;
    size_t name_size;
    char name[];
};

struct accounts {
    pthread_mutex_t lock;
    uint64_t seed;
    size_t count;
    struct account *chains[CHAIN_COUNT];
};

struct accounts *accounts_create(void)
{
    struct accounts *accounts = calloc(1, sizeof *accounts);
    if (!accounts)
        return NULL;
    pthread_mutex_init(&accounts->lock, NULL);
    random_bytes(&accounts->seed, sizeof accounts->seed);
    return accounts;
}

void accounts_destroy(struct accounts *accounts)
{
    if (!accounts)
        return;
    for (size_t i = 0; i < CHAIN_COUNT; i++)
        for (struct account *account = accounts->chains[i], *next; account; account = next) {
            next = account->next;
            free(account);
        }
    pthread_mutex_destroy(&accounts->lock);
    free(accounts);
}

/* Rates. */

/* How far it is ahead of the clock beyond the burst. */
static uint64_t ahead_ns(const struct pacer *pacer, uint64_t now_ns)
{
    uint64_t paid_ns = atomic_load_explicit(&pacer->paid_ns, memory_order_relaxed);
    return paid_ns > now_ns + BURST_NS ? paid_ns - now_ns - BURST_NS : 0;
}

static uint64_t pacer_charge(struct pacer *pacer, uint64_t rate, uint64_t amount, uint64_t now_ns)
{
    if (!rate)
        return 0;
    uint64_t cost_ns = (uint64_t)((double)amount * SECOND_NS / (double)rate);
    uint64_t was_ns = atomic_load_explicit(&pacer->paid_ns, memory_order_relaxed), is_ns;
    do
        is_ns = (was_ns > now_ns ? was_ns : now_ns) + cost_ns;
    while (!atomic_compare_exchange_weak_explicit(&pacer->paid_ns, &was_ns, is_ns, memory_order_relaxed,
                                                  memory_order_relaxed));
    return ahead_ns(pacer, now_ns);
}

/* What may come until it is a burst ahead. */
static uint64_t pacer_room(const struct pacer *pacer, uint64_t rate, uint64_t now_ns)
{
    uint64_t paid_ns = atomic_load_explicit(&pacer->paid_ns, memory_order_relaxed);
    uint64_t used_ns = paid_ns > now_ns ? paid_ns - now_ns : 0;
    if (!rate)
        return UINT64_MAX;
    return used_ns < BURST_NS ? (uint64_t)((double)(BURST_NS - used_ns) * (double)rate / SECOND_NS) : 0;
}

/* Rounded up: who comes back then is not told to wait once more. */
static uint64_t longer_ms(uint64_t a_ns, uint64_t b_ns)
{
    return ((a_ns > b_ns ? a_ns : b_ns) + MS_NS - 1) / MS_NS;
}

uint64_t account_charge(struct account *account, const struct user_limits *limits, uint64_t messages, uint64_t bytes,
                        uint64_t now_ns)
{
    uint64_t messages_ns = pacer_charge(&account->messages, limits->publish_rate, messages, now_ns);
    uint64_t bytes_ns = pacer_charge(&account->bytes, limits->publish_bytes_rate, bytes, now_ns);
    return longer_ms(messages_ns, bytes_ns);
}

uint64_t account_wait_ms(const struct account *account, uint64_t now_ns)
{
    return longer_ms(ahead_ns(&account->messages, now_ns), ahead_ns(&account->bytes, now_ns));
}

void account_room(const struct account *account, const struct user_limits *limits, uint64_t now_ns,
                  uint64_t *ret_messages, uint64_t *ret_bytes)
{
    uint64_t messages = pacer_room(&account->messages, limits->publish_rate, now_ns);
    *ret_messages = messages ? messages : 1;
    *ret_bytes = pacer_room(&account->bytes, limits->publish_bytes_rate, now_ns);
}

/* Counts. */

bool account_subscribe(struct account *account, const struct user_limits *limits)
{
    unsigned before = atomic_fetch_add_explicit(&account->subscriptions, 1, memory_order_relaxed);
    if (!limits || !limits->subscriptions_max || before < limits->subscriptions_max)
        return true;
    account_unsubscribe(account);
    return false;
}

void account_unsubscribe(struct account *account)
{
    atomic_fetch_sub_explicit(&account->subscriptions, 1, memory_order_relaxed);
}

void account_move_subscriptions(struct account *account, int count)
{
    atomic_fetch_add_explicit(&account->subscriptions, (unsigned)count, memory_order_relaxed);
}

unsigned account_subscriptions(const struct account *account)
{
    return atomic_load_explicit(&account->subscriptions, memory_order_relaxed);
}

unsigned account_connections(const struct account *account)
{
    return account->connections;
}

/* Coming and going. */

static bool is_spent(const struct account *account, uint64_t now_ns)
{
    return !account->connections && atomic_load_explicit(&account->messages.paid_ns, memory_order_relaxed) <= now_ns &&
           atomic_load_explicit(&account->bytes.paid_ns, memory_order_relaxed) <= now_ns;
}

/* The account of that name, which may be spent; all others of the chain that are spent are freed on the way. */
static struct account *find(struct accounts *accounts, struct account **link, uint64_t hash, struct slice name,
                            uint64_t now_ns)
{
    struct account *found = NULL;
    while (*link) {
        struct account *account = *link;
        if (account->hash == hash && slice_equal(slice_make(account->name, account->name_size), name)) {
            found = account;
        } else if (is_spent(account, now_ns)) {
            *link = account->next;
            accounts->count--;
            free(account);
            continue;
        }
        link = &account->next;
    }
    return found;
}

static struct account *add(struct accounts *accounts, struct account **link, uint64_t hash, struct slice name)
{
    struct account *account = calloc(1, sizeof *account + name.size);
    if (!account)
        return NULL;
    account->hash = hash;
    account->name_size = name.size;
    if (name.size)
        memcpy(account->name, name.data, name.size);
    account->next = *link;
    *link = account;
    accounts->count++;
    return account;
}

int accounts_enter(struct accounts *accounts, struct slice name, const struct user_limits *limits, uint64_t now_ns,
                   struct account **ret_account)
{
    uint64_t hash = hash_bytes(accounts->seed, name.data, name.size);
    struct account **link = &accounts->chains[hash % CHAIN_COUNT];
    unsigned max = limits ? limits->connections_max : 0;
    int error = 0;
    pthread_mutex_lock(&accounts->lock);
    struct account *account = find(accounts, link, hash, name, now_ns);
    if (!account)
        account = add(accounts, link, hash, name);
    if (!account)
        error = -ENOMEM;
    else if (max && account->connections >= max)
        error = -EDQUOT;
    else
        account->connections++;
    pthread_mutex_unlock(&accounts->lock);
    *ret_account = error ? NULL : account;
    return error;
}

void accounts_leave(struct accounts *accounts, struct account *account)
{
    pthread_mutex_lock(&accounts->lock);
    account->connections--;
    pthread_mutex_unlock(&accounts->lock);
}

size_t accounts_count(struct accounts *accounts)
{
    pthread_mutex_lock(&accounts->lock);
    size_t count = accounts->count;
    pthread_mutex_unlock(&accounts->lock);
    return count;
}
