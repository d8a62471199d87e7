from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.policy import DAY, DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.errors import InvalidPolicy

REMINDED = Rung("reminded", timedelta(0), ("notify",))
ENDED = Rung("ended", 10 * DAY, ("cancel",))
WARNING = Step("warning", 7 * DAY, "dunning_final_notice", announces="ended")


def small(**changes: object) -> Policy:
    values = {"ladder": (REMINDED, ENDED), "steps": (WARNING,)}
    return replace(DEFAULT, **(values | changes))


class TestPolicy:
    def test_may_warn_exactly_the_minimum_notice_before_a_rung(self):
        assert small(min_notice=3 * DAY).end is ENDED

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"ladder": ()}, "no rung"),
            ({"steps": ()}, "no step announces rung 'ended'"),
            ({"ladder": (REMINDED, REMINDED)}, "named twice"),
            ({"ladder": (ENDED, replace(REMINDED, after=11 * DAY), ENDED)}, "named twice"),
            ({"ladder": (replace(REMINDED, after=20 * DAY), ENDED)}, "rise strictly"),
            ({"steps": (WARNING, replace(WARNING, key="again"))}, "rise strictly"),
            ({"steps": (replace(WARNING, after=11 * DAY),)}, "after the ladder's end"),
            ({"steps": (replace(WARNING, announces="gone"),)}, "no rung of"),
            ({"steps": (replace(WARNING, announces=None),)}, "no step announces rung 'ended'"),
            ({"min_notice": 3 * DAY + timedelta(microseconds=1)}, "no step announces"),
            ({"ladder": (REMINDED, replace(ENDED, consequences=("hurt",)))}, "not a consequence"),
            ({"timer": "learned"}, "timer 'learned'"),
            ({"timer": "fixed"}, "needs a schedule"),
            ({"collector": "nobody"}, "collector 'nobody'"),
            ({"contact_hours": (21, 8)}, r"\[8, 21\], not \[21, 8\]"),
            ({"min_stay": timedelta(0)}, "min_stay"),
            ({"max_stretch": 0}, "max_stretch"),
        ],
    )
    def test_that_contradicts_itself_is_refused_when_it_is_made(self, changes, problem):
        with pytest.raises(InvalidPolicy, match=problem):
            small(**changes)


class TestPolicies:
    def test_choose_the_first_that_fits(self):
        strict = replace(DEFAULT, key="strict")
        policies = Policies((Choice(strict, country="DE", currency="EUR"), Choice(DEFAULT)))

        assert policies.choose(country="DE", currency="EUR") is strict
        assert policies.choose(country="DE", currency="USD") is DEFAULT

    def test_say_when_none_fits(self):
        with pytest.raises(InvalidPolicy, match="no policy fits"):
            Policies((Choice(DEFAULT, plan="gold"),)).choose(plan="tin")

    def test_know_older_versions_by_name(self):
        old = replace(DEFAULT, version=0)

        assert Policies(known={old.name: old}).named("default/0") is old

    def test_say_when_a_version_is_gone(self):
        with pytest.raises(InvalidPolicy, match="default/7, which is gone"):
            Policies().named("default/7")
