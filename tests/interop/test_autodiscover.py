"""exchangelib finds the gateway by an address: `Account(..., autodiscover=True)`.

exchangelib looks for the mail domain's host names at port 443, with a DNS query of its own before. The library is not
patched. What stands around it is: its documented resolver settings name a DNS server of this test, which knows one host,
autodiscover.exchange.example; and its documented adapter class leads connections to that host, port 443, to the
gateway's address, as a hosts file and a port forwarding would. The certificate is checked, against the demo's authority
and for the name localhost, because the demo's certificate is made for loopback names only.
"""

import contextlib
import socket
import threading
from urllib.parse import urlsplit

import dns.message
import dns.rcode
import dns.rrset
import pytest
import requests.adapters
from exchangelib import DELEGATE, Account, Credentials
from exchangelib.autodiscover import Autodiscovery, clear_cache
from exchangelib.errors import AutoDiscoverFailed
from exchangelib.protocol import BaseProtocol, close_connections

from calendars import address

HOST = "autodiscover.exchange.example"


@contextlib.contextmanager
def name_server():
    """Knows HOST, and that there is nothing else. Yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    data, peer = server.recvfrom(4096)
                    question = dns.message.from_wire(data)
                    answer = dns.message.make_response(question)
                    name = question.question[0].name
                    if name.to_text(omit_final_dot=True).lower() == HOST:
                        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "127.0.0.1"))
                    else:
                        answer.set_rcode(dns.rcode.NXDOMAIN)
                    server.sendto(answer.to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def autodiscovery(demo, monkeypatch):
    """Sets exchangelib up; yields the paths that it asked HOST for."""
    gateway = urlsplit(demo.url)
    asked = []

    class ForwardingAdapter(requests.adapters.HTTPAdapter):
        def cert_verify(self, conn, url, verify, cert):
            super().cert_verify(conn=conn, url=url, verify=demo.ca, cert=cert)

        def build_connection_pool_key_attributes(self, request, verify, cert=None):
            host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
            if host["host"] == HOST:
                asked.append(urlsplit(request.url).path)
                host |= {"host": gateway.hostname, "port": gateway.port}
                pool |= {"server_hostname": "localhost", "assert_hostname": "localhost"}
            return host, pool

    with name_server() as port:
        monkeypatch.setattr(BaseProtocol, "HTTP_ADAPTER_CLS", ForwardingAdapter)
        monkeypatch.setattr(Autodiscovery, "DNS_RESOLVER_KWARGS", {"configure": False})
        settings = {"nameservers": ["127.0.0.1"], "port": port}
        monkeypatch.setattr(Autodiscovery, "DNS_RESOLVER_ATTRS", settings)
        clear_cache()
        yield asked
        clear_cache()
        # exchangelib keeps connections, with their adapter, for whoever asks the same server next: another test.
        close_connections()


def discovered(demo, mailbox):
    return Account(
        primary_smtp_address=mailbox,
        credentials=Credentials(demo.user, demo.password),
        autodiscover=True,
        access_type=DELEGATE,
    )


def test_an_account_is_found_and_asked(demo, autodiscovery):
    account = discovered(demo, address("anna"))
    assert account.protocol.service_endpoint == demo.url
    assert account.primary_smtp_address == address("anna")
    assert {path.lower() for path in autodiscovery} == {"/autodiscover/autodiscover.svc"}
    (mailbox,) = account.protocol.resolve_names([address("bernd")])
    assert mailbox.email_address == address("bernd")


def test_a_foreign_domain_is_not_found(demo, autodiscovery):
    with pytest.raises(AutoDiscoverFailed):
        discovered(demo, "anna@elsewhere.example")
    assert not autodiscovery
