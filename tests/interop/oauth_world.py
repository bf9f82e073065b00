"""What the tests of OAuth 2.0 need around calbridge: certificates, the token server, an Exchange that wants tokens, and a
calbridge between them.
"""

import datetime
import ipaddress
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from conftest import BINARY, ROOT, keep_log
from exchange_upstream import Upstream

HERE = pathlib.Path(__file__).parent
START_SECONDS = 60
STOP_SECONDS = 40

CLIENT_ID = "11111111-2222-3333-4444-555555555555"
# Each of them stands in known-secrets.txt.
CLIENT_SECRET = "Chain~upstream~secret~9d41"
CALLER_PASSWORD = "Chain-caller-password-2b77"
MAILBOXES = ["svc1@cloud.example", "svc2@cloud.example"]


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Certificates:
    """An authority, a server certificate for localhost, and an application's own certificate."""

    def __init__(self, folder):
        self.folder = folder
        authority_key = ec.generate_private_key(ec.SECP256R1())
        authority = self.issue("calbridge test authority", authority_key.public_key(), authority_key, is_authority=True)
        self.authority = self.write("authority.pem", authority.public_bytes(serialization.Encoding.PEM))
        key = ec.generate_private_key(ec.SECP256R1())
        server = self.issue("localhost", key.public_key(), authority_key, issuer="calbridge test authority")
        self.server = self.write("server.pem", server.public_bytes(serialization.Encoding.PEM))
        self.server_key = self.write("server.key", pem(key))
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        application = self.issue("calbridge", key.public_key(), key)
        self.application = self.write("application.pem", application.public_bytes(serialization.Encoding.PEM))
        self.application_key = self.write("application.key", pem(key))

    def write(self, file, content):
        path = self.folder / file
        path.write_bytes(content)
        return str(path)

    def issue(self, subject, public, signer, issuer=None, is_authority=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer or subject))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=20))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(signer, hashes.SHA256())
        )


class Child:
    """A process whose output is kept; it is ended by its id."""

    def __init__(self, *command, output="stdout"):
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, output: subprocess.PIPE}
        self.child = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, text=True, encoding="utf-8", **streams
        )
        self.lines = []
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._read, args=(getattr(self.child, output),), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def line_with(self, text, seconds=START_SECONDS):
        """The first line that has the text in it."""

        def found():
            return next((line for line in self.lines if text in line), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, seconds)
            line = found()
            assert line is not None, f"no {text!r} in:\n" + "\n".join(self.lines)
            return line

    def count(self, text):
        with self._changed:
            return sum(text in line for line in self.lines)

    def stop(self):
        self.child.stdin.close()
        self.child.terminate()
        try:
            return self.child.wait(timeout=STOP_SECONDS)
        finally:
            self.child.kill()


class TokenServer(Child):
    def __init__(self, certificates, lifetime=3600):
        settings = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "certificate": certificates.application,
            "lifetime": lifetime,
        }
        file = certificates.write("token-server.json", json.dumps(settings).encode())
        script = str(HERE / "token_server.cjs")
        super().__init__("node", script, certificates.server_key, certificates.server, file)
        self.issuer = f"https://localhost:{self.line_with('port ').split()[1]}"
        self.url = f"{self.issuer}/token"


class Calbridge(Child):
    """The gateway; `access` and `auth` are the TOML of those sections."""

    def __init__(self, certificates, tokens, upstream, auth, access=""):
        folder = certificates.folder
        certificates.write("caller", CALLER_PASSWORD.encode())
        certificates.write("client-secret", CLIENT_SECRET.encode())
        # The discovery document tells the public URL, so the port must be known before.
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"https://localhost:{port}"
        accounts = "".join(f'[[endpoint.role_account]]\naddress = "{mailbox}"\n' for mailbox in MAILBOXES)
        file = certificates.write(
            "calbridge.toml",
            f"""[server]
listen = ["127.0.0.1:{port}"]
public_url = "{self.url}"
state_directory = "state"
[server.tls]
certificate = "server.pem"
private_key = "server.key"
[access]
allow = ["127.0.0.1"]
[[access.role_account]]
address = "interop@cloud.example"
password_file = "caller"
{access}
[cache]
fresh_for = "0s"
stale_while_revalidate = "0s"
[[endpoint]]
name = "cloud"
kind = "ews"
domains = ["cloud.example"]
url = "https://127.0.0.1:{upstream.port}/EWS/Exchange.asmx"
ca_certificate = "authority.pem"
[endpoint.auth]
kind = "oauth2"
token_url = "{tokens.url}"
token_ca_certificate = "authority.pem"
client_id = "{CLIENT_ID}"
{auth}
{accounts}""".encode(),
        )
        super().__init__(str(BINARY), "serve", "--config", file, output="stderr")
        self.line_with(f":{port}")
        self.ews = f"{self.url}/EWS/Exchange.asmx"
        self.folder = folder

    def stop(self):
        status = super().stop()
        keep_log("oauth", self.lines)
        return status


def run_client(script, *arguments, authority):
    """A client in a process of its own, which trusts the authority; its answer, as JSON."""
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": authority, "SSL_CERT_FILE": authority}
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def upstream(certificates, tokens):
    server = Upstream(certificates.server, certificates.server_key, certificates.authority, MAILBOXES)
    server.issuer = tokens.issuer
    return server
