"""A headless Chromium, driven over the W3C WebDriver protocol: Debian's packages chromium and chromium-driver, and nothing
from PyPI, whose clients want other versions of what the tests have already."""

import base64
import json
import re
import subprocess
import time
import urllib.request

BROWSER = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--hide-scrollbars", "--force-color-profile=srgb",
]  # fmt: skip
# What the protocol calls a reference to an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PATIENCE = 60

# Loopback is never reached through a proxy of the environment.
urlopen = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def wait(until, message):
    limit = time.monotonic() + PATIENCE
    while not (found := until()):
        assert time.monotonic() < limit, message
        time.sleep(0.05)
    return found


class Chromium:
    """Runs until the end of its `with` block; `profile` is a new folder."""

    def __init__(self, profile):
        self.profile = profile

    def __enter__(self):
        self.driver = subprocess.Popen(
            [DRIVER, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            for line in self.driver.stdout:
                if found := re.search(r"started successfully on port (\d+)", line):
                    break
            self.base = f"http://127.0.0.1:{found[1]}/session"
            options = {"binary": BROWSER, "args": [*FLAGS, f"--user-data-dir={self.profile}"]}
            wanted = {
                "browserName": "chrome",
                "acceptInsecureCerts": True,
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            session = self.call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
            self.base += f"/{session['sessionId']}"
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        finally:
            self.end()

    def end(self):
        self.driver.terminate()
        self.driver.wait(PATIENCE)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"}, method=method)
        with urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def title(self):
        return self.call("GET", "/title")

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_async(self, script, *arguments):
        """The script calls its last argument with the result."""
        return self.call("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def text(self, selector):
        """As a reader sees it."""
        return self.call("GET", f"/element/{self.find(selector)}/text")

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click", {})

    def url(self):
        return self.call("GET", "/url")

    def picture(self):
        """What is on the screen, as PNG."""
        return base64.b64decode(self.call("GET", "/screenshot"))

    def messages(self):
        """What the browser has written to its console."""
        return self.call("POST", "/se/log", {"type": "browser"})
