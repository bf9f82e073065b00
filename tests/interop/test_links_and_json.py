"""Free/busy links and the JSON faces, read by the programs and libraries that others read such things with."""

import json
import pathlib
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httplib2
import icalendar
import pytest
import requests
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

import calendars
from calendars import AUTUMN_BERLIN, address

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["anna", "bernd", "carla", "david"]
BUSY_TYPES = {"Busy": "BUSY", "Tentative": "BUSY-TENTATIVE", "OOF": "BUSY-UNAVAILABLE"}
ZONE, START, END, EXPECTED = AUTUMN_BERLIN


def base(demo):
    return "https://" + urlsplit(demo.url).netloc


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(timezone.utc)


def busy_events(name):
    """What takes the mailbox's time, by hand: start, end, status; in UTC."""
    found = []
    for start, end, status, *_ in calendars.events(EXPECTED[name]):
        if status in BUSY_TYPES:
            local = [time.replace(tzinfo=ZoneInfo(ZONE)) for time in (start, end)]
            found.append((*(time.astimezone(timezone.utc) for time in local), status))
    return sorted(found)


def merged(events):
    """Stretches that neither overlap nor touch, inside the window."""
    times = []
    for start, end, *_ in sorted(events):
        start, end = max(start, instant(START)), min(end, instant(END))
        if start >= end:
            continue
        if times and start <= times[-1][1]:
            times[-1][1] = max(end, times[-1][1])
        else:
            times.append([start, end])
    return times


def read_link(demo, name, **parameters):
    bounds = {"start": instant(START).isoformat(), "end": instant(END).isoformat()}
    url = demo.link.replace("<address>", address(name))
    answer = requests.get(url, params=bounds | parameters, verify=demo.ca, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("name", NAMES)
def test_icalendar_reads_a_link(demo, name):
    answer = read_link(demo, name, availability="1")
    calendar = icalendar.Calendar.from_ical(answer.content)
    assert calendar["METHOD"] == "PUBLISH"
    (freebusy,) = calendar.walk("VFREEBUSY")
    assert freebusy["ORGANIZER"] == f"mailto:{address(name)}"
    assert (freebusy["DTSTART"].dt, freebusy["DTEND"].dt) == (instant(START), instant(END))
    lines = freebusy.get("FREEBUSY", [])
    lines = lines if isinstance(lines, list) else [lines]
    found = sorted((line.start, line.end, line.params["FBTYPE"]) for line in lines)
    expected = [
        (max(start, instant(START)), min(end, instant(END)), BUSY_TYPES[status])
        for start, end, status in busy_events(name)
    ]
    assert found == sorted(expected)
    assert found, "the week is not empty"


@pytest.mark.parametrize("name", NAMES)
def test_ical_js_reads_a_link(demo, name):
    document = read_link(demo, name, availability="1").text
    run = subprocess.run(
        ["node", "freebusy.cjs"], cwd=HERE, input=document, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    told = [(start, end, kind) for start, end, kind in json.loads(run.stdout)["periods"]]
    expected = [
        (f"{max(start, instant(START)):%Y-%m-%dT%H:%M:%SZ}", f"{min(end, instant(END)):%Y-%m-%dT%H:%M:%SZ}", BUSY_TYPES[status])
        for start, end, status in busy_events(name)
    ]
    assert sorted(told) == sorted(expected)


def test_details_are_parameters(demo):
    calendar = icalendar.Calendar.from_ical(read_link(demo, "bernd").content)
    (freebusy,) = calendar.walk("VFREEBUSY")
    details = {(line.params.get("X-SUMMARY"), line.params.get("X-LOCATION")) for line in freebusy["FREEBUSY"]}
    assert ("Vor Ort: Kühn & Söhne", "Potsdam") in details


def test_curl_asks_whether_anything_has_changed(demo, tmp_path):
    url = demo.link.replace("<address>", address("anna"))

    def curl(*arguments):
        line = ["curl", "-sS", "--noproxy", "*", "--cacert", demo.ca, "-w", "%{http_code}", "-o", str(tmp_path / "got"), *arguments, url]
        return subprocess.run(line, capture_output=True, text=True, timeout=30, check=True).stdout

    head = requests.head(url, verify=demo.ca, timeout=30)
    assert int(head.headers["Content-Length"]) > 0
    until = datetime.now(timezone.utc) + timedelta(seconds=20)
    # In the second of the last change a date does not say enough, and what was read anew has another one.
    while curl("-z", requests.head(url, verify=demo.ca, timeout=30).headers["Last-Modified"]) != "304":
        assert datetime.now(timezone.utc) < until
    # As that of a file which was saved later.
    assert curl("-z", (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")) == "304"
    assert curl("-z", "Mon, 01 Jan 2024 00:00:00 GMT") == "200"
    assert curl("-H", f"If-None-Match: {head.headers['ETag']}") == "304"
    assert curl("-H", 'If-None-Match: "other"') == "200"


def google(demo, password=None):
    http = httplib2.Http(ca_certs=demo.ca, timeout=30, proxy_info=None)
    http.add_credentials(demo.user, password or demo.password)
    options = {"api_endpoint": base(demo) + "/calendar/v3/"}
    return build("calendar", "v3", http=http, client_options=options, static_discovery=True)


def test_google_api_python_client(demo):
    names = [*NAMES, "nobody"]
    query = {
        "timeMin": instant(START).isoformat(),
        "timeMax": instant(END).isoformat(),
        "timeZone": ZONE,
        "items": [{"id": address(name)} for name in names],
    }
    answer = google(demo).freebusy().query(body=query).execute()
    assert answer["kind"] == "calendar#freeBusy"
    for name in NAMES:
        calendar = answer["calendars"][address(name)]
        found = [[datetime.fromisoformat(time[end]) for end in ("start", "end")] for time in calendar["busy"]]
        assert found == merged(busy_events(name)), name
    nobody = answer["calendars"][address("nobody")]
    assert nobody == {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}


def test_google_api_python_client_understands_errors(demo):
    query = {"timeMin": "2026-09-02T00:00:00Z", "timeMax": "2026-09-01T00:00:00Z"}
    with pytest.raises(HttpError) as refused:
        google(demo).freebusy().query(body=query).execute()
    assert refused.value.status_code == 400
    assert refused.value.reason == "The specified time range is empty."
    assert refused.value.error_details[0]["reason"] == "timeRangeEmpty"
    with pytest.raises(HttpError) as denied:
        google(demo, "wrong").freebusy().query(body=query).execute()
    assert denied.value.status_code == 401
    assert denied.value.reason == "Login Required."


def test_availability_agrees(demo):
    parameters = {"address": [address(name) for name in NAMES], "from": instant(START).isoformat(), "to": instant(END).isoformat()}
    url = base(demo) + "/v1/availability"
    answer = requests.get(url, params=parameters, auth=(demo.user, demo.password), verify=demo.ca, timeout=30).json()
    for name, mailbox in zip(NAMES, answer["mailboxes"]):
        found = [(datetime.fromisoformat(event["start"]), datetime.fromisoformat(event["end"])) for event in mailbox["events"]]
        assert sorted(found) == [event[:2] for event in busy_events(name)], name


def test_schemathesis_finds_nothing(demo, tmp_path):
    """Some hundred requests from the description, with a fixed seed. What is valid by the description may still be refused, as a
    window that ends before it starts, which no schema can say: so `positive_data_acceptance` is left out."""
    run = subprocess.run(
        [
            str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", base(demo) + "/v1/openapi.json",
            "--auth", f"{demo.user}:{demo.password}", "--tls-verify", demo.ca, "--seed", "7", "--max-examples", "25",
            "--exclude-checks", "positive_data_acceptance", "--phases", "examples,coverage,fuzzing", "--no-color",
        ],
        # It writes what it has found beside itself.
        cwd=tmp_path,
        capture_output=True, text=True, encoding="utf-8", timeout=300, check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
