"""`calbridge health`, as container health checks run it."""

import subprocess
import time

from gateway import BINARY, FILES, PASSWORD, ROOT, Side, write_certificate

PATIENCE_SECONDS = 60


def health(file, *more):
    return subprocess.run(
        [str(BINARY), "health", "--config", str(file), *more], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )


def test_the_exit_status_says_whether_the_gateway_lives(tmp_path):
    write_certificate(tmp_path)
    (tmp_path / "password").write_text(PASSWORD)
    file = tmp_path / "gateway.toml"
    gateway = Side(tmp_path, "gateway", FILES, calendars=ROOT / "config/demo/calendars")
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while health(file).returncode != 0:
            assert time.monotonic() < deadline, "it does not come to life"
        assert health(file).stdout == "ok\n"
        assert health(file, "--ready").returncode == 0
    finally:
        assert gateway.stop() == 0
    dead = health(file)
    assert dead.returncode == 1
    assert "nobody listens" in dead.stderr
