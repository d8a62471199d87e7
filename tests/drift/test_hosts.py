"""The host's side: what it holds of access, against what is restricted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from host import Host

from recoup.access.base import CannotTell


@pytest.fixture
def host(business):
    """A host that follows from now on, and has heard of everybody who is restricted."""
    made = Host()
    business.recoup.access.use(made.apply, read=made.read)
    business.scene.pace.settle()
    assert business.id("debtors", 0) in made.held
    return made


def held(business):
    """The findings about the host, as (customer, class, stored, expected)."""
    return [
        (one.customer_id, one.class_, one.stored, one.expected)
        for one in business.recoup.drift.findings()
        if one.store == "access"
    ]


class TestAScan:
    def test_finds_nothing_where_the_host_has_followed(self, business, host):
        assert business.scan() == {}

    def test_finds_what_the_host_leaves_open(self, business, host):
        id = business.id("debtors", 0)
        host.held[id] = replace(host.held[id], restrictions=())

        assert business.scan() == {id: {"access_open"}}

        assert set(held(business)) == {(id, "access_open", "open", "closed")}
        assert {one.cause for one in business.recoup.drift.findings()} == {"the host"}

    def test_finds_what_the_host_keeps_closed(self, business, host):
        who = business.subscriber("debtors", 0)
        id = business.id("debtors", 0)
        before = host.held[id].restrictions
        bill = business.scene.fake.invoices_of(who.subscription)[-1]
        business.scene.fake.mark_paid_out_of_band(bill.id)
        business.scene.pace.settle()
        assert host.held[id].restored
        host.held[id] = replace(host.held[id], restrictions=before)

        assert business.scan() == {id: {"access_closed"}}

    def test_is_over_when_the_host_holds_what_it_should(self, business, host):
        id = business.id("debtors", 0)
        told = host.held[id]
        host.held[id] = replace(told, restrictions=())
        business.scan()
        host.held[id] = told

        assert business.scan() == {}

    def test_takes_no_silence_for_agreement(self, business, host):
        id = business.id("debtors", 0)
        host.held[id] = replace(host.held[id], restrictions=())
        business.scan()
        found = held(business)

        business.recoup.access.store = _Silent()
        business.scan()

        assert held(business) == found != []


class _Silent:
    def apply(self, state):
        raise AssertionError("nobody is told by a scan")

    def read(self, customer):
        raise CannotTell("not now")


class TestARepair:
    def test_has_the_host_told_again(self, business, host):
        business.let_in()
        id = business.id("debtors", 0)
        right = host.held.pop(id)
        business.confirm()
        assert {one[1] for one in held(business)} == {"access_open"}

        assert business.recoup.drift.repair().repaired == 1
        business.scene.pace.settle()

        assert host.held[id].holds == right.holds
        assert business.scan() == {}
        over = business.recoup.drift.findings(customer=id, ended=True)
        assert {one.state for one in over} == {"gone"}
