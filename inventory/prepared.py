"""Queries that are built once per process and asked with every heartbeat.

Building a query through the ORM costs ten times what SQLite needs to answer it; a heartbeat asks two dozen of them. A
`Prepared` keeps the SQL that the ORM has made, and the converters of its columns, so that the values are the same as
`values_list` gives. Only plain values can be parameters, compared as they are: numbers, and texts where a parameter is
annotated as `str`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery

Row = TypeVar("Row", bound=Model)
Build = Callable[..., "QuerySet[Any, Any]"]
# Stand for the parameters while the query is built: within the range of every integer column, and nobody's value.
FIRST_MARK = 2_000_000_011
TEXTS = (str, "str")  # annotations of parameters that are texts
FIRST_TEXT_MARK = "\ue000mark "
# False: every query is built anew, so that a benchmark can tell what keeping them spares.
KEEPS = True


class Prepared:
    """The answers of `build(*parameters)`, a query set of `values_list` rows.

    `build` is called once, with marks in place of its parameters; it must use each of them unchanged as the value of a
    comparison, and must not look at it. What it closes over is kept as it was then.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._marks = _marks(build)
        self._made: tuple[str, list[Any], dict[int, int], Any, Any] | None = None

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """All rows, with one value per parameter of `build`."""
        sql, template, places, compiler, converters = (KEEPS and self._made) or self._make()
        with connection.cursor() as cursor:
            cursor.execute(sql, _filled(template, places, values))
            found = cursor.fetchall()
        if converters and found:
            found = [tuple(row) for row in compiler.apply_converters(found, converters)]
        return found

    def column(self, *values: Any) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self.rows(*values)]

    def any(self, *values: Any) -> bool:
        """True where there is a row."""
        return bool(self.rows(*values))

    def _make(self) -> tuple[str, list[Any], dict[int, int], Any, Any]:
        compiler = self._build(*self._marks).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        converters = compiler.get_converters([select[0] for select in compiler.select])
        self._made = (sql, list(params), _places(params, self._marks), compiler, converters)
        return self._made


class PreparedUpdate:
    """`build(*parameters)` gives a query set and what is to be set in its rows: values, or expressions of columns.

    The same rules hold as for `Prepared`: each parameter is a number that the statement carries as it is.
    """

    def __init__(self, build: Callable[..., tuple[QuerySet[Any, Any], dict[str, Any]]]) -> None:
        self._build = build
        self._marks = _marks(build)
        self._made: tuple[str, list[Any], dict[int, int]] | None = None

    def run(self, *values: Any) -> int:
        """Set it; return the number of rows."""
        sql, template, places = (KEEPS and self._made) or self._make()
        with connection.cursor() as cursor:
            cursor.execute(sql, _filled(template, places, values))
            return int(cursor.rowcount)

    def _make(self) -> tuple[str, list[Any], dict[int, int]]:
        rows, values = self._build(*self._marks)
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(values)
        sql, params = query.get_compiler(connection=connection).as_sql()
        self._made = (sql, list(params), _places(params, self._marks))
        return self._made


def _marks(build: Callable[..., Any]) -> list[int | str]:
    """What stands for each parameter: a text where it is annotated as one, else a number."""
    kinds = [parameter.annotation for parameter in inspect.signature(build).parameters.values()]
    return [f"{FIRST_TEXT_MARK}{i}" if kind in TEXTS else FIRST_MARK + i for i, kind in enumerate(kinds)]


def _places(params: Iterable[Any], marks: list[int | str]) -> dict[int, int]:
    """Which parameter each place of a statement takes."""
    places = {i: marks.index(value) for i, value in enumerate(params) if value in marks}
    if set(places.values()) != set(range(len(marks))):
        raise ValueError("every parameter has to appear in the query as it is")
    return places


def _filled(template: list[Any], places: dict[int, int], values: tuple[Any, ...]) -> list[Any]:
    params = template.copy()
    for place, parameter in places.items():
        params[place] = values[parameter]
    return params


class PreparedModels(Generic[Row]):
    """The same for whole rows: instances of a model, with what the query set selects of their relations."""

    def __init__(self, build: Callable[..., QuerySet[Row, Row]]) -> None:
        self._build = build
        self._marks = _marks(build)
        self._made: tuple[str, list[Any], dict[int, int], _Reader] | None = None

    def all(self, *values: Any) -> list[Row]:
        """All instances, with one value per parameter of `build`."""
        sql, template, places, reader = (KEEPS and self._made) or self._make()
        with connection.cursor() as cursor:
            cursor.execute(sql, _filled(template, places, values))
            return [reader.instance(row) for row in reader.converted(cursor.fetchall())]

    def first(self, *values: Any) -> Row | None:
        """The first instance, None where there is none."""
        return next(iter(self.all(*values)), None)

    def _make(self) -> tuple[str, list[Any], dict[int, int], _Reader]:
        compiler = self._build(*self._marks).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        self._made = (sql, list(params), _places(params, self._marks), _Reader(compiler))
        return self._made


class _Reader:
    """Makes instances of the rows of a compiled query, as Django's own iteration does."""

    def __init__(self, compiler: Any) -> None:
        self._compiler = compiler
        info, select = compiler.klass_info, compiler.select
        self._converters = compiler.get_converters([one[0] for one in select])
        self._model, fields = info["model"], info["select_fields"]
        self._from, self._to = fields[0], fields[-1] + 1
        self._columns = [one[0].target.attname for one in select[self._from : self._to]]
        populators: Any = get_related_populators  # the stubs are those of a later Django
        self._related = populators(info, select, DEFAULT_DB_ALIAS)

    def converted(self, rows: list[Any]) -> Iterable[Any]:
        return self._compiler.apply_converters(rows, self._converters) if self._converters and rows else rows

    def instance(self, row: Any) -> Any:
        made = self._model.from_db(DEFAULT_DB_ALIAS, self._columns, row[self._from : self._to])
        for related in self._related:
            related.populate(row, made)
        return made
