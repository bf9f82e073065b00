"""exchangelib, unpatched and with its default settings, against the demo gateway.

Only the trust in the development certificate is set up, the way its documentation shows.
"""

import itertools
from datetime import datetime, timedelta

import pytest
import requests.adapters
from exchangelib import DELEGATE, Account, Configuration, Credentials
from exchangelib.errors import ErrorMailRecipientNotFound, ErrorNameResolutionNoResults, UnauthorizedError
from exchangelib.ewsdatetime import EWSDateTime, EWSTimeZone
from exchangelib.properties import TimeZone
from exchangelib.protocol import BaseProtocol

import calendars
from calendars import MERGED, WINDOWS, address

PEOPLE = ["anna", "bernd", "carla", "david", "emi", "farid", "greta", "hugo", "ida"]
ROOMS = ["room-aurora", "room-borealis", "room-coral", "room-delta"]


@pytest.fixture(scope="session")
def protocol(demo, answers):
    counter = itertools.count(1)

    class TrustingAdapter(requests.adapters.HTTPAdapter):
        """Trusts the development certificate, and keeps the answers for the schema check."""

        def cert_verify(self, conn, url, verify, cert):
            super().cert_verify(conn=conn, url=url, verify=demo.ca, cert=cert)

        def send(self, *arguments, **keywords):
            answer = super().send(*arguments, **keywords)
            if answers and answer.status_code in (200, 500):
                (answers / f"exchangelib-{next(counter):04}.xml").write_bytes(answer.content)
            return answer

    BaseProtocol.HTTP_ADAPTER_CLS = TrustingAdapter
    protocol = login(demo, demo.password).protocol
    # A fact of exchangelib, with a real Exchange as well: its ResolveNames reads the version of the configuration, which
    # is None until the version of the protocol was read once.
    assert protocol.version.build
    yield protocol
    # The schema check is to see them.
    assert not answers or next(counter) > len(PEOPLE)


def login(demo, password):
    return Account(
        primary_smtp_address=demo.user,
        config=Configuration(service_endpoint=demo.url, credentials=Credentials(demo.user, password)),
        autodiscover=False,
        access_type=DELEGATE,
    )


def at(text, zone):
    zone = EWSTimeZone(zone)
    return EWSDateTime.from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone))


def ask(protocol, names, zone, start, end, interval=30, view="DetailedMerged"):
    accounts = [(name if "@" in name else address(name), "Required", False) for name in names]
    return list(
        protocol.get_free_busy_info(
            accounts=accounts,
            start=at(start, zone),
            end=at(end, zone),
            merged_free_busy_interval=interval,
            requested_view=view,
        )
    )


def told(view):
    """The events of a view in the form of calendars.events; a missing text and an empty one mean the same."""
    return [
        (
            event.start.replace(tzinfo=None),
            event.end.replace(tzinfo=None),
            event.busy_type,
            event.details.subject or None,
            event.details.location or None,
            event.details.is_private,
            event.details.is_exception,
        )
        for event in view.calendar_events or []
    ]


@pytest.mark.parametrize("window", WINDOWS)
def test_exactly_the_events_of_the_calendars(protocol, window):
    zone, start, end, expected = WINDOWS[window]
    views = ask(protocol, expected, zone, start, end)
    assert len(views) == len(expected)
    for (name, text), view in zip(expected.items(), views, strict=True):
        assert told(view) == calendars.events(text), name
        assert view.view_type == "DetailedMerged", name


def test_private_events_tell_only_their_time(protocol):
    (view,) = ask(protocol, ["anna"], "Europe/Berlin", "2026-10-29 15:00", "2026-10-29 18:00")
    (event,) = view.calendar_events
    assert event.details.is_private
    assert not event.details.id and not event.details.subject and not event.details.location


def test_meetings_and_series_are_marked(protocol):
    (view,) = ask(protocol, ["anna"], "Europe/Berlin", "2026-10-27 00:00", "2026-10-28 00:00")
    marks = [(event.details.is_meeting, event.details.is_recurring) for event in view.calendar_events]
    stand_up, jour_fixe, moved = marks
    assert stand_up == (False, True)
    assert jour_fixe == (True, True)
    assert moved[0] is True


@pytest.mark.parametrize("zone, start, end, interval, name, digits", MERGED)
def test_merged_digits(protocol, zone, start, end, interval, name, digits):
    (view,) = ask(protocol, [name], zone, start, end, interval)
    assert view.merged == digits


def test_less_detail_when_less_is_asked(protocol):
    window = ("Europe/Berlin", "2026-10-27 00:00", "2026-10-28 00:00")
    (free_busy,) = ask(protocol, ["greta"], *window, view="FreeBusy")
    assert free_busy.view_type == "FreeBusy"
    assert [event.busy_type for event in free_busy.calendar_events] == ["Busy", "Tentative", "OOF"]
    assert all(event.details is None for event in free_busy.calendar_events)
    assert not free_busy.merged
    (merged_only,) = ask(protocol, ["greta"], *window, interval=60, view="MergedOnly")
    assert merged_only.view_type == "MergedOnly"
    assert not merged_only.calendar_events
    assert merged_only.merged == "0" * 9 + "2231" + "0" * 11


def test_an_unknown_mailbox_does_not_spoil_the_others(protocol):
    names = ["anna", "nobody", "someone@elsewhere.example", "hugo"]
    anna, nobody, elsewhere, hugo = ask(protocol, names, "Europe/Berlin", "2026-10-28 00:00", "2026-10-29 00:00")
    assert [event.details.subject for event in anna.calendar_events] == ["Stand-up", "Mittagspause 🍜"]
    assert isinstance(nobody, ErrorMailRecipientNotFound)
    assert isinstance(elsewhere, ErrorMailRecipientNotFound)
    assert [event.details.subject for event in hugo.calendar_events] == ["Lunch run 🏃"]


def test_a_mailbox_asked_twice_is_answered_twice(protocol):
    names = ["anna", "hugo", "ANNA@Exchange.Example", "anna"]
    first, hugo, shouted, again = ask(protocol, names, "Europe/Berlin", "2026-10-28 00:00", "2026-10-29 00:00")
    assert told(first) == told(shouted) == told(again) != told(hugo)
    assert len(told(first)) == 2


# exchangelib cuts a question into calls of a hundred mailboxes: the second number makes two calls.
@pytest.mark.parametrize("count", [100, 130])
def test_a_hundred_mailboxes_keep_their_places(protocol, count):
    names = list(itertools.islice(itertools.cycle(PEOPLE + ROOMS), count))
    zone, start, end, expected = WINDOWS["autumn-berlin"]
    views = ask(protocol, names, zone, start, end)
    assert len(views) == count
    for position, (name, view) in enumerate(zip(names, views, strict=True)):
        assert told(view) == calendars.events(expected[name]), f"{name} at {position}"


def test_names(protocol):
    # One name a call: exchangelib would put several into one request, which the schema of EWS does not allow.
    for name in ("anna", "room-aurora"):
        (mailbox,) = protocol.resolve_names([address(name)])
        assert mailbox.email_address == address(name)
        assert mailbox.name and mailbox.routing_type == "SMTP"
    for unknown in (address("nobody"), "someone@elsewhere.example", "anna"):
        (nothing,) = protocol.resolve_names([unknown])
        assert isinstance(nothing, ErrorNameResolutionNoResults), unknown


def test_names_with_contact_data(protocol):
    ((mailbox, _contact),) = protocol.resolve_names([address("bernd")], return_full_contact_data=True)
    assert mailbox.email_address == address("bernd")


def test_all_time_zones(protocol):
    zones = list(protocol.get_timezones(return_full_timezone_data=True))
    assert len(zones) > 130
    ids = {zone.id for zone in zones}
    assert {"UTC", "W. Europe Standard Time", "Eastern Standard Time", "India Standard Time"} <= ids
    assert len(ids) == len(zones)
    for zone in zones:
        assert zone.name
        # Raises where periods and transitions do not make a year.
        TimeZone.from_server_timezone(zone, for_year=2026)


# zone, bias in minutes (UTC = local + bias), (month, order, day of the week, hour) of standard and daylight time, or
# None; day 1 is Monday, order 5 the last.
ZONES = [
    ("Europe/Berlin", -60, (10, 5, 7, 3), (3, 5, 7, 2)),
    ("America/New_York", 300, (11, 1, 7, 2), (3, 2, 7, 2)),
    ("Australia/Sydney", -600, (4, 1, 7, 3), (10, 1, 7, 2)),
    ("Asia/Kolkata", -330, None, None),
    ("UTC", 0, None, None),
]


def test_some_time_zones(protocol):
    asked = [EWSTimeZone(zone) for zone, *_ in ZONES]
    zones = {zone.id: zone for zone in protocol.get_timezones(asked, return_full_timezone_data=True)}
    assert len(zones) == len(ZONES)
    for zone, (name, bias, standard, daylight) in zip(asked, ZONES, strict=True):
        rules = TimeZone.from_server_timezone(zones[zone.ms_id], for_year=2026)
        assert rules.bias == bias, name
        if standard is None:
            # exchangelib's own stand-in for zones without daylight time.
            assert (rules.standard_time.bias, rules.daylight_time.bias) == (0, 0), name
            continue
        assert rules.daylight_time.bias == -60, name
        for rule, expected in ((rules.standard_time, standard), (rules.daylight_time, daylight)):
            assert (rule.iso_month, rule.occurrence, rule.weekday, rule.time.hour) == expected, name


def test_time_zones_without_their_rules(protocol):
    (berlin,) = protocol.get_timezones([EWSTimeZone("Europe/Berlin")], return_full_timezone_data=False)
    assert berlin.id == "W. Europe Standard Time"


def test_working_hours_are_absent_or_whole(protocol):
    # Calendar files know no working hours; an element that is half there would break this very line.
    (view,) = ask(protocol, ["anna"], "Europe/Berlin", "2026-10-27 00:00", "2026-10-28 00:00")
    assert not view.working_hours


def test_a_long_window(protocol):
    # 62 days is the limit, whatever the clock does in between.
    (view,) = ask(protocol, ["anna"], "UTC", "2026-10-01 00:00", "2026-12-02 00:00", interval=1440)
    assert len(view.merged) == 62
    longest = max(event.end - event.start for event in view.calendar_events)
    assert longest == timedelta(minutes=90)


def test_a_wrong_password_is_refused(protocol, demo):
    account = login(demo, "not-" + demo.password)
    with pytest.raises(UnauthorizedError):
        ask(account.protocol, ["anna"], "UTC", "2026-10-26 00:00", "2026-10-27 00:00")


def test_what_it_looks_for_at_the_start(protocol, demo):
    account = login(demo, demo.password)
    assert account.oof_settings.state == "Disabled"
    root = account.root
    assert root.name == "Root" and root.id and root.total_count == 0
    assert login(demo, demo.password).root.id == root.id


# From config/demo/calendars/rooms.toml: lists by name, rooms by address.
ROOM_LISTS = [("Berlin rooms", "rooms-berlin"), ("Sydney rooms", "rooms-sydney")]
ROOMS_OF = {
    "rooms-berlin": [("Room Aurora", "room-aurora"), ("Room Borealis", "room-borealis")],
    "rooms-sydney": [("Room Coral", "room-coral"), ("Room Delta", "room-delta")],
}


def test_room_lists_and_their_rooms(protocol):
    lists = protocol.get_roomlists()
    assert [(one.name, one.email_address) for one in lists] == [(name, address(local)) for name, local in ROOM_LISTS]
    for room_list in lists:
        expected = ROOMS_OF[room_list.email_address.split("@")[0]]
        rooms = protocol.get_rooms(room_list)
        assert [(one.name, one.email_address) for one in rooms] == [(name, address(local)) for name, local in expected]
        members = protocol.expand_dl(room_list.email_address)
        assert [(one.name, one.email_address) for one in members] == [(one.name, one.email_address) for one in rooms]
    # The library takes what it is given by text as well.
    assert len(list(protocol.get_rooms(address("rooms-sydney")))) == 2


def test_an_unknown_room_list(protocol):
    for unknown in ("rooms-nowhere", "anna", "room-aurora"):
        with pytest.raises(ErrorNameResolutionNoResults):
            list(protocol.get_rooms(address(unknown)))
        with pytest.raises(ErrorNameResolutionNoResults):
            list(protocol.expand_dl(address(unknown)))


def test_rooms_are_found_by_their_names(protocol):
    found = protocol.resolve_names(["room"], return_full_contact_data=True)
    assert [(mailbox.name, mailbox.email_address) for mailbox, _ in found] == [
        pair for rooms in ROOMS_OF.values() for pair in ((name, address(local)) for name, local in rooms)
    ]
    ((mailbox, contact),) = protocol.resolve_names(["aurora"], return_full_contact_data=True)
    assert mailbox.email_address == address("room-aurora")
    assert contact.display_name == "Room Aurora"
    assert contact.office == "Berlin, floor 2"
    assert contact.notes == "Capacity: 12\nFeatures: projector, video conference, wheelchair access"
    # People are not found like this.
    (nothing,) = protocol.resolve_names(["anna"])
    assert isinstance(nothing, ErrorNameResolutionNoResults)
