"""msal gets a token from calbridge's own token endpoint; with it one mailbox is asked for in the name of a role account.

Arguments: URL of calbridge, CLIENT_ID, CLIENT_SECRET, ADDRESS of the role account, mailbox. Prints what exchangelib's
script prints.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree

import msal
import requests

TYPES = "{http://schemas.microsoft.com/exchange/services/2006/types}"
QUESTION = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
<soap:Header><t:RequestServerVersion Version="Exchange2016"/><t:ExchangeImpersonation><t:ConnectingSID>
<t:PrimarySmtpAddress>{account}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></soap:Header>
<soap:Body><m:GetUserAvailabilityRequest><m:MailboxDataArray><t:MailboxData><t:Email><t:Address>{mailbox}</t:Address>
</t:Email><t:AttendeeType>Required</t:AttendeeType></t:MailboxData></m:MailboxDataArray><t:FreeBusyViewOptions>
<t:TimeWindow><t:StartTime>2026-12-01T00:00:00</t:StartTime><t:EndTime>2026-12-01T23:00:00</t:EndTime></t:TimeWindow>
<t:RequestedView>Detailed</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest></soap:Body>
</soap:Envelope>"""


def main():
    url, client_id, client_secret, account, mailbox = sys.argv[1:]
    application = msal.ConfidentialClientApplication(
        client_id, client_credential=client_secret, authority=f"{url}/any-tenant", instance_discovery=False
    )
    granted = application.acquire_token_for_client(scopes=["https://outlook.office365.com/.default"])
    if "access_token" not in granted:
        sys.exit(f"{granted.get('error')}: {granted.get('error_description')}")
    answer = requests.post(
        f"{url}/EWS/Exchange.asmx",
        data=QUESTION.format(account=account, mailbox=mailbox),
        headers={
            "Authorization": f"Bearer {granted['access_token']}",
            "Content-Type": "text/xml; charset=utf-8",
            "X-AnchorMailbox": account,
        },
        timeout=60,
    )
    answer.raise_for_status()
    text = lambda event, name: event.findtext(f".//{TYPES}{name}")
    events = ElementTree.fromstring(answer.content).iter(f"{TYPES}CalendarEvent")
    fields = ["StartTime", "EndTime", "BusyType", "Subject"]
    print(json.dumps([[text(event, name) for name in fields] for event in events]))


main()
