"""What lies in ops/ is what the tools that read it accept. No container engine and no cluster runs here: these files are
linted only."""

import pathlib
import subprocess
import sys

import pytest
import yaml

from gateway import BINARY, ROOT

OPS = ROOT / "ops"
TOOLS = pathlib.Path(sys.executable).parent


def run(*command, status=0, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_the_unit_tests_of_the_alerts_pass():
    run("promtool", "check", "config", str(OPS / "prometheus/prometheus.yml"))
    tests = OPS / "prometheus/calbridge.tests.yml"
    run("promtool", "test", "rules", str(tests))
    # No alert is left untested: each one fires in some test.
    fired = set()
    for test in yaml.safe_load(tests.read_text())["tests"]:
        fired |= {each["alertname"] for each in test.get("alert_rule_test", []) if each["exp_alerts"]}
    groups = yaml.safe_load((OPS / "prometheus/calbridge.alerts.yml").read_text())["groups"]
    assert fired == {rule["alert"] for group in groups for rule in group["rules"]}


def test_the_container_file_is_sound():
    run(str(TOOLS / "hadolint"), str(OPS / "container/Containerfile"))


def test_the_manifests_are_valid():
    told = run(str(TOOLS / "kubernetes-validate"), "--strict", str(OPS / "kubernetes/calbridge.yaml"))
    assert told.count(" passed ") == 4, told


def test_every_file_of_a_volume_in_the_compose_file_is_there():
    file = OPS / "container/compose.yaml"
    services = yaml.safe_load(file.read_text())["services"]
    assert set(services) == {"calbridge", "prometheus", "grafana"}
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (file.parent / source).exists(), source


def test_the_unit_is_valid_and_well_locked_in(tmp_path):
    """systemd reads the unit as it is, but for the path of the program, which is not installed here."""
    for name in ("calbridge.service", "calbridge.socket"):
        text = (OPS / name).read_text().replace("/usr/bin/calbridge", str(BINARY))
        # The manual is part of the package, not of the source.
        (tmp_path / name).write_text(text.replace("Documentation=man:calbridge(1)\n", ""))
    units = [str(tmp_path / "calbridge.service"), str(tmp_path / "calbridge.socket")]
    assert run("systemd-analyze", "verify", "--man=no", *units).strip() == ""
    # 0 is locked in completely, 10 not at all; "OK" ends at 5.
    told = run("systemd-analyze", "security", "--offline=true", "--threshold=20", units[0])
    assert "Overall exposure level" in told, told


@pytest.mark.parametrize("file", sorted(OPS.rglob("*.yaml")) + sorted(OPS.rglob("*.yml")), ids=lambda file: file.name)
def test_every_yaml_file_can_be_read(file):
    assert list(yaml.safe_load_all(file.read_text()))
