"""The whole chain of tokens: a real client gets a token from calbridge's own token endpoint and asks calbridge, which gets
a token from another token server and asks an Exchange that verifies it.
"""

import subprocess

import pytest
from conftest import BINARY
from oauth_world import CLIENT_SECRET, MAILBOXES, run_client
from test_oauth import CERTIFICATE, MEETING, SECRET, certificates, world  # noqa: F401, they are fixtures

CALLER_ID = "99999999-8888-7777-6666-555555555555"
CALLER_SECRET = "Chain~client~secret~e830"
ROLE = "interop@cloud.example"


def hashed(secret):
    done = subprocess.run(
        [str(BINARY), "hash-password"], input=f"{secret}\n", capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture
def access():
    return f"""[[access.client]]
client_id = "{CALLER_ID}"
client_secret_hash = "{hashed(CALLER_SECRET)}"
role_accounts = ["{ROLE}"]
"""


def check(world, events):
    tokens, upstream, calbridge = world
    assert [[start[:19], end[:19], status, subject] for start, end, status, subject in events] == [MEETING]
    assert upstream.refusals == []
    (call,) = upstream.calls
    assert call[0] in MAILBOXES and call[1] == ["anna@cloud.example"]
    assert tokens.count("granted") == 1
    for secret in (CALLER_SECRET, CLIENT_SECRET):
        assert not any(secret in line for line in calbridge.lines)


@pytest.mark.parametrize("auth", [SECRET, CERTIFICATE.format("PS256")])
def test_exchangelib(world, certificates, access, auth):  # noqa: F811
    started = world(auth, access=access)
    calbridge = started[2]
    caller = ("oauth2", f"{calbridge.url}/any-tenant/oauth2/v2.0/token", CALLER_ID, CALLER_SECRET, ROLE)
    arguments = (calbridge.ews, *caller, "anna@cloud.example")
    check(started, run_client("chain_exchangelib.py", *arguments, authority=certificates.authority))


def test_msal(world, certificates, access):  # noqa: F811
    started = world(SECRET, access=access)
    arguments = (started[2].url, CALLER_ID, CALLER_SECRET, ROLE, "anna@cloud.example")
    check(started, run_client("chain_msal.py", *arguments, authority=certificates.authority))


def test_google_api_python_client(world, certificates, access):  # noqa: F811
    _, upstream, calbridge = world(SECRET, access=access)
    arguments = (calbridge.url, CALLER_ID, CALLER_SECRET, "anna@cloud.example")
    told = run_client("chain_google.py", *arguments, authority=certificates.authority)
    busy = {"busy": [{"start": f"{MEETING[0]}Z", "end": f"{MEETING[1]}Z"}]}
    assert told["answers"] == [busy, busy, busy]
    # The second question has the token of the first; the third has begun with one that was refused.
    assert told["fetched"] == ["Bearer", "Bearer"]
    assert len(upstream.calls) == 3 and upstream.refusals == []
    assert not any(CALLER_SECRET in line for line in calbridge.lines)


def test_a_wrong_secret_gets_no_token(world, certificates, access):  # noqa: F811
    _, upstream, calbridge = world(SECRET, access=access)
    arguments = (calbridge.url, CALLER_ID, "not the secret", ROLE, "anna@cloud.example")
    with pytest.raises(AssertionError, match="invalid_client"):
        run_client("chain_msal.py", *arguments, authority=certificates.authority)
    assert upstream.calls == []
