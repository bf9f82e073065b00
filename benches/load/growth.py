"""How time and memory grow: with the mailboxes of one question, with the mailboxes in the cache, with the bytes that the
cache may hold, and with connections that say nothing."""

import json
import subprocess
from contextlib import ExitStack
from datetime import timedelta
from statistics import median

import parties
from questions import MONDAY, question
from report import Section, kibibytes, mebibytes, micros, number, verdict

DOMAIN = "load.example"
EVENTS = 40
FILLED_DAYS = 7
CACHED = [10, 1_000, 100_000]
ASKED = [1, 10, 100]
HITS = 3_000
MIB = 2**20
COUNTED = "calbridge_cache_bytes"
ROOMY = parties.KEPT + '\nwiden = "none"\nmax_bytes = 8589934592'
BOUNDS = [MIB, 64 * MIB, 256 * MIB]
BOUND_MAILBOXES = 60_000
IDLE = 5_000


def run_cached(world, options):
    """Three gateways with caches of different sizes are asked in turn; the largest is weighed as well."""
    with ExitStack() as stack:
        upstream = stack.enter_context(world.upstream(0, EVENTS))
        endpoint = world.ews_endpoint(upstream, DOMAIN)
        gateways, memory = {}, []
        for size in CACHED:
            gateway = stack.enter_context(world.gateway(endpoint, ROOMY, f"calbridge-{size}"))
            fill(world, gateway, 1)
            before = gateway.resident()
            fill(world, gateway, size)
            gateways[size] = gateway
            memory.append((size, before, gateway.resident(), gateway.gauge(COUNTED)))
        calls = world.posted(upstream)
        times = hit_times(world, gateways, options.rounds)
        expect_no_more_calls(world, upstream, calls)
    return [cache_size_section(times), memory_section(memory)]


def expect_no_more_calls(world, upstream, calls):
    more = world.posted(upstream) - calls
    if more:
        raise RuntimeError(f"everything was in the cache, and yet the upstream was called {more} times")


def fill(world, gateway, size):
    """Asks for `size` mailboxes once, a hundred in a call, in the view with the shortest answer."""
    bodies = parties.write_lines(world.folder / "fill.bodies", fill_questions(size))
    count = -(-size // 100)
    seen = world.call(gateway, bodies, "--count", count, "--connections", min(count, 4))
    if seen["mailboxes"] != size:
        raise RuntimeError(f"{size} mailboxes asked for, answered: {seen}")


def fill_questions(size):
    end = MONDAY + timedelta(days=FILLED_DAYS)
    for first in range(0, size, 100):
        asked = [f"person{n}@{DOMAIN}" for n in range(first, min(first + 100, size))]
        yield question(asked, MONDAY, end, interval=1440, view="MergedOnly")


def hit_times(world, gateways, rounds):
    """{size: p50 of a hit in microseconds}: one mailbox, one day out of the seven."""
    files = {}
    for size in gateways:
        # A stride that visits mailboxes all over the cache, never neighbours.
        asked = (n * 7_919 % size for n in range(HITS))
        bodies = (
            question([f"person{n}@{DOMAIN}"], MONDAY + timedelta(days=n % 6), MONDAY + timedelta(days=n % 6 + 1),
                     view="Detailed")
            for n in asked
        )  # fmt: skip
        files[size] = parties.write_lines(world.folder / f"hits-{size}.bodies", bodies)
    seen = {size: [] for size in gateways}
    for _ in range(rounds + 1):
        for size, gateway in gateways.items():
            before = gateway.cpu_seconds()
            result = world.call(gateway, files[size], "--count", HITS)
            result["cpu_us"] = (gateway.cpu_seconds() - before) / HITS * 1e6
            seen[size].append(result)
    return {
        size: (median(r["p50_us"] for r in results[1:]), median(r["cpu_us"] for r in results[1:]))
        for size, results in seen.items()
    }


def cache_size_section(times):
    rows, smaller = [], None
    for size, (p50, cpu) in times.items():
        ratio = p50 / smaller if smaller else None
        rows.append([number(size), micros(p50), f"{cpu:.0f} µs", *compared(ratio)])
        smaller = p50
    return Section(
        "Hit, by mailboxes in the cache",
        ["mailboxes in the cache", "p50", "processor time", "to the next smaller", "at most 1.5"],
        rows,
        f"One mailbox a call, one day of a week with {EVENTS} events, one connection, mailboxes all over the cache.",
    )


def compared(ratio):
    return ["", ""] if ratio is None else [f"{ratio:.2f}", verdict(ratio <= 1.5)]


def memory_section(memory):
    rows = []
    for size, before, after, counted in memory:
        per_mailbox = (after - before) / size
        # Below some thousands of mailboxes it is mostly buffers that grow.
        each = [kibibytes(per_mailbox), verdict(per_mailbox < 8 * 1024)] if size > 10_000 else ["", ""]
        rows.append([number(size), mebibytes(before), mebibytes(after), mebibytes(counted), *each,
                     verdict(after < 2**30)])  # fmt: skip
    return Section(
        f"Memory of cached mailboxes with {EVENTS} detailed events",
        ["mailboxes in the cache", "resident with one", "resident with all", "as the cache counts", "a mailbox",
         "under 8 KiB", "under 1 GiB"],
        rows,
        "Each event has a subject, a location and an entry id of 140 hexadecimal digits of its own.",
    )  # fmt: skip


def run_calls(world, options):
    """Calls of 1, 10 and 100 mailboxes to a warm cache, in turn."""
    with world.upstream(0, EVENTS) as upstream:
        with world.gateway(world.ews_endpoint(upstream, DOMAIN), ROOMY, "calbridge-calls") as gateway:
            fill(world, gateway, 1_000)
            calls = world.posted(upstream)
            rows = call_rows(world, gateway, options.rounds)
        expect_no_more_calls(world, upstream, calls)
    return [
        Section(
            "Hit, by mailboxes of one call",
            ["mailboxes a call", "p50", "p50 a mailbox", "processor time a mailbox", "to the next smaller",
             "at most 1.5"],
            rows,
            "One day, DetailedMerged, one connection; the ratio is of p50 a mailbox.",
        )
    ]  # fmt: skip


def call_rows(world, gateway, rounds):
    files, seen = {}, {size: [] for size in ASKED}
    for size in ASKED:
        bodies = (
            question([f"person{(first + n) % 1_000}@{DOMAIN}" for n in range(size)],
                     MONDAY + timedelta(days=first % 6), MONDAY + timedelta(days=first % 6 + 1))
            for first in range(500)
        )  # fmt: skip
        files[size] = parties.write_lines(world.folder / f"calls-{size}.bodies", bodies)
    for _ in range(rounds + 1):
        for size in ASKED:
            before = gateway.cpu_seconds()
            result = world.call(gateway, files[size], "--count", 1_000)
            result["cpu_us"] = (gateway.cpu_seconds() - before) / 1_000 * 1e6
            if result["mailboxes"] != 1_000 * size:
                raise RuntimeError(f"unexpected answers: {result}")
            seen[size].append(result)
    rows, smaller = [], None
    for size, results in seen.items():
        p50 = median(r["p50_us"] for r in results[1:])
        cpu = median(r["cpu_us"] for r in results[1:])
        each = p50 / size
        rows.append([size, micros(p50), micros(each), f"{cpu / size:.1f} µs",
                     *compared(each / smaller if smaller else None)])  # fmt: skip
        smaller = each
    return rows


def run_bound(world, _):
    """The same mailboxes into caches of three bounds; the smallest shows what everything but the cache takes."""
    grown = []
    with world.upstream(0, EVENTS) as upstream:
        for bound in BOUNDS:
            cache = parties.KEPT + f'\nwiden = "none"\nmax_bytes = {bound}'
            with world.gateway(world.ews_endpoint(upstream, DOMAIN), cache, f"calbridge-{bound}") as gateway:
                fill(world, gateway, BOUND_MAILBOXES)
                grown.append((gateway.resident(), gateway.gauge(COUNTED)))
    rows, smallest = [], grown[0][0]
    for bound, (resident, counted) in zip(BOUNDS, grown):
        row = [mebibytes(bound), mebibytes(counted), mebibytes(resident)]
        if bound == BOUNDS[0]:
            rows.append([*row, "", "", ""])
            continue
        growth, allowed = resident - smallest, bound - BOUNDS[0]
        ratio = growth / allowed
        rows.append([*row, mebibytes(growth), f"{ratio:.2f}", verdict(abs(ratio - 1) <= 0.10)])
    return [
        Section(
            "The bound of the cache",
            ["cache.max_bytes", "as the cache counts", "resident", "more than with the smallest",
             "to the difference of the bounds", "within 10 %"],
            rows,
            f"{number(BOUND_MAILBOXES)} mailboxes with {EVENTS} detailed events asked for, more than any of these "
            "caches may hold.",
        )
    ]  # fmt: skip


def run_idle(world, _):
    """Connections that asked once and stay; beside the minimal server's."""
    answer = world.folder / "idle.xml"
    answer.write_bytes(b"<a/>")
    body = parties.write_lines(
        world.folder / "idle.bodies", [question([f"person1@{DOMAIN}"], MONDAY, MONDAY + timedelta(days=1))]
    )
    rows = []
    with world.upstream(0, EVENTS) as upstream:
        with world.gateway(world.ews_endpoint(upstream, DOMAIN), ROOMY, "calbridge-idle") as gateway:
            rows.append(idle_row(world, gateway, "calbridge", body))
    with world.fixed(answer, "minimal-idle") as minimal:
        rows.append(idle_row(world, minimal, "minimal", body))
    return [
        Section(
            f"Memory of {number(IDLE)} idle TLS connections",
            ["server", "resident with one", "resident with all", "a connection"],
            rows,
            "Each connection has made its handshake and asked one question.",
        )
    ]


def idle_row(world, party, name, body):
    world.call(party, body, "--count", 100)
    before = party.resident()
    command = world.caller("idle", party, body, "--connections", IDLE)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=parties.environment(), text=True
    ) as holder:
        opened = json.loads(holder.stdout.readline())["connections"]
        after = party.resident()
        left, _ = holder.communicate("", timeout=60)
    still_open = json.loads(left)["still_open"]
    if (opened, still_open) != (IDLE, IDLE):
        raise RuntimeError(f"{name}: {opened} connections opened, {still_open} of them held")
    return [name, mebibytes(before), mebibytes(after), kibibytes((after - before) / IDLE)]
