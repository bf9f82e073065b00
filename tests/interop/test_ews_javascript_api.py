"""ews-javascript-api, the JavaScript port of the EWS Managed API, against the demo gateway."""

import json

import pytest

import calendars
import node
from calendars import AUTUMN_BERLIN, SPRING_BERLIN, address


def ask(demo, names, zone, start, end, record):
    told = node.run(
        "availability.cjs",
        demo,
        EWS_URL=demo.url,
        EWS_MAILBOXES=" ".join(map(address, names)),
        EWS_FROM=start,
        EWS_TO=end,
        EWS_ANSWER=str(record or ""),
        TZ=zone,
    )
    # The client prints notes of its own about suggestions first.
    return json.loads(told.splitlines()[-1])


@pytest.mark.parametrize("season, window", [("autumn", AUTUMN_BERLIN), ("spring", SPRING_BERLIN)])
def test_free_busy_with_suggestions(demo, answers, season, window):
    zone, start, end, expected = window
    names = ["bernd", "nobody", "david", "carla"]
    record = answers / f"ews-javascript-api-{season}.xml" if answers else None
    answer = ask(demo, names, zone, start[:10], end[:10], record)
    bernd, nobody, david, carla = answer["mailboxes"]
    for name, mailbox in (("bernd", bernd), ("david", david), ("carla", carla)):
        assert (mailbox["result"], mailbox["error"], mailbox["view"]) == ("Success", "NoError", "FreeBusy")
        assert mailbox["events"] == [
            [f"{event[0]:%Y-%m-%d %H:%M}", f"{event[1]:%Y-%m-%d %H:%M}", event[2]]
            for event in calendars.events(expected[name])
        ], name
    assert (nobody["result"], nobody["error"]) == ("Error", "ErrorMailRecipientNotFound")
    assert nobody["events"] == []
    suggestions = answer["suggestions"]
    assert suggestions["result"] == "Success"
    days = {day["date"][5:10]: day for day in suggestions["days"]}
    assert len(days) == 7
    for date, times in SUGGESTED[season].items():
        told = [f"{time[11:]} {quality}" for time, quality in days[date]["times"]]
        assert told == times, date
        # The client loses conflicts that have no content: that of nobody.
        assert days[date]["conflicts"] == [["IndividualAttendeeConflict"] * 3] * len(times)


# An hour for all four, of whom nobody is never free: three of four are good, two are fair. Ten a day, good ones first.
MORNING = [f"{hour:02}:{minute} Good" for hour in range(8, 13) for minute in ("00", "30")]
SUGGESTED = {
    "autumn": {
        "10-24": [],
        "10-25": [],
        "10-26": MORNING,
        "10-27": MORNING[:3] + ["09:30 Fair", "10:00 Fair"] + MORNING[6:] + ["16:00 Good"],
    },
    "spring": {
        "03-28": [],
        "03-29": [],
    },
}


def test_room_lists_and_their_rooms(demo):
    told = node.run("rooms.cjs", demo, EWS_URL=demo.url)
    # From config/demo/calendars/rooms.toml.
    assert json.loads(told) == [
        {
            "list": ["Berlin rooms", address("rooms-berlin")],
            "rooms": [["Room Aurora", address("room-aurora")], ["Room Borealis", address("room-borealis")]],
        },
        {
            "list": ["Sydney rooms", address("rooms-sydney")],
            "rooms": [["Room Coral", address("room-coral")], ["Room Delta", address("room-delta")]],
        },
    ]
