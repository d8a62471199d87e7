"""The nouns that callers use, in a host's transaction."""

from __future__ import annotations

import pytest
from probes import made, opened
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from recoup.core.billing.views import Coupon, Customer, Recorded
from recoup.errors import NotFound, NotPossible, UnknownOption


@pytest.fixture
def requests():
    return []


@pytest.fixture
def scene(database_url, home, requests):
    with opened(database_url, home, watch=lambda *told: requests.append(told)) as scene:
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def recoup(scene):
    return scene.recoup


@pytest.fixture
def session(recoup):
    engine = create_engine(recoup.database.url)
    with Session(engine) as session:
        yield session
    engine.dispose()


class TestTwoNouns:
    def test_commit_together(self, scene, recoup, session, requests):
        bound = recoup.using(session)
        ada = bound.customers.get_or_create("user", "1", email="ada@example.com")
        coupon = bound.coupons.create("SPRING", percent_off=20, key="spring")
        assert requests == []
        session.commit()

        assert isinstance(ada, Recorded)
        assert coupon == Recorded("spring", "coupons.create")
        assert isinstance(recoup.wait(ada.key), Customer)
        assert isinstance(recoup.wait("spring"), Coupon)
        assert recoup.customers.find("user", "1") == recoup.result(ada.key)
        assert made(scene.fake) == 1

    def test_are_gone_together(self, scene, recoup, session, requests):
        bound = recoup.using(session)
        ada = bound.customers.get_or_create("user", "1", email="ada@example.com")
        bound.coupons.create("SPRING", percent_off=20, key="spring")
        session.rollback()
        scene.pace.settle()

        assert requests == []
        assert recoup.customers.find("user", "1") is None
        for key in (ada.key, "spring"):
            with pytest.raises(NotFound):
                recoup.wait(key)


class TestANoun:
    def test_reads_in_the_hosts_transaction(self, recoup, session):
        bound = recoup.using(session)
        bound.customers.get_or_create("user", "1", email="ada@example.com")

        (ada,) = bound.customers.list()
        assert bound.customers.get(ada.id) == ada
        assert ada.processor_id is None
        assert recoup.customers.list() == ()

    def test_refuses_and_leaves_the_transaction_usable(self, recoup, session):
        recoup.coupons.create("SPRING", percent_off=20)
        bound = recoup.using(session)
        with pytest.raises(NotPossible, match="SPRING"):
            bound.coupons.create("SPRING", percent_off=30)
        with pytest.raises(UnknownOption):
            bound.coupons.create("AUTUMN", percent=30)
        recorded = bound.coupons.create("AUTUMN", percent_off=30)
        session.commit()

        assert recoup.wait(recorded.key).percent_off == "30"

    def test_does_not_take_what_must_not_be_stored(self, recoup, session):
        ada = recoup.customers.get_or_create("user", "1", email="ada@example.com")

        with pytest.raises(NotPossible, match="outside of the transaction"):
            recoup.using(session).customers.update_tax_location(
                ada.id, address={"country": "DE", "postal_code": "10115"}
            )

    def test_has_the_verbs_it_always_has_and_no_others(self, recoup, session):
        coupons = recoup.using(session).coupons

        assert {"create", "delete", "get", "list"} <= set(dir(coupons))
        assert repr(coupons) == "Later(Coupons)"
        with pytest.raises(AttributeError):
            _ = coupons.invent
