#include "sidecar/contract.h"

#include "util/json.h"

enum { WORD_SIZE = 32 };

static const struct {
    const char *word;
    enum contract_verdict verdict;
} words[] = {
    { "SUCCESS", CONTRACT_DONE },
    { "", CONTRACT_DONE },
    { "RETRY", CONTRACT_RETRY },
    { "DROP", CONTRACT_DROP },
};

/* The last "status" of an object; empty: it has none. False: it is no object. */
static bool find_status(struct slice body, struct slice *ret_value)
{
    size_t cursor = 0, blank = json_blank_size(body);
    struct slice name, object = slice_make(body.data + blank, body.size - blank);
    *ret_value = slice_make(NULL, 0);
    if (!object.size || *object.data != '{' || !json_value_size(object))
        return false;
    for (struct slice value; json_next_member(object, &cursor, &name, &value);)
        if (slice_is(name, "\"status\""))
            *ret_value = value;
    return true;
}

static enum contract_verdict judge_status(struct slice value)
{
    char word[WORD_SIZE];
    size_t size;
    if (value.size > sizeof word || !json_read_string(value, word, &size))
        return slice_is(value, "null") ? CONTRACT_DONE : CONTRACT_RETRY;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_is(slice_make(word, size), words[i].word))
            return words[i].verdict;
    return CONTRACT_RETRY;
}

enum contract_verdict contract_judge(unsigned status, struct slice body)
{
    struct slice value;
    if (status == 404)
        return CONTRACT_DROP;
    if (status < 200 || status > 299)
        return CONTRACT_RETRY;
    if (!body.size || !find_status(body, &value) || !value.data)
        return CONTRACT_DONE;
    return judge_status(value);
}
