"""Answers from the cache beside a minimal server and nginx: three workloads, rotating bodies, interleaved rounds."""

import json
import shutil
import subprocess
from contextlib import ExitStack
from statistics import median

import parties
from questions import WORKLOADS
from report import Section, micros, number

CONNECTIONS = 32
THREADS = 2
SERVERS = ["calbridge", "minimal", "nginx"]


def run(world, options):
    with ExitStack() as stack:
        gateway = stack.enter_context(start_gateway(world))
        rivals = {}
        for workload in WORKLOADS:
            warm(world, gateway, workload)
            answer = world.folder / f"{workload.name}.xml"
            rivals[workload.name] = {
                "calbridge": gateway,
                "minimal": stack.enter_context(world.fixed(answer, f"minimal-{workload.name}")),
                "nginx": stack.enter_context(world.nginx(answer, f"nginx-{workload.name}")),
            }
        # From here on an answer can come from nowhere but the cache.
        shutil.rmtree(world.folder / "calendars")
        verify_all(world, gateway)
        measured = measure(world, rivals, options)
        verify_all(world, gateway)
    return [section(world, measured)]


def start_gateway(world):
    endpoints = ""
    for workload in WORKLOADS:
        folder = world.folder / "calendars" / workload.name
        workload.write_calendars(folder)
        endpoints += f"""
[[endpoint]]
name = "{workload.name}"
kind = "calendar-files"
domains = ["{workload.domain}"]
directory = "{folder}"
time_zone = "UTC"
"""
    return world.gateway(endpoints, parties.KEPT)


def warm(world, gateway, workload):
    """One pass over all bodies; the answer of the middle length is what the others serve."""
    answers = verify(workload, world.ask(gateway, workload.bodies()))
    answers.sort(key=len)
    (world.folder / f"{workload.name}.xml").write_bytes(answers[len(answers) // 2])
    parties.write_lines(world.folder / f"{workload.name}.bodies", workload.bodies())


def verify_all(world, gateway):
    for workload in WORKLOADS:
        verify(workload, world.ask(gateway, workload.bodies()))


def verify(workload, answers):
    """Every answer holds each mailbox, with the number of events that its calendar has."""
    kept = []
    for answer in answers:
        mailboxes = answer.count(b"<ResponseCode>NoError<")
        events = answer.count(b"<CalendarEvent>")
        if (mailboxes, events) != (workload.mailboxes, workload.mailboxes * workload.events):
            expected = f"instead of {workload.mailboxes} with {workload.events} each"
            raise RuntimeError(f"{workload.name}: {mailboxes} mailboxes, {events} events {expected}: {answer[:500]!r}")
        kept.append(answer)
    return kept


def measure(world, rivals, options):
    """{(workload, server): [round]}. Rounds go A B C A B C, so that what the machine does meets all of them."""
    measured = {}
    for round_number in range(options.rounds + 1):
        for name, servers in rivals.items():
            for server in SERVERS:
                if round_number == 0:
                    load(world, servers[server], name, 1)
                    continue
                result = load(world, servers[server], name, options.seconds)
                measured.setdefault((name, server), []).append(result)
                print(f"{name} {server}: {result['rate']:.0f} requests/s, {result['cpu_us']:.0f} µs each", flush=True)
    return measured


def load(world, party, workload, seconds, path=parties.EWS, content_type=parties.SOAP, method="POST"):
    before = party.cpu_seconds()
    done = subprocess.run(
        wrk(world, party, workload, seconds, path),
        env=parties.environment() | {"LOAD_CONTENT_TYPE": content_type, "LOAD_METHOD": method},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if result["errors"] or not result["requests"]:
        raise RuntimeError(f"{party.name} under {workload}: {done.stdout}")
    result["rate"] = result["requests"] / result["seconds"]
    result["cpu_us"] = (party.cpu_seconds() - before) / result["requests"] * 1e6
    return result


def wrk(world, party, workload, seconds, path=parties.EWS):
    return [
        *("wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"),
        *("-s", str(parties.HERE / "rotate.lua"), f"https://{party.address}{path}"),
        *("--", str(world.folder / f"{workload}.bodies")),
    ]


def section(world, measured):
    rows = []
    for workload in WORKLOADS:
        rate = {server: median(r["rate"] for r in measured[workload.name, server]) for server in SERVERS}
        cpu = {server: median(r["cpu_us"] for r in measured[workload.name, server]) for server in SERVERS}
        size = (world.folder / f"{workload.name}.xml").stat().st_size
        for server in SERVERS:
            rounds = measured[workload.name, server]
            rows.append([
                f"{workload.name}: {workload.title}; answers of {number(size)} bytes" if server == SERVERS[0] else "",
                server,
                number(rate[server]),
                micros(median(r["p50_us"] for r in rounds)),
                micros(median(r["p99_us"] for r in rounds)),
                f"{cpu[server]:.0f} µs",
                f"{rate['calbridge'] / rate[server]:.2f}" if server != "calbridge" else "",
                f"{cpu[server] / cpu['calbridge']:.2f}" if server != "calbridge" else "",
            ])  # fmt: skip
    return Section(
        "Answers from the cache",
        ["workload", "server", "requests/s", "p50", "p99", "processor time a request",
         "calbridge's requests/s to it", "its processor time to calbridge's"],
        rows,
        f"wrk with {THREADS} threads and {CONNECTIONS} connections on the same machine; medians of the rounds.",
    )  # fmt: skip
