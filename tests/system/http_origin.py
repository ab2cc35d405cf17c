#!/usr/bin/env python3
"""Pages: which origins may ask, what their browsers are told, and under which names the server answers (DNS rebinding)."""

from harness import Daemon, equal, main
from web import Http

GOOD, BAD = "https://shop.example", "https://evil.example"
KINDS = {"same-origin", "none"}  # what Sec-Fetch-Site says of the server's own pages, and of a typed address


def _daemon(*options):
    return Daemon(f"http.origins={GOOD},http://localhost:3000", *options)


def _own(http):
    return f"http://{http.host}"


def _cors(answer):
    return {name.lower(): value for name, value in answer.headers if name.lower().startswith("access-control-")}


def _kept(daemon, topic):
    with Http(daemon) as http:
        return [m["data"] for m in http.get(f"/v1/topics/{topic}?since=all").check(200).json()["messages"]]


# -------------------------------------------------------------------------------------------------------- same origin


def pages_of_the_server_itself_may_do_all():
    """Under https too, where the browser says so: a proxy in front may speak TLS for it."""
    for daemon in (Daemon(), _daemon()):
        with daemon, Http(daemon) as http:
            for headers in ({"Origin": _own(http)}, {"Origin": f"https://{http.host}", "Sec-Fetch-Site": "same-origin"}, {"Origin": _own(http), "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
                http.post("/v1/topics/a", b"x", headers).check(200)
                http.get("/v1/topics/a?since=all", headers).check(200)


def pages_of_other_origins_may_nothing_by_default():
    with Daemon() as daemon, Http(daemon) as http:
        port = daemon.http_port
        strangers = (BAD, GOOD, "null", f"https://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1 if port < 65535 else port - 1}",
                     "http://127.0.0.1", f"http://127.0.0.1.evil.example:{port}", f"http://evil.example:{port}", "garbage", "")
        for origin in strangers:
            for kind in (None, "cross-site", "same-site"):
                headers = {"Origin": origin, **({"Sec-Fetch-Site": kind} if kind else {})}
                for method, path in (("POST", "/v1/topics/a"), ("PUT", "/v1/topics/a"), ("POST", "/v1/publish"), ("POST", "/v1/request/a"),
                                     ("POST", "/v1/replies/x")):
                    answer = http.request(method, path, b"x", headers).check(403, "bad-origin")
                    equal(_cors(answer), {}, f"CORS for {origin}")
        equal(_kept(daemon, "a"), [], "what strangers' pages published")


def strangers_cannot_read_either():
    """They may be refused or answered, but no browser may show them the answer: no Access-Control-Allow-Origin."""
    with Daemon() as daemon, Http(daemon) as http:
        http.post("/v1/topics/a", b"secret").check(200)
        for path in ("/v1/topics/a?since=all", "/varz", "/connz", "/metrics"):
            answer = http.get(path, {"Origin": BAD, "Sec-Fetch-Site": "cross-site"})
            equal(_cors(answer), {}, f"CORS of {path}")
        stream = Http(daemon)
        stream.ask("GET", "/v1/topics/a/sse", None, {"Origin": BAD})
        stream.wait(stream.answers.__len__, "an answer")
        equal(_cors(stream.answers[0]), {}, "CORS of a stream")


def the_simple_post_without_an_origin_is_judged_by_where_it_comes_from():
    """A form's POST of an old browser has no Origin; a new one says Sec-Fetch-Site."""
    with Daemon() as daemon, Http(daemon) as http:
        for kind in ("cross-site", "same-site", "CROSS-SITE", "whatever"):
            http.post("/v1/topics/a", b"x", {"Sec-Fetch-Site": kind, "Content-Type": "text/plain"}).check(403, "bad-origin")
        equal(_kept(daemon, "a"), [], "what was published")


def links_from_elsewhere_may_lead_to_the_pages():
    """Navigation from another site is a GET of a document, and a dashboard may be linked to."""
    with Daemon() as daemon, Http(daemon) as http:
        answer = http.get("/healthz", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
        answer.check(200)


# ----------------------------------------------------------------------------------------------------- allowed origins


def pages_of_allowed_origins_may():
    with _daemon() as daemon, Http(daemon) as http:
        for origin in (GOOD, "http://localhost:3000"):
            for answer in (http.post("/v1/topics/a", b"x", {"Origin": origin, "Sec-Fetch-Site": "cross-site"}).check(200),
                           http.get("/v1/topics/a?since=all", {"Origin": origin}).check(200),
                           http.get("/v1/topics/a..b", {"Origin": origin}).check(400),  # a page may read why
                           http.get("/nothing", {"Origin": origin}).check(404)):
                cors = _cors(answer)
                equal(cors["access-control-allow-origin"], origin, "allowed origin")
                equal("origin" in answer.tokens("Vary"), True, "Vary")
                equal("access-control-allow-credentials" in cors, False, "credentials")
        exposed = http.get("/v1/topics/a?since=all", {"Origin": GOOD}).tokens("Access-Control-Expose-Headers")
        equal({"posthorn-cursor", "etag", "link", "retry-after"} <= exposed, True, f"exposed headers {exposed}")
        for origin in (BAD, GOOD.upper(), GOOD + ":8443", GOOD + "/", GOOD + ".evil.example", "http://shop.example", "null"):
            answer = http.post("/v1/topics/b", b"x", {"Origin": origin})
            equal(("access-control-allow-origin" in _cors(answer), answer.status), (False, 403), f"{origin} is refused")
        equal(_kept(daemon, "b"), [], "what was published")


def streams_say_it_too():
    with _daemon() as daemon:
        http = Http(daemon)
        http.ask("GET", "/v1/topics/a/sse", None, {"Origin": GOOD})
        http.wait(http.answers.__len__, "a head")
        equal(_cors(http.answers[0]).get("access-control-allow-origin"), GOOD, "allowed origin")


def a_preflight_is_answered_and_kept():
    with _daemon("user.ada.password=engine") as daemon, Http(daemon) as http:  # a preflight carries no credentials
        for method, wanted in (("POST", {"post", "get", "put"}), ("PUT", {"post", "get", "put"})):
            answer = http.request("OPTIONS", "/v1/topics/a", None, {
                "Origin": GOOD, "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,last-event-id,posthorn-header-x"})
            equal(answer.status in (200, 204), True, f"status {answer.status}")
            cors = _cors(answer)
            equal(cors["access-control-allow-origin"], GOOD, "allowed origin")
            equal(wanted <= answer.tokens("Access-Control-Allow-Methods"), True, f"methods {cors}")
            headers = answer.tokens("Access-Control-Allow-Headers")
            equal({"authorization", "content-type", "idempotency-key", "last-event-id", "posthorn-header-x"} <= headers, True,
                  f"headers {headers}")
            equal(int(cors["access-control-max-age"]) >= 60, True, "how long it may be kept")
        refused = http.request("OPTIONS", "/v1/topics/a", None, {"Origin": BAD, "Access-Control-Request-Method": "POST"})
        equal("access-control-allow-origin" in _cors(refused), False, "a stranger's preflight")


def the_star_allows_all_and_never_with_credentials():
    with Daemon("http.origins=*") as daemon, Http(daemon) as http:
        for origin in (GOOD, BAD, "null"):
            answer = http.post("/v1/topics/a", b"x", {"Origin": origin, "Sec-Fetch-Site": "cross-site"}).check(200)
            cors = _cors(answer)
            equal(cors["access-control-allow-origin"] in ("*", origin), True, f"allowed {cors}")
            equal("access-control-allow-credentials" in cors, False, "credentials")


def credentials_are_for_named_origins():
    with _daemon("http.credentials=yes") as daemon, Http(daemon) as http:
        cors = _cors(http.get("/v1/topics/a?since=all", {"Origin": GOOD}))
        equal((cors["access-control-allow-origin"], cors["access-control-allow-credentials"]), (GOOD, "true"), "CORS")
    daemon = Daemon("http.origins=*", "http.credentials=yes", ready=False)  # refused at start, or without credentials
    try:
        daemon._wait_ready()
    except AssertionError:
        return "refused at start"
    with daemon, Http(daemon) as http:
        cors = _cors(http.get("/v1/topics/a?since=all", {"Origin": BAD}))
        equal("access-control-allow-credentials" in cors, False, "credentials for everybody")
    return ""


# ---------------------------------------------------------------------------------------------------------------- hosts


def a_loopback_listener_answers_to_its_own_names_only():
    with Daemon("http.hosts=broker.example") as daemon:
        port = daemon.http_port
        own = ("localhost", "127.0.0.1", "[::1]", "LocalHost", "broker.example", "BROKER.example")
        for host in (*own, *(f"{name}:{port}" for name in own)):
            http = Http(daemon)
            http.host = host
            http.get("/healthz").check(200)
            http.post("/v1/topics/a", b"x").check(200)
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "evil",
                     "evilbroker.example", "broker.example.evil"):
            for method, path in (("POST", "/v1/topics/b"), ("GET", "/v1/topics/a?since=all"), ("GET", "/varz"), ("GET", "/")):
                http = Http(daemon)
                http.host = host
                http.request(method, path, b"x" if method == "POST" else None).check(421, "bad-host")
        equal(_kept(daemon, "b"), [], "what was published under other names")


def a_rebound_page_is_a_stranger():
    """A page of evil.example whose name now means 127.0.0.1: for its browser it is the same origin."""
    with Daemon() as daemon:
        http = Http(daemon)
        http.host = f"evil.example:{daemon.http_port}"
        answer = http.post("/v1/topics/a", b"x", {"Origin": f"http://{http.host}", "Sec-Fetch-Site": "same-origin"})
        equal((answer.status in (403, 421), _cors(answer)), (True, {}), f"status {answer.status}")
        equal(_kept(daemon, "a"), [], "what it published")


def an_absolute_target_counts_as_the_host():
    with Daemon() as daemon:
        http = Http(daemon)
        answer = http.raw(f"GET http://evil.example/varz HTTP/1.1\r\nHost: {http.host}\r\n\r\n".encode())
        equal(answer.status in (400, 421), True, f"status {answer.status}")


if __name__ == "__main__":
    main(pages_of_the_server_itself_may_do_all, pages_of_other_origins_may_nothing_by_default, strangers_cannot_read_either,
         the_simple_post_without_an_origin_is_judged_by_where_it_comes_from, links_from_elsewhere_may_lead_to_the_pages,
         pages_of_allowed_origins_may, streams_say_it_too, a_preflight_is_answered_and_kept,
         the_star_allows_all_and_never_with_credentials, credentials_are_for_named_origins,
         a_loopback_listener_answers_to_its_own_names_only, a_rebound_page_is_a_stranger, an_absolute_target_counts_as_the_host)
