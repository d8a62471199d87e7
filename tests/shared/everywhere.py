"""Everything a database holds, as one text, to look for what must not be there."""

from __future__ import annotations

from recoup.store import batch
from recoup.testing.scene import Scene

_COLUMNS = """
    SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
    WHERE table_schema = current_schema() ORDER BY 1, ordinal_position"""


def everything_stored(scene: Scene) -> str:
    """Return every value of every column of every table, with its place; bytes as they are."""
    lines = []
    with scene.recoup.database.connect() as connection:
        for table, column, kind in batch.fetch(connection, _COLUMNS):
            shown = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
            sql = f'SELECT {shown} FROM "{table}" WHERE {column} IS NOT NULL'
            lines += [f"{table}.{column}: {v}" for (v,) in batch.fetch(connection, sql)]
    return "\n".join(lines)
