"""A gateway is changed while wrk asks it without a pause: 200 reloads, and certificates that are renewed, a named one, too.
No request fails, and nothing is left over."""

import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest

from gateway import FILES, PASSWORD, QUESTION, ROOT, Side, question, write_certificate

RELOADS = 200
# Resident memory may grow by so much over the reloads: 150 worlds that were kept would be far more. What counts is the
# least of several looks, since each password that a reload or a login hashes takes 19 MiB for a moment.
LOOKS = 50
GROWTH_KIB = 16 << 10
PATIENCE_SECONDS = 120
NAMED = """
[[server.tls.named]]
certificate = "named/server.pem"
private_key = "named/server.key"
"""
# Where certificates are, and as what the gateway is asked to be shown them. An address is no name: it gets the default.
HOSTS = {"named": "localhost", ".": "127.0.0.1"}
NAMES = {"named": "localhost", ".": "default.example"}


class Wrk:
    """Runs until it is stopped; then it says what it has counted."""

    def __init__(self, folder, url, *headers):
        bodies = folder / "bodies"
        bodies.write_text(QUESTION.format(mailbox="anna@exchange.example").replace("\n", "") + "\n")
        login = dict(question(0, "").header_items())["Authorization"]
        self.child = subprocess.Popen(
            ["wrk", "-t1", "-c4", "-d600s", "--timeout", "30s", *(word for line in headers for word in ("-H", line)),
             "-s", str(ROOT / "benches/load/rotate.lua"), url, "--", str(bodies)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={"LOAD_AUTHORIZATION": login, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    def stop(self):
        """Requests and failures: answers that are no success, and connections that broke or gave nothing in time."""
        self.child.send_signal(signal.SIGINT)
        try:
            said, _ = self.child.communicate(timeout=60)
        finally:
            self.child.kill()
        counted = re.search(r'"requests":(\d+),.*"errors":(\d+)', said)
        assert counted, said
        return int(counted[1]), int(counted[2])


def held(side):
    """Resident memory in KiB, and open files."""
    process = pathlib.Path(f"/proc/{side.child.pid}")
    memory = re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    return int(memory[1]), len(list((process / "fd").iterdir()))


def shown(side, host):
    """The certificate that a new connection is shown."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", side.port), timeout=30) as tcp:
        name = host if host == "localhost" else None
        with trust.wrap_socket(tcp, server_hostname=name) as tls:
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True)).strip()


def wait_until(is_so, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        # Another process, which cannot call us.
        time.sleep(0.05)


def told(side, sample):
    """The sum of all samples of the metrics that begin so."""
    with urllib.request.urlopen(f"http://127.0.0.1:{side.ops}/metrics", timeout=30) as answer:
        return sum(map(int, re.findall(rf"^{sample} (\d+)$", answer.read().decode(), re.M)))


def served(side):
    return told(side, r'calbridge_requests_total\{.*outcome="answered".*\}')


def opened(side):
    return told(side, "calbridge_connections_opened_total")


@pytest.fixture
def folder(tmp_path):
    for place in HOSTS:
        (tmp_path / place).mkdir(exist_ok=True)
        write_certificate(tmp_path / place, NAMES[place])
    (tmp_path / "password").write_text(PASSWORD)
    return tmp_path


@pytest.fixture
def side(folder):
    side = Side(folder, "gateway", NAMED + FILES, calendars=ROOT / "config/demo/calendars")
    side.wait_until_ready()
    yield side
    assert side.stop() == 0


def test_reloads_fail_no_request_and_leave_nothing_behind(folder, side):
    file = folder / "gateway.toml"
    text = file.read_text()
    _, before = held(side)
    loads = [Wrk(folder, f"https://127.0.0.1:{side.port}/EWS/Exchange.asmx", *headers) for headers in ([], ["Connection: close"])]
    try:
        wait_until(lambda: served(side), "nobody is answered")
        seen = []
        for number in range(RELOADS):
            # Each time the endpoint is another one than before.
            file.write_text(f'{text}cache = {{ fresh_for = "{20 + number % 2}s" }}\n')
            request = urllib.request.Request(f"http://127.0.0.1:{side.ops}/reload", b"", {"X-Calbridge-Ops": "1"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200
            seen.append(held(side)[0])
    finally:
        counted = [load.stop() for load in loads]
    for requests, failures in counted:
        assert requests > RELOADS and failures == 0, counted
    # The second one has a new connection for each request.
    assert opened(side) >= counted[1][0], counted
    early, late = min(seen[10:][:LOOKS]), min(seen[-LOOKS:])
    assert late - early < GROWTH_KIB, (early, late)
    wait_until(lambda: held(side)[1] <= before, f"{before} files were open, now {held(side)[1]}")


def test_certificates_are_renewed_under_load(folder, side):
    loads = {
        place: Wrk(folder, f"https://{host}:{side.port}/EWS/Exchange.asmx", "Connection: close")
        for place, host in HOSTS.items()
    }
    try:
        wait_until(lambda: served(side), "nobody is answered")
        for _ in range(5):
            for place, host in HOSTS.items():
                others = {other: shown(side, HOSTS[other]) for other in HOSTS if other != place}
                write_certificate(folder / place, NAMES[place])
                new = (folder / place / "server.pem").read_text().strip()
                wait_until(lambda: shown(side, host) == new, f"{host} is shown the old certificate")
                assert all(shown(side, HOSTS[other]) == old for other, old in others.items())
    finally:
        counted = {place: load.stop() for place, load in loads.items()}
    for requests, failures in counted.values():
        assert requests > 100 and failures == 0, counted
    assert opened(side) >= sum(requests for requests, _ in counted.values()), counted
