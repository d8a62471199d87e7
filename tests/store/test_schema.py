"""The migrations, the tables the code sees, and the transition tables say the same."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.dialects import postgresql

from recoup.core.states import MACHINES
from recoup.errors import SchemaOutdated
from recoup.store import database, tables

#: Tables of the jobs, which the store does not know, and some that only SQL by hand touches.
OTHERS = {"effects", "clocks", "moves", "alembic_version"}
OTHERS |= {"line_slots", "line_silences", "line_turns"}
OTHERS |= {"campaign_failures"}
OTHERS |= {"endpoints", "endpoint_secrets", "endpoint_tries"}
OTHERS |= {"api_keys", "api_denials"}
OTHERS |= {"access_store", "access_versions"}
OTHERS |= {"rollouts", "rollout_moves", "shadows", "raises"}
OTHERS |= {"drift_scans", "drift_findings", "drift_books"}
OTHERS |= {"suppressions", "mail_posts"}
DIALECT = postgresql.dialect()


def columns_in_code(table) -> dict[str, tuple[str, bool]]:
    return {
        column.name: (column.type.compile(dialect=DIALECT), bool(column.nullable))
        for column in table.columns
    }


def columns_in_database(engine, name: str) -> dict[str, tuple[str, bool]]:
    return {
        column["name"]: (column["type"].compile(dialect=DIALECT), column["nullable"])
        for column in inspect(engine).get_columns(name)
    }


class TestTheTables:
    def test_are_those_of_the_database(self, engine):
        assert set(inspect(engine).get_table_names()) - OTHERS == set(tables.metadata.tables)

    @pytest.mark.parametrize("name", sorted(tables.metadata.tables))
    def test_have_the_columns_of_the_database(self, engine, name):
        expected = columns_in_database(engine, name)

        assert columns_in_code(tables.metadata.tables[name]) == expected

    @pytest.mark.parametrize("name", sorted(tables.metadata.tables))
    def test_have_the_primary_key_of_the_database(self, engine, name):
        key = inspect(engine).get_pk_constraint(name)["constrained_columns"]

        assert [column.name for column in tables.metadata.tables[name].primary_key] == key

    def test_are_all_public(self):
        assert {
            getattr(tables, name).name for name in tables.__all__ if name != "metadata"
        } == set(tables.metadata.tables)


class TestTheMoves:
    def test_in_the_database_are_those_of_the_code(self, engine):
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT machine, source, target FROM moves"))
            stored = {tuple(row) for row in rows}

        assert stored == {
            (machine, str(source), str(target))
            for machine, moves in MACHINES.items()
            for source, targets in moves.items()
            for target in targets
        }

    @pytest.mark.parametrize("machine", sorted(MACHINES))
    def test_are_guarded_by_a_trigger_on_each_machines_table(self, engine, machine):
        guards = "SELECT tgname FROM pg_trigger WHERE tgrelid = CAST(:name AS regclass)"
        with engine.connect() as connection:
            found = connection.scalars(text(guards), {"name": machine}).all()

        assert "legal_move" in found


class TestMigrations:
    def test_down_leave_nothing_and_up_again_bring_everything_back(self, engine):
        before = {name: columns_in_database(engine, name) for name in self.names(engine)}

        database.downgrade(engine, "base")
        left = self.names(engine)
        functions = self.functions(engine)
        database.upgrade(engine)

        assert left <= {"alembic_version"}
        assert functions == []
        assert {name: columns_in_database(engine, name) for name in self.names(engine)} == before
        assert database.current(engine) == database.newest()

    def test_up_twice_change_nothing(self, engine):
        database.upgrade(engine)

        database.ensure_current(engine)

    def test_that_are_missing_are_named_with_the_command_that_helps(self, engine):
        database.downgrade(engine, "base")

        with pytest.raises(SchemaOutdated, match="recoup db upgrade"):
            database.ensure_current(engine)

    def names(self, engine) -> set[str]:
        return set(inspect(engine).get_table_names())

    def functions(self, engine) -> list[str]:
        with engine.connect() as connection:
            return list(
                connection.scalars(
                    text(
                        "SELECT proname FROM pg_proc"
                        " WHERE pronamespace = current_schema()::regnamespace"
                    )
                )
            )
