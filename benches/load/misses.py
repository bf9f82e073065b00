"""What the gateway adds to a question that its cache cannot answer: the same caller asks the upstream directly and
through the gateway in turn, each time for a mailbox that was never asked for before."""

from datetime import timedelta
from statistics import median

import parties
from questions import MONDAY, question
from report import Section, micros, verdict

# Milliseconds of the upstream, requests a round.
CASES = [(0, 2000), (20, 150)]
EVENTS = 8


def run(world, options):
    rows = []
    for delay, count in CASES:
        with world.upstream(delay, EVENTS) as upstream:
            # Nothing is fetched but what is asked for, and nothing asked is asked again.
            cache = parties.KEPT + '\nwiden = "none"'
            with world.gateway(world.ews_endpoint(upstream), cache, f"calbridge-miss-{delay}") as gateway:
                rows.append(compare(world, upstream, gateway, delay, count, options.rounds))
    return [
        Section(
            "Added latency of a miss",
            ["upstream's delay", "direct p50", "through calbridge p50", "added", "ratio", "direct p99",
             "through calbridge p99", "within the limit"],
            rows,
            f"One mailbox, one day, {EVENTS} events, one connection, medians of the rounds. "
            "Limits: 0.5 ms added at 0 ms, a ratio of 1.10 at 20 ms.",
        )
    ]  # fmt: skip


def compare(world, upstream, gateway, delay, count, rounds):
    bodies = parties.write_lines(world.folder / f"miss-{delay}.bodies", fresh_questions(count * (rounds + 1)))
    direct, through = [], []
    # The first round only opens what is kept open.
    for turn in range(rounds + 1):
        place = ["--count", count, "--skip", turn * count]
        direct.append(world.call(upstream, bodies, *place))
        before = world.posted(upstream)
        through.append(world.call(gateway, bodies, *place))
        calls = world.posted(upstream) - before
        for seen in (direct[-1], through[-1]):
            if (seen["mailboxes"], seen["events"]) != (count, count * EVENTS):
                raise RuntimeError(f"unexpected answers: {seen}")
        if calls != count:
            raise RuntimeError(f"{count} questions made {calls} calls: these were not all misses")
    p50, p99 = ([median(r[key] for r in side[1:]) for side in (direct, through)] for key in ("p50_us", "p99_us"))
    added, ratio = p50[1] - p50[0], p50[1] / p50[0]
    kept = added < 500 if delay == 0 else ratio <= 1.10
    return [f"{delay} ms", micros(p50[0]), micros(p50[1]), micros(added), f"{ratio:.2f}", micros(p99[0]),
            micros(p99[1]), verdict(kept)]  # fmt: skip


def fresh_questions(count):
    for number in range(count):
        yield question([f"person{number}@load.example"], MONDAY, MONDAY + timedelta(days=1))
