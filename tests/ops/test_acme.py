"""`calbridge certificate` (feature acme) against Debian's pebble: a certificate is got over HTTP-01, taken by a gateway that
runs, left alone while it is good, and replaced when other names are wanted."""

import json
import os
import socket
import ssl
import stat
import subprocess
import time
import urllib.request

import pytest

from gateway import FILES, FULL, PASSWORD, ROOT, Side, free_port, write_certificate

NAME, OTHER = "interop.example.com", "ews.example.org"
PATIENCE_SECONDS = 60


class Authority:
    """pebble, and a name server by which every name is at 127.0.0.1."""

    def __init__(self, folder):
        self.folder = folder
        write_certificate(folder)
        self.port, self.management, self.asks_at = free_port(), free_port(), free_port()
        names, manages_names = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        config = folder / "pebble.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(folder / "server.pem"),
            "privateKey": str(folder / "server.key"),
            "httpPort": self.asks_at,
            "tlsPort": free_port(),
        }}))
        self.log = open(folder / "pebble.log", "wb")
        # Neither waits at random nor refuses good nonces at random.
        quick = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
        self.children = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, env=quick)
            for command in [
                ["pebble-challtestsrv", "-dns01", names, "-management", manages_names, "-defaultIPv6", "",
                 "-http01", "", "-https01", "", "-tlsalpn01", ""],
                ["pebble", "-config", str(config), "-dnsserver", names],
            ]
        ]
        self.trust = ssl.create_default_context(cafile=str(folder / "server.pem"))
        self.root = folder / "root.pem"
        self.root.write_bytes(self.wait_for_root())

    def wait_for_root(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                url = f"https://127.0.0.1:{self.management}/roots/0"
                with urllib.request.urlopen(url, timeout=10, context=self.trust) as answer:
                    return answer.read()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                # Another process, which cannot call us.
                time.sleep(0.1)

    def stop(self):
        for child in self.children:
            child.terminate()
            child.wait(timeout=30)
        self.log.close()


@pytest.fixture
def authority(tmp_path):
    folder = tmp_path / "authority"
    folder.mkdir()
    authority = Authority(folder)
    yield authority
    authority.stop()


def certificate(authority, folder, *names, listen=None):
    """Runs the command to its end."""
    command = [
        FULL, "certificate", *(word for name in names for word in ("--domain", name)),
        "--contact", "mailto:admin@example.com",
        "--directory", f"https://localhost:{authority.port}/dir",
        "--directory-ca", authority.folder / "server.pem",
        "--listen", f"127.0.0.1:{listen or authority.asks_at}",
        "--certificate", folder / "server.pem", "--private-key", folder / "server.key",
        "--account-key", folder / "account.key",
    ]  # fmt: skip
    command = [str(word) for word in command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def names_shown(authority, port, name):
    """The DNS names of the certificate that a gateway shows, which must lead to the authority's root."""
    trust = ssl.create_default_context(cafile=str(authority.root))
    trust.check_hostname = False
    with socket.create_connection(("127.0.0.1", port), timeout=10) as tcp:
        with trust.wrap_socket(tcp, server_hostname=name) as tls:
            return {value for kind, value in tls.getpeercert()["subjectAltName"] if kind == "DNS"}


def wait_until_shown(authority, port, names):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if names_shown(authority, port, NAME) == names:
                return
        except OSError:
            # Not bound yet.
            pass
        assert time.monotonic() < deadline, "the certificate is not shown"
        time.sleep(0.1)


def test_a_certificate_is_got_and_replaced_while_a_gateway_serves(authority, tmp_path):
    got = certificate(authority, tmp_path, NAME)
    assert got.returncode == 0, got.stderr
    assert "holds a new certificate" in got.stdout
    for secret in ("server.key", "account.key"):
        assert stat.S_IMODE((tmp_path / secret).stat().st_mode) == 0o600
    (tmp_path / "password").write_text(PASSWORD)
    gateway = Side(tmp_path, "gateway", FILES, calendars=ROOT / "config/demo/calendars")
    try:
        wait_until_shown(authority, gateway.port, {NAME})
        before = (tmp_path / "server.pem").read_bytes()
        again = certificate(authority, tmp_path, NAME)
        assert again.returncode == 0, again.stderr
        assert "good for longer" in again.stdout
        assert (tmp_path / "server.pem").read_bytes() == before
        account = (tmp_path / "account.key").read_bytes()
        more = certificate(authority, tmp_path, NAME, OTHER)
        assert more.returncode == 0, more.stderr
        assert (tmp_path / "account.key").read_bytes() == account
        wait_until_shown(authority, gateway.port, {NAME, OTHER})
    finally:
        status = gateway.stop()
    assert status == 0


def test_a_name_that_does_not_lead_here_leaves_the_old_certificate(authority, tmp_path):
    assert certificate(authority, tmp_path, NAME).returncode == 0
    before = (tmp_path / "server.pem").read_bytes(), (tmp_path / "server.key").read_bytes()
    refused = certificate(authority, tmp_path, NAME, OTHER, listen=free_port())
    assert refused.returncode == 1, refused.stdout
    assert refused.stderr.strip()
    assert ((tmp_path / "server.pem").read_bytes(), (tmp_path / "server.key").read_bytes()) == before
