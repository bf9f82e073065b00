"""DavMail (Debian's package, headless, in EWS mode) logged in against the gateway: a calendar program asks its CalDAV outbox
when somebody is busy.
"""

import base64
import http.client
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from calendars import address
from conftest import free_port

JAR = pathlib.Path("/usr/share/davmail/davmail.jar")
START_SECONDS = 90


@pytest.fixture(scope="module")
def davmail(demo, tmp_path_factory):
    """The CalDAV port of a running DavMail."""
    assert JAR.exists(), "DavMail is missing: run .ci/tools"
    folder = tmp_path_factory.mktemp("davmail")
    trust = folder / "trust.p12"
    keytool = shutil.which("keytool")
    assert keytool, "keytool is missing: it comes with Java"
    subprocess.run(
        [keytool, "-importcert", "-noprompt", "-alias", "demo", "-file", demo.ca]
        + ["-keystore", str(trust), "-storetype", "PKCS12", "-storepass", "changeit"],
        check=True,
        capture_output=True,
    )
    port = free_port()
    settings = folder / "davmail.properties"
    settings.write_text(
        f"""davmail.server=true
davmail.mode=EWS
davmail.url={demo.url}
davmail.caldavPort={port}
davmail.imapPort=
davmail.smtpPort=
davmail.popPort=
davmail.ldapPort=
davmail.allowRemote=false
davmail.bindAddress=127.0.0.1
davmail.disableUpdateCheck=true
davmail.logFilePath={folder / "davmail.log"}
davmail.keepDelay=30
"""
    )
    with (folder / "output.txt").open("w") as output:
        child = subprocess.Popen(
            ["java", "-Djava.awt.headless=true", f"-Djavax.net.ssl.trustStore={trust}"]
            + ["-Djavax.net.ssl.trustStorePassword=changeit", "-jar", str(JAR), "-server", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            told = (folder / "output.txt").read_text(errors="replace")
            assert child.poll() is None and time.monotonic() < deadline, told
            time.sleep(0.2)
        yield port
    finally:
        child.terminate()
        child.wait(timeout=30)


def ask(davmail, demo, names, start, end):
    """The answer to a POST of a free/busy request (RFC 6638 section 5) to the outbox."""
    attendees = "".join(f"ATTENDEE;CUTYPE=INDIVIDUAL:mailto:{name}\r\n" for name in names)
    body = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//interop//EN\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\n"
        f"UID:1@calbridge\r\nDTSTAMP:20261001T000000Z\r\nDTSTART:{start}\r\nDTEND:{end}\r\n"
        f"ORGANIZER:mailto:{demo.user}\r\n{attendees}END:VFREEBUSY\r\nEND:VCALENDAR\r\n"
    )
    login = base64.b64encode(f"{demo.user}:{demo.password}".encode()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", davmail, timeout=60)
    headers = {"Authorization": f"Basic {login}", "Content-Type": "text/calendar; charset=utf-8"}
    connection.request("POST", f"/users/{demo.user}/outbox/", body.encode(), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    return text


def periods(text):
    """`kind start/end` of each FREEBUSY line, unfolded."""
    lines = text.replace("\r\n ", "").replace("\r", "").split("\n")
    told = [line for line in lines if line.startswith("FREEBUSY")]
    found = []
    for line in told:
        name, values = line.split(":", 1)
        kind = name.partition("FBTYPE=")[2] or "BUSY"
        found += [f"{kind} {value}" for value in values.split(",")]
    return sorted(found)


def test_exactly_the_periods_of_the_calendars(davmail, demo):
    # DavMail asks by quarters of an hour. Berlin is an hour ahead of UTC.
    text = ask(davmail, demo, [address("greta")], "20261027T000000Z", "20261028T000000Z")
    assert periods(text) == [
        "BUSY 20261027T080000Z/20261027T103000Z",
        "BUSY 20261027T104500Z/20261027T110000Z",
        "BUSY-TENTATIVE 20261027T110000Z/20261027T113000Z",
        "BUSY-UNAVAILABLE 20261027T103000Z/20261027T104500Z",
    ]


def test_several_people_at_once(davmail, demo):
    names = [address("hugo"), address("david"), address("nobody")]
    text = ask(davmail, demo, names, "20261027T000000Z", "20261028T000000Z")
    assert periods(text) == [
        "BUSY 20261027T110000Z/20261027T114500Z",
        "BUSY 20261027T123000Z/20261027T133000Z",
        "BUSY-TENTATIVE 20261027T120000Z/20261027T123000Z",
    ]
