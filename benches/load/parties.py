"""The processes of a load run: the gateway, nginx, and the programs of `minimal/`. Each is started with what it needs,
listens on loopback at a free port, is asked for its memory and processor time, and is ended by its process id."""

import base64
import getpass
import json
import os
import secrets
import socket
import ssl
import subprocess
import time
from http.client import HTTPSConnection
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

# Loopback is never reached through a proxy of the environment.
urlopen = build_opener(ProxyHandler({})).open

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# A profiler may be put before it.
GATEWAY_COMMAND = [ROOT / "target/release/calbridge"]
MINIMAL = ROOT / "target/release/calbridge-load"

USER = "load@load.example"
PASSWORD = secrets.token_urlsafe(24)
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
EWS = "/EWS/Exchange.asmx"
SOAP = "text/xml; charset=utf-8"
# Longer than any run: nothing goes stale while it is measured, nor after.
KEPT = 'fresh_for = "24h"\nstale_if_error = "0s"'


def environment():
    """Logging as shipped: no filter from whoever runs this."""
    plain = {key: value for key, value in os.environ.items() if key not in ("CALBRIDGE_LOG", "RUST_LOG")}
    return plain | {"LOAD_AUTHORIZATION": AUTHORIZATION, "CALBRIDGE_LOAD_PASSWORD": PASSWORD}


class Party:
    """A server that runs until `stop` or the end of a `with` block."""

    def __init__(self, name, command, folder, port=None):
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if port is None else log,
                stderr=log,
                env=environment(),
            )
        try:
            self.port = port or int(self.process.stdout.readline().rsplit(b":", 1)[1])
            self.await_port()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def await_port(self):
        limit = time.monotonic() + 20
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at once:\n{self.log.read_text()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def family(self):
        """Our process and its children: nginx works in children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu_seconds(self):
        """Processor time so far, user and system."""
        ticks = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Bytes of memory held now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


class Gateway(Party):
    def __init__(self, name, command, folder, port, ops):
        super().__init__(name, command, folder, port)
        self.ops = ops

    def gauge(self, name):
        """What the gateway's own metrics say now."""
        with urlopen(f"http://127.0.0.1:{self.ops}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


class World:
    """A folder with certificates, in which parties are started."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        self.make_certificates()

    def make_certificates(self):
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for command in [
            ["req", "-x509", *curve, "-days", "3", "-subj", "/CN=calbridge load CA",
             "-keyout", "ca.key", "-out", "ca.pem"],
            ["req", *curve, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr"],
            ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
             "-days", "3", "-extfile", extensions, "-out", "server.pem"],
        ]:
            subprocess.run(["openssl", *command], cwd=self.folder, check=True, capture_output=True)

    def gateway(self, endpoints, cache, name="calbridge", kind=None):
        """`endpoints`: TOML of [[endpoint]] tables; `cache`: lines of the [cache] table."""
        port, ops = free_port(), free_port()
        config = self.folder / f"{name}.toml"
        config.write_text(f"""
[ops]
listen = "127.0.0.1:{ops}"

[server]
listen = ["127.0.0.1:{port}"]
public_url = "https://127.0.0.1:{port}"

[server.tls]
certificate = "{self.certificate}"
private_key = "{self.key}"

[access]
allow = ["127.0.0.0/8"]

[[access.role_account]]
address = "{USER}"
password_env = "CALBRIDGE_LOAD_PASSWORD"

[cache]
{cache}

{endpoints}
""")
        return (kind or Gateway)(name, [*GATEWAY_COMMAND, "serve", "--config", config], self.folder, port, ops)

    def ews_endpoint(self, upstream, domain="load.example"):
        return f"""
[[endpoint]]
name = "upstream"
kind = "ews"
domains = ["{domain}"]
url = "https://{upstream.address}/EWS/Exchange.asmx"
ca_certificate = "{self.ca}"

[[endpoint.role_account]]
address = "svc@{domain}"
password_env = "CALBRIDGE_LOAD_PASSWORD"
"""

    def fixed(self, answer, name="minimal"):
        options = ["--certificate", self.certificate, "--key", self.key, "--answer", answer]
        return Party(name, [MINIMAL, "fixed", *options], self.folder)

    def upstream(self, delay=0, events=40):
        options = ["--certificate", self.certificate, "--key", self.key, "--delay", delay, "--events", events]
        return Party(f"upstream-{delay}", [MINIMAL, "upstream", *options], self.folder)

    def nginx(self, answer, name="nginx"):
        """The static module refuses POST with a 405, whose error page is the file itself."""
        port = free_port()
        root = self.folder / f"{name}.root"
        (root / "EWS").mkdir(parents=True)
        (root / "EWS/Exchange.asmx").write_bytes(answer.read_bytes())
        config = self.folder / f"{name}.conf"
        user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
        config.write_text(f"""
daemon off;
{user}
worker_processes auto;
pid {self.folder}/{name}.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=10;
    client_body_temp_path {self.folder}/{name}.body;
    proxy_temp_path {self.folder}/{name}.proxy;
    fastcgi_temp_path {self.folder}/{name}.fastcgi;
    uwsgi_temp_path {self.folder}/{name}.uwsgi;
    scgi_temp_path {self.folder}/{name}.scgi;
    types {{ }}
    default_type "text/xml; charset=utf-8";
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {self.certificate};
        ssl_certificate_key {self.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        root {root};
        location / {{ error_page 405 =200 $uri; }}
    }}
}}
""")
        return Party(name, ["nginx", "-c", config, "-p", self.folder, "-e", "stderr"], self.folder, port)

    def ask(self, party, bodies, path=EWS, content_type=SOAP, method="POST"):
        """Posts each body, or gets each path, and yields its answer."""
        trust = ssl.create_default_context(cafile=self.ca)
        connection = HTTPSConnection("127.0.0.1", party.port, timeout=60, context=trust)
        headers = {"Authorization": AUTHORIZATION, "Content-Type": content_type}
        for body in bodies:
            what = (path, body.encode()) if method == "POST" else (body, None)
            connection.request(method, *what, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise RuntimeError(f"{party.name} answered {response.status}: {answer[:500]!r}")
            yield answer
        connection.close()

    def posted(self, upstream):
        """How many requests the scripted upstream has had."""
        trust = ssl.create_default_context(cafile=self.ca)
        connection = HTTPSConnection("127.0.0.1", upstream.port, timeout=10, context=trust)
        connection.request("GET", "/")
        return int(connection.getresponse().read())

    def caller(self, part, party, bodies, *options):
        """The command of a caller of `minimal/`."""
        target = ["--address", party.address, "--ca", self.ca, "--bodies", bodies]
        return [str(word) for word in [MINIMAL, part, *target, *options]]

    def call(self, party, bodies, *options):
        """Runs the measuring caller to its end."""
        command = self.caller("client", party, bodies, *options)
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise RuntimeError(f"the caller of {party.name}: {done.stderr}")
        return json.loads(done.stdout)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_lines(path, lines):
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path
