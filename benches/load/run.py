#!/usr/bin/env python3
"""Measures a release build of calbridge on this machine and writes the tables to a Markdown file; see README.md.

    python3 benches/load/run.py [part ...] [--rounds N] [--seconds N] [--output FILE]
"""

import argparse
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.dont_write_bytecode = True

import faces  # noqa: E402
import growth  # noqa: E402
import hits  # noqa: E402
import logins  # noqa: E402
import misses  # noqa: E402
import parties  # noqa: E402
import report  # noqa: E402
import starts  # noqa: E402

PARTS = {
    "hits": hits.run,
    "misses": misses.run,
    "calls": growth.run_calls,
    "cached": growth.run_cached,
    "bound": growth.run_bound,
    "idle": growth.run_idle,
    "faces": faces.run,
    "logins": logins.run,
    "start": starts.run,
}
NEEDED = {"wrk": "wrk", "nginx": "nginx-light", "openssl": "openssl", "cargo": None}
SAME = ["hyper", "hyper-util", "http-body-util", "rustls", "tokio-rustls", "tokio", "aws-lc-rs", "aws-lc-sys"]
# 5,000 connections at both ends, and some.
FILES = 20_000


def main():
    options = read_arguments()
    install_missing()
    check_versions()
    if options.build:
        build()
    raise_file_limit()
    parties.GATEWAY_COMMAND[:0] = shlex.split(options.under)
    if options.hold:
        return hold()
    sections = []
    with tempfile.TemporaryDirectory(prefix="calbridge-load-") as folder:
        for part in options.parts:
            print(f"== {part}", flush=True)
            place = Path(folder) / part
            place.mkdir()
            for section in PARTS[part](parties.World(place), options):
                print(section, flush=True)
                sections.append(section)
                # After each, so that a run that breaks off leaves what it has measured.
                options.output.write_text(report.document(sections, options))
    print(f"written to {options.output}")


def hold():
    """For a look with a profiler: a gateway with a warm cache, until Enter is pressed."""
    with tempfile.TemporaryDirectory(prefix="calbridge-load-") as folder:
        world = parties.World(Path(folder))
        with hits.start_gateway(world) as gateway:
            for workload in hits.WORKLOADS:
                hits.warm(world, gateway, workload)
            print(f"calbridge is process {gateway.process.pid}; its cache is warm. Load it with")
            for workload in hits.WORKLOADS:
                command = " ".join(hits.wrk(world, gateway, workload.name, 20))
                print(f"  LOAD_AUTHORIZATION='{parties.AUTHORIZATION}' {command}")
            input("Enter ends it. ")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(PARTS)}; all without")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds, medians are told (default 3)")
    parser.add_argument("--seconds", type=int, default=5, help="length of one round of wrk (default 5)")
    parser.add_argument("--output", type=Path, default=parties.HERE / "RESULTS.md")
    parser.add_argument("--no-build", dest="build", action="store_false", help="use the binaries that are there")
    parser.add_argument("--hold", action="store_true", help="measure nothing: hold a warm gateway for a profiler")
    parser.add_argument("--under", default="", metavar="COMMAND", help="put before the gateway's command: a profiler")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown or not (1 <= options.rounds <= 20 and 1 <= options.seconds <= 60):
        parser.error(f"unknown parts: {unknown}" if unknown else "rounds are 1 to 20, seconds 1 to 60")
    options.parts = options.parts or list(PARTS)
    options.command = " ".join(["python3 benches/load/run.py", *sys.argv[1:]])
    return options


def install_missing():
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if None in missing:
        sys.exit("please install Rust first, see https://rustup.rs")
    if not missing:
        return
    if not shutil.which("apt-get"):
        sys.exit(f"please install: {' '.join(missing)} (there is no apt-get here)")
    root = [] if os.geteuid() == 0 else ["sudo"]
    # In runlevel 1 Debian starts no service that it installs: nginx is started here, with its own configuration.
    quiet = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    subprocess.run([*root, "apt-get", "update", "-q"], check=True)
    subprocess.run([*quiet, "apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], check=True)


def build():
    """Both packages into one target folder: they have most of their dependencies in common."""
    cargo = ["cargo", "build", "--release", "--locked", "--target-dir", str(parties.ROOT / "target")]
    subprocess.run([*cargo, "--bin", "calbridge"], cwd=parties.ROOT, check=True)
    subprocess.run(cargo, cwd=parties.HERE / "minimal", check=True)


def check_versions():
    """The minimal server is a measure only while it is built of the same crates."""
    ours, theirs = (locked_versions(folder) for folder in (parties.ROOT, parties.HERE / "minimal"))
    apart = [f"{name} {ours[name]} and {theirs[name]}" for name in SAME if ours[name] != theirs[name]]
    if apart:
        sys.exit(f"the gateway and the minimal server differ in {', '.join(apart)}: cargo update in benches/load/minimal")


def locked_versions(folder):
    packages = tomllib.loads((folder / "Cargo.lock").read_text())["package"]
    return {package["name"]: package["version"] for package in packages}


def raise_file_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    main()
