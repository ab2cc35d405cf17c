#include "json.h"

#include "util/base64.h"
#include "util/utf8.h"

static void write_ascii(FILE *out, unsigned char character)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, what stands for it */
    const char *pair = named;
    while (*pair && (unsigned char)*pair != character)
        pair += 2;
    if (*pair)
        fprintf(out, "\\%c", pair[1]);
    else if (character < ' ' || character == 0x7f)
        fprintf(out, "\\u%04x", character);
    else
        putc_unlocked(character, out);
}

void json_string(FILE *out, const char *data, size_t size)
{
    putc_unlocked('"', out);
    while (size) {
        size_t step = utf8_character_size(slice_make(data, size));
        if (step == 0)
            fputs("\\ufffd", out);
        else if (step == 1)
            write_ascii(out, (unsigned char)*data);
        else
            fwrite(data, 1, step, out);
        step += step == 0;
        data += step;
        size -= step;
    }
    putc_unlocked('"', out);
}

/* In pieces that come out even: only the last has padding. */
void json_base64(FILE *out, const char *data, size_t size)
{
    enum { PIECE = 3 * 256 };
    char text[PIECE / 3 * 4];
    putc_unlocked('"', out);
    while (size) {
        size_t piece = size < PIECE ? size : PIECE;
        fwrite(text, 1, (size_t)(base64_write(text, slice_make(data, piece)) - text), out);
        data += piece;
        size -= piece;
    }
    putc_unlocked('"', out);
}
