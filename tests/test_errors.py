"""The tree of errors is the one that is drawn, and nothing that is shown holds a secret."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import traceback
from datetime import UTC, datetime

import msgspec
import pytest
from probes import opened
from pydantic import BaseModel
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

import recoup
from recoup import errors
from recoup.config import Config
from recoup.core.billing import answers, requests, views
from recoup.core.money import Money
from recoup.errors import ConfigError, ProcessorError, RecoupError, masked
from recoup.mail.senders.smtp import SmtpSender
from recoup.store.records.commands import raised, told

PASSWORD = "canary-of-the-password"
SECRETS = (
    "sk_live_canary1",
    "rk_test_canary2",
    "whsec_canary3",
    "pi_1_secret_canary4",
    f"postgresql://recoup:{PASSWORD}@db.internal/shop",
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def classes():
    """Every error that is defined, and its parent."""
    return {
        kind.__name__: kind.__bases__[0].__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, RecoupError) and kind is not RecoupError
    }


def drawn(text):
    """Every error in a drawing, and its parent."""
    tree, path = {}, ["RecoupError"]
    for line in text.splitlines():
        found = re.match(r"^([│ ]*)[├└]── (\w+)", line)
        if found:
            depth = len(found[1]) // 4 + 1
            tree[found[2]] = path[depth - 1]
            path[depth:] = [found[2]]
    return tree


class TestTheTree:
    def test_is_drawn_as_it_is(self):
        assert drawn(errors.__doc__) == classes()

    def test_that_is_drawn_otherwise_is_seen(self):
        assert drawn(errors.__doc__.replace("KeyConflict ", "KeyConflux ")) != classes()
        assert drawn("├── A   x\n│   └── B   y\n└── C") == {
            "A": "RecoupError",
            "B": "A",
            "C": "RecoupError",
        }

    def test_says_what_each_is_for(self):
        assert [name for name in classes() if not getattr(errors, name).__doc__] == []


PROCESSOR_ERRORS = [
    getattr(errors, name)
    for name in classes()
    if issubclass(getattr(errors, name), ProcessorError)
]


class TestAProcessorsError:
    @pytest.mark.parametrize("kind", PROCESSOR_ERRORS, ids=lambda kind: kind.__name__)
    def test_keeps_its_request_id_when_it_is_stored_and_raised_again(self, kind):
        error = kind("No such price: 'price_1'", request_id="req_1")
        kept = msgspec.json.decode(msgspec.json.encode(told(error)))

        again = raised(kept)

        assert type(again) is kind
        assert (str(again), again.request_id) == (str(error), "req_1")
        assert str(again) == "No such price: 'price_1' (request req_1)"

    @pytest.mark.parametrize("kind", PROCESSOR_ERRORS, ids=lambda kind: kind.__name__)
    def test_keeps_it_when_it_is_pickled(self, kind):
        error = kind("no", request_id="req_1")

        again = pickle.loads(pickle.dumps(error))

        assert (type(again), str(again), again.request_id) == (kind, str(error), "req_1")

    @pytest.mark.parametrize("kept", [{}, {"type": "Path"}, {"type": "RecoupError"}])
    def test_of_a_type_that_is_unknown_is_a_refusal(self, kept):
        assert type(raised(kept)) is errors.Rejected


def shown(thing):
    """Everything that shows a thing: its texts, its parts, and its bytes if it has any."""
    yield repr(thing)
    yield str(thing)
    yield f"{thing}"
    if hasattr(thing, "__dict__"):
        for name, value in vars(thing).items():
            yield f"{name}: {value!r} {value}"
    if isinstance(thing, BaseModel):
        yield repr(thing.model_dump())
        yield thing.model_dump_json()
    try:
        yield pickle.dumps(thing).decode("latin-1")
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        yield str(error)


def leaks(thing):
    return [text for text in shown(thing) if "canary" in text]


def filled(kind):
    """A value of a dataclass with a secret in every field that may be one."""
    given = {}
    for field in dataclasses.fields(kind):
        if "NextAction" in str(field.type):
            given[field.name] = answers.NextAction("confirm", client_secret=SECRETS[3])
        elif not field.repr:
            given[field.name] = SECRETS[0]
        elif field.default is dataclasses.MISSING:
            given[field.name] = None
    return kind(**given)


VALUES = sorted(
    {
        kind
        for module in (views, requests, answers)
        for kind in vars(module).values()
        if dataclasses.is_dataclass(kind) and kind is not Money
    },
    key=lambda kind: kind.__name__,
)


class TestNoSecret:
    @pytest.mark.parametrize("name", ["RecoupError", *classes()])
    @pytest.mark.parametrize("secret", SECRETS)
    def test_is_in_any_error(self, name, secret):
        error = getattr(errors, name)(f"before {secret}, after")

        assert leaks(error) == []
        assert str(error).startswith("before ")
        assert str(error).endswith(", after") or "/shop, after" in str(error)

    @pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
    def test_is_in_the_text_of_any_value(self, kind):
        value = filled(kind)

        assert [text for text in (repr(value), str(value), f"{value}") if "canary" in text] == []

    def test_is_in_the_settings(self):
        config = Config.load(database_url=SECRETS[4], smtp_url=f"smtp://u:{PASSWORD}@mail:587")

        assert leaks(config) == []
        assert leaks(config.shown()) == []
        assert copy.copy(config) == copy.deepcopy(config) == config

    def test_is_in_the_error_of_a_wrong_setting(self):
        for wrong in (f"mysql://u:{PASSWORD}@h/d", f"postgresql://u:{PASSWORD}@h:port/d"):
            with pytest.raises(ConfigError) as refused:
                Config.load(database_url=wrong)

            told = "".join(traceback.format_exception(refused.value))
            assert "canary" not in told + str(refused.value.__context__)

    def test_is_in_the_error_of_a_database_that_is_not_there(self):
        config = Config.load(database_url=f"postgresql://u:{PASSWORD}@127.0.0.1:1/d")

        with pytest.raises(OperationalError) as refused:
            recoup.Recoup(config)
        assert "canary" not in "".join(traceback.format_exception(refused.value))

    def test_is_in_recoup_or_what_it_holds(self, database_url, home):
        url = make_url(database_url).set(password=PASSWORD)
        with opened(url.render_as_string(hide_password=False), home) as scene:
            held = [scene.recoup, *vars(scene.recoup).values()]
            found = {type(thing).__name__: leaks(thing) for thing in held}

        assert {name: texts for name, texts in found.items() if texts} == {}

    def test_is_in_a_sender(self):
        assert "canary" not in repr(SmtpSender(f"smtp://u:{PASSWORD}@mail:587"))

    @pytest.mark.parametrize("name", recoup.__all__)
    def test_is_in_a_public_name(self, name):
        assert leaks(getattr(recoup, name)) == []


class TestMasking:
    @pytest.mark.parametrize("secret", SECRETS)
    def test_leaves_the_rest_as_it_was(self, secret):
        assert "canary" not in masked(f"a {secret} b")
        assert masked("the customer cus_1, key 'k', ada@example.com, 12:30") == (
            "the customer cus_1, key 'k', ada@example.com, 12:30"
        )

    def test_takes_no_longer_for_each_letter_of_one_long_word(self):
        """A word of a million letters would be looked at for an hour, were it the square of it."""
        word = "a" * 10**6

        assert masked(word) == word
