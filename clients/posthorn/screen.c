#include "screen.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ROWS_DEFAULT = 24, COLUMNS_DEFAULT = 80 };

void screen_open(struct screen *screen)
{
    screen->live = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && tcgetattr(STDIN_FILENO, &screen->saved) == 0;
    if (!screen->live)
        return;
    struct termios keys = screen->saved;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* signals of the keyboard stay */
    keys.c_cc[VMIN] = 0;
    keys.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    fputs("\033[?1049h\033[?25l", stdout); /* the other screen, no cursor */
}

void screen_close(struct screen *screen)
{
    if (!screen->live)
        return;
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &screen->saved);
    screen->live = false;
}

void screen_size(unsigned *ret_rows, unsigned *ret_columns)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    *ret_rows = known ? size.ws_row : ROWS_DEFAULT;
    *ret_columns = known ? size.ws_col : COLUMNS_DEFAULT;
}

size_t screen_cut(const char *text, size_t size, unsigned columns, unsigned *ret_used)
{
    size_t at = 0;
    unsigned used = 0;
    for (; at < size; at++) {
        bool begins = ((unsigned char)text[at] & 0xc0) != 0x80;
        if (begins && used == columns)
            break;
        used += begins;
    }
    if (ret_used)
        *ret_used = used;
    return at;
}

void screen_show(const struct screen *screen, const char *text)
{
    unsigned rows, columns;
    if (!screen->live) {
        fputs(text, stdout);
        fflush(stdout);
        return;
    }
    screen_size(&rows, &columns);
    fputs("\033[H", stdout);
    for (unsigned row = 0; *text && row < rows; row++) {
        size_t size = strcspn(text, "\n");
        printf("%s%.*s\033[K", row ? "\n" : "", (int)screen_cut(text, size, columns, NULL), text);
        text += size + (text[size] == '\n');
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

char screen_key(void)
{
    char key;
    return read(STDIN_FILENO, &key, 1) == 1 ? key : '\0';
}
