"""The calendars and the questions of a load run: what is asked, in which zones and windows, and how many events an
answer must hold. Nothing here talks to anybody."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# A Monday; no zone below changes its clocks in the five weeks that are asked for.
MONDAY = datetime(2026, 9, 7)
BODIES = 512
MAILBOXES = 512

# Minutes to add to local time for UTC, the same in winter, and the rules as (month, week, time): daylight, standard.
EUROPE = ((3, 5, "02:00:00"), (10, 5, "03:00:00"))
AMERICA = ((3, 2, "02:00:00"), (11, 1, "02:00:00"))
ZONES = [
    (0, None),
    (-60, EUROPE),
    (300, AMERICA),
    (-540, None),
    (480, AMERICA),
    (-330, None),
    (-120, EUROPE),
]
UTC = ZONES[0]


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    mailboxes: int
    days: int
    events: int
    view: str

    @property
    def domain(self):
        return f"{self.name.lower()}.example"

    def calendar(self, number):
        """One mailbox, with `events` events in any `days` days that begin at a full or half hour."""
        step = timedelta(days=self.days) / self.events
        first, last = MONDAY - timedelta(days=7), MONDAY + timedelta(days=max(21, 3 * self.days))
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//calbridge//load//EN"]
        for event in range(int((last - first) / step)):
            hours = event * step // timedelta(hours=1)
            begin = first + timedelta(hours=hours, minutes=5)
            lines += [
                "BEGIN:VEVENT",
                f"UID:{number}-{event}@{self.domain}",
                "DTSTAMP:20260901T000000Z",
                f"DTSTART:{begin:%Y%m%dT%H%M%SZ}",
                f"DTEND:{begin + timedelta(minutes=20):%Y%m%dT%H%M%SZ}",
                f"SUMMARY:Planning {event} of mailbox {number}",
                f"LOCATION:Room {event % 40}\\, 2nd floor",
                "END:VEVENT",
            ]
        return "\r\n".join([*lines, "END:VCALENDAR", ""])

    def write_calendars(self, folder):
        folder.mkdir(parents=True)
        for number in range(MAILBOXES):
            path = folder / f"person{number}@{self.domain}.ics"
            path.write_text(self.calendar(number), newline="")

    def bodies(self):
        """Bodies of which no two are equal: mailboxes, window, zone and interval move at different paces."""
        for number in range(BODIES):
            asked = [f"person{(number + n) % MAILBOXES}@{self.domain}" for n in range(self.mailboxes)]
            start = MONDAY + timedelta(days=number % 6)
            yield question(
                asked,
                start,
                start + timedelta(days=self.days),
                zone=ZONES[number % len(ZONES)],
                interval=(15, 30, 60)[number // 7 % 3],
                view=self.view,
            )


WORKLOADS = [
    Workload("W1", "1 mailbox, 1 day, 8 events, Detailed", 1, 1, 8, "Detailed"),
    Workload("W2", "5 mailboxes, 14 days, 30 events each, DetailedMerged", 5, 14, 30, "DetailedMerged"),
    Workload("W3", "100 mailboxes, 1 day, 6 events each, DetailedMerged", 100, 1, 6, "DetailedMerged"),
]


def question(mailboxes, start, end, zone=UTC, interval=30, view="DetailedMerged"):
    """A GetUserAvailability request in one line."""
    asked = "".join(
        f"<t:MailboxData><t:Email><t:Address>{address}</t:Address><t:RoutingType>SMTP</t:RoutingType></t:Email>"
        "<t:AttendeeType>Required</t:AttendeeType><t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData>"
        for address in mailboxes
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
        'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
        '<s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/></s:Header><s:Body>'
        f"<m:GetUserAvailabilityRequest><t:TimeZone>{zone_rules(*zone)}</t:TimeZone>"
        f"<m:MailboxDataArray>{asked}</m:MailboxDataArray>"
        f"<t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>{start:%Y-%m-%dT%H:%M:%S}</t:StartTime>"
        f"<t:EndTime>{end:%Y-%m-%dT%H:%M:%S}</t:EndTime></t:TimeWindow>"
        f"<t:MergedFreeBusyIntervalInMinutes>{interval}</t:MergedFreeBusyIntervalInMinutes>"
        f"<t:RequestedView>{view}</t:RequestedView></t:FreeBusyViewOptions>"
        "</m:GetUserAvailabilityRequest></s:Body></s:Envelope>"
    )


def zone_rules(bias, rules):
    daylight, standard = rules or EUROPE
    saved = -60 if rules else 0
    return (
        f"<t:Bias>{bias}</t:Bias>"
        f"<t:StandardTime>{zone_rule(0, standard)}</t:StandardTime>"
        f"<t:DaylightTime>{zone_rule(saved, daylight)}</t:DaylightTime>"
    )


def zone_rule(bias, rule):
    month, week, time = rule
    return (
        f"<t:Bias>{bias}</t:Bias><t:Time>{time}</t:Time><t:DayOrder>{week}</t:DayOrder><t:Month>{month}</t:Month>"
        "<t:DayOfWeek>Sunday</t:DayOfWeek>"
    )
