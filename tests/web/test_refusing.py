from __future__ import annotations

import gzip
import hashlib
import hmac
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from signatures import shapes

from recoup.webhooks.signature import HEADER, sign

PATH = "/webhooks/stripe"
MEBIBYTE = 2**20
SECRET = "whsec_of_the_tests_0001"


def raw(server, sent, *, patience=120):
    """What comes back for these very bytes, until the server ends the connection."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=patience) as connection:
        for part in [sent] if isinstance(sent, bytes) else sent:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    return answer


def posted(body, *headers, length=True):
    """A request's bytes, which asks to be the last of its connection."""
    lines = [f"POST {PATH} HTTP/1.1".encode(), b"Host: here", b"Connection: close", *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer else None


def resident(server):
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def encoded(header):
    return header.encode("utf-8", "surrogatepass")


def now():
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def server(shared):
    return shared.start()


@pytest.fixture
def nothing_kept(shared):
    count = "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM effects)"
    before = shared.rows(count)
    yield
    assert shared.rows(count) == before


class TestABadSignature:
    def test_is_a_400_whatever_its_shape_and_never_a_row(self, server, letter, nothing_kept):
        body = letter(1)
        stamp = int(now().timestamp())
        signed = hmac.new(SECRET.encode(), b"%d.%b" % (stamp, body), hashlib.sha256)
        tried = shapes(stamp, signed.hexdigest())

        # Blanks around a header's value are no part of it: with them it is a good one.
        for name in ("blank before", "blank behind"):
            del tried[name]

        seen = {}
        for name, (header, _) in tried.items():
            given = [] if header is None else [b"Stripe-Signature: " + encoded(header)]
            seen[name] = status(raw(server, posted(body, *given)))

        assert set(seen.values()) == {400}, seen
        assert len(seen) >= 60

    def test_is_every_one_where_no_secret_is_set(self, shared, letter, send, nothing_kept):
        """However its absence is written, and whatever it is signed with."""
        for unset in ("", " \t"):
            server = shared.start(RECOUP_STRIPE_WEBHOOK_SECRETS=unset)
            for guess in ("", " ", " \t", "None", "null", "whsec_", SECRET):
                answer = replace(send, secret=guess)(server, letter(1))
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_secret")
            assert server.stop() == 0

    def test_becomes_a_good_one_by_nothing_that_a_request_may_say(
        self, server, letter, nothing_kept
    ):
        body = letter(1)
        bad = sign(body, "another_secret_of_16", at=now())
        names = (
            "secret",
            "webhook_secret",
            "debug",
            "skip",
            "verify",
            "test",
            "livemode",
            "tolerance",
        )
        guess = "another_secret_of_16"
        tries = [
            *({"params": {name: value}} for name in names for value in ("", "1", "true", guess)),
            *({"headers": {name: guess}} for name in ("X-Secret", "X-Debug", "Authorization")),
            *({"headers": {"Cookie": f"{name}={guess}"}} for name in ("secret", "debug", "id")),
            {"headers": {"X-HTTP-Method-Override": "GET", "X-Forwarded-Proto": "https"}},
            {"headers": {"X-Forwarded-For": "127.0.0.1", "Host": "localhost"}},
        ]
        assert len(tries) >= 40

        with httpx.Client(timeout=60) as client:
            for more in tries:
                given = {HEADER: bad} | more.pop("headers", {})
                answer = client.post(server.url + PATH, content=body, headers=given, **more)
                assert answer.status_code == 400


class TestABody:
    def test_of_a_mebibyte_is_taken_and_one_byte_more_is_not(self, server, send, shared):
        body = b'{"id":"evt_large","type":"x"}'
        filled = body + b" " * (MEBIBYTE - len(body))

        answers = [send.until_taken(server, each) for each in (filled + b" ", filled)]

        assert [answer.status_code for answer in answers] == [413, 200]
        kept = shared.rows("SELECT octet_length(raw) FROM inbox WHERE key = 'evt_large'")
        assert kept == [(MEBIBYTE,)]

    def test_in_chunks_is_taken_or_cut_where_it_is_too_large(self, server, letter):
        def chunks(whole):
            cut = [whole[n : n + 60_000] for n in range(0, len(whole), 60_000)]
            return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in [*cut, b""])

        body = letter(1)
        signed = [b"Stripe-Signature: " + sign(body, SECRET, at=now()).encode()]
        told = [b"Transfer-Encoding: chunked", *signed]

        whole = posted(chunks(body), *told, length=False)
        assert status(raw(server, whole)) == 200
        large = posted(chunks(body + b" " * MEBIBYTE), *told, length=False)
        assert status(raw(server, large)) == 413

    def test_that_never_ends_is_cut_and_not_held(self, server):
        def endless():
            yield posted(b"", b"Transfer-Encoding: chunked", length=False)
            for _ in range(500):
                yield b"10000\r\n" + b"x" * 65536 + b"\r\n"

        raw(server, posted(b"{}"))
        before = resident(server)

        assert status(raw(server, endless())) in {413, None}  # it may be gone before it is read
        assert resident(server) - before < 20 * MEBIBYTE

    def test_that_claims_to_be_huge_is_not_waited_for(self, server):
        begun = time.monotonic()
        for length in (b"1048577", b"9" * 15):
            asked = posted(b"", b"Content-Length: " + length, length=False)
            assert status(raw(server, asked)) == 413
        assert status(raw(server, posted(b"", b"Content-Length: -1", length=False))) == 400
        assert time.monotonic() - begun < 60

    def test_that_is_packed_is_not_unpacked(self, server, nothing_kept):
        bomb = gzip.compress(b" " * 50 * MEBIBYTE)
        before = resident(server)

        for name in (b"gzip", b"br", b"deflate", b"gzip, identity"):
            assert status(raw(server, posted(bomb, b"Content-Encoding: " + name))) == 415
        assert resident(server) - before < 20 * MEBIBYTE

    def test_that_is_a_bomb_is_not_looked_into_when_nobody_has_signed_it(
        self, server, nothing_kept
    ):
        bombs = [
            b'{"a":' * 150_000,
            b"9" * 5_000,
            b"1e400",
            b"NaN",
            b"{" + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}",
        ]
        begun = time.monotonic()

        for bomb in bombs:
            header = b"Stripe-Signature: t=%d,v1=%b" % (int(now().timestamp()), b"0" * 64)
            assert status(raw(server, posted(bomb, header))) == 400
        assert time.monotonic() - begun < 60


class TestAnotherRequest:
    def test_is_told_that_there_is_nothing_or_not_by_this_method(self, server, nothing_kept):
        with httpx.Client(base_url=server.url, follow_redirects=False, timeout=60) as client:
            for method in (
                "GET",
                "HEAD",
                "PUT",
                "PATCH",
                "DELETE",
                "TRACE",
                "OPTIONS",
                "NONSENSE",
            ):
                answer = client.request(method, PATH)
                assert (answer.status_code, answer.headers["Allow"]) == (405, "POST"), method
            for path in (f"{PATH}/", "/webhooks", "/webhooks/", "/", "//webhooks/stripe", "/docs"):
                answer = client.post(path)
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
            for path in ("/healthz", "/readyz", "/metrics"):
                assert client.post(path).status_code == 405
                assert client.get(f"{path}/").status_code == 404
            assert client.get(PATH, headers={"Host": "evil.example"}).status_code == 405

    def test_has_an_id_and_headers_that_forbid_a_browser_everything(self, server):
        with httpx.Client(base_url=server.url, timeout=60) as client:
            answers = [
                client.get("/healthz"),
                client.get("/metrics"),
                client.get("/nowhere"),
                client.post(PATH, headers={"X-Request-Id": "mine\x7f"}),
            ]

        assert len({answer.headers["X-Request-Id"] for answer in answers}) == 4
        for answer in answers:
            assert len(answer.headers["X-Request-Id"]) == 16
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "server" not in answer.headers


class TestTheLog:
    def test_of_a_flood_is_short_and_holds_nothing_of_it(self, shared, letter, nothing_kept):
        server = shared.start()
        begun = time.monotonic()

        with httpx.Client(timeout=60) as client:
            for number in range(300):
                header = {HEADER: sign(letter(number), f"guess_{number}_of_somebody", at=now())}
                client.post(server.url + PATH, content=letter(number), headers=header)
        took = time.monotonic() - begun
        server.stop()

        refused = [line for line in server.said.splitlines() if "signature_wrong" in line]
        assert 1 <= len(refused) <= took + 1
        for word in ("evt_", "cus_", "whsec", "example.com", "v1="):
            assert word not in server.said
