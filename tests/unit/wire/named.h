/* named: an operation with the fields alone that its verb sets; what the parser leaves in the others means nothing. */
#ifndef TESTS_UNIT_WIRE_NAMED_H
#define TESTS_UNIT_WIRE_NAMED_H

#include "wire/op.h"

static inline struct wire_op op_named(const struct wire_op *op)
{
    struct wire_op named = { .verb = op->verb };
    bool has_body = op->verb == WIRE_PUB || op->verb == WIRE_HPUB || op->verb == WIRE_MSG || op->verb == WIRE_HMSG;
    if (has_body || op->verb == WIRE_SUB)
        named.topic = op->topic;
    if (has_body) {
        named.reply = op->reply;
        named.body = op->body;
        named.head_size = op->head_size;
        named.body_size = op->body_size;
    }
    if (op->verb == WIRE_SUB)
        named.group = op->group;
    if (op->verb == WIRE_SUB || op->verb == WIRE_UNSUB || op->verb == WIRE_MSG || op->verb == WIRE_HMSG)
        named.sid = op->sid;
    if (op->verb == WIRE_UNSUB)
        named.max = op->max;
    if (op->verb == WIRE_CONNECT || op->verb == WIRE_INFO || op->verb == WIRE_ERR)
        named.text = op->text;
    return named;
}

#endif
