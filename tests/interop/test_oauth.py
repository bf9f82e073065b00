"""An endpoint that logs in with OAuth 2.0, against a real OAuth 2.0 server and an Exchange that verifies its tokens."""

import pytest

import oauth_world
from oauth_world import CALLER_PASSWORD, CLIENT_SECRET, MAILBOXES, Calbridge, Certificates, TokenServer, run_client

MEETING = ["2026-12-01T09:00:00", "2026-12-01T10:30:00", "Busy", "Chain"]
SECRET = 'client_secret_file = "client-secret"\nclient_secret_expires = 2099-01-01'
CERTIFICATE = 'client_certificate = "application.pem"\nclient_key = "application.key"\nassertion_algorithm = "{}"'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("oauth"))


@pytest.fixture
def world(certificates):
    """Starts a token server, an Exchange and a calbridge for the `[endpoint.auth]` that it is given, and ends them."""
    started = []

    def start(auth, lifetime=3600, access=""):
        tokens = TokenServer(certificates, lifetime)
        started.append(tokens)
        upstream = oauth_world.upstream(certificates, tokens)
        started.append(upstream)
        calbridge = Calbridge(certificates, tokens, upstream, auth, access)
        started.append(calbridge)
        return tokens, upstream, calbridge

    yield start
    for each in reversed(started):
        each.stop()


def by_basic(calbridge, certificates, mailbox="anna@cloud.example"):
    caller = ("basic", "interop@cloud.example", CALLER_PASSWORD)
    events = run_client("chain_exchangelib.py", calbridge.ews, *caller, mailbox, authority=certificates.authority)
    if events == "not looked up":
        return events
    return [[start[:19], end[:19], status, subject] for start, end, status, subject in events]


@pytest.mark.parametrize("auth", [SECRET, CERTIFICATE.format("PS256"), CERTIFICATE.format("RS256")])
def test_a_real_token_server_gives_the_token(world, certificates, auth):
    tokens, upstream, calbridge = world(auth)
    for _ in range(2):
        assert by_basic(calbridge, certificates) == [MEETING], "\n".join(calbridge.lines + upstream.refusals)
    assert upstream.refusals == []
    assert {account for account, _ in upstream.calls} <= set(MAILBOXES)
    assert tokens.count("granted") == 1
    assert tokens.count("refused") == 0


def test_a_refusal_is_told_with_its_cure_and_without_the_secret(world, certificates):
    certificates.write("wrong-secret", b"Chain~wrong~secret~5c02")
    tokens, upstream, calbridge = world('client_secret_file = "wrong-secret"')
    assert by_basic(calbridge, certificates) == "not looked up"
    line = calbridge.line_with("AADSTS7000215")
    assert "not its ID" in line and "wrong_secret" in line
    assert upstream.calls == [] and tokens.count("refused 7000215") == 1
    assert not any("5c02" in line or CLIENT_SECRET in line for line in calbridge.lines)


def test_a_certificate_that_expires_soon_is_told_at_the_start(world, certificates):
    _, _, calbridge = world(CERTIFICATE.format("PS256"))
    assert "expires in 19 days" in calbridge.line_with("client_certificate")
