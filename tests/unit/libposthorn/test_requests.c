/* Requests under way: answers find their request and no other, and deadlines come in order. */
#include "libposthorn/requests.h"

#include <stdlib.h>

#include "../unit.h"

static void answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    (void)conn, (void)error, (void)message, (void)arg;
}

START_TEST(answer_finds_its_request_once)
{
    struct ph_requests requests;
    struct ph_request request;
    char first[PH_REQUEST_TOKEN_SIZE], second[PH_REQUEST_TOKEN_SIZE];
    uint32_t slot, again;
    ph_requests_init(&requests);
    ck_assert_uint_eq(ph_requests_first(&requests), PH_REQUEST_NONE);
    ck_assert(ph_requests_add(&requests, answer, &slot, 10, &slot, first));
    ck_assert_uint_eq(ph_requests_find(&requests, slice_of(first)), slot);
    ph_requests_remove(&requests, slot, &request);
    ck_assert_ptr_eq(request.arg, &slot);
    ck_assert_uint_eq(ph_requests_find(&requests, slice_of(first)), PH_REQUEST_NONE);

    ck_assert(ph_requests_add(&requests, answer, NULL, 10, &again, second));
    ck_assert_uint_eq(again, slot);
    ck_assert_uint_eq(ph_requests_find(&requests, slice_of(first)), PH_REQUEST_NONE);
    ck_assert_uint_eq(ph_requests_find(&requests, slice_of(second)), again);
    ph_requests_finish(&requests);
}
END_TEST

START_TEST(strange_tokens_find_nothing)
{
    static const char *const tokens[] = { "",  "0",  "1", "zzz", "0000000000000", "vvvvvvvvvvvvv", "10000000000000",
                                          "A", "1.2" };
    struct ph_requests requests;
    char token[PH_REQUEST_TOKEN_SIZE];
    uint32_t slot;
    ph_requests_init(&requests);
    ck_assert(ph_requests_add(&requests, answer, NULL, 10, &slot, token));
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        ck_assert_msg(ph_requests_find(&requests, slice_of(tokens[i])) == PH_REQUEST_NONE, "token '%s'", tokens[i]);
    ck_assert_uint_eq(ph_requests_find(&requests, slice_make("0\0", 2)), PH_REQUEST_NONE);
    ph_requests_finish(&requests);
}
END_TEST

/* Random additions and removals against a plain list. */
#define LIST_MAX 300

struct model {
    uint32_t slot;
    int64_t deadline_ms;
    char token[PH_REQUEST_TOKEN_SIZE];
};

static int64_t earliest(const struct model *list, unsigned count)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < count; i++)
        first = list[i].deadline_ms < first ? list[i].deadline_ms : first;
    return first;
}

START_TEST(deadlines_come_in_order_as_in_a_plain_list)
{
    struct ph_requests requests;
    static struct model list[LIST_MAX];
    unsigned count = 0;
    srand((unsigned)unit_seed(__func__));
    ph_requests_init(&requests);
    for (unsigned step = 0; step < 20000; step++) {
        if (count == 0 || (count < LIST_MAX && rand() % 100 < 55)) {
            struct model *one = &list[count++];
            one->deadline_ms = rand() % 20 ? rand() % 1000 : INT64_MAX;
            ck_assert(ph_requests_add(&requests, answer, NULL, one->deadline_ms, &one->slot, one->token));
        } else {
            unsigned which = (unsigned)rand() % count;
            ck_assert_uint_eq(ph_requests_find(&requests, slice_of(list[which].token)), list[which].slot);
            ph_requests_remove(&requests, list[which].slot, NULL);
            ck_assert_uint_eq(ph_requests_find(&requests, slice_of(list[which].token)), PH_REQUEST_NONE);
            list[which] = list[--count];
        }
        ck_assert_uint_eq(requests.count, count);
        ck_assert_int_eq(ph_requests_deadline(&requests), earliest(list, count));
    }
    while (count > 0) {
        uint32_t slot = ph_requests_first(&requests);
        ck_assert_int_eq(requests.slots[slot].deadline_ms, earliest(list, count));
        unsigned which = 0;
        while (list[which].slot != slot)
            which++;
        ph_requests_remove(&requests, slot, NULL);
        list[which] = list[--count];
    }
    ph_requests_finish(&requests);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { answer_finds_its_request_once, strange_tokens_find_nothing,
                                          deadlines_come_in_order_as_in_a_plain_list, NULL };
    return unit_run("requests", tests);
}
