"""Answers of the faces beside EWS from the cache: FreeBusyURL, a free/busy link, and both questions in JSON, each beside a
minimal server that answers with the same bytes."""

import hashlib
import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Callable
from urllib.parse import urlencode

import hits
import parties
from questions import MAILBOXES, MONDAY, Workload
from report import Section, micros, number

SERVERS = ["calbridge", "minimal"]
ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "W. Europe Standard Time"]
BODIES = 512
# What the figure of FreeBusyURL must be: requests/s of the gateway to those of the minimal server.
LEAST = 0.5
# Of no gateway but this one.
KEY = "6c6f61642d6c6f61642d6c6f61642d6c6f61642d6c6f6164"

# As GSSMO asks: one mailbox, eighteen days.
CALENDAR = Workload("FBU", "1 mailbox, 18 days, 40 events, times only", 1, 18, 40, "FreeBusy")


@dataclass
class Face:
    """One way to ask. `lines`: bodies to post to `path`, or paths to get."""

    name: str
    title: str
    lines: Callable
    # From an answer to how many busy times it has, None where it is not the answer to the question of this place.
    count: Callable
    path: str = ""
    content_type: str = ""
    method: str = "POST"

    def request(self):
        return self.path, self.content_type, self.method


def places():
    """Questions of which no two are equal: place, mailbox, start, end, zone."""
    for place in range(BODIES):
        start = MONDAY + timedelta(days=place % 6)
        end = start + timedelta(days=CALENDAR.days)
        yield place, f"person{place % MAILBOXES}@{CALENDAR.domain}", start, end, ZONES[place % len(ZONES)]


def messages():
    for place, mailbox, start, end, zone in places():
        message = f"[1,{place},[{mailbox}],{start:%Y%m%d}/{end:%Y%m%d},{start:%Y%m%dT%H%M%S},{zone}]"
        yield urlencode({"text": message})


def count_in_page(place, page):
    known = b"&quot;20&quot;,[[" in page and f"[&quot;1&quot;,&quot;{place}&quot;,".encode() in page
    return page.count(b"[&quot;&quot;,") if known else None


def links():
    for _, mailbox, start, end, _ in places():
        yield f"/freebusy/{KEY}/{mailbox}.ifb?start={start:%Y-%m-%d}&end={end:%Y-%m-%d}"


def count_in_document(place, document):
    mailbox = f"ORGANIZER:mailto:person{place % MAILBOXES}@{CALENDAR.domain}\r\n".encode()
    return document.count(b"\r\nFREEBUSY;") if mailbox in document else None


def google():
    for place, mailbox, start, end, zone in places():
        zone = zone if "/" in zone else "UTC"
        window = {"timeMin": f"{start:%Y-%m-%dT00:00:00Z}", "timeMax": f"{end:%Y-%m-%dT00:00:00Z}"}
        yield json.dumps(window | {"timeZone": zone, "items": [{"id": mailbox}]})


def count_in_calendars(place, answer):
    calendars = json.loads(answer)["calendars"]
    return len(calendars[f"person{place % MAILBOXES}@{CALENDAR.domain}"]["busy"])


def own():
    for _, mailbox, start, end, _ in places():
        query = {"address": mailbox, "from": f"{start:%Y-%m-%dT00:00:00Z}", "to": f"{end:%Y-%m-%dT00:00:00Z}"}
        yield f"/v1/availability?{urlencode(query)}"


def count_in_mailbox(place, answer):
    (mailbox,) = json.loads(answer)["mailboxes"]
    known = mailbox["address"] == f"person{place % MAILBOXES}@{CALENDAR.domain}"
    return len(mailbox["events"]) if known else None


FORM = "application/x-www-form-urlencoded"
FREE_BUSY_URL = "/GCalExchangeLookup/ExchangeQuerier.aspx"
FACES = [
    Face("FreeBusyURL", CALENDAR.title, messages, count_in_page, FREE_BUSY_URL, FORM),
    Face("ifb", "the same as a free/busy link", links, count_in_document, method="GET"),
    Face("freeBusy", "the same as freeBusy.query", google, count_in_calendars, "/calendar/v3/freeBusy", "application/json"),
    Face("v1", "the same by /v1/availability, subjects with it", own, count_in_mailbox, method="GET"),
]


def run(world, options):
    with ExitStack() as stack:
        gateway = stack.enter_context(start_gateway(world))
        rivals = {}
        for face in FACES:
            answers = sorted(verify(world, gateway, face), key=len)
            answer = world.folder / f"{face.name}.answer"
            answer.write_bytes(answers[len(answers) // 2])
            parties.write_lines(world.folder / f"{face.name}.bodies", face.lines())
            minimal = stack.enter_context(world.fixed(answer, f"minimal-{face.name}"))
            rivals[face.name] = {"calbridge": gateway, "minimal": minimal}
        # From here on an answer can come from nowhere but the cache.
        shutil.rmtree(world.folder / "calendars")
        verify_all(world, gateway)
        measured = measure(world, rivals, options)
        verify_all(world, gateway)
    return [section(world, measured)]


def start_gateway(world):
    folder = world.folder / "calendars"
    CALENDAR.write_calendars(folder)
    return world.gateway(
        f"""
[[endpoint]]
name = "files"
kind = "calendar-files"
domains = ["{CALENDAR.domain}"]
directory = "{folder}"
time_zone = "UTC"

[[freebusy_url]]
directory = "GCalExchangeLookup"
allow = ["127.0.0.0/8"]
domains = ["{CALENDAR.domain}"]
google_domain = "{CALENDAR.domain}"

[[freebusy_link]]
key_sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
domains = ["{CALENDAR.domain}"]
""",
        parties.KEPT,
    )


def verify_all(world, gateway):
    for face in FACES:
        verify(world, gateway, face)


def verify(world, gateway, face):
    """Every answer is about its question, with as many busy times as the calendar has events; an event that two days share
    at the border of a window may be one more."""
    answers = []
    for place, answer in enumerate(world.ask(gateway, face.lines(), *face.request())):
        count = face.count(place, answer)
        if count is None or abs(count - CALENDAR.events) > 1:
            raise RuntimeError(f"{face.name}: {count} busy times instead of {CALENDAR.events}: {answer[:900]!r}")
        answers.append(answer)
    return answers


def measure(world, rivals, options):
    """{(face, server): [round]}, in turn, after a round that is not counted."""
    measured = {}
    for round_number in range(options.rounds + 1):
        for face in FACES:
            for server, party in rivals[face.name].items():
                seconds = options.seconds if round_number else 1
                result = hits.load(world, party, face.name, seconds, *face.request())
                if round_number:
                    measured.setdefault((face.name, server), []).append(result)
                    print(f"{face.name} {server}: {result['rate']:.0f} requests/s, {result['cpu_us']:.0f} µs each", flush=True)
    return measured


def section(world, measured):
    rows = []
    for face in FACES:
        rate = {server: median(r["rate"] for r in measured[face.name, server]) for server in SERVERS}
        cpu = {server: median(r["cpu_us"] for r in measured[face.name, server]) for server in SERVERS}
        size = (world.folder / f"{face.name}.answer").stat().st_size
        for server in SERVERS:
            ours = server == "calbridge"
            rounds = measured[face.name, server]
            rows.append([
                f"{face.name}: {face.title}; answers of {number(size)} bytes" if ours else "",
                server,
                number(rate[server]),
                micros(median(r["p50_us"] for r in rounds)),
                micros(median(r["p99_us"] for r in rounds)),
                f"{cpu[server]:.0f} µs",
                "" if ours else f"{rate['calbridge'] / rate[server]:.2f}",
                "" if ours else f"{cpu[server] / cpu['calbridge']:.2f}",
            ])  # fmt: skip
    return Section(
        "FreeBusyURL, links and JSON from the cache",
        ["workload", "server", "requests/s", "p50", "p99", "processor time a request",
         "calbridge's requests/s to it", "its processor time to calbridge's"],
        rows,
        f"For FreeBusyURL at least {LEAST} of the requests/s of the minimal server is the aim. Medians of the rounds.",
    )  # fmt: skip
