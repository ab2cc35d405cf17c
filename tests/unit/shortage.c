#include "shortage.h"

#include <stddef.h>

_Thread_local struct shortage shortage = { .until_failure = SHORTAGE_NEVER };

static bool fails(void)
{
    if (shortage.until_failure == SHORTAGE_NEVER)
        return false;
    if (shortage.until_failure > 0) {
        shortage.until_failure--;
        return false;
    }
    if (!shortage.for_good)
        shortage.until_failure = SHORTAGE_NEVER;
    shortage.failed_count++;
    return true;
}

/* before: the block in whose place the other one came; NULL: in none. */
static void *counted(const void *before, void *block)
{
    shortage.live_count += !before && block;
    return block;
}

#define WRAP(type, name, before, parameters, arguments) \
    type *__real_##name parameters; \
    type *__wrap_##name parameters; \
    type *__wrap_##name parameters \
    { \
        return fails() ? NULL : counted(before, __real_##name arguments); \
    }

WRAP(void, malloc, NULL, (size_t size), (size))
WRAP(void, calloc, NULL, (size_t count, size_t size), (count, size))
WRAP(void, realloc, block, (void *block, size_t size), (block, size))
WRAP(void, reallocarray, block, (void *block, size_t count, size_t size), (block, count, size))
WRAP(char, strdup, NULL, (const char *text), (text))
WRAP(char, strndup, NULL, (const char *text, size_t size), (text, size))

void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block)
{
    shortage.live_count -= block != NULL;
    __real_free(block);
}
