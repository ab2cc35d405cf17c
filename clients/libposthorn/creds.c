#include "creds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "util/base64.h"

enum { TEXT_SIZE_MAX = 64 << 10 };

/* ---- files ---- */

static int refuse(const char *path, const char *reason, char *why)
{
    snprintf(why, PH_CREDS_WHY_SIZE, "%s: %s", path, reason);
    return PH_E_FILE;
}

/* The whole of it at text, which has room for TEXT_SIZE_MAX. */
static int read_file(const char *path, char *text, struct slice *ret_text, char *why)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return refuse(path, strerror(errno), why);
    setvbuf(file, NULL, _IONBF, 0); /* a buffer would keep the secrets */
    errno = 0;
    size_t size = fread(text, 1, TEXT_SIZE_MAX, file);
    int error = ferror(file) ? refuse(path, strerror(errno), why)
                : size == TEXT_SIZE_MAX ? refuse(path, "larger than any such file", why) : PH_OK;
    fclose(file);
    *ret_text = slice_make(text, size);
    return error;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line, without the blanks around it; false: there is none. */
static bool next_line(struct slice *text, struct slice *ret_line)
{
    if (text->size == 0)
        return false;
    const char *end = memchr(text->data, '\n', text->size);
    size_t size = end ? (size_t)(end - text->data) : text->size;
    struct slice line = slice_make(text->data, size);
    *text = slice_make(text->data + size + (end != NULL), text->size - size - (end != NULL));
    for (; line.size && is_blank(*line.data); line.size--)
        line.data++;
    while (line.size && is_blank(line.data[line.size - 1]))
        line.size--;
    *ret_line = line;
    return true;
}

static bool is_base64url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Three parts of base64url with dots between. */
static bool is_jwt(struct slice line)
{
    unsigned parts = 0;
    for (size_t i = 0; i < line.size; i++) {
        bool begins = i == 0 || line.data[i - 1] == '.';
        if (line.data[i] == '.' ? begins : !is_base64url(line.data[i]))
            return false;
        parts += begins;
    }
    return parts == 3 && line.data[line.size - 1] != '.';
}

/* What stands between the lines of dashes needs no such lines to be known. */
int ph_creds_read(struct slice text, struct ph_creds *creds)
{
    struct slice line;
    while (next_line(&text, &line)) {
        if (!creds->has_seed && nkey_seed_read(line, &creds->seed)) {
            creds->has_seed = true;
        } else if (!creds->jwt && is_jwt(line)) {
            creds->jwt = strndup(line.data, line.size);
            if (!creds->jwt)
                return PH_E_MEMORY;
        }
    }
    return PH_OK;
}

static int load(const char *path, struct ph_creds *creds, char *why)
{
    struct slice read;
    char *text = malloc(TEXT_SIZE_MAX);
    if (!text)
        return PH_E_MEMORY;
    int error = read_file(path, text, &read, why);
    if (!error)
        error = ph_creds_read(read, creds);
    explicit_bzero(text, TEXT_SIZE_MAX);
    free(text);
    return error;
}

static int check(const struct ph_options *options, struct ph_creds *creds, char *why)
{
    if (options->nkey_file && !creds->has_seed)
        return refuse(options->nkey_file, "no seed of an nkey is in it: a line that begins with SU", why);
    if (options->creds_file && !options->nkey_file && !creds->jwt)
        return refuse(options->creds_file, "no JWT is in it", why);
    if (creds->has_seed && creds->seed.kind != NKEY_USER)
        return refuse(options->nkey_file ? options->nkey_file : options->creds_file,
                      "the seed in it is not a user's: those begin with SU", why);
    return PH_OK;
}

int ph_creds_load(const struct ph_options *options, struct ph_creds *ret_creds, char why[PH_CREDS_WHY_SIZE])
{
    struct ph_creds creds = { .from_nkey_file = options->nkey_file != NULL };
    int error = PH_OK;
    *why = '\0';
    if (options->nkey_file || options->creds_file)
        error = load(options->nkey_file ? options->nkey_file : options->creds_file, &creds, why);
    if (!error)
        error = check(options, &creds, why);
    if (error)
        ph_creds_finish(&creds);
    else
        *ret_creds = creds;
    nkey_seed_wipe(&creds.seed);
    return error;
}

/* ---- CONNECT ---- */

static bool add_field(struct ph_buffer *bytes, const char *name, const char *value)
{
    return ph_buffer_add_text(bytes, ",\"") && ph_buffer_add_text(bytes, name) && ph_buffer_add_text(bytes, "\":") &&
           ph_json_write(bytes, value);
}

static bool add_signature(const struct nkey_seed *seed, const char *nonce, struct ph_buffer *bytes)
{
    unsigned char signature[NKEY_SIGNATURE_SIZE];
    char text[(NKEY_SIGNATURE_SIZE * 4 + 2) / 3 + 1];
    if (!nkey_sign(seed, slice_of(nonce), signature))
        return false;
    *base64url_write(text, slice_make((const char *)signature, sizeof signature)) = '\0';
    return add_field(bytes, "sig", text);
}

static bool add_key(const struct nkey_seed *seed, struct ph_buffer *bytes)
{
    struct nkey key;
    char text[NKEY_TEXT_SIZE];
    return nkey_public(seed, &key) && add_field(bytes, "nkey", nkey_write(&key, text));
}

bool ph_creds_write(const struct ph_creds *creds, const char *nonce, struct ph_buffer *bytes)
{
    return (!creds->jwt || creds->from_nkey_file || add_field(bytes, "jwt", creds->jwt)) &&
           (!creds->from_nkey_file || add_key(&creds->seed, bytes)) &&
           (!creds->has_seed || !*nonce || add_signature(&creds->seed, nonce, bytes));
}

void ph_creds_finish(struct ph_creds *creds)
{
    if (creds->jwt)
        explicit_bzero(creds->jwt, strlen(creds->jwt));
    free(creds->jwt);
    creds->jwt = NULL;
    creds->has_seed = false;
    nkey_seed_wipe(&creds->seed);
}
