#include "requests.h"

#include <stdlib.h>

#define CAPACITY_MIN 16u
#define CAPACITY_MAX (1u << 30)

void ph_requests_init(struct ph_requests *requests)
{
    *requests = (struct ph_requests){ .free = PH_REQUEST_NONE };
}

void ph_requests_finish(struct ph_requests *requests)
{
    free(requests->slots);
    free(requests->heap);
    ph_requests_init(requests);
}

static bool grow(struct ph_requests *requests)
{
    uint32_t capacity = requests->capacity ? requests->capacity * 2 : CAPACITY_MIN;
    if (capacity > CAPACITY_MAX)
        return false;
    struct ph_request *slots = realloc(requests->slots, capacity * sizeof *slots);
    if (!slots)
        return false;
    requests->slots = slots;
    uint32_t *heap = realloc(requests->heap, capacity * sizeof *heap);
    if (!heap)
        return false;
    requests->heap = heap;
    requests->capacity = capacity;
    return true;
}

static int64_t deadline_at(const struct ph_requests *requests, uint32_t place)
{
    return requests->slots[requests->heap[place]].deadline_ms;
}

static void heap_set(struct ph_requests *requests, uint32_t place, uint32_t slot)
{
    requests->heap[place] = slot;
    requests->slots[slot].place = place;
}

static void heap_swap(struct ph_requests *requests, uint32_t a, uint32_t b)
{
    uint32_t slot = requests->heap[a];
    heap_set(requests, a, requests->heap[b]);
    heap_set(requests, b, slot);
}

static void heap_rise(struct ph_requests *requests, uint32_t place)
{
    while (place > 0 && deadline_at(requests, place) < deadline_at(requests, (place - 1) / 2)) {
        heap_swap(requests, place, (place - 1) / 2);
        place = (place - 1) / 2;
    }
}

static void heap_sink(struct ph_requests *requests, uint32_t place)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= requests->count)
            return;
        if (child + 1 < requests->count && deadline_at(requests, child + 1) < deadline_at(requests, child))
            child++;
        if (deadline_at(requests, place) <= deadline_at(requests, child))
            return;
        heap_swap(requests, place, child);
        place = child;
    }
}

static uint32_t take_slot(struct ph_requests *requests)
{
    uint32_t slot = requests->free;
    if (slot != PH_REQUEST_NONE) {
        requests->free = requests->slots[slot].place;
        return slot;
    }
    if (requests->used == requests->capacity && !grow(requests))
        return PH_REQUEST_NONE;
    requests->slots[requests->used] = (struct ph_request){ 0 };
    return requests->used++;
}

/* Slot and generation as one number, in letters and digits that a token may hold: five bits each, the lowest first. */
static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

static void token_write(uint32_t slot, uint32_t generation, char *out)
{
    uint64_t number = (uint64_t)generation << 32 | slot;
    do
        *out++ = digits[number & 31];
    while (number >>= 5);
    *out = '\0';
}

static bool token_read(struct slice token, uint32_t *ret_slot, uint32_t *ret_generation)
{
    uint64_t number = 0;
    if (token.size == 0 || token.size > 13)
        return false;
    for (size_t i = token.size; i-- > 0;) {
        const char *digit = token.data[i] ? strchr(digits, token.data[i]) : NULL;
        if (!digit)
            return false;
        number = number << 5 | (uint64_t)(digit - digits);
    }
    *ret_slot = (uint32_t)number;
    *ret_generation = (uint32_t)(number >> 32);
    return true;
}

bool ph_requests_add(struct ph_requests *requests, ph_answer_fn *answer, void *arg, int64_t deadline_ms,
                     uint32_t *ret_slot, char ret_token[PH_REQUEST_TOKEN_SIZE])
{
    uint32_t slot = take_slot(requests);
    if (slot == PH_REQUEST_NONE)
        return false;
    struct ph_request *request = &requests->slots[slot];
    uint32_t generation = request->generation + 1;
    *request = (struct ph_request){ answer, arg, deadline_ms, generation, 0 };
    heap_set(requests, requests->count++, slot);
    heap_rise(requests, request->place);
    token_write(slot, generation, ret_token);
    *ret_slot = slot;
    return true;
}

uint32_t ph_requests_find(const struct ph_requests *requests, struct slice token)
{
    uint32_t slot, generation;
    if (!token_read(token, &slot, &generation) || slot >= requests->used)
        return PH_REQUEST_NONE;
    const struct ph_request *request = &requests->slots[slot];
    return request->answer && request->generation == generation ? slot : PH_REQUEST_NONE;
}

void ph_requests_remove(struct ph_requests *requests, uint32_t slot, struct ph_request *ret_request)
{
    struct ph_request *request = &requests->slots[slot];
    uint32_t place = request->place;
    if (ret_request)
        *ret_request = *request;
    requests->count--;
    if (place != requests->count) {
        heap_set(requests, place, requests->heap[requests->count]);
        heap_rise(requests, place);
        heap_sink(requests, place);
    }
    request->answer = NULL;
    request->place = requests->free;
    requests->free = slot;
}

uint32_t ph_requests_first(const struct ph_requests *requests)
{
    return requests->count ? requests->heap[0] : PH_REQUEST_NONE;
}

int64_t ph_requests_deadline(const struct ph_requests *requests)
{
    return requests->count ? deadline_at(requests, 0) : INT64_MAX;
}
