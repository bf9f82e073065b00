"""A gateway whose status page has something to tell: two servers behind it (calbridge itself, in the place of Exchange),
one of them asked by OAuth 2.0, a folder of calendars, traffic, and a caller that was turned away."""

import base64
import datetime
import socket
import subprocess
import urllib.parse
import urllib.request

from chromium import PATIENCE, urlopen, wait
from conftest import BINARY, free_port
from served import SECRET, SERVER, Served, can_connect, furnish, write_calendar

OPERATOR, PASSWORD = "operator", "a password of the status page"
CLIENT = "44444444-5555-6666-7777-888888888888"
# What the client secret of the second server has left.
SECRET_DAYS = 20
DAY = datetime.date(2026, 9, 7)
# Of anna@example.com on that day: begin, end, status, as iCalendar writes it.
ENTRIES = [
    ("0630", "0715", "WORKINGELSEWHERE"),
    ("0800", "0930", "BUSY"),
    ("1000", "1030", "TENTATIVE"),
    ("1130", "1300", "BUSY"),
    ("1400", "1730", "OOF"),
]

SIDE = """
[[access.client]]
client_id = "{client}"
client_secret_hash = "{hash}"
role_accounts = ["interop@example.com"]
[[endpoint]]
name = "mailboxes"
kind = "calendar-files"
domains = ["example.com", "example.org"]
directory = "mailboxes"
time_zone = "UTC"
"""
FRONT = """
[ops]
listen = "127.0.0.1:{ops}"
login = {{ user = "{operator}", password_file = "ops-secret" }}
[[freebusy_url]]
directory = "interop"
google_domain = "example.com"
allow = ["127.0.0.1"]
domains = ["example.com"]
[[endpoint]]
name = "headquarters"
kind = "ews"
domains = ["example.com"]
url = "https://127.0.0.1:{headquarters}/EWS/Exchange.asmx"
ca_certificate = "server.pem"
role_account = [{{ address = "interop@example.com", password_file = "secret" }}]
[[endpoint]]
name = "cloud"
kind = "ews"
domains = ["example.org"]
url = "https://127.0.0.1:{cloud}/EWS/Exchange.asmx"
ca_certificate = "server.pem"
role_account = [{{ address = "interop@example.com" }}]
[endpoint.auth]
kind = "oauth2"
token_ca_certificate = "server.pem"
token_url = "https://127.0.0.1:{cloud}/oauth2/v2.0/token"
client_id = "{client}"
client_secret_file = "secret"
client_secret_expires = {expires}
[[endpoint]]
name = "rooms"
kind = "calendar-files"
domains = ["rooms.example.com"]
directory = "mailboxes"
time_zone = "UTC"
"""


def events():
    for begin, end, status in ENTRIES:
        yield [
            f"DTSTART:{DAY:%Y%m%d}T{begin}00Z", f"DTEND:{DAY:%Y%m%d}T{end}00Z",
            "SUMMARY:Never on the page", f"X-MICROSOFT-CDO-BUSYSTATUS:{status}",
        ]  # fmt: skip


class StatusWorld:
    """Runs until the end of its `with` block."""

    def __init__(self, folder):
        self.folder = folder
        self.served = {}

    def __enter__(self):
        self._write_files()
        ports = {name: free_port() for name in ("headquarters", "cloud", "front", "ops")}
        self.public, self.ops = ports["front"], ports["ops"]
        expires = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=SECRET_DAYS)
        words = {"client": CLIENT, "hash": self._hash(), "operator": OPERATOR, "expires": expires, **ports}
        try:
            for name in ("headquarters", "cloud"):
                self._start(name, ports[name], SIDE, words)
            self._start("front", ports["front"], FRONT, words)
            wait(lambda: can_connect(self.ops), "the ops listener does not listen")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in list(self.served):
            self.end(name)

    def end(self, name):
        """One of the servers, or the gateway."""
        self.served.pop(name).end()

    def address(self, path="/", login=True):
        credential = f"{OPERATOR}:{urllib.parse.quote(PASSWORD)}@" if login else ""
        return f"http://{credential}127.0.0.1:{self.ops}{path}"

    def get(self, path, login=True):
        request = urllib.request.Request(self.address(path, login=False))
        if login:
            word = base64.b64encode(f"{OPERATOR}:{PASSWORD}".encode()).decode()
            request.add_header("authorization", f"Basic {word}")
        with urlopen(request, timeout=PATIENCE) as answer:
            return answer.headers, answer.read().decode()

    def look_up(self, mailbox, day):
        return self.get(f"/?mailbox={urllib.parse.quote(mailbox)}&day={day}")[1]

    def traffic(self, mailbox, calls, since=DAY):
        """Look-ups so far apart that each needs a call."""
        for number in range(calls):
            page = self.look_up(mailbox, since + datetime.timedelta(days=70 * number))
        return page

    def knock_from_elsewhere(self):
        """From an address that may not call."""
        with socket.create_connection(("127.0.0.1", self.public), PATIENCE, source_address=("127.0.0.2", 0)) as stranger:
            assert stranger.recv(1) == b""

    def _write_files(self):
        furnish(self.folder)
        (self.folder / "ops-secret").write_text(PASSWORD)
        mailboxes = self.folder / "mailboxes"
        mailboxes.mkdir()
        for address in ("anna@example.com", "bernd@example.com", "carla@example.org", "aurora@rooms.example.com"):
            write_calendar(mailboxes / f"{address}.ics", events())

    def _start(self, name, port, sections, words):
        text = (SERVER + sections).format(port=port, **words)
        self.served[name] = Served(self.folder, name, port, text)

    def _hash(self):
        command = [str(BINARY), "hash-password"]
        said = subprocess.run(command, input=f"{SECRET}\n", capture_output=True, text=True, check=True)
        return said.stdout.strip()
