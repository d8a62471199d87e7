"""Where posts may go, and how: to public addresses by https, once resolved, and no further."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from receiver import Answer, receiving

from recoup.effects import _addresses
from recoup.effects._addresses import NotAllowed, Target, private, reachable, target
from recoup.effects._wire import Limits, Wire, cleaned

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUICK = Limits(connect=0.3, total=0.3)
LONG = Limits(connect=60.0, total=60.0)  #: for answers that come at once
PUBLIC = "93.184.216.34"

#: Forms in which a private address, or something that is no https URL to the Internet, is written.
REFUSED = """
http://example.com/ ftp://example.com/ file:///etc/passwd gopher://example.com/ //example.com/
javascript:alert(1) data:text/plain,x unix:///var/run/docker.sock example.com/hooks https:///hooks
https://user@example.com/ https://user:pw@example.com/ https://example.com@127.0.0.1/
https://example.com:22/ https://example.com:25/ https://example.com:80/ https://example.com:5432/
https://example.com:6379/ https://example.com:65536/ https://example.com:0/ https://example.com:x/
https://example.com/#x https://exam%70le.com/ https://example.com\\@127.0.0.1/ https://exämple.com/
https://localhost/ https://LOCALHOST/ https://localhost./ https://a.localhost/ https://printer.local/
https://metadata.google.internal/ https://vault.internal/ https://intranet/ https://nas.lan/
https://127.0.0.1/ https://127.0.0.1./ https://127.1/ https://127.0.1/ https://2130706433/
https://0x7f000001/ https://0x7f.1/ https://0177.0.0.1/ https://017700000001/ https://127.255.255.254/
https://0.0.0.0/ https://0/ https://10.0.0.1/ https://172.16.0.1/ https://172.31.255.255/
https://192.168.1.1/ https://169.254.169.254/ https://2852039166/ https://0xa9fea9fe/ https://100.64.0.1/
https://100.100.100.200/ https://192.0.0.192/ https://198.18.0.1/ https://224.0.0.1/ https://240.0.0.1/
https://255.255.255.255/ https://168.63.129.16/ https://192.0.2.1/ https://203.0.113.9/
https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[::127.0.0.1]/
https://[::ffff:a9fe:a9fe]/ https://[fe80::1]/ https://[fe80::1%25eth0]/ https://[fc00::1]/
https://[fd00:ec2::254]/ https://[ff02::1]/ https://[fec0::1]/ https://[64:ff9b::7f00:1]/
https://[64:ff9b::a9fe:a9fe]/ https://[64:ff9b:1::1]/ https://[2002:7f00:1::]/ https://[2002:a9fe:a9fe::]/
https://[2001:0:4136:e378::1]/ https://[2001:db8::1]/ https://[100::1]/ https://[::ffff:0:127.0.0.1]/
""".split()
#: Addresses on both sides of the edges of what is private.
EDGES = [
    ("9.255.255.255", False), ("10.0.0.0", True), ("10.255.255.255", True), ("11.0.0.0", False),
    ("100.63.255.255", False), ("100.64.0.0", True), ("100.127.255.255", True),
    ("100.128.0.0", False), ("126.255.255.255", False), ("128.0.0.0", False),
    ("169.253.255.255", False), ("169.254.0.0", True), ("169.255.0.0", False),
    ("172.15.255.255", False), ("172.32.0.0", False), ("192.167.255.255", False),
    ("192.169.0.0", False), ("223.255.255.255", False), ("224.0.0.0", True),
    ("2606:4700::1111", False), ("64:ff9b::808:808", False), ("2002:808:808::", False),
    ("::ffff:8.8.8.8", False), ("fbff::1", True), ("fe7f::1", True),
    ("not an address", True), ("", True),
]  # fmt: skip


class TestAUrl:
    @pytest.mark.parametrize("url", REFUSED)
    def test_that_leads_elsewhere_is_refused_by_its_text_or_by_its_addresses(self, url):
        with pytest.raises((NotAllowed, OSError)):
            reachable(target(url))

    @pytest.mark.parametrize("url", REFUSED)
    def test_that_leads_elsewhere_is_posted_nothing(self, url):
        posted = Wire(limits=QUICK).post(url, b"{}", {}, now=NOON)

        assert posted.status is None
        assert posted.error.startswith(("not sent: ", "its host has no address"))

    def test_is_refused_in_more_than_sixty_forms(self):
        assert len(set(REFUSED)) > 60

    @pytest.mark.parametrize(
        ("url", "parts"),
        [
            ("https://example.com", Target(True, "example.com", 443, "/")),
            ("https://Example.COM/a?b=c%20d", Target(True, "example.com", 443, "/a?b=c%20d")),
            ("https://example.com:8443/x", Target(True, "example.com", 8443, "/x")),
            ("https://93.184.216.34/", Target(True, "93.184.216.34", 443, "/")),
            ("https://[2606:4700::1111]/", Target(True, "2606:4700::1111", 443, "/")),
        ],
    )
    def test_on_the_internet_is_taken_apart(self, url, parts):
        assert target(url) == parts

    @pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "https://localhost/", "http://a:1"])
    def test_may_lead_anywhere_in_development(self, url):
        assert target(url, anywhere=True).host

    @pytest.mark.parametrize(
        "url", ["ftp://a/", "http://u:p@a/", "http://a/\r\nX: y", "http:///", "x" * 2001, ""]
    )
    def test_must_be_one_even_then(self, url):
        with pytest.raises(NotAllowed):
            target(url, anywhere=True)

    def test_is_never_shown(self):
        with pytest.raises(NotAllowed) as raised:
            target("http://example.com/hooks?token=hush")

        assert "hush" not in str(raised.value)

    @pytest.mark.parametrize(("scheme", "named"), [("http", True), ("ftp", False)])
    def test_of_plain_http_is_refused_by_the_setting_that_would_allow_it(self, scheme, named):
        with pytest.raises(NotAllowed, match="begins with https://") as raised:
            target(f"{scheme}://example.com/hooks")

        assert ("RECOUP_ALLOW_PRIVATE_URLS=true" in str(raised.value)) is named

    @pytest.mark.parametrize(
        ("url", "authority"),
        [
            ("https://example.com/", "example.com"),
            ("https://example.com:8443/", "example.com:8443"),
            ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
        ],
    )
    def test_names_the_host_as_http_wants_it(self, url, authority):
        assert target(url).authority == authority


class TestAnAddress:
    @pytest.mark.parametrize(("address", "is_private"), EDGES)
    def test_is_private_or_not(self, address, is_private):
        assert private(address) is is_private

    @pytest.mark.parametrize(
        "found",
        [
            ["10.0.0.1"],
            [PUBLIC, "127.0.0.1"],
            ["::1", PUBLIC],
            ["::ffff:169.254.169.254"],
            ["fe80::1%eth0"],
        ],
    )
    def test_that_is_private_forbids_its_host_whatever_else_it_has(self, found):
        with pytest.raises(NotAllowed, match="private address"):
            reachable(target("https://example.com/"), resolve=lambda *_: found)

    def test_is_needed(self):
        with pytest.raises(OSError, match="no address"):
            reachable(target("https://example.com/"), resolve=lambda *_: [])

    def test_of_a_host_is_the_systems(self):
        assert _addresses.resolved("127.0.0.1", 443) == ("127.0.0.1",)


@contextmanager
def canary():
    """A server that nobody may come to, on a port that is allowed; yields its address."""
    with socket.create_server(("127.83.44.3", 8443)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


class TestAHostName:
    def test_that_has_a_private_address_is_not_connected_to(self):
        with canary() as server:
            wire = Wire(resolve=lambda *_: [server.getsockname()[0]], limits=QUICK)

            posted = wire.post("https://hooks.example.com:8443/", b"{}", {}, now=NOON)

        assert posted.error == "not sent: its host has a private address"

    def test_is_looked_up_once_so_that_it_can_not_change_its_mind(self):
        asked = []

        def rebinding(host, port):
            asked.append((host, port))
            return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

        found = reachable(target("https://example.com/"), resolve=rebinding)

        assert (found, asked) == ((PUBLIC,), [("example.com", 443)])

    def test_is_connected_to_at_the_address_that_was_checked(self):
        with receiving() as receiver:
            wire = Wire(anywhere=True, limits=LONG, resolve=lambda *_: ["127.0.0.1"])

            posted = wire.post(f"http://nobody.invalid:{receiver.port}/x", b"{}", {}, now=NOON)

        assert posted.status == 200
        assert receiver.heard[0].headers["Host"] == f"nobody.invalid:{receiver.port}"

    def test_with_several_addresses_is_connected_to_at_the_first_that_answers(self):
        with receiving() as receiver:
            wire = Wire(
                anywhere=True, limits=LONG, resolve=lambda *_: ["127.83.44.9", "127.0.0.1"]
            )

            assert wire.post(receiver.url, b"{}", {}, now=NOON).status == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of hooks.example.com, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", made, "-days", "2", "-subj", "/CN=hooks.example.com",
         "-addext", "subjectAltName=DNS:hooks.example.com"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
def secure(certificate):
    """A server that speaks TLS as hooks.example.com, and the names that it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    names = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with receiving(context) as made:
        made.names = names
        yield made


class TestTls:
    def wire(self, certificate):
        context = ssl.create_default_context(cafile=certificate[0])
        return Wire(anywhere=True, limits=LONG, resolve=lambda *_: ["127.0.0.1"], context=context)

    def test_asks_for_the_host_by_its_name(self, secure, certificate):
        url = f"https://hooks.example.com:{secure.port}/in"

        posted = self.wire(certificate).post(url, b"{}", {}, now=NOON)

        assert (posted.status, posted.error) == (200, None)
        assert secure.names == ["hooks.example.com"]
        assert secure.heard[0].headers["Host"] == f"hooks.example.com:{secure.port}"

    def test_refuses_a_certificate_of_somebody_else(self, secure, certificate):
        url = f"https://other.example.com:{secure.port}/in"

        posted = self.wire(certificate).post(url, b"{}", {}, now=NOON)

        assert posted.error.startswith("its certificate is not good: Hostname mismatch")
        assert secure.heard == []

    def test_refuses_a_certificate_that_nobody_vouches_for(self, secure):
        wire = Wire(anywhere=True, limits=LONG, resolve=lambda *_: ["127.0.0.1"])

        posted = wire.post(f"https://hooks.example.com:{secure.port}/", b"{}", {}, now=NOON)

        assert posted.error.startswith("its certificate is not good: self-signed certificate")


@contextmanager
def scripted(script):
    """A server that does `script` with its one connection; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    script(connection)
                except OSError:
                    return  # whoever posted has gone

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(60)


class TestAPost:
    def posted(self, script, limits=QUICK):
        began = time.monotonic()
        with scripted(script) as url:
            made = Wire(anywhere=True, limits=limits).post(url, b"{}", {}, now=NOON)
            return made, time.monotonic() - began

    def test_without_an_answer_ends_in_time(self):
        def silent(connection):
            while connection.recv(65536):
                pass

        posted, took = self.posted(silent)

        assert (posted.status, posted.error) == (None, "no answer in time")
        assert took < 60

    @pytest.mark.parametrize("head", [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nX: "])
    def test_that_is_answered_by_drops_ends_in_time(self, head):
        def drip(connection):
            connection.sendall(head)
            while True:
                connection.sendall(b"2")
                time.sleep(0.02)

        posted, took = self.posted(drip)

        assert (posted.status, posted.error) == (None, "no answer in time")
        assert took < 60

    def test_whose_answer_never_ends_is_delivered_by_its_first_line(self):
        def endless(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)

        posted, _ = self.posted(endless, LONG)

        assert (posted.status, posted.error, posted.answer) == (200, None, "x" * 500)
        assert posted.ms < 50_000

    @pytest.mark.parametrize(
        "answer",
        [
            b"220 mail.example.com ready\r\n",
            b"HTTP/1.1 twohundred\r\n\r\n",
            b"",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        ],
    )
    def test_that_is_answered_with_nonsense_is_not_delivered(self, answer):
        posted, _ = self.posted(lambda connection: connection.sendall(answer), LONG)

        assert posted.error

    def test_goes_past_the_proxies_of_the_environment(self, monkeypatch):
        with receiving() as receiver, receiving() as proxy:
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, proxy.url)

            assert (
                Wire(anywhere=True, limits=LONG).post(receiver.url, b"{}", {}, now=NOON).status
                == 200
            )

        assert proxy.heard == []

    def test_is_not_led_on(self):
        with receiving() as elsewhere, receiving() as receiver:
            receiver.usually = Answer(302, headers={"Location": elsewhere.url})

            posted = Wire(anywhere=True, limits=LONG).post(receiver.url, b"{}", {}, now=NOON)

        assert posted.error == "answered 302: redirects are not followed"
        assert elsewhere.heard == []

    def test_leaves_no_more_of_an_answer_than_can_be_shown(self):
        assert cleaned(b"a\r\n\x00\x1b[1mb sk_live_hush \xff") == "a [1mb *** �"
        assert len(cleaned("é".encode() * 500)) <= 251

    def test_is_asked_to_wait_until_a_date(self):
        header = {"Retry-After": "Mon, 02 Mar 2026 12:01:30 GMT"}
        with receiving() as receiver:
            receiver.usually = Answer(503, headers=header)

            posted = Wire(anywhere=True, limits=LONG).post(receiver.url, b"{}", {}, now=NOON)

        assert posted.after == timedelta(seconds=90)
