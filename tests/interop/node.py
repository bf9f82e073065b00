"""A script for Node.js that asks the demo gateway, as a process of its own."""

import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def run(script, demo, **environment):
    """What it prints. It finds how to log in, and whom to trust, in its environment."""
    login = {"EWS_USER": demo.user, "EWS_PASSWORD": demo.password, "NODE_EXTRA_CA_CERTS": demo.ca}
    ended = subprocess.run(
        ["node", script],
        cwd=HERE,
        env=os.environ | login | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
