"""A customer that nobody here made is given its owner, once."""

from __future__ import annotations

import threading

import pytest

from recoup.core.money import Money
from recoup.errors import InvalidValue, KeyConflict, NotFound, NotPossible


@pytest.fixture
def customers(scene):
    return scene.recoup.customers


class TestLink:
    def test_makes_the_customer_the_owners_and_asks_nobody(self, scene, customers, ada):
        made_there = len(scene.fake.events(limit=1000))

        linked = customers.link(ada, "user", 42)

        assert (linked.owner_type, linked.owner_id, linked.processor_id) == ("user", "42", ada)
        assert customers.get_or_create("user", "42") == linked
        assert len(scene.fake.events(limit=1000)) == made_there
        assert scene.rows("SELECT count(*) AS n FROM customers") == [{"n": 1}]

    def test_is_a_command_in_the_ledger_without_the_owners_name(self, scene, ada):
        scene.recoup.acting_as("cli:ann").customers.link(ada, "user", "nameofada")

        rows = scene.rows("SELECT kind, state, request FROM commands")
        assert rows == [{"kind": "customers.link", "state": "done", "request": None}]
        told = scene.rows("SELECT actor, body FROM ledger_entries")
        mine = [row["body"] for row in told if row["actor"] == "cli:ann"]
        assert len(mine) == 1
        assert "customers.link" in mine[0]
        assert not any("nameofada" in row["body"] for row in told)

    def test_makes_a_new_version(self, customers, ada):
        before = customers.get(ada).version
        assert customers.link(ada, "user", "ada").version == before + 1

    def test_made_again_is_a_success_that_changes_nothing(self, customers, ada):
        first = customers.link(ada, "user", "ada")
        assert customers.link(ada, "user", "ada") == first

    def test_with_the_same_key_is_the_same_command(self, scene, customers, ada):
        first = customers.link(ada, "user", "ada", key="once")

        assert customers.link(ada, "user", "ada", key="once") == first
        assert scene.rows("SELECT count(*) AS n FROM commands") == [{"n": 1}]
        with pytest.raises(KeyConflict):
            customers.link(ada, "user", "eve", key="once")

    def test_refuses_a_customer_of_another_owner(self, customers, ada):
        first = customers.link(ada, "user", "ada")

        for owner in (("user", "eve"), ("team", "ada")):
            with pytest.raises(NotPossible, match="has another owner already"):
                customers.link(ada, *owner)
        assert customers.get(ada) == first

    def test_refuses_an_owner_of_another_customer(self, customers, ada):
        other = customers.get_or_create("user", "ada")

        with pytest.raises(NotPossible, match=f"this owner has customer {other.id} already"):
            customers.link(ada, "user", "ada")
        assert customers.get(ada).owner_id is None

    def test_leaves_the_key_of_what_it_refused_unused(self, customers, ada):
        customers.get_or_create("user", "ada")
        with pytest.raises(NotPossible):
            customers.link(ada, "user", "ada", key="once")

        assert customers.link(ada, "user", "eve", key="once").owner_id == "eve"

    def test_refuses_who_is_deleted_unless_linked_before(self, scene, customers, ada):
        eve = scene.fake.create_customer()
        scene.pace.settle()
        first = customers.link(ada, "user", "ada")
        for who in (ada, eve):
            customers.delete(who, reason="asked")

        assert customers.link(ada, "user", "ada").owner_id == first.owner_id
        with pytest.raises(NotPossible, match="deleted"):
            customers.link(eve, "user", "eve")

    def test_knows_nobody_and_takes_no_empty_owner(self, customers, ada):
        with pytest.raises(NotFound):
            customers.link("cus_nobody", "user", "ada")
        with pytest.raises(InvalidValue, match="owner_id"):
            customers.link(ada, "user", " ")

    def test_can_be_recorded_in_the_hosts_transaction(self, scene, customers, ada):
        with scene.recoup.database.begin() as connection:
            scene.recoup.using(connection).customers.link(ada, "user", "ada")
            assert customers.get(ada).owner_id is None

        assert customers.get(ada).owner_id == "ada"

    def test_is_won_by_one_of_two_customers_at_once(self, scene, customers, ada):
        both = (ada, scene.fake.create_customer())
        scene.pace.settle()
        outcomes = []

        def link(who):
            try:
                outcomes.append(customers.link(who, "user", "ada").processor_id)
            except NotPossible:
                outcomes.append(None)

        threads = [threading.Thread(target=link, args=(who,)) for who in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        (winner,) = (one for one in outcomes if one)
        assert len(outcomes) == 2
        assert customers.find("user", "ada").processor_id == winner


class TestAHeldCustomer:
    @pytest.fixture
    def held(self, scene) -> str:
        """A customer that an import has brought, and about whom nothing is decided."""
        made = scene.fake.create_customer(email="ada@example.com", country="DE")
        scene.fake.attach_method(made)
        scene.fake.subscribe(made, scene.fake.create_price(Money(1000, "EUR")))
        scene.recoup.imports.run()
        return made

    def test_is_linked_and_stays_held(self, scene, customers, held):
        linked = customers.link(held, "user", "ada")

        assert customers.get_or_create("user", "ada").id == linked.id
        assert scene.rows("SELECT held FROM travellers") == [{"held": True}]
        assert scene.rows("SELECT count(*) AS n FROM decisions") == [{"n": 0}]
