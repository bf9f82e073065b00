"""zeep makes a client out of our WSDL, and the client asks."""

from datetime import datetime
from urllib.parse import urlsplit

import pytest
import requests
import zeep

from calendars import address


@pytest.fixture(scope="module")
def client(demo):
    session = requests.Session()
    session.auth = (demo.user, demo.password)
    session.verify = demo.ca
    # REQUESTS_CA_BUNDLE would have its way otherwise.
    session.trust_env = False
    parts = urlsplit(demo.url)
    return zeep.Client(
        f"{parts.scheme}://{parts.netloc}/EWS/services.wsdl",
        transport=zeep.Transport(session=session),
        settings=zeep.Settings(strict=True),
    )


def test_the_service_is_where_the_gateway_is(client, demo):
    assert client.service._binding_options["address"] == demo.url


def test_availability_with_suggestions(client):
    midnight = datetime(2026, 10, 27)
    change = {"Bias": 0, "Time": "00:00:00", "DayOrder": 1, "Month": 1, "DayOfWeek": "Sunday"}
    answer = client.service.GetUserAvailability(
        TimeZone={"Bias": 0, "StandardTime": change, "DaylightTime": change},
        MailboxDataArray={
            "MailboxData": [
                {"Email": {"Address": address("greta")}, "AttendeeType": "Required", "ExcludeConflicts": True},
                {"Email": {"Address": address("hugo")}, "AttendeeType": "Optional"},
            ]
        },
        FreeBusyViewOptions={
            "TimeWindow": {"StartTime": midnight, "EndTime": datetime(2026, 10, 28)},
            "RequestedView": ["FreeBusy"],
        },
        SuggestionsViewOptions={
            "MaximumResultsByDay": 48,
            "DetailedSuggestionsWindow": {"StartTime": midnight, "EndTime": datetime(2026, 10, 28)},
        },
        _soapheaders={"version": {"Version": "Exchange2016"}},
    )
    assert answer.header.server.MajorVersion == 15
    greta, hugo = answer.body.FreeBusyResponseArray.FreeBusyResponse
    events = [
        (f"{event.StartTime:%H:%M}", f"{event.EndTime:%H:%M}", event.BusyType)
        for event in greta.FreeBusyView.CalendarEventArray.CalendarEvent
    ]
    # Told in UTC; Berlin is an hour ahead.
    assert events == [("08:00", "11:00", "Busy"), ("10:00", "11:30", "Tentative"), ("10:30", "10:45", "OOF")]
    assert hugo.ResponseMessage.ResponseCode == "NoError"
    (day,) = answer.body.SuggestionsResponse.SuggestionDayResultArray.SuggestionDayResult
    told = [(f"{each.MeetingTime:%H:%M}", each.SuggestionQuality) for each in day.SuggestionArray.Suggestion]
    # Greta must be free, which she is from 11:30 on; Hugo runs from 11:00 to 11:45 and has an introduction from 12:00 to
    # 12:30 that he may not come to.
    assert told == [("11:30", "Fair"), ("12:00", "Fair")] + [
        (time, "Excellent") for time in "12:30 13:00 13:30 14:00 14:30 15:00 15:30 16:00".split()
    ]


def test_folders_ids_and_refusals(client, demo):
    folders = client.service.GetFolder(
        FolderShape={"BaseShape": "IdOnly"},
        FolderIds={"_value_1": [{"DistinguishedFolderId": {"Id": "root"}}]},
    )
    (message,) = folders.body.ResponseMessages.GetFolderResponseMessage
    identity = message.Folders._value_1[0]["Folder"].FolderId.Id
    converted = client.service.ConvertId(
        SourceIds={"AlternateId": [{"Format": "EwsId", "Id": identity, "Mailbox": "-"}]}, DestinationFormat="EntryId"
    )
    (message,) = converted.body.ResponseMessages.ConvertIdResponseMessage
    assert message.AlternateId.Mailbox == demo.user
    settings = client.service.GetUserOofSettings(Mailbox={"Address": demo.user})
    assert settings.body.OofSettings.OofState == "Disabled"


def test_names_and_zones(client):
    names = client.service.ResolveNames(UnresolvedEntry=address("anna"), ReturnFullContactData=False)
    (message,) = names.body.ResponseMessages.ResolveNamesResponseMessage
    assert message.ResolutionSet.Resolution[0].Mailbox.EmailAddress == address("anna")
    rooms = client.service.ResolveNames(UnresolvedEntry="borealis", ReturnFullContactData=True)
    (message,) = rooms.body.ResponseMessages.ResolveNamesResponseMessage
    contact = message.ResolutionSet.Resolution[0].Contact
    assert (contact.DisplayName, contact.OfficeLocation) == ("Room Borealis", "Berlin, floor 2")
    assert contact.Notes == "Capacity: 6\nFeatures: whiteboard"
    zones = client.service.GetServerTimeZones(Ids={"Id": ["W. Europe Standard Time"]}, ReturnFullTimeZoneData=True)
    (message,) = zones.body.ResponseMessages.GetServerTimeZonesResponseMessage
    assert message.TimeZoneDefinitions.TimeZoneDefinition[0].Id == "W. Europe Standard Time"


def test_room_lists_rooms_and_their_members(client):
    # From config/demo/calendars/rooms.toml.
    expected = {
        "rooms-berlin": ("Berlin rooms", [("Room Aurora", "room-aurora"), ("Room Borealis", "room-borealis")]),
        "rooms-sydney": ("Sydney rooms", [("Room Coral", "room-coral"), ("Room Delta", "room-delta")]),
    }
    lists = client.service.GetRoomLists()
    assert lists.body.ResponseCode == "NoError"
    assert [(one.Name, one.EmailAddress, one.MailboxType) for one in lists.body.RoomLists.Address] == [
        (name, address(local), "PublicDL") for local, (name, _) in expected.items()
    ]
    for local, (_, rooms) in expected.items():
        pairs = [(name, address(room)) for name, room in rooms]
        told = client.service.GetRooms(RoomList={"EmailAddress": address(local)})
        assert [(one.Id.Name, one.Id.EmailAddress) for one in told.body.Rooms.Room] == pairs
        expanded = client.service.ExpandDL(Mailbox={"EmailAddress": address(local)})
        (message,) = expanded.body.ResponseMessages.ExpandDLResponseMessage
        assert (message.ResponseCode, message.DLExpansion.TotalItemsInView) == ("NoError", len(rooms))
        assert [(one.Name, one.EmailAddress) for one in message.DLExpansion.Mailbox] == pairs
    unknown = client.service.GetRooms(RoomList={"EmailAddress": address("rooms-nowhere")})
    assert unknown.body.ResponseCode == "ErrorNameResolutionNoResults"
