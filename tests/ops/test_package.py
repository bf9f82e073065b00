"""The Debian package, made of the program that the tests use: it has what an administrator expects, and Debian's own
checker finds nothing."""

import re
import subprocess

import pytest

from gateway import ROOT

PATIENCE_SECONDS = 300


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    # The development profile, so that nothing is compiled a second time; `make package` takes the release.
    run("cargo", "deb", "--no-build", "--profile", "dev", "--strip", "--no-dbgsym", "--fast", "-o", f"{folder}/")
    (made,) = folder.glob("calbridge_*.deb")
    run("dpkg-deb", "-x", str(made), str(folder / "root"))
    run("dpkg-deb", "-e", str(made), str(folder / "control"))
    return made, folder


def test_lintian_finds_nothing(package):
    # An error of this kind is about the compression, which --fast has lowered.
    told = run("lintian", "--allow-root", "--fail-on", "error,warning", str(package[0]))
    assert told == ""


def test_the_installed_program_shows_its_version_and_checks_the_shipped_unit(package):
    root = package[1] / "root"
    assert run(str(root / "usr/bin/calbridge"), "--version").startswith("calbridge ")
    unit = (root / "usr/lib/systemd/system/calbridge.service").read_text()
    assert "ExecStart=/usr/bin/calbridge serve --config /etc/calbridge/calbridge.toml" in unit
    for file in (
        "usr/share/man/man1/calbridge.1.gz",
        "usr/share/bash-completion/completions/calbridge",
        "usr/share/zsh/vendor-completions/_calbridge",
        "usr/share/fish/vendor_completions.d/calbridge.fish",
        "usr/share/doc/calbridge/examples/full.toml",
        "usr/share/doc/calbridge/ops/RUNBOOK.md",
    ):
        assert (root / file).stat().st_size > 0, file


def test_links_of_the_installed_documentation_lead_somewhere(package):
    documents = sorted((package[1] / "root/usr/share/doc/calbridge").rglob("*.md"))
    dead = []
    for document in documents:
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
            if "://" not in target and not (document.parent / target).exists():
                dead.append((document.name, target))
    assert len(documents) > 20
    assert dead == []


def test_the_audit_log_is_rotated_as_the_documentation_says(package):
    sample = (package[1] / "root/usr/share/doc/calbridge/examples/logrotate").read_text()
    rules = sample[sample.index("/var/log/calbridge/") :]
    assert f"```\n{rules}```\n" in (ROOT / "docs/logs.md").read_text()
    unit = (ROOT / "ops/calbridge.service").read_text()
    assert "\nLogsDirectory=calbridge\n" in unit


def test_others_cannot_read_the_configuration_and_an_upgrade_keeps_it(package):
    folder = package[1]
    assert (folder / "root/etc/calbridge/calbridge.toml").stat().st_mode & 0o777 == 0o640
    assert (folder / "control/conffiles").read_text().split() == ["/etc/calbridge/calbridge.toml"]
    scripts = (folder / "control/postinst").read_text()
    assert "adduser --system" in scripts
    # What cargo-deb puts in place of the token: the unit is known to systemd.
    assert "#DEBHELPER#" not in scripts
    assert "systemctl" in scripts or "deb-systemd" in scripts


def test_the_configuration_that_is_installed_is_valid_but_for_the_files_that_are_not_there_yet(package):
    root = package[1] / "root"
    done = subprocess.run(
        [str(root / "usr/bin/calbridge"), "check", "--config", str(root / "etc/calbridge/calbridge.toml")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    problems = [line for line in done.stderr.splitlines() if "warning" not in line]
    assert problems, "the secrets are not part of the package"
    for problem in problems:
        assert "/etc/calbridge/tls/" in problem or "/etc/calbridge/secrets/" in problem, problem
