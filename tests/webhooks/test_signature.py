from __future__ import annotations

import ast
import hashlib
import hmac
import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from signatures import shapes

from recoup.testing import events
from recoup.webhooks import signature
from recoup.webhooks.signature import Fault, fault, sign

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "whsec_of_the_tests_0001"
OTHER = "whsec_of_the_tests_0002"
BODY = b'{"id":"evt_1"}'
STAMP = int(NOW.timestamp())
MAC = hmac.new(SECRET.encode(), b"%d.%b" % (STAMP, BODY), hashlib.sha256).hexdigest()


def checked(header, body=BODY, *, secrets=(SECRET,), now=NOW):
    return fault(body, header, secrets=secrets, now=now)


def event(number):
    shown = events.customer(f"cus_{number}", email=f"müller{number}@example.com")
    return events.event("customer.created", shown, id=f"evt_{number}", at=STAMP)


class TestASignature:
    def test_is_the_one_that_stripe_documents(self):
        assert sign(BODY, SECRET, at=NOW) == f"t={STAMP},v1={MAC}"
        assert checked(f"t={STAMP},v1={MAC}") is None

    def test_holds_for_the_exact_bytes_and_no_others(self):
        dice = random.Random(1)
        accepted, mutants = 0, []
        for number in range(1000):
            told = event(number)
            body = events.line(told)
            header = sign(body, SECRET, at=NOW)
            accepted += checked(header, body) is None
            place = dice.randrange(len(body))
            flipped = bytes([body[place] ^ (1 << dice.randrange(8))])
            mutants += [
                checked(header, mutant)
                for mutant in (
                    json.dumps(told).encode(),
                    json.dumps(told, sort_keys=True, separators=(",", ":")).encode(),
                    json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode(),
                    b"\xef\xbb\xbf" + body,
                    body + b"\r\n",
                    body[:place] + flipped + body[place + 1 :],
                )
                if mutant != body
            ]

        assert accepted == 1000
        assert len(mutants) >= 5000
        assert set(mutants) == {Fault.WRONG}

    @pytest.mark.parametrize("body", [b"", b"\0", b"\xff\xfe", b"{" * 10_000], ids=repr)
    def test_is_of_bytes_whatever_they_are(self, body):
        assert checked(sign(body, SECRET, at=NOW), body[:]) is None
        assert checked(sign(body, SECRET, at=NOW), body + b"x") is Fault.WRONG


class TestItsAge:
    @pytest.mark.parametrize(
        ("age", "found"),
        [
            (timedelta(0), None),
            (timedelta(seconds=299), None),
            (timedelta(seconds=300), None),
            (timedelta(seconds=300, microseconds=1), Fault.TOO_OLD),
            (timedelta(seconds=301), Fault.TOO_OLD),
            (timedelta(days=3650), Fault.TOO_OLD),
            (timedelta(seconds=-1), None),
            (timedelta(seconds=-1, microseconds=-1), Fault.FROM_THE_FUTURE),
            (timedelta(seconds=-299), Fault.FROM_THE_FUTURE),
            (timedelta(seconds=-301), Fault.FROM_THE_FUTURE),
            (timedelta(days=-3650), Fault.FROM_THE_FUTURE),
        ],
    )
    def test_is_at_most_five_minutes_and_not_of_the_future(self, age, found):
        assert checked(sign(BODY, SECRET, at=NOW), now=NOW + age) is found

    def test_can_not_be_changed_without_signing_again(self):
        old = sign(BODY, SECRET, at=NOW - timedelta(hours=1))

        assert checked(old) is Fault.TOO_OLD
        assert checked(f"t={STAMP},{old.partition(',')[2]}") is Fault.WRONG


SHAPES = shapes(STAMP, MAC)


class TestAHeader:
    @pytest.mark.parametrize(("header", "found"), SHAPES.values(), ids=list(SHAPES))
    def test_that_is_not_as_it_should_be_is_refused_with_its_reason_at_once(self, header, found):
        begun = time.thread_time()  # of this thread alone, however busy the machine is

        assert checked(header) is found
        assert time.thread_time() - begun < 0.5

    def test_comes_in_sixty_wrong_shapes(self):
        assert len(SHAPES) >= 60

    @pytest.mark.parametrize(
        "header",
        [
            f"t={STAMP},v1={MAC}",
            f"v1={MAC},t={STAMP}",
            f"t={STAMP},v1={MAC},v0={'0' * 64}",
            f"t={STAMP},v1={'0' * 64},v1={MAC}",
            f"t={STAMP}" + f",v1={'0' * 64}" * 15 + f",v1={MAC}",
            f"t={STAMP},v1={MAC},v2=new-scheme.of/the+future==",
        ],
    )
    def test_may_hold_more_than_is_needed(self, header):
        assert checked(header) is None


class TestASecret:
    @pytest.mark.parametrize(
        "secrets",
        [(), ("",), (" ",), ("\t\n",), ("", SECRET), (SECRET, ""), (SECRET, " "), ("", "")],
        ids=repr,
    )
    @pytest.mark.parametrize("forged_with", ["", " ", "\t\n", "None", "whsec_", "null", SECRET])
    def test_that_is_empty_verifies_nothing_and_lets_no_other_verify(self, secrets, forged_with):
        assert checked(sign(BODY, forged_with, at=NOW), secrets=secrets) is Fault.NO_SECRET

    @pytest.mark.parametrize("number", range(48))
    def test_can_not_be_forged_without_knowing_it(self, number):
        guesses = ["", " ", SECRET[:-1], SECRET + "1", SECRET.upper(), "whsec_", SECRET[6:]]
        guess = guesses[number % len(guesses)] + "x" * (number // len(guesses))

        assert checked(sign(BODY, guess, at=NOW)) is Fault.WRONG

    def test_is_rolled_without_refusing_anything_valid(self):
        phases = [((OTHER,), True, False), ((OTHER, SECRET), True, True), ((SECRET,), False, True)]
        for secrets, old, new in phases:
            assert (checked(sign(BODY, OTHER, at=NOW), secrets=secrets) is None) is old
            assert (checked(sign(BODY, SECRET, at=NOW), secrets=secrets) is None) is new
            assert checked(sign(BODY, OTHER, SECRET, at=NOW), secrets=secrets) is None

    def test_of_another_endpoint_is_of_no_use(self):
        assert checked(sign(BODY, OTHER, at=NOW)) is Fault.WRONG


class TestComparing:
    def test_is_done_in_constant_time_and_nowhere_else(self):
        module = ast.parse(Path(signature.__file__).read_text())
        compared = [
            ast.unparse(node)
            for node in ast.walk(module)
            if isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn)
        ]
        called = [ast.unparse(n.func) for n in ast.walk(module) if isinstance(n, ast.Call)]

        assert called.count("hmac.compare_digest") == 1
        assert sorted(compared) == [
            "len(elements) != header.count(',') + 1",
            "len(stamps) != 1",
            "name == 't'",
            "name == 'v1'",
        ]
