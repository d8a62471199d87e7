from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from recoup.config import Config
from recoup.processors.stripe.reader import read
from recoup.webhooks.receive import absorb_stored

MEBIBYTE = 2**20


def absorb(porch):
    return absorb_stored(
        porch.engine,
        "stripe",
        read=read,
        now=porch.now,
        on_absorbed=lambda *_: None,
    )


class TestWhatIsLetIn:
    def test_is_one_row_and_one_effect_before_anybody_answers(self, porch, letter):
        answer = porch.post(letter(1))

        assert (answer.status, answer.code) == (200, "received")
        assert porch.inbox == [("evt_1", "received", None)]
        ((id,),) = porch.rows("SELECT id FROM inbox")
        assert porch.effects == [("absorb", "webhooks", "scheduled", f"absorb:{id}")]

    def test_is_kept_as_it_came(self, porch):
        body = b'{ "id": "evt_1",\n\t"type": "caf\\u00e9", "created": 1.0e0, "a": "\\/" }\r\n'

        porch.post(body)

        assert [bytes(raw) for (raw,) in porch.rows("SELECT raw FROM inbox")] == [body]

    def test_makes_one_row_and_one_effect_however_often_it_comes(self, porch, letter):
        answers = [porch.post(letter(1)) for _ in range(3)]
        absorb(porch)
        answers.append(porch.post(letter(1)))

        assert {answer.status for answer in answers} == {200}
        assert porch.inbox == [("evt_1", "applied", None)]
        assert len(porch.effects) == 1

    def test_makes_one_row_and_one_effect_when_many_bring_it_at_once(self, porch, letter):
        """A hundred events, each posted by two to sixteen at the same time."""
        at_once = [2, 3, 4, 8, 16]
        with ThreadPoolExecutor(16) as senders:
            for number in range(100):
                together = at_once[number % len(at_once)]
                start, body = threading.Barrier(together), letter(number)

                def send(_, start=start, body=body):
                    start.wait()
                    return porch.post(body)

                assert {a.status for a in senders.map(send, range(together))} == {200}

        assert len(porch.inbox) == len(porch.effects) == 100
        assert porch.rows(
            "SELECT count(*) FROM inbox i JOIN effects e ON e.key = 'absorb:' || i.id"
        ) == [(100,)]

    def test_is_absorbed_by_what_it_enqueued_or_by_the_clock(self, porch, letter):
        porch.post(letter(1))

        assert absorb(porch).applied == 1
        assert porch.rows("SELECT processor_id FROM customers") == [("cus_1",)]


class TestWhatIsRefused:
    def refused(self, porch, body, answer, status, code):
        assert (answer.status, answer.code) == (status, code)
        assert porch.inbox == []
        assert porch.effects == []

    def test_leaves_no_row_when_the_signature_is_wrong(self, porch, letter):
        forger = replace(porch, secret="whsec_of_somebody_else")

        self.refused(porch, b"", forger.post(letter(1)), 400, "signature_wrong")

    def test_is_everything_where_no_secret_is(self, porch, letter):
        shut = replace(porch, door=replace(porch.door, secrets=()), secret="")

        self.refused(porch, b"", shut.post(letter(1)), 404, "no_secret")

    @pytest.mark.parametrize(("live", "says"), [(False, True), (True, False)])
    def test_is_an_event_of_the_other_mode(self, porch, letter, live, says):
        door = replace(porch, door=replace(porch.door, live=live))

        self.refused(porch, b"", door.post(letter(1, livemode=says)), 400, "wrong_mode")

    @pytest.mark.parametrize("live", [False, True])
    def test_is_no_event_of_its_own_mode(self, porch, letter, live):
        door = replace(porch, door=replace(porch.door, live=live))

        assert door.post(letter(1, livemode=live)).status == 200

    def test_is_an_event_of_another_account(self, porch, letter):
        answer = porch.post(letter(1, account="acct_of_a_stranger"))

        self.refused(porch, b"", answer, 400, "foreign_account")
        assert porch.post(letter(1, account=None)).status == 200

    def test_begins_one_byte_above_a_mebibyte(self, porch, letter):
        body = letter(1)
        filled = body + b" " * (MEBIBYTE - len(body))

        self.refused(porch, b"", porch.post(filled + b" "), 413, "oversize")
        assert porch.post(filled).status == 200
        assert absorb(porch).applied == 1

    def test_is_told_in_words_that_hold_no_secret_and_nothing_of_the_event(self, porch, letter):
        answers = [
            replace(porch, secret="whsec_of_somebody_else").post(letter(1)),
            porch.post(letter(1, livemode=True)),
            porch.post(letter(1, account="acct_1")),
            porch.post(b" " * (MEBIBYTE + 1)),
        ]

        for answer in answers:
            assert set(answer.body()["error"]) == {"code", "message"}
            assert "whsec" not in repr(answer)
            assert "acct_1" not in repr(answer)
            assert "evt_1" not in repr(answer)


DEEP = b'{"a":' * 150_000 + b"1" + b"}" * 150_000
#: Bodies nobody can make sense of, though they are signed -> why they are parked.
ODD = {
    "empty": (b"", "no JSON"),
    "blank": (b" \n", "no JSON"),
    "half": (b'{"id":"evt_1"', "no JSON"),
    "words": (b"hello", "no JSON"),
    "form": (b"id=evt_1&type=x", "no JSON"),
    "latin-1": (b'{"id":"\xe9vt","type":"x"}', "no JSON"),
    "BOM": (b'\xef\xbb\xbf{"id":"evt_1","type":"x"}', "no JSON"),
    "UTF-16": ('{"id":"evt_1","type":"x"}'.encode("utf-16"), "no JSON"),
    "NaN": (b'{"id":"evt_1","type":"x","a":NaN}', "no JSON"),
    "infinity": (b'{"id":"evt_1","type":"x","a":Infinity}', "no JSON"),
    "1e400": (b'{"id":"evt_1","type":"x","a":1e400}', "no JSON"),
    "NUL byte": (b'{"id":"evt_1","type":"x","a":"\0"}', "no JSON"),
    "comment": (b'{"id":"evt_1","type":"x"}//', "no JSON"),
    "two": (b'{"id":"evt_1","type":"x"}{"id":"evt_2","type":"x"}', "no JSON"),
    "list": (b'[{"id":"evt_1","type":"x"}]', "the root is no object"),
    "text": (b'"evt_1"', "the root is no object"),
    "number": (b"1", "the root is no object"),
    "null": (b"null", "the root is no object"),
    "true": (b"true", "the root is no object"),
    "no id": (b'{"type":"invoice.paid"}', "no id"),
    "id null": (b'{"id":null,"type":"invoice.paid"}', "no id"),
    "id empty": (b'{"id":"","type":"invoice.paid"}', "no id"),
    "id number": (b'{"id":1,"type":"invoice.paid"}', "no id"),
    "id list": (b'{"id":["evt_1"],"type":"invoice.paid"}', "no id"),
    "id long": (b'{"id":"' + b"e" * 256 + b'","type":"x"}', "an id longer than 255 characters"),
    "no type": (b'{"id":"evt_1"}', "no type"),
    "type object": (b'{"id":"evt_1","type":{}}', "no type"),
    "id twice": (b'{"id":"evt_1","id":"evt_2","type":"x"}', "a name stands twice in it"),
    "type twice": (b'{"id":"evt_1","type":"x","type":"x"}', "a name stands twice in it"),
    "deep twice": (
        b'{"id":"evt_1","type":"x","data":{"object":{"amount":1,"amount":100}}}',
        "a name stands twice in it",
    ),
    "twice by an escape": (
        b'{"id":"evt_1","type":"x","data":{"amount":1,"\\u0061mount":100}}',
        "a name stands twice in it",
    ),
    "twice in a list": (b'{"id":"evt_1","type":"x","a":[[{"b":1,"b":1}]]}', "a name stands twice"),
    "NUL": (b'{"id":"evt_1","type":"x","a":"\\u0000"}', "a NUL character"),
    "NUL name": (b'{"id":"evt_1","type":"x","\\u0000":1}', "a NUL character"),
    "NUL id": (b'{"id":"evt\\u0000_1","type":"x"}', "a NUL character"),
    "surrogate": (b'{"id":"evt_1","type":"x","a":"\\ud800"}', "a lone surrogate"),
    "low surrogate": (b'{"id":"evt_1","type":"x","a":"\\udc00x"}', "a lone surrogate"),
    "surrogate name": (b'{"id":"evt_1","type":"x","\\ud83d":1}', "a lone surrogate"),
    "deep": (DEEP, "nested deeper than 64"),
    "deep list": (b"[" * 400_000, "nested deeper than 64"),
    "65 deep": (
        b'{"id":"evt_1","type":"x","a":' + b"[" * 64 + b"]" * 64 + b"}",
        "nested deeper than 64",
    ),
    "5,000 digits": (b'{"id":"evt_1","type":"x","a":' + b"9" * 5000 + b"}", "no JSON"),
    "no created": (b'{"id":"evt_2","type":"invoice.paid"}', "event.created is missing"),
    "no data": (b'{"id":"evt_3","type":"invoice.paid","created":1}', "data is no object"),
    "object null": (b'{"id":"evt_4","type":"invoice.paid","data":{"object":null}}', ""),
    "created odd": (b'{"id":"evt_5","type":"invoice.paid","created":"now","data":{}}', ""),
}


class TestWhatIsOddThoughItIsSigned:
    @pytest.mark.parametrize(("body", "reason"), ODD.values(), ids=list(ODD))
    def test_is_taken_kept_as_bytes_and_parked_with_its_reason(self, porch, body, reason):
        assert [porch.post(body).status for _ in range(2)] == [200, 200]
        absorb(porch)

        ((_, state, why),) = porch.inbox
        assert state == "parked"
        assert reason in why
        assert [bytes(raw) for (raw,) in porch.rows("SELECT raw FROM inbox")] == [body]

    def test_never_keeps_what_comes_with_it_from_being_absorbed(self, porch, letter):
        porch.door.keep([*(body for body, _ in ODD.values()), letter(1)])

        assert absorb(porch).applied == 1
        states = [state for _, state, _ in porch.inbox]
        assert sorted(states) == ["applied"] + ["parked"] * len(ODD)

    def test_is_no_name_that_only_looks_doubled(self, porch, letter):
        body = letter(1, extra={"a": '"a":1,"a":1', "b": {"a": 1}, "é": 1e300})

        assert porch.post(body).status == 200
        assert absorb(porch).applied == 1

    def test_holds_very_many_names_and_is_taken_all_the_same(self, porch):
        names = b",".join(b'"%d":1' % n for n in range(80_000))
        body = b'{"id":"evt_1","type":"x","created":1,"data":{"object":{' + names + b"}}}"
        assert len(body) < MEBIBYTE

        assert porch.post(body).status == 200
        absorb(porch)
        assert [state for _, state, _ in porch.inbox] == ["ignored"]


class TestADatabaseThatFails:
    def test_makes_the_sender_try_again(self, porch, letter):
        with porch.engine.begin() as connection:
            connection.execute(text("ALTER TABLE inbox RENAME TO elsewhere"))

        answer = porch.post(letter(1))

        assert (answer.status, answer.code) == (503, "unavailable")
        with porch.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO inbox"))
        assert porch.post(letter(1)).status == 200

    def test_keeps_nothing_when_the_effect_can_not_be_written(self, porch, letter):
        with porch.engine.begin() as connection:
            connection.execute(text("ALTER TABLE effects ADD CHECK (kind <> 'absorb')"))

        assert porch.post(letter(1)).status == 503
        assert porch.inbox == []


class TestADoor:
    def test_hides_its_secrets(self, porch):
        assert "whsec" not in repr(porch.door)

    @pytest.mark.parametrize("name", ["RECOUP_WEBHOOK_TOLERANCE", "RECOUP_DEBUG", "DEBUG"])
    def test_knows_no_setting_that_would_open_it(self, monkeypatch, name):
        monkeypatch.setenv(name, "1")

        assert Config.load().secrets() == ()
