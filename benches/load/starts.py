"""How long a gateway takes from its start to its first answer, with one endpoint and with twenty."""

import ssl
import time
from http.client import HTTPSConnection

import parties
from report import Section, micros, number, verdict

STARTS = 20
GOAL_SECONDS = 0.2


def run(world, options):
    small = world.ews_endpoint(Nobody())
    many = "".join(named(world, place) for place in range(20))
    rows = [row(world, name, endpoints) for name, endpoints in [("1 endpoint", small), ("20 endpoints", many)]]
    return [
        Section(
            "Start-up time",
            ["configuration", "starts", "to the first answer, median", "slowest", "processor time", "under 200 ms"],
            rows,
            "From the start of the process to the end of its first answer over TLS (404 of an unknown path); asked for "
            "every 2 ms until it is there. The caller's password stands in the clear and is hashed at each start. On a machine "
            "that does something else meanwhile, the processor time tells more.",
        )
    ]


class Nobody:
    """An upstream that is never asked."""

    address = "127.0.0.1:1"


def named(world, place):
    text = world.ews_endpoint(Nobody(), f"site-{place}.example")
    return text.replace('name = "upstream"', f'name = "site-{place}"')


def row(world, name, endpoints):
    told = [start(world, endpoints, place) for place in range(STARTS)]
    times, work = (sorted(each) for each in zip(*told, strict=True))
    median, slowest = times[len(times) // 2], times[-1]
    cells = [micros(seconds * 1e6) for seconds in (median, slowest, work[len(work) // 2])]
    return [name, number(STARTS), *cells, verdict(median < GOAL_SECONDS)]


def start(world, endpoints, place):
    """Seconds to the first answer, and of processor time."""
    trust = ssl.create_default_context(cafile=world.ca)
    reached = []

    class Timed(parties.Gateway):
        def await_port(self):
            limit = time.monotonic() + 20
            while True:
                try:
                    connection = HTTPSConnection("127.0.0.1", self.port, timeout=5, context=trust)
                    connection.request("GET", "/nowhere")
                    status = connection.getresponse().status
                    connection.close()
                    break
                except OSError:
                    if time.monotonic() > limit or self.process.poll() is not None:
                        raise RuntimeError(f"it does not serve:\n{self.log.read_text()}") from None
                    time.sleep(0.002)
            reached[:] = time.monotonic(), self.cpu_seconds()
            if status != 404:
                raise RuntimeError(f"an unknown path was answered {status}")

    before = time.monotonic()
    gateway = world.gateway(endpoints, parties.KEPT, f"calbridge-start-{place}", kind=Timed)
    gateway.stop()
    return reached[0] - before, reached[1]
