"""`calbridge health`, as container health checks run it."""

import os
import subprocess
import time

from gateway import BINARY, FILES, PASSWORD, ROOT, Side, write_certificate

PATIENCE_SECONDS = 60


def health(file, *more, **environment):
    return subprocess.run(
        [str(BINARY), "health", "--config", str(file), *more],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=os.environ | environment,
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


def test_a_probe_needs_no_password_of_the_ops_listener(tmp_path):
    write_certificate(tmp_path)
    (tmp_path / "password").write_text(PASSWORD)
    hashed = subprocess.run(
        [str(BINARY), "hash-password"], input=PASSWORD + "\n", capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert hashed.returncode == 0, hashed.stderr
    login = f'[ops.login]\nuser = "operator"\npassword_hash = "{hashed.stdout.strip()}"\n'
    gateway = Side(tmp_path, "gateway", login + FILES, calendars=ROOT / "config/demo/calendars")
    file = tmp_path / "gateway.toml"
    try:
        gateway.wait_until_ready()
        ready = health(file, "--ready")
        assert (ready.returncode, ready.stdout) == (0, "ready\n"), ready
        for password, told in [(PASSWORD, "[+] endpoint files"), ("another one", "ready")]:
            ready = health(file, "--ready", CALBRIDGE_OPS_PASSWORD=password)
            assert ready.returncode == 0 and told in ready.stdout, ready
    finally:
        assert gateway.stop() == 0
