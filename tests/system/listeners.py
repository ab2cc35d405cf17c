#!/usr/bin/env python3
"""Listeners: IPv4, IPv6, unix sockets, several at once; addresses that are taken; configurations that are wrong."""

import os
import re
import socket
import stat
import subprocess
import tempfile

from harness import ORACLE, Daemon, Skip, connect_socket, equal, flush_all, main, refused_start

EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_CONFIG = 64, 69, 78


def _only_posthornd():
    if ORACLE:
        raise Skip("of posthornd only")


def _exchange(*clients):
    """Every client hears every other."""
    for i, client in enumerate(clients):
        client.subscribe("meet", str(i))
    flush_all(clients)
    for i, client in enumerate(clients):
        client.publish("meet", b"%d" % i)
        for other in clients:
            other.expect("meet", b"%d" % i)


def ipv6_clients_and_ipv4_clients_meet():
    _only_posthornd()
    with Daemon(listen="127.0.0.1:0, [::1]:0") as daemon:
        equal(len(daemon.line), 2, "addresses in the ready line")
        equal(daemon.line[1].startswith("[::1]:"), True, f"the second address is IPv6 ({daemon.line})")
        clients = [daemon.client(address=daemon.line[i % 2]) for i in range(6)]
        equal([c.info["client_ip"] for c in clients[:2]], ["127.0.0.1", "::1"], "client_ip")
        _exchange(*clients)


def unix_socket_clients_meet_the_others():
    _only_posthornd()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "line.sock")
        with Daemon(listen=f"127.0.0.1:0, unix:{path}") as daemon:
            equal(daemon.line[1], f"unix:{path}", "the address in the ready line")
            _exchange(*[daemon.client(address=daemon.line[i % 2]) for i in range(6)])
        equal(os.path.exists(path), False, "the socket's file after a clean end")


def unix_socket_alone_is_enough():
    _only_posthornd()
    with tempfile.TemporaryDirectory() as folder:
        with Daemon(listen=f"unix:{folder}/a.sock") as daemon:
            _exchange(*daemon.clients(5))


def unix_socket_has_the_mode_that_was_asked_for():
    _only_posthornd()
    with tempfile.TemporaryDirectory() as folder:
        for mode in ("0600", "0660", "0666"):
            path = os.path.join(folder, f"mode{mode}.sock")
            with Daemon(f"line.unix_mode={mode}", listen=f"unix:{path}"):
                found = os.stat(path)
                equal(stat.S_ISSOCK(found.st_mode), True, "it is a socket")
                equal(oct(stat.S_IMODE(found.st_mode)), oct(int(mode, 8)), "mode")


def unix_socket_mode_is_0660_by_default():
    _only_posthornd()
    with tempfile.TemporaryDirectory() as folder:
        with Daemon(listen=f"unix:{folder}/a.sock"):
            equal(oct(stat.S_IMODE(os.stat(f"{folder}/a.sock").st_mode)), oct(0o660), "mode")


def a_stale_unix_socket_is_replaced():
    """A daemon that was killed leaves its socket's file behind: the next one takes its place."""
    _only_posthornd()
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/a.sock"
        first = Daemon(listen=address)
        first.kill()
        equal(os.path.exists(address[5:]), True, "the file is still there")
        with Daemon(listen=address) as second:
            second.client().flush()


def a_living_daemons_unix_socket_is_not_taken():
    _only_posthornd()
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/a.sock"
        with Daemon(listen=address) as first:
            client = first.client()
            code, log = refused_start(listen=address)
            equal(code, EXIT_UNAVAILABLE, "exit code of the second daemon")
            equal("a.sock" in log, True, f"the path is named: {log}")
            client.flush()
            first.client().flush()


def a_file_that_is_no_socket_is_not_replaced():
    _only_posthornd()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "precious")
        with open(path, "w", encoding="ascii") as file:
            file.write("data")
        code, log = refused_start(listen=f"unix:{path}")
        equal(code, EXIT_UNAVAILABLE, "exit code")
        equal("precious" in log, True, f"the path is named: {log}")
        with open(path, encoding="ascii") as file:
            equal(file.read(), "data", "the file")


def a_taken_port_is_refused_by_name():
    _only_posthornd()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, log = refused_start(listen=f"127.0.0.1:{port}")
        equal(code, EXIT_UNAVAILABLE, "exit code")
        equal(f"127.0.0.1:{port}" in log, True, f"the address is named: {log}")
        equal(bool(re.search("in use", log)), True, f"the reason is named: {log}")


def another_daemons_port_is_refused():
    """Whatever lets several workers listen on one port must not let two daemons share it."""
    _only_posthornd()
    with Daemon() as first:
        code, _ = refused_start(listen=first.line[0])
        equal(code, EXIT_UNAVAILABLE, "exit code")
        for client in first.clients(8):
            client.flush()


def one_taken_port_of_several_is_refused():
    _only_posthornd()
    with Daemon() as first:
        code, log = refused_start(listen=f"127.0.0.1:0, {first.line[0]}")
        equal(code, EXIT_UNAVAILABLE, "exit code")
        equal(first.line[0] in log, True, f"the address is named: {log}")


def a_port_is_free_again_right_after_the_end():
    _only_posthornd()
    with Daemon() as first:
        address = first.line[0]
        clients = first.clients(5)
        flush_all(clients)
        first.stop()
    with Daemon(listen=address) as second:
        second.client().flush()


def an_address_of_no_interface_is_refused():
    _only_posthornd()
    code, log = refused_start("server.open=yes", listen="192.0.2.1:0")
    equal(code, EXIT_UNAVAILABLE, "exit code")
    equal("192.0.2.1" in log, True, f"the address is named: {log}")


def bad_configurations_are_told_apart_and_named():
    _only_posthornd()
    for text, wanted in (("[line]\nping_intervall = 2m\n", r"posthornd\.ini:2.*ping_intervall.*ping_interval"),
                         ("[line]\npayload_size_max = lots\n", r"posthornd\.ini:2.*lots"),
                         ("[server]\n\nworkers = 65\n", r"posthornd\.ini:3.*65"),
                         ("[kitchen]\nsink = 1\n", r"posthornd\.ini:\d.*kitchen"),
                         ("workers = 2\n", r"posthornd\.ini:1"),
                         ("[line]\nlisten = nowhere\n", r"posthornd\.ini:2.*nowhere")):
        code, log = refused_start(config=text, listen=None, log_level=None)
        equal(code, EXIT_CONFIG, f"exit code for {text!r} ({log})")
        if not re.search(wanted, log):
            raise AssertionError(f"{text!r} is refused by: {log}\nwanted: {wanted}")


def a_bad_override_and_a_missing_file_are_bad_configuration():
    _only_posthornd()
    code, log = refused_start("line.payload_size_max=lots")
    equal(code, EXIT_CONFIG, f"exit code of a bad override ({log})")
    equal("lots" in log, True, f"the text is named: {log}")
    done = subprocess.run([os.environ["POSTHORND"], "--config", "/nonexistent/posthornd.ini"], capture_output=True, timeout=30, check=False)
    equal(done.returncode, EXIT_CONFIG, "exit code of a missing file")
    equal(b"/nonexistent/posthornd.ini" in done.stderr, True, "the file is named")


def a_wrong_command_line_is_a_usage_error():
    _only_posthornd()
    for arguments in (["--no-such-option"], ["stray"], ["--set"], ["--set", "nonsense"]):
        done = subprocess.run([os.environ["POSTHORND"], *arguments], capture_output=True, timeout=30, check=False)
        wanted = (EXIT_USAGE, EXIT_CONFIG) if "nonsense" in arguments else (EXIT_USAGE,)
        equal(done.returncode in wanted, True, f"{arguments} give exit code {done.returncode}")
        equal(done.stdout, b"", "stdout")
        equal(bool(done.stderr), True, "something is said")


def half_open_connections_from_a_port_scan_do_no_harm():
    with Daemon() as daemon:
        client = daemon.client()
        for _ in range(50):
            connect_socket(daemon.line[0]).close()
        client.flush()


if __name__ == "__main__":
    main(ipv6_clients_and_ipv4_clients_meet, unix_socket_clients_meet_the_others, unix_socket_alone_is_enough,
         unix_socket_has_the_mode_that_was_asked_for, unix_socket_mode_is_0660_by_default, a_stale_unix_socket_is_replaced,
         a_living_daemons_unix_socket_is_not_taken, a_file_that_is_no_socket_is_not_replaced, a_taken_port_is_refused_by_name,
         another_daemons_port_is_refused, one_taken_port_of_several_is_refused, a_port_is_free_again_right_after_the_end,
         an_address_of_no_interface_is_refused, bad_configurations_are_told_apart_and_named,
         a_bad_override_and_a_missing_file_are_bad_configuration, a_wrong_command_line_is_a_usage_error,
         half_open_connections_from_a_port_scan_do_no_harm)
