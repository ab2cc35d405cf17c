/* posthorn passwd: makes the lines of a [user NAME] that prove who he is. */
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "prompt.h"
#include "say.h"
#include "util/base64.h"
#include "util/nkey.h"
#include "util/password.h"
#include "util/random.h"

enum { TOKEN_SIZE = 32 }; /* bytes of chance */

struct values {
    bool stdin_;
    bool token;
    bool nkey;
    uint64_t cost;
};

#define FIELD(member) offsetof(struct values, member)

static const struct option options[] = {
    { "stdin", 0, NULL, OPTION_FLAG, FIELD(stdin_), NULL, "read the password once, also from a pipe" },
    { "cost", 0, "N", OPTION_COUNT, FIELD(cost), "12", "twice the work for each one more: 4 to 20" },
    { "token", 't', NULL, OPTION_FLAG, FIELD(token), NULL, "make a token in place of a password" },
    { "nkey", 0, NULL, OPTION_FLAG, FIELD(nkey), NULL, "make an nkey (ed25519) in place of a password" },
    { 0 },
};

static const struct option_group groups[] = { { "Options", options, 0 }, { 0 } };

static const struct example examples[] = {
    { "A line for [user alice], of a password that is asked for twice:", "posthorn passwd" },
    { "Of one that a program gives:", "pass show alice | posthorn passwd --stdin" },
    { "A token, and the line that knows it again:", "posthorn passwd --token" },
    { 0 },
};

const struct command_details passwd_details = {
    .operands = "",
    .operand_min = 0,
    .operand_max = 0,
    .values_size = sizeof(struct values),
    .groups = groups,
    .about =
        "Prints what goes into a [user NAME] section of posthornd.ini, from which nobody finds out the secret: the "
        "hash of a password (bcrypt), which has up to 72 bytes.\n\n"
        "With --token or --nkey the first line is the secret itself, which is made here and nowhere kept: give it to "
        "the client. The second is for the configuration: the token's digest, or the public key.",
    .examples = examples,
};

static void wipe(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

/* NULL, having said why. */
static char *ask(const struct values *values)
{
    char *first = prompt_secret("password"), *second;
    if (!first || values->stdin_) {
        if (!first)
            say("no password on standard input");
        return first;
    }
    second = prompt_secret("once more");
    bool same = second && strcmp(first, second) == 0;
    wipe(second);
    if (same)
        return first;
    wipe(first);
    say("the two passwords differ");
    return NULL;
}

static enum exit_code print_hash(const char *password, unsigned cost)
{
    char hash[PASSWORD_HASH_SIZE];
    size_t size = strlen(password);
    if (!size || size > PASSWORD_BCRYPT_SIZE_MAX)
        return fail(EXIT_USAGE, "a password has 1 to %d bytes", PASSWORD_BCRYPT_SIZE_MAX);
    if (password_make_hash(slice_make(password, size), cost, hash) != 0)
        return fail(EXIT_FAILED, "libcrypt makes no hash");
    printf("password = %s\n", hash);
    return EXIT_OK;
}

static enum exit_code make_password(const struct values *values)
{
    if (values->cost < PASSWORD_COST_MIN || values->cost > PASSWORD_COST_MAX)
        return fail(EXIT_USAGE, "a cost is %d to %d", PASSWORD_COST_MIN, PASSWORD_COST_MAX);
    char *password = ask(values);
    enum exit_code code = password ? print_hash(password, (unsigned)values->cost) : EXIT_USAGE;
    wipe(password);
    return code;
}

static enum exit_code make_token(void)
{
    char token[64], *end;
    unsigned char chance[TOKEN_SIZE], digest[SHA256_DIGEST_LENGTH];
    do {
        random_bytes(chance, sizeof chance);
        end = base64url_write(token, slice_make((const char *)chance, sizeof chance));
    } while (token[0] == '-'); /* it is to be the value of an option, too */
    SHA256((const unsigned char *)token, (size_t)(end - token), digest);
    printf("%.*s\ntoken = sha256:", (int)(end - token), token);
    for (size_t i = 0; i < sizeof digest; i++)
        printf("%02x", digest[i]);
    putchar('\n');
    OPENSSL_cleanse(chance, sizeof chance);
    OPENSSL_cleanse(token, sizeof token);
    return EXIT_OK;
}

static enum exit_code make_nkey(void)
{
    char text[NKEY_SEED_TEXT_SIZE], public[NKEY_TEXT_SIZE];
    unsigned char chance[NKEY_SIZE];
    struct nkey_seed seed;
    struct nkey key;
    random_bytes(chance, sizeof chance);
    nkey_seed_make(NKEY_USER, chance, &seed);
    bool good = nkey_public(&seed, &key);
    if (good)
        printf("%s\nnkey = %s\n", nkey_seed_write(&seed, text), nkey_write(&key, public));
    nkey_seed_wipe(&seed);
    OPENSSL_cleanse(chance, sizeof chance);
    OPENSSL_cleanse(text, sizeof text);
    return good ? EXIT_OK : fail(EXIT_FAILED, "libcrypto makes no key");
}

enum exit_code passwd_run(void *data, struct operands operands)
{
    const struct values *values = data;
    (void)operands;
    if (values->token && values->nkey)
        return fail(EXIT_USAGE, "--token and --nkey: one of them");
    return values->token ? make_token() : values->nkey ? make_nkey() : make_password(values);
}
