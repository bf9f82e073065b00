"""exchangelib asks for one mailbox and prints what it got. Arguments: EWS URL, then either `basic ADDRESS PASSWORD` or
`oauth2 TOKEN_URL CLIENT_ID CLIENT_SECRET ADDRESS`, then the mailbox.
"""

import json
import sys
from datetime import datetime

from exchangelib import DELEGATE, IMPERSONATION, Account, Configuration, Credentials, Identity, OAuth2Credentials
from exchangelib.errors import ErrorProxyRequestProcessingFailed
from exchangelib.ewsdatetime import EWSDateTime, EWSTimeZone
from exchangelib.transport import OAUTH2


class OwnTokenEndpoint(OAuth2Credentials):
    """exchangelib knows Microsoft's token endpoint only; this is the way to name another one."""

    def __init__(self, url, **keywords):
        super().__init__(**keywords)
        self._url = url

    @property
    def token_url(self):
        return self._url


def account(url, how, *rest):
    if how == "basic":
        address, password = rest
        config = Configuration(service_endpoint=url, credentials=Credentials(address, password))
        return Account(address, config=config, autodiscover=False, access_type=DELEGATE)
    token_url, client_id, client_secret, address = rest
    credentials = OwnTokenEndpoint(
        token_url,
        client_id=client_id,
        client_secret=client_secret,
        tenant_id="any",
        identity=Identity(primary_smtp_address=address),
    )
    config = Configuration(service_endpoint=url, credentials=credentials, auth_type=OAUTH2)
    return Account(address, config=config, autodiscover=False, access_type=IMPERSONATION)


def main():
    url, *how, mailbox = sys.argv[1:]
    zone = EWSTimeZone("UTC")
    at = lambda hour: EWSDateTime.from_datetime(datetime(2026, 12, 1, hour, tzinfo=zone))
    views = account(url, *how).protocol.get_free_busy_info(
        accounts=[(mailbox, "Required", False)], start=at(0), end=at(23), requested_view="Detailed"
    )
    try:
        events = [
            [event.start.isoformat(), event.end.isoformat(), event.busy_type, event.details and event.details.subject]
            for view in views
            for event in view.calendar_events or []
        ]
    except ErrorProxyRequestProcessingFailed:
        # The error of the one mailbox that was asked for.
        events = "not looked up"
    print(json.dumps(events))


main()
