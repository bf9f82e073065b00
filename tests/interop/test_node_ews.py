"""node-ews, unpatched: it cannot start without the WSDL and its schemas, which it loads from the gateway."""

import json
from urllib.parse import urlsplit

import node
from calendars import address


def test_it_loads_our_wsdl_and_asks(demo):
    parts = urlsplit(demo.url)
    told = node.run(
        "availability.node-ews.cjs",
        demo,
        EWS_HOST=f"{parts.scheme}://{parts.netloc}",
        EWS_MAILBOXES=f"{address('greta')} {address('nobody')}",
        EWS_FROM="2026-10-27T00:00:00",
        EWS_TO="2026-10-28T00:00:00",
    )
    answer = json.loads(told)
    greta, nobody = answer["availability"]["FreeBusyResponseArray"]["FreeBusyResponse"]
    assert greta["ResponseMessage"]["ResponseCode"] == "NoError"
    view = greta["FreeBusyView"]
    # Berlin is an hour ahead: workshop 9 to 12, call with the press 11 to 12:30, bank 11:30 to 11:45.
    assert view["FreeBusyViewType"] == "DetailedMerged"
    assert view["MergedFreeBusy"] == "0" * 8 + "2231" + "0" * 12
    assert [event["BusyType"] for event in view["CalendarEventArray"]["CalendarEvent"]] == ["Busy", "Tentative", "OOF"]
    assert nobody["ResponseMessage"]["ResponseCode"] == "ErrorMailRecipientNotFound"
    inbox, tasks = answer["folders"]["ResponseMessages"]["GetFolderResponseMessage"]
    assert inbox["ResponseCode"] == "NoError"
    folder = inbox["Folders"]["Folder"]
    folder = folder[0] if isinstance(folder, list) else folder
    assert folder["DisplayName"] == "Inbox"
    assert tasks["ResponseCode"] == "ErrorFolderNotFound"
