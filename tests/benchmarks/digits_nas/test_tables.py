from __future__ import annotations

import pytest

from orchestrator.simulate.table import read_table
from orchestrator.storage import sha256_of
from tests.benchmarks.digits_nas.data import FOLDER, SUMS, TABLES

MAX_BYTES = 1_000_000


def test_the_tables_are_those_that_the_figures_were_measured_on() -> None:
    listed = dict(reversed(line.split("  ")) for line in SUMS.read_text().splitlines())
    assert listed == {f"{name}.parquet": sha256_of(FOLDER / f"{name}.parquet") for name in sorted(TABLES)}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_what_it_was_made_with(name: str) -> None:
    path = FOLDER / f"{name}.parquet"
    assert path.stat().st_size < MAX_BYTES
    about = read_table(path).about
    assert about["recipe"]["epochs"] > 1
    assert {"torch", "processor", "commit"} <= set(about["machine"])
    assert about["latency"]["num_threads"] == 1
