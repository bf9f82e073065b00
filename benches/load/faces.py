"""Answers of the FreeBusyURL face from the cache, beside a minimal server that answers with the same bytes."""

import shutil
from contextlib import ExitStack
from datetime import timedelta
from statistics import median
from urllib.parse import urlencode

import hits
import parties
from questions import MAILBOXES, MONDAY, Workload
from report import Section, micros, number

PATH = "/GCalExchangeLookup/ExchangeQuerier.aspx"
SERVERS = ["calbridge", "minimal"]
ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "W. Europe Standard Time"]
BODIES = 512
# What the figure must be: requests/s of the gateway to those of the minimal server.
LEAST = 0.5

# As GSSMO asks: one mailbox, eighteen days.
CALENDAR = Workload("FBU", "1 mailbox, 18 days, 40 events, times only", 1, 18, 40, "FreeBusy")


def run(world, options):
    with ExitStack() as stack:
        gateway = stack.enter_context(start_gateway(world))
        answers = sorted(verify(world, gateway), key=len)
        answer = world.folder / "page.html"
        answer.write_bytes(answers[len(answers) // 2])
        minimal = stack.enter_context(world.fixed(answer))
        # From here on an answer can come from nowhere but the cache.
        shutil.rmtree(world.folder / "calendars")
        verify(world, gateway)
        parties.write_lines(world.folder / "faces.bodies", bodies())
        measured = measure(world, {"calbridge": gateway, "minimal": minimal}, options)
        verify(world, gateway)
    return [section(measured, answer.stat().st_size)]


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
""",
        parties.KEPT,
    )


def bodies():
    """Forms of which no two are equal."""
    for place in range(BODIES):
        mailbox = f"person{place % MAILBOXES}@{CALENDAR.domain}"
        start = MONDAY + timedelta(days=place % 6)
        end = start + timedelta(days=CALENDAR.days)
        zone = ZONES[place % len(ZONES)]
        message = f"[1,{place},[{mailbox}],{start:%Y%m%d}/{end:%Y%m%d},{start:%Y%m%dT%H%M%S},{zone}]"
        yield urlencode({"text": message})


def verify(world, gateway):
    """Every answer has its id, its mailbox with access, and as many blocks as the calendar has events; an event that
    two days share at the border of a window may be one more."""
    answers = []
    for place, page in enumerate(world.ask(gateway, bodies(), PATH, "application/x-www-form-urlencoded")):
        blocks = page.count(b"[&quot;&quot;,")
        known = b"&quot;20&quot;,[[" in page and f"[&quot;1&quot;,&quot;{place}&quot;,".encode() in page
        if not known or abs(blocks - CALENDAR.events) > 1:
            raise RuntimeError(f"{blocks} blocks instead of {CALENDAR.events}: {page[:900]!r}")
        answers.append(page)
    return answers


def measure(world, servers, options):
    """{server: [round]}, in turn, after a round that is not counted."""
    measured = {}
    for round_number in range(options.rounds + 1):
        for server in SERVERS:
            seconds = options.seconds if round_number else 1
            result = hits.load(world, servers[server], "faces", seconds, PATH, "application/x-www-form-urlencoded")
            if round_number:
                measured.setdefault(server, []).append(result)
                print(f"faces {server}: {result['rate']:.0f} requests/s, {result['cpu_us']:.0f} µs each", flush=True)
    return measured


def section(measured, size):
    rate = {server: median(r["rate"] for r in measured[server]) for server in SERVERS}
    cpu = {server: median(r["cpu_us"] for r in measured[server]) for server in SERVERS}
    rows = []
    for server in SERVERS:
        ours = server == "calbridge"
        rows.append([
            f"{CALENDAR.title}; answers of {number(size)} bytes" if ours else "",
            server,
            number(rate[server]),
            micros(median(r["p50_us"] for r in measured[server])),
            micros(median(r["p99_us"] for r in measured[server])),
            f"{cpu[server]:.0f} µs",
            "" if ours else f"{rate['calbridge'] / rate[server]:.2f}",
            "" if ours else f"{cpu[server] / cpu['calbridge']:.2f}",
        ])  # fmt: skip
    return Section(
        "FreeBusyURL from the cache",
        ["workload", "server", "requests/s", "p50", "p99", "processor time a request",
         "calbridge's requests/s to it", "its processor time to calbridge's"],
        rows,
        f"At least {LEAST} of the requests/s of the minimal server is the aim. Medians of the rounds.",
    )  # fmt: skip
