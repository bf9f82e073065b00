"""A real Prometheus scrapes a gateway under load: every expression of the dashboard, the rules and the alerts is
evaluated by it, and every metric that they name exists.

What has no data in a healthy gateway is listed in EMPTY, with the reason.
"""

import datetime
import json
import re
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
import yaml

from gateway import CLOUD, EXCHANGE, FILES, PASSWORD, ROOT, Load, Side, free_port, write_certificate

OPS = ROOT / "ops"
PATIENCE_SECONDS = 120
# Panels of the dashboard without data here, with the reason.
EMPTY = {}


class Prometheus:
    def __init__(self, folder, target):
        self.url = f"http://127.0.0.1:{free_port()}"
        config = yaml.safe_load((OPS / "prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(OPS / "prometheus" / name) for name in config["rule_files"]]
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        self.log = open(folder / "prometheus.log", "wb")
        self.child = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def get(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def query(self, expression):
        return self.get("query", query=expression)["result"]

    def wait_for(self, expression):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.query(expression):
                    return
            except OSError:
                pass
            # A pause between questions to another process, which cannot call us.
            time.sleep(0.2)
        raise AssertionError(f"Prometheus has no data for {expression}")

    def stop(self):
        self.child.terminate()
        self.child.wait(timeout=30)
        self.log.close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ops")
    write_certificate(folder)
    (folder / "password").write_text(PASSWORD)
    exchange = Side(folder, "exchange", FILES, calendars=ROOT / "config/demo/calendars")
    gateway = Side(folder, "gateway", EXCHANGE + CLOUD, upstream=exchange.port)
    load = Load(gateway.port, folder / "server.pem")
    server = Prometheus(folder, f"127.0.0.1:{gateway.ops}")
    try:
        # The rules need two scrapes with a difference between them.
        server.wait_for('calbridge:endpoint_mailbox_errors:ratio_rate5m{endpoint="hq"}')
        for name, _ in rules():
            if name.startswith("calbridge:"):
                server.wait_for(name)
        server.wait_for('rate(calbridge_upstream_calls_total{outcome="ok"}[20s]) > 0')
        yield server
    finally:
        server.stop()
        load.stop()
        statuses = gateway.stop(), exchange.stop()
    assert statuses == (0, 0)
    assert load.failures == []
    assert load.answered > 0


def panels():
    dashboard = json.loads((OPS / "grafana/calbridge.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def rules():
    for file in ("calbridge.rules.yml", "calbridge.alerts.yml"):
        for group in yaml.safe_load((OPS / "prometheus" / file).read_text())["groups"]:
            for rule in group["rules"]:
                yield rule.get("record") or rule["alert"], rule["expr"]


def without_variables(expression):
    expression = expression.replace("$__rate_interval", "20s")
    return re.sub(r'"\$(instance|endpoint|face)"', '".*"', expression)


@pytest.mark.parametrize("title, expression", list(panels()), ids=lambda value: value[:40])
def test_each_panel_of_the_dashboard_has_data(prometheus, title, expression):
    found = prometheus.query(without_variables(expression))
    assert bool(found) != (title in EMPTY), f"{expression}: {found}"


def test_the_panel_of_secrets_tells_how_long_they_last(prometheus):
    (expression,) = [text for title, text in panels() if title.startswith("Secrets and client certificates")]
    (found,) = prometheus.query(without_variables(expression))
    at, left = found["value"]
    # client_secret_expires of CLOUD.
    assert abs(datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc).timestamp() - at - float(left)) < 2 * 86400


@pytest.mark.parametrize("name, expression", list(rules()), ids=lambda value: value[:40])
def test_each_rule_can_be_evaluated_and_names_metrics_that_exist(prometheus, name, expression):
    found = prometheus.query(expression)
    if name.startswith("calbridge:"):
        assert found, f"{name} has no data"
    else:
        assert not found, f"{name} fires on a healthy gateway: {found}"
    for metric in re.findall(r"\b(calbridge[_:][a-z_:0-9]+)", expression):
        assert prometheus.query(f"count({metric})"), f"{name} names {metric}, which does not exist"


def test_prometheus_has_loaded_all_rules_and_evaluates_them(prometheus):
    groups = prometheus.get("rules")["groups"]
    loaded = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert set(loaded) == {name for name, _ in rules()}
    for name, rule in loaded.items():
        assert rule.get("lastError", "") == "", name


def test_each_alert_has_an_entry_in_the_runbook():
    entries = set(re.findall(r"^### (\w+)$", (OPS / "RUNBOOK.md").read_text(), re.MULTILINE))
    alerts = set()
    for group in yaml.safe_load((OPS / "prometheus/calbridge.alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            alerts.add(rule["alert"])
            assert rule["annotations"]["runbook"] == f"RUNBOOK.md#{rule['alert'].lower()}"
            assert rule["labels"]["severity"] in ("page", "ticket")
    assert entries == alerts
