"""What a caller notices of somebody who guesses passwords: the same question, answered from the cache, before and during
ten thousand wrong logins from another address."""

import base64
import ssl
import threading
import time
from collections import Counter
from datetime import timedelta
from http.client import HTTPSConnection

import parties
from questions import MONDAY, question
from report import Section, mebibytes, micros, number

GUESSES = 10_000
CONNECTIONS = 32
# The caller comes from 127.0.0.1: the guesser's limit is not its own.
GUESSER = ("127.0.0.2", 0)
QUESTIONS = 2000
EVENTS = 8


def run(world, options):
    with world.upstream(0, EVENTS) as upstream:
        with world.gateway(world.ews_endpoint(upstream), parties.KEPT, "calbridge-logins") as gateway:
            body = question(["person@load.example"], MONDAY, MONDAY + timedelta(days=1))
            bodies = parties.write_lines(world.folder / "logins.bodies", [body] * QUESTIONS)
            # The first call fills the cache and opens what is kept open.
            world.call(gateway, bodies, "--count", QUESTIONS)
            quiet, before = world.call(gateway, bodies, "--count", QUESTIONS), gateway.resident()
            guessing = Guessing(world, gateway, body)
            rounds = guessing.measure(lambda: world.call(gateway, bodies, "--count", QUESTIONS))
            grown = gateway.resident() - before
    seen = guessing.statuses
    if sum(seen.values()) != GUESSES or set(seen) - {401, 429, 503} or not rounds:
        raise RuntimeError(f"unexpected answers to the guesses: {seen}, {len(rounds)} rounds beside them")
    worst = max(rounds, key=lambda told: told["p99_us"])
    rows = [
        ["before", micros(quiet["p50_us"]), micros(quiet["p99_us"]), "", "", "", ""],
        ["meanwhile", micros(worst["p50_us"]), micros(worst["p99_us"]), number(GUESSES / guessing.seconds),
         number(seen[401]), number(seen[429] + seen[503]), mebibytes(max(grown, 0))],
    ]  # fmt: skip
    return [
        Section(
            f"{number(GUESSES)} wrong logins from one address",
            ["a rightful caller's hit", "p50", "p99", "guesses/s", "guesses verified", "turned away", "memory grown by"],
            rows,
            f"{CONNECTIONS} connections guess without a pause; the caller's figures are those of its worst round of "
            f"{number(QUESTIONS)} questions while they do. Each verified guess is one Argon2 run at the usual cost, held "
            "back for 300 ms.",
        )
    ]


class Guessing:
    def __init__(self, world, gateway, body):
        self.port, self.body = gateway.port, body.encode()
        self.trust = ssl.create_default_context(cafile=world.ca)
        self.left = iter(range(GUESSES))
        self.lock = threading.Lock()
        self.statuses = Counter()
        self.seconds = self.ended = 0.0

    def measure(self, ask):
        """What `ask` told each time that it was begun while guesses went on."""
        began = time.monotonic()
        threads = [threading.Thread(target=self.guess) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        told = []
        while any(thread.is_alive() for thread in threads):
            told.append(ask())
        for thread in threads:
            thread.join()
        self.seconds = max(self.ended - began, 0.001)
        return told

    def guess(self):
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.trust, source_address=GUESSER)
        while (guess := self.next()) is not None:
            secret = base64.b64encode(f"{parties.USER}:guess {guess}".encode()).decode()
            headers = {"Authorization": f"Basic {secret}", "Content-Type": parties.SOAP}
            connection.request("POST", parties.EWS, self.body, headers)
            answer = connection.getresponse()
            answer.read()
            with self.lock:
                self.statuses[answer.status] += 1
                self.ended = time.monotonic()
        connection.close()

    def next(self):
        with self.lock:
            return next(self.left, None)
