"""Names of Unity Catalog: three parts, from the words of a draw."""

from collections.abc import Mapping
from typing import Any

from aj.competencies.draw import Draw


def table(draw: Draw) -> str:
    """``catalog.schema.table``."""
    return ".".join(draw.word(part) for part in ("catalog", "schema", "table"))


def two_tables(draw: Draw) -> tuple[str, str]:
    """Two tables of one catalog, in different schemas."""
    catalog = draw.word("catalog")
    first, second = (f"{catalog}.{schema}.{draw.word('table')}" for schema in draw.words("schema", 2))
    return first, second


def view_of(draw: Draw) -> tuple[str, str]:
    """A view and the table below it, in one schema."""
    name = table(draw)
    return f"{name.rpartition('.')[0]}.{draw.word('view')}", name


def volume_beside(name: str, volume: str) -> str:
    """The path of a volume in the schema of a table."""
    catalog, schema, _ = name.split(".")
    return f"/Volumes/{catalog}/{schema}/{volume}"


def column_beside(draw: Draw, other: str) -> str:
    """A column of another name."""
    return next(column for column in draw.words("column", 2) if column != other)


def schema_with(name: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """The context of sql_compiles in which one table exists, with these columns and their types."""
    catalog, schema, last = name.split(".")
    return {catalog: {schema: {last: dict(columns)}}}
