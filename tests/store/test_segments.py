"""Transactions as text: replayed on a copy of the database, they give the same database."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orchestrator.store
from orchestrator.errors import StorageError, StudyError
from orchestrator.store.database import Database
from orchestrator.store.segments import Position, Segment, Statement, Transaction

POSITION = Position(3, 14)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.none() | INTEGERS | FLOATS | TEXTS
STATEMENTS = st.one_of(
    st.builds(Statement, st.just("INSERT INTO kept (a, b) VALUES (?, ?)"), st.tuples(VALUES, VALUES)),
    st.builds(
        Statement, st.just("INSERT INTO kept (a, b) VALUES (:a, :b)"), st.fixed_dictionaries({"a": VALUES, "b": VALUES})
    ),
    st.builds(Statement, st.just("UPDATE kept SET a = ? WHERE seq % 3 = ?"), st.tuples(VALUES, st.integers(0, 2))),
    st.builds(
        Statement,
        st.just("DELETE FROM kept WHERE seq = ?"),
        st.lists(st.tuples(st.integers(1, 9)), max_size=3),
        st.just(value=True),
    ),
    st.builds(
        Statement,
        st.just("INSERT INTO kept (a, b) VALUES (?, ?)"),
        st.lists(st.tuples(VALUES, VALUES), max_size=3),
        st.just(value=True),
    ),
)
TRANSACTIONS = st.lists(STATEMENTS, max_size=4).map(tuple)


class Sink:
    """A remote log that keeps what is appended."""

    def __init__(self) -> None:
        self.transactions: list[Transaction] = []

    def check(self) -> None:
        """Nothing ends it."""

    def append(self, transaction: Transaction) -> None:
        self.transactions.append(transaction)

    def ship(self) -> None:
        """It is there."""


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def new_database(path: Path) -> Database:
    database = Database.open(path)
    with database.transaction() as connection:
        connection.execute("CREATE TABLE kept (seq INTEGER PRIMARY KEY AUTOINCREMENT, a, b)")
    return database


@given(st.lists(TRANSACTIONS, max_size=5))
@settings(max_examples=60)
def test_a_replayed_history_gives_the_same_database(history: Sequence[Transaction]) -> None:
    with TemporaryDirectory() as folder:
        one, other = Path(folder) / "one.db", Path(folder) / "other.db"
        database, sink = new_database(one), Sink()
        database.log = sink  # type: ignore[assignment]
        for transaction in history:
            with database.transaction() as connection:
                for statement in transaction:
                    statement.run(connection)
        database.close()
        segment = Segment(position=POSITION, transactions=tuple(sink.transactions))
        read = Segment.decoded(segment.encoded(), POSITION)
        copy = new_database(other)
        for transaction in read.transactions:
            with copy.transaction() as connection:
                for statement in transaction:
                    statement.run(connection)
        copy.close()
        assert dump(other) == dump(one)


def test_what_was_rolled_back_is_in_no_segment(tmp_path: Path) -> None:
    database, sink = new_database(tmp_path / "one.db"), Sink()
    database.log = sink  # type: ignore[assignment]
    with suppress(RuntimeError), database.transaction() as connection:
        connection.execute("INSERT INTO kept (a) VALUES (1)")
        raise RuntimeError
    with database.transaction() as connection:
        connection.execute("INSERT INTO kept (a) VALUES (2)")
    database.rows("SELECT * FROM kept")
    database.close()
    assert sink.transactions == [(Statement("INSERT INTO kept (a) VALUES (2)", ()),)]


def test_the_stores_own_statements_leave_nothing_to_chance() -> None:
    folder = Path(orchestrator.store.__file__).parent
    text = "".join(path.read_text() for path in folder.glob("*.py"))
    assert re.findall(r"random\(\)|randomblob|datetime\('now|CURRENT_TIME|strftime\('|julianday\('", text) == []


@given(st.data())
@settings(max_examples=40)
def test_every_flipped_bit_of_a_segment_is_found(data: st.DataObject) -> None:
    content = bytearray(Segment(position=POSITION, transactions=((Statement("DELETE FROM kept", ()),),)).encoded())
    body = content.index(b"\n") + 1
    content[data.draw(st.integers(body, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(StorageError, match="is damaged"):
        Segment.decoded(bytes(content), POSITION)


def test_a_segment_in_anothers_place_and_one_of_a_later_archfront_are_refused() -> None:
    content = Segment(position=POSITION).encoded()
    with pytest.raises(StorageError, match="is damaged"):
        Segment.decoded(content, Position(3, 15))
    with pytest.raises(StudyError, match="written by a newer archfront"):
        Segment.decoded(content.replace(b'"schema_version": 1', b'"schema_version": 2'), POSITION)


def test_names_sort_as_history_went() -> None:
    positions = [Position(1, 9), Position(1, 10), Position(2, 0), Position(11, 1)]
    names = [position.segment for position in positions]
    assert sorted(names) == names
    assert [Position.of_name(name) for name in names] == positions
    assert [Position.of_name(name) for name in ("db/x.db", "db/1.db", "events/")] == [None] * 3
