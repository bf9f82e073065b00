"""The status page of a running gateway in a headless Chromium: what stands on it, the look-up form filled in and sent, no
word on the console, nothing that axe-core finds, in light and dark and without script.

The pictures of the documentation are made here. CALBRIDGE_SCREENSHOTS names the folder that they are written to, as
`make screenshots` does; without it they are made all the same, looked at, and thrown away."""

import os
import pathlib
import struct
import urllib.error
import zlib

import pytest
from chromium import Chromium, wait
from conftest import ROOT
from status_world import DAY, ENTRIES, OPERATOR, PASSWORD, SECRET_DAYS, StatusWorld

AXE = (ROOT / "tests/interop/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
WIDTH = 1120
PICTURES = os.environ.get("CALBRIDGE_SCREENSHOTS")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CALLS = 24


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with StatusWorld(tmp_path_factory.mktemp("status")) as world:
        world.knock_from_elsewhere()
        world.traffic("anna@example.com", CALLS)
        world.traffic("anna@example.com", CALLS)
        world.traffic("carla@example.org", CALLS)
        world.traffic("aurora@rooms.example.com", 5)
        yield world


@pytest.fixture
def browser(tmp_path):
    with Chromium(tmp_path / "profile") as chromium:
        yield chromium


def show(browser, address, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.devtools("Emulation.setEmulatedMedia", features=[feature])
    browser.open(address)


def check_page(browser):
    """What holds for each page in each scheme."""
    browser.run(AXE)
    script = "axe.run(document, {runOnly: arguments[0]}).then(arguments[1], error => arguments[1](String(error)))"
    found = browser.run_async(script, RULES)
    broken = [(each["id"], node["html"], node["failureSummary"]) for each in found["violations"] for node in each["nodes"]]
    assert broken == []
    assert len(found["passes"]) > 20, "axe-core has looked at hardly anything"
    origins = browser.run("return performance.getEntriesByType('resource').map(each => new URL(each.name).origin)")
    assert set(origins) <= {browser.run("return location.origin")}
    assert browser.messages() == []
    overflow = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0


def take(browser, name):
    """The whole page at a fixed width."""
    screen = {"width": WIDTH, "deviceScaleFactor": 1, "mobile": False}
    browser.devtools("Emulation.setDeviceMetricsOverride", height=800, **screen)
    height = browser.run("return Math.ceil(document.querySelector('main').getBoundingClientRect().bottom + scrollY)")
    browser.devtools("Emulation.setDeviceMetricsOverride", height=height, **screen)
    browser.run("scrollTo(0, 0)")
    picture = browser.picture()
    browser.devtools("Emulation.clearDeviceMetricsOverride")
    check_picture(picture, height)
    if PICTURES:
        folder = pathlib.Path(PICTURES)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(smaller(picture))


def read_picture(picture):
    """Width, height, bytes of a pixel, and the lines as PNG has them: a filter's number and what it left."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    at, data = 8, b""
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", picture[at + 8 : at + 18])
        elif kind == b"IDAT":
            data += picture[at + 8 : at + 8 + length]
        at += length + 12
    assert depth == 8
    pixels, size = zlib.decompress(data), {2: 3, 6: 4}[colours]
    length = 1 + width * size
    assert len(pixels) == length * height
    return width, height, size, [pixels[start : start + length] for start in range(0, len(pixels), length)]


def check_picture(picture, height):
    """It has the page's size, and its lines differ: those of an empty page are all alike."""
    width, tall, _, lines = read_picture(picture)
    assert (width, tall) == (WIDTH, height)
    assert len(set(lines)) > 150, "the picture is as good as empty"


def smaller(picture):
    """The same picture for the repository: lines of three colours without a filter, packed as tightly as can be."""
    width, height, size, lines = read_picture(picture)
    above, packed = bytearray(width * size), []
    for line in lines:
        kind, row = line[0], bytearray(line[1:])
        for at in range(len(row)):
            left = row[at - size] if at >= size and kind != 2 else 0
            if kind == 1:
                row[at] = (row[at] + left) & 255
            elif kind == 2:
                row[at] = (row[at] + above[at]) & 255
            elif kind == 3:
                row[at] = (row[at] + (left + above[at]) // 2) & 255
            elif kind == 4:
                corner = above[at - size] if at >= size else 0
                guess = left + above[at] - corner
                nearest = min((left, above[at], corner), key=lambda each: abs(guess - each))
                row[at] = (row[at] + nearest) & 255
        above = row
        colours = bytearray(3 * width)
        for colour in range(3):
            colours[colour::3] = row[colour::size]
        packed.append(b"\0" + bytes(colours))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(packed), 9)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def words(browser, selector="main"):
    return " ".join(browser.text(selector).split())


def test_the_page_of_a_healthy_gateway(browser, world):
    for scheme in ("dark", "light"):
        show(browser, world.address(), scheme)
        check_page(browser)
    text = words(browser)
    assert "Everything is well" in text
    # Endpoints: state, latency, breaker, accounts.
    for name in ("headquarters", "cloud", "rooms"):
        card = words(browser, f'section[aria-label="Endpoint {name}"]')
        assert f"{name} healthy" in card
        assert "Breaker closed" in card and "Last error none" in card
        assert "Latest calls:" in card and " ms" in card
    assert "interop@example.com ready" in words(browser, 'section[aria-label="Endpoint headquarters"]')
    drawn = browser.run("return [...document.querySelectorAll('.spark polyline')].map(each => each.points.length)")
    assert drawn[0] >= CALLS and drawn[2] >= 5
    # The cache has answered the second round.
    assert "mailboxes remembered" in text and "answered from it" in text
    # Certificates and secrets, with their days; the one who was turned away, as a network.
    rows = [" ".join(row.split()) for row in browser.text("section[aria-labelledby=expiries]").splitlines()]
    assert any("certificate for callers" in row and ("82 days" in row or "83 days" in row) for row in rows)
    left = (f"{SECRET_DAYS} days", f"{SECRET_DAYS - 1} days")
    assert any("client secret of cloud" in row and row.endswith(left) for row in rows), rows
    denied = words(browser, "section[aria-labelledby=denied]")
    assert "127.0.0.0/24" in denied and "127.0.0.2" not in denied
    take(browser, "status-healthy")


def test_a_look_up_through_the_form(browser, world):
    show(browser, world.address(), "light")
    browser.type("#mailbox", "anna@example.com")
    browser.run("document.querySelector('#day').value = arguments[0]", str(DAY))
    browser.click("form button")
    wait(lambda: "mailbox=anna%40example.com" in browser.url(), "the form is not sent")
    assert browser.url().endswith(f"&day={DAY}#look-up")
    check_page(browser)
    check_answer(browser)
    take(browser, "status-look-up")
    show(browser, browser.url(), "dark")
    check_page(browser)
    # Every entry of the day is drawn where it is.
    drawn = browser.run(
        "return [...document.querySelectorAll('.day rect:not(.free)')].map(each => [each.x, each.width]"
        ".map(length => length.baseVal.value))"
    )
    minutes = lambda text: int(text[:2]) * 60 + int(text[2:])  # noqa: E731
    assert drawn == [[minutes(begin), minutes(end) - minutes(begin)] for begin, end, _ in ENTRIES]


def check_answer(browser):
    answer = words(browser, ".answer")
    assert "anna@example.com on Monday, 7 September 2026" in answer
    for word in ("working elsewhere", "busy", "tentative", "out of office"):
        assert word in answer, answer
    assert "2026-09-07 08:00 2026-09-07 09:30 busy" in answer
    for word in ("Route by domain to endpoint headquarters", "Cache", "Calls", "Policy"):
        assert word in answer, answer
    assert "Never on the page" not in browser.run("return document.documentElement.outerHTML")


def test_without_script_the_form_works_all_the_same(browser, world):
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(world.address())
    browser.type("#mailbox", "anna@example.com")
    browser.click("form button")
    wait(lambda: "mailbox=anna%40example.com" in browser.url(), "the form is not sent")
    assert "How this answer came about" in words(browser, ".answer")
    browser.open(world.address(f"/?mailbox=anna%40example.com&day={DAY}"))
    check_answer_text(browser)


def check_answer_text(browser):
    assert "anna@example.com on Monday, 7 September 2026" in words(browser, ".answer")


def test_what_is_wrong_with_a_look_up_is_told(browser, world):
    for scheme in ("light", "dark"):
        show(browser, world.address(f"/?mailbox=nobody%40example.com&day={DAY}"), scheme)
        check_page(browser)
        assert "the mailbox was not found" in words(browser, ".error[role=status]")
    show(browser, world.address("/?mailbox=anna%40example.com&day=tomorrow"), "light")
    check_page(browser)
    assert words(browser, ".error[role=status]") == "This is no day, as 2026-09-07."


def test_inline_script_does_not_run(browser, world):
    browser.open(world.address())
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        "document.body.append(script); document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">')"
    )
    assert browser.run("return window.ran === undefined")
    refused = [line["message"] for line in browser.messages()]
    assert len(refused) >= 2 and all("Content Security Policy" in text for text in refused), refused


def test_the_set_up_page(browser, world):
    for scheme in ("dark", "light"):
        show(browser, world.address("/setup"), scheme)
        check_page(browser)
    text = browser.text("main")
    base = f"https://127.0.0.1:{world.public}/"
    for value in (
        f"{base}EWS/Exchange.asmx",
        "interop@example.com",
        r'Add-MailboxFolderPermission -Identity "anna@example.com:\Calendar" -User interop@example.com',
        "Add-AvailabilityAddressSpace -ForestName example.org -AccessMethod OrgWideFB",
        f"{base}autodiscover/autodiscover.xml",
        rf'[HKEY_CURRENT_USER\Software\Google\Google Apps Sync\CalendarSync]',
        f'"FreeBusyURL"="{base}interop/ExchangeQuerier.aspx"',
    ):
        assert value in text, value
    take(browser, "set-up")


@pytest.mark.parametrize("path", ["/", "/setup", "/?mailbox=anna%40example.com", "/style.css", "/metrics"])
def test_nothing_is_shown_without_the_login(world, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        world.get(path, login=False)
    assert refused.value.code == 401
    body = refused.value.read().decode()
    assert "anna" not in body and "headquarters" not in body


def test_one_endpoint_fails(browser, world):
    """The last one: its server does not come back."""
    world.end("cloud")
    # Further days than before, so that the cache does not help.
    day = DAY.replace(year=2040)
    wait(lambda: "open: it kept failing" in world.traffic("carla@example.org", 1, day), "the breaker does not open")
    for scheme in ("light", "dark"):
        show(browser, world.address(), scheme)
        check_page(browser)
    assert "Ready in part" in words(browser, ".hero")
    card = words(browser, 'section[aria-label="Endpoint cloud"]')
    assert "cloud not asked" in card and "failures in a row" in card
    assert "headquarters healthy" in words(browser)
    error = words(browser, 'section[aria-label="Endpoint cloud"] .error')
    assert error.startswith("Last error") and "ago" in error
    assert PASSWORD not in browser.run("return document.documentElement.outerHTML") and OPERATOR not in error
    take(browser, "status-failing")
