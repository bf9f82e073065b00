"""A gateway under load for the tests of ops/: behind it a second one that plays the Exchange server."""

import base64
import datetime
import ipaddress
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = pathlib.Path(os.environ.get("CALBRIDGE_BINARY", TARGET / "debug/calbridge"))
# With all features.
FULL = pathlib.Path(os.environ.get("CALBRIDGE_FULL", TARGET / "calbridge-full"))
PASSWORD = "a password of the tests of ops"
STOP_SECONDS = 40

SIDE = """
[server]
listen = ["127.0.0.1:{port}"]
public_url = "https://127.0.0.1:{port}"
[server.tls]
certificate = "server.pem"
private_key = "server.key"
watch = "1s"
[access]
allow = ["127.0.0.1"]
[[access.role_account]]
address = "interop@exchange.example"
password_file = "password"
[ops]
listen = "127.0.0.1:{ops}"
"""
FILES = """
[[endpoint]]
name = "files"
kind = "calendar-files"
domains = ["exchange.example"]
directory = "{calendars}"
time_zone = "Europe/Berlin"
"""
EXCHANGE = """
[[endpoint]]
name = "hq"
kind = "ews"
domains = ["exchange.example"]
url = "https://127.0.0.1:{upstream}/EWS/Exchange.asmx"
ca_certificate = "server.pem"
cache = {{ fresh_for = "1s" }}
[[endpoint.role_account]]
address = "interop@exchange.example"
password_file = "password"
"""
# Never asked: it is there for its metrics of secrets and tokens.
CLOUD = """
[sharing]
room_booking = false
[[endpoint]]
name = "cloud"
kind = "ews"
domains = ["cloud.example"]
url = "https://127.0.0.1:1/EWS/Exchange.asmx"
[endpoint.auth]
kind = "oauth2"
token_url = "https://127.0.0.1:1/token"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret_file = "password"
client_secret_expires = 2099-01-01
[[endpoint.role_account]]
address = "interop@cloud.example"
"""
QUESTION = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
    xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
 <s:Body><m:GetUserAvailabilityRequest>
  <t:TimeZone><t:Bias>0</t:Bias>
   <t:StandardTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>
   <t:DaylightTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime>
  </t:TimeZone>
  <m:MailboxDataArray><t:MailboxData><t:Email><t:Address>{mailbox}</t:Address></t:Email>
   <t:AttendeeType>Required</t:AttendeeType><t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData></m:MailboxDataArray>
  <t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>2026-09-07T00:00:00</t:StartTime><t:EndTime>2026-09-08T00:00:00</t:EndTime></t:TimeWindow>
   <t:MergedFreeBusyIntervalInMinutes>30</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>Detailed</t:RequestedView></t:FreeBusyViewOptions>
 </m:GetUserAvailabilityRequest></s:Body></s:Envelope>"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def write_certificate(folder, host="localhost"):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "calbridge")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(host)]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def keep_log(name):
    """For the search for secrets in all logs, where CALBRIDGE_LOGS names a folder."""
    folder = os.environ.get("CALBRIDGE_LOGS")
    if folder:
        path = pathlib.Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        with open(path / f"ops-{pathlib.Path(name).name}", "ab") as kept:
            kept.write(pathlib.Path(name).read_bytes())


class Side:
    """One `calbridge serve`."""

    def __init__(self, folder, name, endpoint, binary=BINARY, environment=None, **settings):
        self.port, self.ops = free_port(), free_port()
        file = folder / f"{name}.toml"
        file.write_text((SIDE + endpoint).format(port=self.port, ops=self.ops, **settings))
        self.log = open(folder / f"{name}.log", "wb")
        self.child = subprocess.Popen(
            [str(binary), "serve", "--config", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env=os.environ | (environment or {}),
        )

    def wait_until_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/readyz", timeout=10):
                    return
            except OSError:
                # Another process, which cannot call us.
                assert time.monotonic() < deadline and self.child.poll() is None, "it is not ready"
                time.sleep(0.05)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout=STOP_SECONDS)
        finally:
            self.child.kill()
            self.log.close()
            keep_log(self.log.name)


def question(port, mailbox, **headers):
    """The request for a mailbox's day."""
    login = base64.b64encode(f"interop@exchange.example:{PASSWORD}".encode()).decode()
    headers |= {"Authorization": f"Basic {login}", "Content-Type": "text/xml; charset=utf-8"}
    url = f"https://127.0.0.1:{port}/EWS/Exchange.asmx"
    return urllib.request.Request(url, QUESTION.format(mailbox=mailbox).encode(), headers)


class Load:
    """Asks the gateway again and again, for mailboxes that are there and one that is not, until it is stopped."""

    MAILBOXES = ["anna@exchange.example", "nobody@exchange.example", "anna@elsewhere.example"]

    def __init__(self, port, trust):
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(trust))
        self.answered = 0
        self.failures = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.05):
            mailbox = self.MAILBOXES[self.answered % len(self.MAILBOXES)]
            try:
                with urllib.request.urlopen(question(self._port, mailbox), timeout=30, context=self._tls) as answer:
                    answer.read()
                self.answered += 1
            except (urllib.error.URLError, OSError) as error:
                # Until the gateway listens, nobody answers.
                if self.answered:
                    self.failures.append(error)

    def stop(self):
        self._stop.set()
        self._thread.join(timeout=60)
