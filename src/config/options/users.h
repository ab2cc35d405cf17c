/* Rows of THE table of options (../options.c): [jwt], [user]: who may enter. */
/* clang-format off */
    { "jwt",    "jwks_file",                  AT(jwt, jwks_file),                      OPTION_TEXT,
        "",            "0",      "4096",    RELOAD,
        .help = "A file with the public keys that sign tokens, a JSON Web Key Set as the identity provider publishes "
                "it; a reload reads it again. A key signs by the one algorithm of its kind, whatever a token says: "
                "Ed25519 by EdDSA, P-256 by ES256, RSA by RS256, oct by HS256. Others are passed over.",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "jwt",    "secret_file",                AT(jwt, secret_file),                    OPTION_TEXT,
        "",            "0",      "4096",    RELOAD,
        .help = "A file with a secret that signs tokens by HS256: all of it but a line's end behind it, 32 bytes or "
                "more. Whoever can check such tokens can make them.",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "jwt",    "issuer",                     AT(jwt, issuer),                         OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "What stands in a token as iss." },
    { "jwt",    "audience",                   AT(jwt, audience),                       OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "Of which one has to stand in a token as aud." },
    { "jwt",    "leeway",                     AT(jwt, leeway_ms),                      OPTION_DURATION_MS,
        "30s",         "0",      "10m",     RELOAD,
        .help = "By how much the clock of the issuer may be off, where exp and nbf are looked at." },
    { "jwt",    "user",                       AT(jwt, user),                           OPTION_TEXT,
        "",            "0",      "64",      RELOAD,
        .help = "The NAME of a [user NAME] whose rights and limits those have whose tokens bring no rights, and who "
                "have no section of their own name. Without one they do not enter." },

    { "user",   "password",                   AT(user, password),                      OPTION_TEXT,
        NULL,          "1",      "256",     RELOAD | SECRET,
        .help = "What the user gives as password; better its hash, which posthorn passwd makes: bcrypt, or what "
                "else crypt(5) has. What begins with $, a few letters or digits and $ again is taken for a hash.",
        .check = check_password, .expected = "a hash that this system's libcrypt can check, or a plain password" },
    { "user",   "token",                      AT(user, token),                         OPTION_TEXT,
        NULL,          "1",      "1024",    RELOAD | SECRET,
        .help = "What the user gives as token; better sha256: and the digest of it in hexadecimal digits. posthorn "
                "passwd --token makes both.",
        .check = check_token, .expected = "sha256: with 64 hexadecimal digits, or a plain token" },
    { "user",   "nkey",                       AT(user, nkey),                          OPTION_TEXT,
        "",            "0",      "64",      RELOAD | SECRET,
        .help = "The public part of the user's nkey (ed25519), which begins with U. His client signs with the other "
                "part, and never shows it. It is not printed, lest somebody has put the other part here.",
        .check = check_nkey,
        .expected = "the public key of a user, 56 letters and digits that begin with U, or nothing" },
    { "user",   "certificate",                AT(user, certificate),                   OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "Whose client certificate is the user's, where [tls] asks for certificates: its subject as RFC 2253 "
                "writes it, such as CN=alice,O=Example. openssl x509 -noout -subject -nameopt RFC2253 prints it." },
    { "user",   "certificate_names",          AT(user, certificate_names),             OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "The same by a name that stands in the certificate (subjectAltName): an e-mail address, a DNS name or "
                "a URI." },
    { "user",   "unix_user",                  AT(user, unix_users),                    OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "Users of this machine whose programs enter by a unix socket without showing anything, by name or "
                "number." },
    { "user",   "connections_max",            AT(user, connections_max),               OPTION_COUNT,
        "unlimited",   "1",      "1000000", RELOAD,
        .help = "The most connections of the user at a time; one more is refused. Over HTTP a connection is the user's "
                "while a request of his is under way, and a stream of messages is such a request.",
        .zero = "unlimited" },
    { "user",   "subscriptions_max",          AT(user, subscriptions_max),             OPTION_COUNT,
        "unlimited",   "1",      "1000000000", RELOAD,
        .help = "The most subscriptions of all connections of the user together; one more is refused. "
                "line.subscriptions_max bounds those of each connection besides.",
        .zero = "unlimited" },
    { "user",   "publish_rate",               AT(user, publish_rate),                  OPTION_COUNT_WIDE,
        "unlimited",   "1",      "1000000000", RELOAD,
        .help = "The most messages that the user publishes in a second, all connections together. A second's worth may "
                "come at once. What goes beyond is slowed down: a connection of the line protocol is not read from "
                "until it is time again, and a request over HTTP is answered with 429 and Retry-After.",
        .zero = "unlimited" },
    { "user",   "publish_bytes_rate",         AT(user, publish_bytes_rate),            OPTION_SIZE,
        "unlimited",   "1",      "1TiB",    RELOAD,
        .help = "The same for bytes of headers and payloads in a second. Make it larger than payload_size_max: one "
                "message that is larger is paid for by as many seconds of rest.",
        .zero = "unlimited" },
    { "user",   "payload_size_max",           AT(user, payload_size_max),              OPTION_SIZE,
        "unlimited",   "1",      "64MiB",   RELOAD,
        .help = "The largest message of the user, headers and payload together; line.payload_size_max bounds it "
                "besides. Who sends a larger one over the line protocol is disconnected, over HTTP it is answered with "
                "413.",
        .zero = "unlimited" },
    { "user",   "pending_size_max",           AT(user, pending_size_max),              OPTION_SIZE,
        "unlimited",   "64KiB",  "16GiB",   RELOAD,
        .help = "Output that may wait for one connection of the user over the line protocol, which is closed where "
                "more piles up; line.pending_size_max bounds it besides.",
        .zero = "unlimited" },
    { "user",   "streams_max",                AT(user, streams_max),                   OPTION_COUNT_WIDE,
        "unlimited",   "1",      "1000000000", RELOAD,
        .help = "The most streams that the user makes by the JetStream API or over HTTP, buckets among them, and those "
                "of their dead letters. A stream is the user's who made it, whoever publishes to it, until it is "
                "deleted; those that this file names are nobody's.",
        .zero = "unlimited", .programs = BROKER },
    { "user",   "stored_bytes_max",           AT(user, stored_bytes_max),              OPTION_SIZE,
        "unlimited",   "1",      "1024TiB",    RELOAD,
        .help = "The most bytes that these streams hold together, in memory and in files. A stream whose bytes_max is "
                "more than what the others leave is not made. When all is used up, what is published to them is "
                "refused until something has gone; one that makes room by its bytes_max goes on.",
        .zero = "unlimited", .programs = BROKER },
    { "user",   "publish",                    AT(user, publish),                       OPTION_LIST,
        ">",           "0",      "1024",    RELOAD,
        .help = "Topics that the user may publish to, and ask. Empty: none. What is asked of the JetStream API and of "
                "webhooks by messages is judged by what it asks for.",
        .check = check_pattern, .expected = "a pattern such as orders.>" },
    { "user",   "publish_deny",               AT(user, publish_deny),                  OPTION_LIST,
        "",            "0",      "1024",    RELOAD,
        .help = "Topics that the user may not publish to, though publish names them.",
        .check = check_pattern, .expected = "a pattern such as orders.secret.>" },
    { "user",   "subscribe",                  AT(user, subscribe),                     OPTION_LIST,
        ">",           "0",      "1024",    RELOAD | OPTION_WORDS,
        .help = "Topics that the user may read: live, and what streams keep of them. Empty: none. A group behind a "
                "pattern, as in \"orders.> workers\", allows it to those alone who join such a group. Clients of the "
                "line protocol that ask for replies need their inbox, _INBOX.> unless they are told another.",
        .check = check_pattern_and_group, .expected = "a pattern such as orders.>, perhaps with a group behind it" },
    { "user",   "subscribe_deny",             AT(user, subscribe_deny),                OPTION_LIST,
        "",            "0",      "1024",    RELOAD | OPTION_WORDS,
        .help = "Topics that the user may not read, though subscribe names them. Where a pattern that is subscribed to "
                "names more, what is denied is left out.",
        .check = check_pattern_and_group, .expected = "a pattern such as orders.secret.>, perhaps with a group behind "
                                                      "it" },
    { "user",   "allow_responses",            AT(user, allow_responses),               OPTION_TEXT,
        "no",          "1",      "64",      RELOAD,
        .help = "Whether the user may publish to the reply topics of messages that it was delivered, though publish "
                "does not name them: no, yes, which is once and within two minutes, or how often, and perhaps within "
                "which time: 5, 30s.",
        .check = check_responses, .expected = "no, yes, a number, or a number and a duration such as 5, 30s" },
    { "user",   "manage",                     AT(user, manage),                        OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether the user may make, change, empty and remove streams, webhooks and what they keep, and use "
                "topics of the server's own.",
        .choices = no_or_yes },
    { "user",   "monitor",                    AT(user, monitor),                       OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether the user may see the dashboard, metrics, connections, and all streams, consumers and "
                "webhooks.",
        .choices = no_or_yes },
