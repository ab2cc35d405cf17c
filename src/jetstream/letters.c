#include "jetstream/letters.h"

#include <stdlib.h>

#include "broker/asked.h"

enum {
    ROOM_MIN = 4096,
    ROOM_KEPT = 1 << 20, /* more is given back when it is not needed */
};

static size_t size_of(const struct letter *letter)
{
    size_t size = sizeof *letter + letter->user_size + letter->topic_size + letter->reply_size + letter->body_size;
    return (size + 7) & ~(size_t)7;
}

static bool reserve(struct letters *letters, size_t size)
{
    size_t room = letters->room ? letters->room : ROOM_MIN;
    while (room < letters->size + size)
        room *= 2;
    if (room == letters->room)
        return true;
    char *bytes = realloc(letters->bytes, room);
    if (!bytes)
        return false;
    letters->bytes = bytes;
    letters->room = room;
    return true;
}

static char *append(char *at, const char *data, size_t size)
{
    if (size)
        memcpy(at, data, size);
    return at + size;
}

bool letters_add(struct letters *letters, struct slice topic, const struct message *message, struct slice user,
                 const struct rights *rights, struct asked *asked)
{
    const struct letter letter = {
        .rights = rights,
        .asked = asked,
        .user_size = (uint32_t)user.size,
        .topic_size = (uint32_t)topic.size,
        .reply_size = message->reply_size,
        .head_size = message->head_size,
        .body_size = message->body_size,
    };
    if (!reserve(letters, size_of(&letter)))
        return false;
    char *at = letters->bytes + letters->size;
    at = append(at, (const char *)&letter, sizeof letter);
    at = append(at, user.data, user.size);
    at = append(at, topic.data, topic.size);
    at = append(at, message->reply, message->reply_size);
    append(at, message->body, message->body_size);
    letters->holds |= rights_ref(rights) || asked;
    letters->size += size_of(&letter);
    return true;
}

bool letters_next(const struct letters *letters, size_t *cursor, struct letter_text *ret_text)
{
    if (*cursor == letters->size)
        return false;
    struct letter *letter = (struct letter *)(void *)(letters->bytes + *cursor);
    const char *user = (const char *)(letter + 1), *topic = user + letter->user_size;
    const char *reply = topic + letter->topic_size;
    const char *head = reply + letter->reply_size;
    *ret_text = (struct letter_text){
        .rights = letter->rights,
        .asked = &letter->asked,
        .user = slice_make(user, letter->user_size),
        .topic = slice_make(topic, letter->topic_size),
        .reply = slice_make(reply, letter->reply_size),
        .head = slice_make(head, letter->head_size),
        .payload = slice_make(head + letter->head_size, letter->body_size - letter->head_size),
    };
    *cursor += size_of(letter);
    return true;
}

static void let_go(struct letters *letters)
{
    struct letter_text letter;
    size_t cursor = 0;
    while (letters->holds && letters_next(letters, &cursor, &letter)) {
        rights_unref(letter.rights);
        asked_forget(*letter.asked);
    }
    letters->holds = false;
}

void letters_clear(struct letters *letters)
{
    let_go(letters);
    letters->size = 0;
    if (letters->room > ROOM_KEPT)
        letters_finish(letters);
}

void letters_finish(struct letters *letters)
{
    let_go(letters);
    free(letters->bytes);
    *letters = (struct letters){ 0 };
}
