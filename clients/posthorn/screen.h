/* screen: the terminal for a live view: another screen than the one with the shell's lines, and keys as they come. */
#ifndef POSTHORN_SCREEN_H
#define POSTHORN_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct screen {
    bool live; /* standard input and output are a terminal: false: plain text, nothing is changed */
    struct termios saved;
};

/* Gives the terminal back with screen_close. */
void screen_open(struct screen *screen);
void screen_close(struct screen *screen);

/* Rows and columns; 24 and 80 where nobody knows. */
void screen_size(unsigned *ret_rows, unsigned *ret_columns);

/* Shows a text in place of what was shown: lines beyond the last row and column are cut. Plain: appends it. */
void screen_show(const struct screen *screen, const char *text);

/* How many bytes of UTF-8 fit into so many columns, a character in each. *ret_used (NULL: nobody asks): the columns. */
size_t screen_cut(const char *text, size_t size, unsigned columns, unsigned *ret_used);

/* A key that has been pressed; 0: none. */
char screen_key(void);

#endif
