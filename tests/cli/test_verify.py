from __future__ import annotations

import pytest


def rewrite(engine, sql: str) -> None:
    """Change the database as its owner may: behind everybody's back."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("ALTER TABLE ledger_entries DISABLE TRIGGER ALL")
        connection.exec_driver_sql(sql)


class TestVerify:
    def test_of_a_sound_shop_finds_nothing(self, shop):
        told = shop.json("verify")

        assert told["violations"] == []
        assert shop("verify").exit_code == 0

    def test_holds_the_rows_against_the_books_of_the_fake(self, shop, cli, home):
        with_books = shop.json("verify")["checked"]
        (home / "fake.sqlite3").rename(home / "elsewhere")

        assert shop.json("verify")["checked"] == with_books - 1

    def test_leaves_out_books_of_a_world_in_which_nothing_happened(self, cli, world):
        """Somebody's own events, while the fake is the processor by default."""
        cli("ingest", "-", stdin=world.events)

        assert cli.json("verify")["violations"] == []

    def test_of_money_that_is_not_in_the_books_exits_1(self, shop, engine):
        rewrite(engine, "UPDATE attempts SET processor_id = 'ch_other' WHERE id = 1")

        told = shop.json("verify")
        result = shop("verify")

        assert {"no_lost_charge", "no_invented_charge"} <= {
            one["invariant"] for one in told["violations"]
        }
        assert all(set(one) == {"invariant", "subject", "detail"} for one in told["violations"])
        assert result.exit_code == 1
        assert "no_invented_charge" in result.output


class TestTheLedger:
    def test_that_is_sound_says_how_long_it_is(self, shop):
        result = shop("ledger", "verify")

        assert result.exit_code == 0
        assert "entries of 4 customers are sound." in result.output

    def test_that_was_changed_exits_1_and_says_where(self, shop, engine):
        rewrite(engine, "UPDATE ledger_entries SET actor = 'me' WHERE customer_id = 2 AND seq = 3")

        result = shop("ledger", "verify", "--json")

        assert result.exit_code == 1
        (problem,) = shop.json("ledger", "verify")["problems"]
        assert (problem["customer_id"], problem["seq"]) == (2, 3)

    def test_goes_on_from_a_checkpoint(self, shop, tmp_path):
        heads = tmp_path / "heads.txt"
        told = shop.json("ledger", "checkpoint", "--heads", str(heads))
        shop("tick", "--now", "2026-02-10T12:00Z")

        assert shop("ledger", "checkpoint").output.strip() != told["sha256"]
        assert shop("ledger", "verify", "--against", str(heads)).exit_code == 0

    def test_that_does_not_go_on_from_a_checkpoint_exits_1(self, shop, tmp_path):
        heads = tmp_path / "heads.txt"
        shop("ledger", "checkpoint", "--heads", str(heads))
        lines = heads.read_text().splitlines()
        first = lines[0].split()
        forged = f"{first[0]} {first[1]} {'0' * 64}"
        heads.write_text("\n".join([forged, *lines[1:]]))

        assert shop("ledger", "verify", "--against", str(heads)).exit_code == 1

    @pytest.mark.parametrize("words", [("verify",), ("checkpoint",)])
    def test_of_nobody_is_sound(self, cli, words):
        assert cli("ledger", *words).exit_code == 0
