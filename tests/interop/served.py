"""A `calbridge serve` that a test has configured itself, and the files that its configuration names."""

import socket
import subprocess

from chromium import PATIENCE, wait
from conftest import BINARY, keep_log

SECRET = "a password of the servers"
# What the certificate has left, in days.
CERTIFICATE_DAYS = 83

# The sections that all have. Clients log in with SECRET.
SERVER = """
[server]
listen = ["127.0.0.1:{port}"]
public_url = "https://127.0.0.1:{port}"
tls = {{ certificate = "server.pem", private_key = "server.key" }}
[access]
allow = ["127.0.0.1"]
role_account = [{{ address = "interop@example.com", password_file = "secret" }}]
"""


def furnish(folder):
    """The files that SERVER names."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", str(CERTIFICATE_DAYS), "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=CA:FALSE", "-keyout", "server.key", "-out", "server.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    (folder / "secret").write_text(SECRET)


def write_calendar(path, events, *more):
    """Events by the lines of each, and lines of the calendar itself."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//calbridge//tests//EN", *more]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", "DTSTAMP:20260101T000000Z", *event, "END:VEVENT"]
    path.write_text("\r\n".join([*lines, "END:VCALENDAR", ""]), encoding="utf-8", newline="")


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Served:
    """Listens at `port` from now until it is ended, or its `with` block is left."""

    def __init__(self, folder, name, port, text):
        file = folder / f"{name}.toml"
        file.write_text(text)
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            command = [str(BINARY), "serve", "--config", str(file)]
            self.child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait(lambda: self.child.poll() is not None or can_connect(port), f"{name} does not listen")
            assert self.child.poll() is None, self.log.read_text()
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.child.terminate()
        self.child.wait(PATIENCE)
        keep_log(self.log.stem, self.log.read_text().splitlines())
