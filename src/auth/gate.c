#include "auth/gate.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "auth/failures.h"
#include "auth/jwt.h"
#include "auth/proven.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/password.h"
#include "util/random.h"
#include "util/thread.h"

enum {
    THREAD_COUNT = 2,
    QUEUE_MAX = 128,      /* passwords that wait to be checked */
    NAME_SIZE_MAX = 64,   /* of users: SECTION_NAME_SIZE_MAX */
};

_Static_assert((int)GATE_DIGEST_SIZE == (int)DIGEST_SIZE, "the digest of a token fits");

/* What is under way: first in the queue, then where it has failed with those held back, then at its desk. */
struct proof {
    struct proof *next;
    struct gate_desk *desk;
    void (*told)(void *owner, const struct user *user, struct slice name);
    void *owner;       /* NULL: gone; the desk's */
    uint64_t due_ms;   /* when a refusal is told */
    bool good;
    bool is_counted;   /* at its place */
    uint8_t name_size, place_size;
    uint16_t password_size;
    char name[NAME_SIZE_MAX], place[FAILURES_PLACE_SIZE_MAX];
    char hash[PASSWORD_HASH_SIZE], password[PASSWORD_SIZE_MAX];
};

struct gate {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wanted;
    pthread_t threads[THREAD_COUNT];
    unsigned thread_count;
    bool stopping;
    struct proof *queue, **queue_last;
    unsigned queue_size;
    struct proof *held;   /* refusals that are not due, the earliest first */
    uint64_t delay_max_ms;
    struct failures *failures;
    struct proven *proven;
};

/* Life. */

struct gate *gate_create(void)
{
    struct gate *gate = calloc(1, sizeof *gate);
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    if (!gate)
        return NULL;
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->wanted, &clock);
    pthread_condattr_destroy(&clock);
    gate->queue_last = &gate->queue;
    gate->failures = failures_create(seed);
    gate->proven = proven_create();
    if (gate->failures && gate->proven)
        return gate;
    gate_destroy(gate);
    return NULL;
}

static void proof_free(struct proof *proof)
{
    OPENSSL_cleanse(proof, sizeof *proof);
    free(proof);
}

static void free_all(struct proof *proof)
{
    while (proof) {
        struct proof *next = proof->next;
        proof_free(proof);
        proof = next;
    }
}

void gate_destroy(struct gate *gate)
{
    if (!gate)
        return;
    pthread_mutex_lock(&gate->lock);
    gate->stopping = true;
    pthread_cond_broadcast(&gate->wanted);
    pthread_mutex_unlock(&gate->lock);
    for (unsigned i = 0; i < gate->thread_count; i++)
        pthread_join(gate->threads[i], NULL);
    free_all(gate->queue);
    free_all(gate->held);
    failures_destroy(gate->failures);
    proven_destroy(gate->proven);
    pthread_cond_destroy(&gate->wanted);
    pthread_mutex_destroy(&gate->lock);
    free(gate);
}

void gate_reset(struct gate *gate, uint64_t delay_max_ms)
{
    pthread_mutex_lock(&gate->lock);
    gate->delay_max_ms = delay_max_ms;
    proven_clear(gate->proven);
    pthread_mutex_unlock(&gate->lock);
}

/* What follows is called with the lock held, but where it says otherwise. */

static struct slice place_of(const struct proof *proof)
{
    return slice_make(proof->place, proof->place_size);
}

static void hand_over(struct gate *gate, struct proof *proof)
{
    if (proof->is_counted)
        failures_end(gate->failures, place_of(proof));
    proof->next = NULL;
    *proof->desk->last = proof;
    proof->desk->last = &proof->next;
    proof->desk->wake(proof->desk->arg);
}

static void hold_back(struct gate *gate, struct proof *proof)
{
    struct proof **at = &gate->held;
    while (*at && (*at)->due_ms <= proof->due_ms)
        at = &(*at)->next;
    proof->next = *at;
    *at = proof;
    pthread_cond_signal(&gate->wanted);
}

/* A password has been looked at. */
static void settle(struct gate *gate, struct proof *proof)
{
    unsigned char digest[DIGEST_SIZE];
    const struct slice password = slice_make(proof->password, proof->password_size);
    uint64_t now_ms = clock_monotonic_ms(), delay_ms = 0;
    if (!proof->good)
        delay_ms = failures_add(gate->failures, place_of(proof), gate->delay_max_ms, now_ms);
    else if (proven_digest(gate->proven, proof->hash, password, digest))
        proven_add(gate->proven, digest);
    OPENSSL_cleanse(proof->password, sizeof proof->password);
    proof->due_ms = now_ms + delay_ms;
    if (delay_ms)
        hold_back(gate, proof);
    else
        hand_over(gate, proof);
}

/* The helper threads. */

static struct proof *take_from_queue(struct gate *gate)
{
    struct proof *proof = gate->queue;
    gate->queue = proof->next;
    if (!gate->queue)
        gate->queue_last = &gate->queue;
    gate->queue_size--;
    return proof;
}

/* Lets go of the lock while it hashes. */
static void check(struct gate *gate, struct proof *proof)
{
    pthread_mutex_unlock(&gate->lock);
    proof->good = password_check(slice_make(proof->password, proof->password_size), proof->hash);
    pthread_mutex_lock(&gate->lock);
    settle(gate, proof);
}

static void release_due(struct gate *gate, uint64_t now_ms)
{
    while (gate->held && gate->held->due_ms <= now_ms) {
        struct proof *proof = gate->held;
        gate->held = proof->next;
        hand_over(gate, proof);
    }
}

static void await_work(struct gate *gate)
{
    if (!gate->held) {
        pthread_cond_wait(&gate->wanted, &gate->lock);
        return;
    }
    const struct timespec until = {
        .tv_sec = (time_t)(gate->held->due_ms / 1000),
        .tv_nsec = (long)(gate->held->due_ms % 1000) * 1000000,
    };
    pthread_cond_timedwait(&gate->wanted, &gate->lock, &until);
}

static void *run(void *arg)
{
    struct gate *gate = arg;
    pthread_setname_np(pthread_self(), "gate");
    thread_give_way();
    pthread_mutex_lock(&gate->lock);
    while (!gate->stopping) {
        release_due(gate, clock_monotonic_ms());
        if (gate->queue)
            check(gate, take_from_queue(gate));
        else
            await_work(gate);
    }
    pthread_mutex_unlock(&gate->lock);
    return NULL;
}

/* No signal is theirs: they are begun by workers, who have all of them blocked. False: there is not a single one. */
static bool begin_threads(struct gate *gate)
{
    while (gate->thread_count < THREAD_COUNT &&
           pthread_create(&gate->threads[gate->thread_count], NULL, run, gate) == 0)
        gate->thread_count++;
    if (!gate->thread_count)
        log_error("gate_failed", "error=\"no thread can be begun\"");
    return gate->thread_count > 0;
}

/* The workers' side. */

void gate_desk_init(struct gate_desk *desk, struct gate *gate, void (*wake)(void *arg), void *arg)
{
    *desk = (struct gate_desk){ .gate = gate, .wake = wake, .arg = arg, .last = &desk->done };
}

void gate_desk_forget(struct gate_desk *desk)
{
    for (unsigned i = 0; i < GATE_TOKENS; i++)
        user_release(desk->tokens[i].user);
    OPENSSL_cleanse(desk->tokens, sizeof desk->tokens);
}

/* The place of a token, and its digest. NULL: none is shown. */
static struct gate_token *place_of_token(struct gate_desk *desk, const struct credentials *shown,
                                         unsigned char digest[DIGEST_SIZE])
{
    struct slice token = shown->jwt.size ? shown->jwt : shown->token;
    if (shown->signature.size || !jwt_is_one(token))
        return NULL;
    digest_of(token, digest);
    return &desk->tokens[digest[0] % GATE_TOKENS];
}

/* Whom a token has brought before, held; NULL: nobody, or his time is over. */
static const struct user *user_of_token(struct gate_desk *desk, const struct gate_attempt *attempt)
{
    unsigned char digest[DIGEST_SIZE];
    const struct gate_token *token = place_of_token(desk, attempt->credentials, digest);
    bool is_known = token && token->user && digest_equal(token->digest, digest) &&
                    token->user->expires_ms > attempt->wall_ms;
    return is_known ? user_hold(token->user) : NULL;
}

static void remember_token(struct gate_desk *desk, const struct gate_attempt *attempt, const struct user *user)
{
    unsigned char digest[DIGEST_SIZE];
    struct gate_token *token = place_of_token(desk, attempt->credentials, digest);
    if (!token)
        return;
    user_release(token->user);
    token->user = user_hold(user);
    memcpy(token->digest, digest, sizeof token->digest);
}

/* NULL: out of memory, or what is shown can belong to nobody. */
static struct proof *make_proof(struct gate_desk *desk, const struct gate_attempt *attempt)
{
    const struct slice place = attempt->credentials->place, name = attempt->credentials->name;
    struct proof *proof = calloc(1, sizeof *proof);
    if (!proof)
        return NULL;
    *proof = (struct proof){ .desk = desk, .told = attempt->told, .owner = attempt->owner };
    proof->place_size = (uint8_t)(place.size < sizeof proof->place ? place.size : sizeof proof->place);
    memcpy(proof->place, place.data ? place.data : "", proof->place_size);
    proof->name_size = (uint8_t)(name.size < sizeof proof->name ? name.size : sizeof proof->name);
    memcpy(proof->name, name.data ? name.data : "", proof->name_size);
    return proof;
}

static int put_in_queue(struct gate *gate, struct proof *proof)
{
    if (gate->queue_size >= QUEUE_MAX || !failures_begin(gate->failures, place_of(proof), clock_monotonic_ms()))
        return -EAGAIN;
    proof->is_counted = true;
    *gate->queue_last = proof;
    gate->queue_last = &proof->next;
    gate->queue_size++;
    pthread_cond_signal(&gate->wanted);
    return -EINPROGRESS;
}

/* Whoever has too much under way is told at once that it was not looked at, which tells him nothing. */
static int refuse(struct gate *gate, struct proof *proof)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t delay_ms = failures_add(gate->failures, place_of(proof), gate->delay_max_ms, now_ms);
    if (!delay_ms)
        return -EACCES;
    if (!failures_begin(gate->failures, place_of(proof), now_ms))
        return -EAGAIN;
    proof->is_counted = true;
    proof->due_ms = now_ms + delay_ms;
    hold_back(gate, proof);
    return -EINPROGRESS;
}

static void copy_password(struct proof *proof, const struct credentials *shown, const char *hash)
{
    proof->password_size = (uint16_t)shown->password.size;
    memcpy(proof->password, shown->password.data, shown->password.size);
    strncpy(proof->hash, hash, sizeof proof->hash - 1);
}

static bool was_proven(struct gate *gate, const struct credentials *shown, const char *hash)
{
    unsigned char digest[DIGEST_SIZE];
    return proven_digest(gate->proven, hash, shown->password, digest) && proven_has(gate->proven, digest);
}

/* From where too much is under way, nothing is looked at: who asks by a hundred connections at once would know which
 * of them was right. */
static bool is_full(struct gate *gate, struct slice place)
{
    if (failures_are_none(gate->failures))
        return false;
    if (!failures_begin(gate->failures, place, clock_monotonic_ms()))
        return true;
    failures_end(gate->failures, place);
    return false;
}

/* hash NULL: he is nobody for sure. */
static int begin(struct gate_desk *desk, const struct gate_attempt *attempt, const char *hash, struct proof **ret_proof)
{
    struct gate *gate = desk->gate;
    const struct credentials *shown = attempt->credentials;
    bool can_be_somebody = hash && shown->name.size <= NAME_SIZE_MAX && shown->password.size <= PASSWORD_SIZE_MAX;
    struct proof *proof = begin_threads(gate) ? make_proof(desk, attempt) : NULL;
    if (!proof)
        return -ENOMEM;
    if (can_be_somebody)
        copy_password(proof, shown, hash);
    int error = can_be_somebody ? put_in_queue(gate, proof) : refuse(gate, proof);
    if (error == -EINPROGRESS) {
        desk->away_count++;
        *ret_proof = proof;
    } else {
        proof_free(proof);
    }
    return error;
}

static int try(struct gate_desk *desk, const struct gate_attempt *attempt, const struct user **ret_user,
               struct proof **ret_proof)
{
    const struct credentials *shown = attempt->credentials;
    const char *hash = NULL;
    *ret_user = user_of_token(desk, attempt);
    if (*ret_user)
        return 0;
    enum identity_verdict identity = users_identify(attempt->users, shown, attempt->wall_ms, ret_user, &hash);
    if (identity == IDENTITY_SLOW && was_proven(desk->gate, shown, hash))
        *ret_user = users_find_hash(attempt->users, shown->name, hash);
    if (*ret_user) {
        remember_token(desk, attempt, *ret_user);
        return 0;
    }
    return begin(desk, attempt, identity == IDENTITY_SLOW ? hash : NULL, ret_proof);
}

int gate_try(struct gate_desk *desk, const struct gate_attempt *attempt, const struct user **ret_user,
             struct proof **ret_proof)
{
    const char *hash;
    struct gate *gate = desk->gate;
    *ret_user = NULL;
    if (!gate)
        return users_identify(attempt->users, attempt->credentials, attempt->wall_ms, ret_user, &hash) ==
                       IDENTITY_PROVEN
                   ? 0
                   : -EACCES;
    pthread_mutex_lock(&gate->lock);
    int error = is_full(gate, attempt->credentials->place) ? -EAGAIN : try(desk, attempt, ret_user, ret_proof);
    pthread_mutex_unlock(&gate->lock);
    return error;
}

void proof_cancel(struct proof *proof)
{
    proof->owner = NULL;
}

static struct proof *take_done(struct gate_desk *desk)
{
    pthread_mutex_lock(&desk->gate->lock);
    struct proof *proof = desk->done;
    desk->done = proof ? proof->next : NULL;
    if (!desk->done)
        desk->last = &desk->done;
    pthread_mutex_unlock(&desk->gate->lock);
    return proof;
}

/* Where the hash has changed meanwhile, what was proven proves nothing. */
void gate_desk_turn(struct gate_desk *desk, const struct users *users)
{
    struct proof *proof;
    while (desk->away_count && (proof = take_done(desk))) {
        desk->away_count--;
        const struct slice name = slice_make(proof->name, proof->name_size);
        const struct user *user = proof->good ? users_find_hash(users, name, proof->hash) : NULL;
        if (proof->owner)
            proof->told(proof->owner, user, name);
        proof_free(proof);
    }
}
