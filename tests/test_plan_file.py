from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup import plan_file
from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.errors import ConfigError, InvalidPlans

WHOLE = """
[plans.pro]
prices = ["price_month", "price_year"]
features = ["api", "export", "new_seats"]
limits = {seats = 10, projects = "unlimited"}

[plans.free]
prices = ["price_free"]
limits = {seats = 0}

[features]
export = "floor"
new_seats = "growth"
"""
PRO = '[plans.pro]\nprices = ["p"]\nfeatures = ["export"]\n'


def read(text: str) -> Catalogue:
    return plan_file.catalogue(tomllib.loads(text))


class TestAFile:
    def test_that_is_nested_too_deeply_is_refused(self, tmp_path):
        path = tmp_path / "plans.toml"
        path.write_text("deep = " + 20_000 * "[")

        with pytest.raises(InvalidPlans, match="nested too deeply"):
            plan_file.load(path)

    def test_that_is_no_text_says_where(self, tmp_path):
        path = tmp_path / "plans.toml"
        path.write_bytes(b'# plans\n[plans.team]\nprices = ["\xe9"]\n')

        with pytest.raises(InvalidPlans) as refused:
            plan_file.load(path)

        assert str(refused.value) == "plans.toml: expected text in UTF-8, and line 3 is none"

    def test_may_begin_with_a_mark_of_its_encoding(self, tmp_path):
        path = tmp_path / "plans.toml"
        path.write_text(f"\ufeff{WHOLE}", encoding="utf-8")

        assert plan_file.load(path) == read(WHOLE)

    def test_says_what_is_sold(self, tmp_path):
        path = tmp_path / "plans.toml"
        path.write_text(WHOLE)

        sold = plan_file.load(path)

        assert sold.plan_of("price_year") == "pro"
        assert sold.plan_of("price_free") == "free"
        assert sold.plan_of("price_gone") is None
        assert sold.plans["pro"].limits == {"seats": 10, "projects": None}
        assert sold.kind_of("export") is FeatureKind.FLOOR
        assert sold.kind_of("api") is FeatureKind.WRITE
        assert sold.features == {"api", "export", "new_seats"}
        assert sold.limits == {"seats", "projects"}

    def test_is_written_as_it_is_read(self):
        sold = read(WHOLE)

        assert read(plan_file.text(sold)) == sold

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "at least one [plans.NAME], got None"),
            ("plans = []", "at least one [plans.NAME], got []"),
            ("[plan.pro]", "'plan' is unknown (did you mean 'plans'?)"),
            ("[plans]\npro = 1", "plan pro: expected a table, got 1"),
            ("[plans.pro]", "plan pro: prices: expected a list of names, got None"),
            ("[plans.pro]\nprices = []\n", "plan pro: prices: expected at least one, got []"),
            ('[plans.pro]\nprices = ["p"]\n', "plan pro is empty"),
            ('[plans.pro]\nprices = "p"\n', "expected a list of names, got 'p'"),
            ("[plans.pro]\nprices = [1]\n", "expected a name, got 1"),
            ('[plans.pro]\nprices = [" "]\n', "expected a name, got ' '"),
            ('[plans.pro]\nprices = ["p", "p"]\n', "plan pro: prices: 'p' stands there twice"),
            ('[plans.pro]\nprice = ["p"]\n', "'price' is unknown (did you mean 'prices'?)"),
            (PRO + "limits = 3\n", "plan pro: limits: expected a table, got 3"),
            (PRO + "limits = {seats = -1}\n", "plan pro: limit 'seats': expected a whole number"),
            (PRO + "limits = {seats = true}\n", "got True"),
            (PRO + "limits = {seats = 1.5}\n", "got 1.5"),
            (PRO + 'limits = {s = "unlimted"}\n', "(did you mean 'unlimited'?)"),
            (PRO + '[features]\nexport = "flor"\n', "'flor' (did you mean 'floor'?)"),
            (PRO + '[features]\nexport = ["floor"]\n', "expected one of growth, write"),
            (PRO + '[features]\nexprt = "floor"\n', "'exprt' is in no plan (did you mean"),
            ("features = 1\n" + PRO, "features: expected a table, got 1"),
            (
                PRO + '[plans.basic]\nprices = ["p"]\nfeatures = ["api"]\n',
                "price 'p' is in two plans, pro and basic",
            ),
        ],
    )  # fmt: skip
    def test_that_is_wrong_says_what_and_where(self, text, problem):
        with pytest.raises(InvalidPlans) as caught:
            read(text)

        assert problem in str(caught.value)

    @pytest.mark.parametrize("content", [b"[plans", b"\xff", b"[plans.pro]"])
    def test_that_is_wrong_names_itself(self, tmp_path, content):
        path = tmp_path / "plans.toml"
        path.write_bytes(content)

        with pytest.raises(ConfigError, match=r"^plans\.toml: "):
            plan_file.load(path)

    def test_that_is_not_there_names_itself(self):
        with pytest.raises(InvalidPlans, match=r"^gone\.toml: "):
            plan_file.load(Path("gone.toml"))


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
    lambda name: name.isprintable() and bool(name.strip())
)


class TestACatalogue:
    @given(
        st.dictionaries(
            names,
            st.tuples(
                st.sets(names, min_size=1),
                st.dictionaries(names, st.none() | st.integers(0, 10**6)),
            ),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from(FeatureKind),
    )
    def test_becomes_a_file_that_becomes_it(self, plans, kind):
        made = Catalogue(
            {
                name: Plan(name, frozenset({f"price {n}"}), frozenset(features), limits)
                for n, (name, (features, limits)) in enumerate(plans.items())
            },
            {feature: kind for _, (features, _) in plans.items() for feature in features},
        )

        assert read(plan_file.text(made)) == made

    def test_that_is_made_by_hand_is_checked_too(self):
        one, two = (Plan(name, frozenset({"p"})) for name in ("one", "two"))

        with pytest.raises(InvalidPlans, match="'p' is in two plans"):
            Catalogue({"one": one, "two": two})
        with pytest.raises(InvalidPlans, match="stands under the name 'two'"):
            Catalogue({"two": one})
        with pytest.raises(InvalidPlans, match="expected 0 or more, got -1"):
            Catalogue({"one": Plan("one", frozenset({"p"}), limits={"seats": -1})})
