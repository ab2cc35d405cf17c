#include "core/train.h"

#include "util/decimal.h"

static const char prefix[] = "$POSTHORN.ACK.TRAIN.";

/* The bytes before the first dot, which are taken from rest with it. False: there is no dot, or nothing before it. */
static bool cut_token(struct slice *rest, struct slice *ret_token)
{
    const char *dot = rest->size ? memchr(rest->data, '.', rest->size) : NULL;
    if (!dot || dot == rest->data)
        return false;
    *ret_token = slice_make(rest->data, (size_t)(dot - rest->data));
    *rest = slice_make(dot + 1, rest->size - ret_token->size - 1);
    return true;
}

bool train_read(struct slice reply, struct train *ret_train)
{
    struct slice rest = reply, digits;
    if (!slice_starts_with(reply, slice_make(prefix, sizeof prefix - 1)))
        return false;
    rest.data += sizeof prefix - 1;
    rest.size -= sizeof prefix - 1;
    if (!cut_token(&rest, &ret_train->publisher) || !cut_token(&rest, &digits))
        return false;
    ret_train->text = slice_make(reply.data, (size_t)(rest.data - reply.data));
    return digits.size <= DECIMAL_SAFE_SIZE && decimal_read(digits, &ret_train->number);
}
