"""An Exchange Online of the tests: EWS over TLS that admits nobody but an application with a token.

It verifies the Bearer token against the token server's published keys, and wants the impersonated mailbox of the body to be
the one of X-AnchorMailbox and one that the application may use. Every mailbox has the same meeting, on 1 December 2026.
"""

import http.server
import re
import ssl
import threading
import urllib.request

import jwt

AUDIENCE = "https://outlook.office365.com"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
    f'<h:ServerVersionInfo MajorVersion="15" MinorVersion="20" MajorBuildNumber="7000" MinorBuildNumber="1" '
    f'Version="V2018_01_08" xmlns:h="{TYPES}"/></s:Header><s:Body><GetUserAvailabilityResponse xmlns="{MESSAGES}">'
    "<FreeBusyResponseArray>"
)
ONE = (
    '<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage>'
    f'<FreeBusyView><FreeBusyViewType xmlns="{TYPES}">Detailed</FreeBusyViewType><CalendarEventArray xmlns="{TYPES}">'
    "<CalendarEvent><StartTime>2026-12-01T09:00:00</StartTime><EndTime>2026-12-01T10:30:00</EndTime><BusyType>Busy</BusyType>"
    "<CalendarEventDetails><Subject>Chain</Subject><IsMeeting>true</IsMeeting><IsRecurring>false</IsRecurring>"
    "<IsException>false</IsException><IsReminderSet>false</IsReminderSet><IsPrivate>false</IsPrivate>"
    "</CalendarEventDetails></CalendarEvent></CalendarEventArray></FreeBusyView></FreeBusyResponse>"
)
TAIL = "</FreeBusyResponseArray></GetUserAvailabilityResponse></s:Body></s:Envelope>"


NO_ROOM_LISTS = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<GetRoomListsResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages" ResponseClass="Success">
<ResponseCode>NoError</ResponseCode><RoomLists/></GetRoomListsResponse></s:Body></s:Envelope>"""


class Upstream:
    """Listens from the start; `calls` has what was served, `refusals` why what was not."""

    def __init__(self, certificate, key, authority, mailboxes):
        self.mailboxes = mailboxes
        self.calls = []
        self.refusals = []
        self.issuer = None
        self._trust = ssl.create_default_context(cafile=authority)
        self._lock = threading.Lock()
        self._keys = None
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = upstream.answer(self.headers, body)
                answer = answer.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, headers, body):
        with self._lock:
            try:
                account = self.admit(headers, body)
            except (jwt.InvalidTokenError, KeyError, ValueError) as error:
                self.refusals.append(repr(error))
                return 401, ""
            # Asked for in the background, whoever calls.
            if "GetRoomLists" in body:
                return 200, NO_ROOM_LISTS
            mailboxes = re.findall(r"<t:Address>([^<]+)</t:Address>", body)
            self.calls.append((account, mailboxes))
        return 200, HEAD + ONE * len(mailboxes) + TAIL

    def admit(self, headers, body):
        """The mailbox in whose name the application calls."""
        scheme, token = headers["Authorization"].split(" ", 1)
        if scheme != "Bearer":
            raise ValueError("no Bearer token")
        number = jwt.get_unverified_header(token)["kid"]
        claims = jwt.decode(token, self.key(number), algorithms=["RS256"], audience=AUDIENCE, issuer=self.issuer)
        if "full_access_as_app" not in claims["roles"]:
            raise ValueError("no full_access_as_app")
        pattern = "<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>([^<]+)</t:SmtpAddress>"
        impersonated = re.search(pattern, body)
        if impersonated is None or impersonated.group(1) not in self.mailboxes:
            raise ValueError("no impersonation of a mailbox of the application")
        if headers["X-AnchorMailbox"] != impersonated.group(1):
            raise ValueError("the anchor is another mailbox")
        return impersonated.group(1)

    def key(self, number):
        if self._keys is None:
            with urllib.request.urlopen(f"{self.issuer}/jwks", context=self._trust, timeout=10) as answer:
                self._keys = jwt.PyJWKSet.from_json(answer.read())
        return self._keys[number]
