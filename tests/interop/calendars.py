"""What the demo calendars say, written by hand from `config/demo/calendars`.

Nothing here was computed by the program under test. Times are local times of the zone that the window names; a line is
`day start-end status subject @ location`, `day start-day end` where an event ends on another day, and `private` in
place of subject and location where these must not be told. A subject with a trailing `*` belongs to an exception of
a series.
"""

import re
from datetime import datetime

STATUS = {
    "free": "Free",
    "tentative": "Tentative",
    "busy": "Busy",
    "oof": "OOF",
    "elsewhere": "WorkingElsewhere",
}

# One week around the end of summer time in Europe (25 October, 03:00 becomes 02:00), told in Berlin time.
AUTUMN_BERLIN = (
    "Europe/Berlin",
    "2026-10-24 00:00",
    "2026-10-31 00:00",
    {
        "anna": """
            10-26 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            10-27 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            10-27 10:00-11:00 busy Anna & Bernd <jour fixe> @ Café "Zur Mühle"
            10-27 15:00-16:00 busy Team weekly: plans & risks (moved)* @ Room Aurora
            10-28 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            10-28 12:00-13:00 free Mittagspause 🍜
            10-29 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            10-29 16:00-17:30 busy private
        """,  # No stand-up on the 30th: EXDATE.
        "bernd": """
            10-24 23:00-10-25 05:00 busy Nachtwartung
            10-27 10:00-11:00 busy Anna & Bernd <jour fixe> @ Café "Zur Mühle"
            10-27 15:00-16:00 busy Team weekly: plans & risks (moved)* @ Room Aurora
            10-29 08:00-12:00 oof Vor Ort: Kühn & Söhne @ Potsdam
            10-29 11:00-13:00 tentative Q&A "Interop"
        """,
        "carla": """
            10-27 14:00-15:00 busy private
            10-27 15:00-16:00 busy Team weekly: plans & risks (moved)* @ Room Aurora
            10-30 08:00-16:00 elsewhere Home office @ Leipzig
        """,  # The design review is in the other weeks: 21 October, 4 November.
        "david": """
            10-26 13:30-14:30 busy Focus time
            10-27 13:30-14:30 busy Focus time
            10-28 13:30-14:30 busy Focus time
            10-28 15:00-16:00 busy Transatlantic sync @ Room Coral
            10-29 13:30-14:30 busy Focus time
            10-30 13:30-14:30 busy Focus time
        """,  # New York is still on summer time: five hours.
        "emi": """
            10-26 22:00-22:30 busy Operations hand-over
            10-27 22:00-22:30 busy Operations hand-over
            10-28 22:00-22:30 busy Operations hand-over
            10-30 04:00-06:00 tentative Release window
        """,  # Sydney is ten hours ahead.
        "farid": """
            10-26 05:30-06:00 busy Daily triage
            10-27 05:30-06:00 busy Daily triage
            10-27 10:30-12:30 busy Audit @ Mumbai
            10-28 05:30-06:00 busy Daily triage
            10-29 05:30-06:00 busy Daily triage
            10-29 14:00-15:00 tentative private
            10-30 05:30-06:00 busy Daily triage
        """,
        "greta": """
            10-26 16:00-17:00 busy Board call
            10-27 09:00-12:00 busy Workshop „Öffentlichkeitsarbeit“ @ Room Borealis
            10-27 11:00-12:30 tentative Pressegespräch
            10-27 11:30-11:45 oof Bank
            10-28 15:00-16:00 busy Transatlantic sync @ Room Coral
            10-29 00:00-10-30 00:00 busy Betriebsausflug
        """,
        "hugo": """
            10-26 12:00-12:45 busy Lunch run 🏃
            10-27 12:00-12:45 busy Lunch run 🏃
            10-27 13:00-13:30 tentative Onboarding
            10-28 12:00-12:45 busy Lunch run 🏃
            10-29 12:00-12:45 busy Lunch run 🏃
            10-30 12:00-12:45 busy Lunch run 🏃
            10-30 17:00-17:00 busy Send the weekly report
        """,
        "ida": "",
        "room-aurora": """
            10-27 15:00-16:00 busy Team weekly: plans & risks (moved)* @ Room Aurora
            10-29 09:00-16:00 busy Schulung @ Room Aurora
        """,
        "room-borealis": """
            10-26 14:00-15:00 busy Besuchergruppe @ Room Borealis
            10-27 00:00-10-30 00:00 oof Umbau <Küche>
            10-27 09:00-12:00 busy Workshop „Öffentlichkeitsarbeit“ @ Room Borealis
            10-30 14:00-15:00 busy Besuchergruppe @ Room Borealis
        """,
        "room-coral": "10-28 15:00-16:00 busy Transatlantic sync @ Room Coral",
        "room-delta": "10-24 00:00-10-26 00:00 busy Closed",
    },
)

# The week around the start of summer time in Europe (29 March, 02:00 becomes 03:00), told in Berlin time.
SPRING_BERLIN = (
    "Europe/Berlin",
    "2026-03-28 00:00",
    "2026-04-04 00:00",
    {
        "anna": """
            03-30 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            03-30 13:00-14:00 busy Team weekly: plans & risks @ Room Aurora
            03-31 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            03-31 10:00-11:00 busy Anna & Bernd <jour fixe> @ Café "Zur Mühle"
            04-01 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            04-01 12:00-13:00 free Mittagspause 🍜
            04-02 09:00-09:15 busy Stand-up @ Open space, 2nd floor
            04-02 16:00-17:30 busy private
            04-03 09:00-09:15 busy Stand-up @ Open space, 2nd floor
        """,
        "bernd": """
            03-28 23:00-03-29 05:00 busy Nachtwartung
            03-30 13:00-14:00 busy Team weekly: plans & risks @ Room Aurora
            03-31 10:00-11:00 busy Anna & Bernd <jour fixe> @ Café "Zur Mühle"
            04-02 08:00-12:00 oof Vor Ort: Kühn & Söhne @ Potsdam
            04-02 11:00-13:00 tentative Q&A "Interop"
        """,
        "carla": """
            03-30 13:00-14:00 busy Team weekly: plans & risks @ Room Aurora
            03-31 14:00-15:00 busy private
            04-03 08:00-16:00 elsewhere Home office @ Leipzig
        """,  # The birthday of the 27th ends where the window starts.
        "david": """
            03-30 14:30-15:30 busy Focus time
            03-31 14:30-15:30 busy Focus time
            04-01 14:30-15:30 busy Focus time
            04-01 16:00-17:00 busy Transatlantic sync @ Room Coral
            04-02 14:30-15:30 busy Focus time
            04-03 14:30-15:30 busy Focus time
        """,
        "emi": """
            03-30 23:00-23:30 busy Operations hand-over
            03-31 23:00-23:30 busy Operations hand-over
            04-01 23:00-23:30 busy Operations hand-over
            04-03 05:00-07:00 tentative Release window
        """,  # Both have summer time: nine hours.
        "farid": """
            03-30 06:30-07:00 busy Daily triage
            03-31 06:30-07:00 busy Daily triage
            03-31 11:30-13:30 busy Audit @ Mumbai
            04-01 06:30-07:00 busy Daily triage
            04-02 06:30-07:00 busy Daily triage
            04-02 15:00-16:00 tentative private
            04-03 06:30-07:00 busy Daily triage
        """,
        "greta": """
            03-30 17:00-18:00 busy Board call
            03-31 09:00-12:00 busy Workshop „Öffentlichkeitsarbeit“ @ Room Borealis
            03-31 11:00-12:30 tentative Pressegespräch
            03-31 11:30-11:45 oof Bank
            04-01 16:00-17:00 busy Transatlantic sync @ Room Coral
        """,
        "room-borealis": """
            03-30 14:00-15:00 busy Besuchergruppe @ Room Borealis
            03-31 09:00-12:00 busy Workshop „Öffentlichkeitsarbeit“ @ Room Borealis
            04-03 14:00-15:00 busy Besuchergruppe @ Room Borealis
        """,
        "room-delta": "03-28 00:00-03-30 00:00 busy Closed",
    },
)

# Five days around the end of summer time in the United States (1 November), told in New York time.
AUTUMN_NEW_YORK = (
    "America/New_York",
    "2026-10-31 00:00",
    "2026-11-05 00:00",
    {
        "david": """
            10-31 00:00-11-03 00:00 oof Conference @ Boston
            11-02 08:30-09:30 busy Focus time
            11-03 08:30-09:30 busy Focus time
            11-04 08:30-09:30 busy Focus time
            11-04 10:00-11:00 busy Transatlantic sync @ Room Coral
        """,
        "anna": """
            11-02 03:00-03:15 busy Stand-up @ Open space, 2nd floor
            11-03 03:00-03:15 busy Stand-up @ Open space, 2nd floor
            11-03 04:00-05:00 busy Anna & Bernd <jour fixe> @ Café "Zur Mühle"
            11-04 03:00-03:15 busy Stand-up @ Open space, 2nd floor
            11-04 06:00-07:00 free Mittagspause 🍜
        """,  # The team weekly of 2 November is cancelled.
        "carla": """
            11-02 09:00-11:00 busy Monatsabschluss
            11-03 08:00-09:00 busy private
            11-04 09:00-10:30 tentative Design review?
        """,
        "emi": """
            11-02 16:00-16:30 busy Operations hand-over
            11-03 16:00-16:30 busy Operations hand-over
            11-04 16:00-16:30 busy Operations hand-over
        """,
        # Starts in Berlin's Saturday, the evening before in New York; ends after the change.
        "room-delta": "10-30 19:00-11-01 18:00 busy Closed",
    },
)

# Four days around the start of summer time in the United States (8 March), told in New York time.
SPRING_NEW_YORK = (
    "America/New_York",
    "2026-03-07 00:00",
    "2026-03-11 00:00",
    {
        "david": """
            03-09 00:00-03-10 00:00 oof Day off
            03-09 08:30-09:30 busy Focus time
            03-10 08:30-09:30 busy Focus time
        """,
        "anna": """
            03-09 04:00-04:15 busy Stand-up @ Open space, 2nd floor
            03-09 08:00-09:00 busy Team weekly: plans & risks @ Room Aurora
            03-10 04:00-04:15 busy Stand-up @ Open space, 2nd floor
            03-10 05:00-06:00 busy Anna & Bernd <jour fixe> @ Café "Zur Mühle"
        """,  # Berlin is five hours ahead in these weeks.
        "farid": """
            03-09 00:30-01:00 busy Daily triage
            03-10 00:30-01:00 busy Daily triage
            03-10 05:30-07:30 busy Audit @ Mumbai
        """,
    },
)

# A zone without summer time asks about calendars that have it.
AUTUMN_KOLKATA = (
    "Asia/Kolkata",
    "2026-10-25 00:00",
    "2026-10-29 00:00",
    {
        "farid": """
            10-26 10:00-10:30 busy Daily triage
            10-27 10:00-10:30 busy Daily triage
            10-27 15:00-17:00 busy Audit @ Mumbai
            10-28 10:00-10:30 busy Daily triage
        """,
        "bernd": """
            10-25 02:30-09:30 busy Nachtwartung
            10-27 14:30-15:30 busy Anna & Bernd <jour fixe> @ Café "Zur Mühle"
            10-27 19:30-20:30 busy Team weekly: plans & risks (moved)* @ Room Aurora
        """,  # Seven hours, though the clock on Bernd's wall shows six.
        "greta": """
            10-26 20:30-21:30 busy Board call
            10-27 13:30-16:30 busy Workshop „Öffentlichkeitsarbeit“ @ Room Borealis
            10-27 15:30-17:00 tentative Pressegespräch
            10-27 16:00-16:15 oof Bank
            10-28 19:30-20:30 busy Transatlantic sync @ Room Coral
        """,
    },
)

ONE_DAY_UTC = (
    "UTC",
    "2026-10-26 00:00",
    "2026-10-27 00:00",
    {
        "greta": "10-26 15:00-16:00 busy Board call",
        "hugo": "10-26 11:00-11:45 busy Lunch run 🏃",
        "emi": "10-26 21:00-21:30 busy Operations hand-over",
        "room-aurora": "",
    },
)

WINDOWS = {
    "autumn-berlin": AUTUMN_BERLIN,
    "spring-berlin": SPRING_BERLIN,
    "autumn-new-york": AUTUMN_NEW_YORK,
    "spring-new-york": SPRING_NEW_YORK,
    "autumn-kolkata": AUTUMN_KOLKATA,
    "one-day-utc": ONE_DAY_UTC,
}

# zone, from, to, minutes, mailbox, digits
MERGED = [
    # Workshop busy 9-12, tentative 11-12:30 beneath it, out of office 11:30-11:45 above both.
    ("Europe/Berlin", "2026-10-27 08:00", "2026-10-27 14:00", 30, "greta", "002222231000"),
    ("Europe/Berlin", "2026-10-27 08:00", "2026-10-27 14:00", 60, "greta", "022310"),
    # Out of office 8-12 covers the tentative 11-13 for an hour.
    ("Europe/Berlin", "2026-10-29 08:00", "2026-10-29 14:00", 60, "bernd", "333310"),
    # The day of 25 hours: busy until 05:00, which is six hours after midnight.
    ("Europe/Berlin", "2026-10-25 00:00", "2026-10-26 00:00", 60, "bernd", "2" * 6 + "0" * 19),
    # The day of 23 hours: busy until 05:00, which is four hours after midnight.
    ("Europe/Berlin", "2026-03-29 00:00", "2026-03-30 00:00", 60, "bernd", "2" * 4 + "0" * 19),
    ("Europe/Berlin", "2026-10-26 08:50", "2026-10-26 09:20", 5, "anna", "002220"),
    # Working elsewhere has no digit of its own: readers disagree on 4, so it is written as free.
    ("Europe/Berlin", "2026-10-30 07:00", "2026-10-30 17:00", 60, "carla", "0" * 10),
    # An event without length fills no slot.
    ("Europe/Berlin", "2026-10-30 16:30", "2026-10-30 17:30", 15, "hugo", "0000"),
    # Fifty minutes by twenty: the last slot covers the rest.
    ("America/New_York", "2026-11-04 09:20", "2026-11-04 10:10", 20, "david", "202"),
    ("Asia/Kolkata", "2026-10-27 14:45", "2026-10-27 17:15", 30, "farid", "22222"),
]

LINE = re.compile(r"(\d\d-\d\d) (\d\d:\d\d)-(?:(\d\d-\d\d) )?(\d\d:\d\d) (\w+) (.*)")


def events(text, year=2026):
    """The lines of a calendar as (start, end, status, subject, location, is_private, is_exception), times naive."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        day, start, end_day, end, status, rest = LINE.fullmatch(line).groups()
        subject, _, location = rest.partition(" @ ")
        private = subject == "private"
        exception = subject.endswith("*")
        found.append(
            (
                datetime.fromisoformat(f"{year}-{day} {start}"),
                datetime.fromisoformat(f"{year}-{end_day or day} {end}"),
                STATUS[status],
                None if private else subject.removesuffix("*"),
                location or None,
                private,
                exception,
            )
        )
    return found


def address(name):
    return f"{name}@exchange.example"
