"""The connector's answer page in a real browser: what a headless Chromium posts on is what a JSON parser reads back, and
nothing else on the page runs, whatever the titles of events are."""

import http.server
import json
import ssl
import threading
import urllib.parse
import urllib.request
from contextlib import contextmanager

import pytest
from chromium import PATIENCE, Chromium, wait
from conftest import free_port
from served import SERVER, Served, furnish, write_calendar

TITLES = [
    "</script><script>fetch('/ran?by=script')</script>",
    "\"><img src=x onerror=\"fetch('/ran?by=img')\">",
    "' onfocus='fetch(\"/ran?by=focus\")' autofocus='",
    "</form><form action='/ran' id='Form1'>",
    "Bob's \"1:1\" & co <b>bold</b> &amp; &quot;x&quot; &#39;y&#39;",
    "\U0001f389 \U0001f468\u200d\U0001f469\u200d\U0001f467 Müller – „Über“ 山田 \u2028\u2029\u202e",
    "back\\slash \\u003cb\\u003e \\047 %3Cb%3E ${1} {{1}}",
    "<!-- --> ]]> <![CDATA[ x ]]>",
    "javascript:fetch('/ran')",
]
NAME = "O'Neil </title><script>fetch('/ran?by=name')</script> \"Pat\""


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what the page posts, and everything that should never be asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts, self.others = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode("ascii")
        self.server.posts.append((self.path, body))
        self.answer(b"<!DOCTYPE html><title>received</title>")

    def do_GET(self):
        if self.path.startswith("/page?"):
            return self.answer(self.server.page)
        # Browsers ask for this by themselves.
        if self.path != "/favicon.ico":
            self.server.others.append(self.path)
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def escaped(text):
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def events():
    for number, title in enumerate(TITLES):
        yield [
            f"DTSTART:20260901T{number + 8:02}0000Z",
            f"DTEND:20260901T{number + 8:02}3000Z",
            f"SUMMARY:{escaped(title)}",
            f"LOCATION:{escaped(title)}",
        ]


SECTIONS = """
[[endpoint]]
name = "files"
kind = "calendar-files"
domains = ["example.org"]
directory = "calendars"
time_zone = "UTC"
[[freebusy_url]]
directory = "GCalExchangeLookup"
allow = ["127.0.0.1"]
domains = ["example.org"]
event_details = true
post_url = "{post_url}"
answer = "{answer}"
"""


@contextmanager
def gateway(folder, post_url, answer):
    port = free_port()
    furnish(folder)
    (folder / "calendars").mkdir()
    write_calendar(folder / "calendars/o'neil@example.org.ics", events(), f"X-WR-CALNAME:{escaped(NAME)}")
    text = (SERVER + SECTIONS).format(port=port, post_url=post_url, answer=answer)
    with Served(folder, "connector", port, text):
        yield f"https://127.0.0.1:{port}/GCalExchangeLookup/ExchangeQuerier.aspx"


@pytest.fixture
def browser(tmp_path):
    with Chromium(tmp_path / "profile") as chromium:
        yield chromium


def ask_from(browser, receiver, url):
    """A page like the calendar's, whose form asks calbridge as a browser does."""
    message = "[1,7,[o'neil@example.org,nobody@example.org],20260901/20260902,20260901T104631,UTC]"
    receiver.page = f"""<!DOCTYPE html><form id="ask" method="POST" action="{url}">
<input name="text" value="{message}"></form><script>document.getElementById("ask").submit()</script>""".encode()
    browser.open(f"{receiver.url}/page?")
    wait(lambda: receiver.posts, "nothing was posted")
    wait(lambda: browser.title() == "received", "the post was not answered")
    (path, body), *more = receiver.posts
    fields = urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True)
    assert (path, more, receiver.others) == ("/slot?a=1&b=2", [], [])
    assert [name for name, _ in fields] == ["text"]
    return fields[0][1]


def page_of(url, folder):
    """The same answer as a program gets it."""
    message = "[1,7,[o'neil@example.org],20260901/20260902,20260901T104631,UTC]"
    body = urllib.parse.urlencode({"text": message}).encode()
    trust = ssl.create_default_context(cafile=folder / "server.pem")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    with opener.open(url, body, timeout=PATIENCE) as answer:
        return answer.headers, answer.read().decode("ascii")


def test_the_browser_posts_what_a_parser_reads(browser, tmp_path):
    receiver = Receiver()
    with gateway(tmp_path, f"{receiver.url}/slot?a=1&b=2", "json") as url:
        posted = json.loads(ask_from(browser, receiver, url))
        headers, page = page_of(url, tmp_path)
    version, number, (kind, window, since, users) = posted
    assert (version, number, kind) == ("1", "7", "_ME_AddData")
    assert (window, since) == ("20260901/20260902", "20260901T104631")
    name, address, access, entries = users
    assert (name, address, access) == (NAME, "o'neil@example.org", "20")
    assert [entry[0] for entry in entries] == TITLES
    assert [entry[3] for entry in entries] == TITLES
    assert headers["cache-control"] == "no-store"
    assert page.count("<script") == 1
    # What the browser was told not to do it reports as severe; there was nothing of the kind.
    severe = [line for line in browser.messages() if line["level"] == "SEVERE"]
    assert [line for line in severe if "Content Security Policy" in line["message"]] == []


def test_the_old_form_is_a_literal_of_script(browser, tmp_path):
    receiver = Receiver()
    with gateway(tmp_path, f"{receiver.url}/slot?a=1&b=2", "legacy") as url:
        literal = ask_from(browser, receiver, url)
    # As its readers did: evaluated as sloppy script, in which octal escapes are still known.
    users = browser.run("return new Function('return ' + arguments[0])()", literal)[2][3]
    assert users[0] == NAME
    assert [entry[0] for entry in users[3]] == TITLES
    assert receiver.others == []
