#include "sidecar/sender.h"

#include <inttypes.h>
#include <stdio.h>

#include "libposthorn/posthorn.h"
#include "stream/stream.h"
#include "util/decimal.h"
#include "util/hash.h"
#include "util/random.h"
#include "wire/format.h"
#include "wire/headers.h"

static const char id_header[] = "Nats-Msg-Id";

void sender_init(struct sender *sender, const char *name, uint64_t epoch)
{
    uint64_t spool = hash_bytes(epoch, name, strlen(name));
    *sender = (struct sender){ .train = 0 };
    sender->train_at =
        (size_t)snprintf(sender->reply, sizeof sender->reply, "$POSTHORN.ACK.TRAIN.%016" PRIx64 ".", spool);
    sender->line_size = (size_t)snprintf(sender->id_line, sizeof sender->id_line, "%s: %.200s.%" PRIx64 ".", id_header,
                                         name, epoch);
}

void sender_begin(struct sender *sender)
{
    uint32_t chance;
    random_bytes(&chance, sizeof chance);
    sender->train = chance;
    sender->first_train = sender->train + 1;
    sender_begin_train(sender);
}

void sender_begin_train(struct sender *sender)
{
    char *end = format_number(sender->reply + sender->train_at, ++sender->train);
    *end++ = '.';
    sender->reply_size = (size_t)(end - sender->reply);
}

void sender_write_pattern(const struct sender *sender, char *out, size_t size)
{
    snprintf(out, size, "%.*s*.*", (int)sender->train_at, sender->reply);
}

/* The header that is the message's id. Empty: it has one. */
static struct slice write_id(struct sender *sender, const struct stream_message *message)
{
    struct slice id;
    if (message->head.size && headers_find(message->head, id_header, &id) && id.size)
        return slice_make(NULL, 0);
    char *end = format_number(sender->id_line + sender->line_size, message->sequence);
    end = format_bytes(end, "\r\n", 2);
    return slice_make(sender->id_line, (size_t)(end - sender->id_line));
}

int sender_send(struct sender *sender, struct ph_conn *conn, const struct stream_message *message)
{
    const char *end = format_number(sender->reply + sender->reply_size, message->sequence);
    struct slice line = write_id(sender, message);
    const struct ph_raw raw = {
        .topic = message->topic.data,
        .topic_size = message->topic.size,
        .reply = sender->reply,
        .reply_size = (size_t)(end - sender->reply),
        .body = message->head.size ? message->head.data : message->payload.data,
        .headers_size = message->head.size,
        .body_size = message->head.size + message->payload.size,
        .lines = line.data,
        .lines_size = line.size,
    };
    return ph_publish_raw(conn, &raw);
}

/* The number at the start of a text, which it leaves behind with what comes next. */
static uint64_t cut_number(struct slice *text)
{
    uint64_t number;
    size_t size = decimal_cut(*text, &number);
    size += size < text->size;
    *text = slice_make(text->data + size, text->size - size);
    return number;
}

bool sender_read_answer(const struct sender *sender, struct slice topic, uint64_t *ret_sequence, bool *ret_is_old)
{
    if (topic.size < sender->train_at)
        return false;
    struct slice numbers = slice_make(topic.data + sender->train_at, topic.size - sender->train_at);
    uint64_t train = cut_number(&numbers);
    *ret_sequence = cut_number(&numbers);
    *ret_is_old = train < sender->train;
    return train >= sender->first_train && train <= sender->train;
}
