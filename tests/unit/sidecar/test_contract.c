#include "sidecar/contract.h"

#include "../unit.h"

START_TEST(an_answer_means_what_the_table_says)
{
    static const struct { unsigned status; const char *body; enum contract_verdict verdict; } cases[] = {
        { 200, "", CONTRACT_DONE }, { 204, "", CONTRACT_DONE }, { 299, "", CONTRACT_DONE },
        { 200, "OK", CONTRACT_DONE }, { 200, "[]", CONTRACT_DONE }, { 200, "\"DROP\"", CONTRACT_DONE },
        { 200, "{}", CONTRACT_DONE }, { 200, "{\"id\":1}", CONTRACT_DONE },
        { 200, "{\"status\":\"SUCCESS\"}", CONTRACT_DONE }, { 200, "{\"status\":\"\"}", CONTRACT_DONE },
        { 200, "{\"status\":null}", CONTRACT_DONE },
        { 201, " {\n \"status\" : \"RETRY\" }\n", CONTRACT_RETRY },
        { 200, "{\"status\":\"DROP\"}", CONTRACT_DROP },
        { 200, "{\"a\":{\"status\":\"DROP\"},\"status\":\"\\u0052ETRY\"}", CONTRACT_RETRY },
        { 200, "{\"a\":{\"status\":\"DROP\"}}", CONTRACT_DONE },
        { 200, "{\"status\":\"success\"}", CONTRACT_RETRY }, { 200, "{\"status\":7}", CONTRACT_RETRY },
        { 200, "{\"status\":\"A word that is longer than any that is known\"}", CONTRACT_RETRY },
        { 200, "{\"status\":\"DROP\"", CONTRACT_DONE }, /* cut: it is no JSON */
        { 404, "", CONTRACT_DROP }, { 404, "{\"status\":\"RETRY\"}", CONTRACT_DROP },
        { 0, "", CONTRACT_RETRY }, { 100, "", CONTRACT_RETRY }, { 302, "", CONTRACT_RETRY },
        { 400, "{\"status\":\"DROP\"}", CONTRACT_RETRY }, { 410, "", CONTRACT_RETRY }, { 429, "", CONTRACT_RETRY },
        { 500, "{\"status\":\"SUCCESS\"}", CONTRACT_RETRY }, { 503, "", CONTRACT_RETRY },
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(contract_judge(cases[i].status, slice_of(cases[i].body)) == cases[i].verdict, "%u %s",
                      cases[i].status, cases[i].body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { an_answer_means_what_the_table_says, NULL };
    return unit_run("contract", tests);
}
