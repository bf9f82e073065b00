"""Starts `calbridge demo` once for all tests and ends it with SIGTERM.

The binary is the one of the development profile, or the one that CALBRIDGE_BINARY names.
"""

import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = pathlib.Path(os.environ.get("CALBRIDGE_BINARY", TARGET / "debug/calbridge"))
START_SECONDS = 60
STOP_SECONDS = 40


def keep_log(name, lines):
    """For the search for secrets in all logs, where CALBRIDGE_LOGS names a folder."""
    folder = os.environ.get("CALBRIDGE_LOGS")
    if folder:
        path = pathlib.Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        with open(path / f"interop-{name}.log", "a", encoding="utf-8") as file:
            file.writelines(line if line.endswith("\n") else f"{line}\n" for line in lines)


class Demo:
    """A running `calbridge demo`: where it listens, how to log in, whom to trust."""

    def __init__(self, url, user, password, ca, link):
        self.url = url
        self.user = user
        self.password = password
        self.ca = ca
        # With <address> where the mailbox stands.
        self.link = link


class Process:
    """The demo's process, with its standard output collected line by line."""

    def __init__(self, *arguments):
        self.child = subprocess.Popen(
            [str(BINARY), "demo", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self.lines = []
        self._queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            keep_log("demo", [line])
            self._queue.put(line)
        self._queue.put(None)

    def output_until(self, pattern, seconds=START_SECONDS):
        """All output up to the first line that matches."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._queue.get(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.child.kill()
                raise AssertionError(f"no {pattern!r} in the output:\n{''.join(self.lines)}")
            self.lines.append(line)
            if re.search(pattern, line):
                return "".join(self.lines)

    def stop(self):
        """SIGTERM; the exit status."""
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout=STOP_SECONDS)
        finally:
            self.child.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def demo():
    assert BINARY.exists(), f"{BINARY} is missing: run `cargo build` first"
    # The gateway's port is chosen here, because the gateway tells it to clients as part of its public URL; port 0 is
    # whatever is free.
    process = Process("--listen", f"127.0.0.1:{free_port()}", "--exchange-listen", "127.0.0.1:0")
    output = process.output_until(r"^Serving until")
    told = dict(re.findall(r"^([a-z ]+):\s+(.+)$", output, re.MULTILINE))
    yield Demo(
        url=told["gateway"],
        user=told["role account"],
        password=told["password"],
        ca=str(ROOT / told["trust"]),
        link=told["link"],
    )
    assert process.stop() == 0, f"exit status after SIGTERM:\n{''.join(process.lines)}"


@pytest.fixture(scope="session")
def answers():
    """The folder for answers that are to be validated against the schema, or None."""
    folder = os.environ.get("CALBRIDGE_ANSWERS")
    if not folder:
        return None
    path = pathlib.Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return path
