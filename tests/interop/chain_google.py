"""google-api-python-client gets tokens from calbridge's own token endpoint and asks calbridge's freeBusy.query with them.

Arguments: URL of calbridge, CLIENT_ID, CLIENT_SECRET, mailbox. Prints the busy times of two
questions with one token and of one that begins with a token of nobody, and the kinds of tokens that it has fetched.
"""

import json
import os
import sys
from datetime import datetime, timezone

import httplib2
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

QUERY = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-02T00:00:00Z"}


def ask(url, credentials, mailbox):
    http = httplib2.Http(ca_certs=os.environ["SSL_CERT_FILE"], timeout=60, proxy_info=None)
    calendar = build(
        "calendar",
        "v3",
        http=AuthorizedHttp(credentials, http=http),
        client_options={"api_endpoint": f"{url}/calendar/v3/"},
        static_discovery=True,
    )
    return calendar.freebusy().query(body=QUERY | {"items": [{"id": mailbox}]}).execute()


def main():
    url, client_id, client_secret, mailbox = sys.argv[1:]
    fetched = []

    # As the library calls it where it has no token, or one that has expired.
    def fetch(_request, scopes):
        session = OAuth2Session(client=BackendApplicationClient(client_id), scope=scopes)
        granted = session.fetch_token(f"{url}/oauth2/v2.0/token", client_secret=client_secret, include_client_id=True)
        fetched.append(granted["token_type"])
        expires = datetime.fromtimestamp(granted["expires_at"], timezone.utc)
        return granted["access_token"], expires.replace(tzinfo=None)

    scopes = ["https://www.googleapis.com/auth/calendar.freebusy"]
    credentials = Credentials(token=None, scopes=scopes, refresh_handler=fetch)
    answers = [ask(url, credentials, mailbox)["calendars"][mailbox] for _ in range(2)]
    refused = Credentials(token="not-a-token", scopes=scopes, refresh_handler=fetch)
    answers.append(ask(url, refused, mailbox)["calendars"][mailbox])
    print(json.dumps({"answers": answers, "fetched": fetched}))


main()
