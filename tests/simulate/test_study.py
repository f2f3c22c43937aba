from __future__ import annotations

import heapq
import random
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError
from orchestrator.objectives import LATENCY_MS
from orchestrator.records import Cause, TrialState
from orchestrator.replay import replay_log
from orchestrator.simulate.searches import check_covered, random_search, simulate, simulated
from orchestrator.simulate.study import SimulatedStudy
from orchestrator.simulate.table import ArchitectureTable, TableRow, read_table, write_table
from orchestrator.store.reading import read_log
from orchestrator.suggest.costing import Prediction
from search_spaces.registry import architecture
from tests.simulation import config_of

TEXT = """
[study]
name = "tabled"
[space.densenet]
growth_rate = [4, 8, 16]
block_config = [[1, 1], [2, 2], [1, 1, 1], [3, 3]]
compression = [0.5, 1.0]
[space.resnet]
base_width = [4, 8, 16]
depths = [[1, 1], [2, 2], [1, 1, 1]]
[recipe]
epochs = 8
[budget]
trials = 100
"""


def table_of(config: SearchConfig, *, num_seeds: int = 2, seed: int = 0) -> ArchitectureTable:
    """Larger networks are better, each with a residual of its own; curves rise exponentially."""
    rows = {}
    rng = np.random.default_rng(seed)
    for point in config.space.points():
        network = architecture(point, config.task)
        final = 0.6 + 0.07 * np.log10(network.num_parameters) + rng.normal(0, 0.02)
        epochs = np.arange(1, config.recipe.epochs + 1)
        curve = final * (1 - 0.8 * np.exp(-0.6 * epochs))
        rows[network.architecture_id] = TableRow(
            architecture=network,
            accuracy_SE=np.clip(curve + rng.normal(0, 0.003, (num_seeds, len(epochs))), 0.0, 1.0),
            epoch_cost_s=1.0 + network.macs(8) * 1e-6,
            latency_ms=0.1 + 0.01 * len(network.layers(8)) + network.macs(8) * 1e-7,
        )
    return ArchitectureTable(rows=rows)


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    return config_of(tmp_path, TEXT)


def test_a_table_survives_its_file(tmp_path: Path, config: SearchConfig) -> None:
    table = table_of(config)
    write_table(tmp_path / "t.parquet", list(table.rows.values()), image_size=8, about={"name": "made up"})
    back = read_table(tmp_path / "t.parquet")
    assert back.about == {"name": "made up"}
    assert back.rows.keys() == table.rows.keys()
    for name, row in table.rows.items():
        assert back.rows[name].architecture == row.architecture
        np.testing.assert_allclose(back.rows[name].accuracy_SE, row.accuracy_SE, atol=1e-6)
        assert (back.rows[name].epoch_cost_s, back.rows[name].latency_ms) == (row.epoch_cost_s, row.latency_ms)


def test_what_is_no_table_is_refused_in_words(tmp_path: Path, config: SearchConfig) -> None:
    with pytest.raises(BadInputError, match="no such file"):
        read_table(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("accuracy, cost")
    with pytest.raises(BadInputError, match="can't be read as Parquet"):
        read_table(tmp_path / "text.parquet")
    row = next(iter(table_of(config).rows.values()))
    bad = TableRow(architecture=row.architecture, accuracy_SE=row.accuracy_SE + 5, epoch_cost_s=1.0, latency_ms=1.0)
    write_table(tmp_path / "bad.parquet", [bad], image_size=8, about={})
    with pytest.raises(BadInputError, match="row 0: accuracy must lie in"):
        read_table(tmp_path / "bad.parquet")
    write_table(tmp_path / "twice.parquet", [row, row], image_size=8, about={})
    with pytest.raises(BadInputError, match="row 1: its architecture has a row above"):
        read_table(tmp_path / "twice.parquet")
    metadata = {"archfront.schema_version": "1", "archfront.about": "no JSON"}
    content = parquet.read_table(tmp_path / "twice.parquet").slice(0, 1).replace_schema_metadata(metadata)
    parquet.write_table(content, tmp_path / "about.parquet")
    with pytest.raises(BadInputError, match="about must be a JSON object"):
        read_table(tmp_path / "about.parquet")


def test_a_table_of_another_space_is_refused(tmp_path: Path, config: SearchConfig) -> None:
    other = config_of(tmp_path, TEXT.replace("[4, 8, 16]", "[5, 9]"))
    with pytest.raises(BadInputError, match="of the study's space"):
        check_covered(other, table_of(config))


@pytest.mark.parametrize("epochs", [6, 12])
def test_curves_of_another_length_are_refused(tmp_path: Path, config: SearchConfig, epochs: int) -> None:
    other = config_of(tmp_path, TEXT, f"recipe.epochs={epochs}")
    with pytest.raises(BadInputError, match=f"recipe.epochs = {epochs}: the table's curves have 8 epochs"):
        check_covered(other, table_of(config))


def test_a_limit_of_wall_time_ends_a_simulated_search_too(tmp_path: Path, config: SearchConfig) -> None:
    limited = config_of(tmp_path, TEXT, 'budget.wall_time="1 min"')
    table = table_of(config)
    study = simulated(random_search(limited), table, num_workers=1)
    *earlier, last = study.trace
    assert all(one.time_s < 60.0 for one in earlier)
    assert last.time_s >= 60.0
    assert len(study.trace) < len(table.rows)


def test_time_is_that_of_the_table(tmp_path: Path, config: SearchConfig) -> None:
    table = table_of(config)
    study = SimulatedStudy.begun(tmp_path / "s", random_search(config), table, table_seed=0)
    study.run(num_workers=1)
    assert len(study.trace) == len(table.rows) == len({one.architecture_id for one in study.trace})
    total = sum(row.epoch_cost_s * 8 for row in table.rows.values())
    assert study.time_s == pytest.approx(total)
    assert study.store.records[0].wall_time_s == pytest.approx(study.trace[0].time_s)
    study.store.close()


def test_more_workers_take_less_time_and_find_the_same(config: SearchConfig) -> None:
    table = table_of(config)
    one, four = (simulated(random_search(config), table, num_workers=count) for count in (1, 4))
    assert {item.architecture_id for item in one.trace} == {item.architecture_id for item in four.trace}
    assert one.time_s / 4 <= four.time_s < one.time_s / 3


def test_known_cost_reaches_the_front_at_a_fraction_of_random_search(config: SearchConfig) -> None:
    table = table_of(config)
    ours, theirs = (
        sum(result.cost_ratio[0.95] for result in simulate(one, table, num_seeds=3, num_workers=1))
        for one in (config, random_search(config))
    )
    assert ours < 0.6 * theirs


def test_a_network_that_diverges_costs_what_it_took_and_is_not_on_the_front(config: SearchConfig) -> None:
    table = table_of(config)
    name, row = next(iter(table.rows.items()))
    accuracy_SE = row.accuracy_SE.copy()
    accuracy_SE[:, 3:] = np.nan
    rows = {
        **table.rows,
        name: TableRow(
            architecture=row.architecture,
            accuracy_SE=accuracy_SE,
            epoch_cost_s=row.epoch_cost_s,
            latency_ms=row.latency_ms,
        ),
    }
    study = simulated(config, ArchitectureTable(rows=rows), num_workers=2)
    record = next(record for record in study.store.records.values() if record.architecture_id == name)
    assert (record.state, record.cause) == (TrialState.FAILED, Cause.DIVERGED)
    assert len(record.reports) == 3


def predictions_of(table: ArchitectureTable) -> dict[str, Prediction]:
    """As the simulated study has them."""
    return {LATENCY_MS: Prediction(of_one=lambda network: table.rows[network.architecture_id].latency_ms)}


@pytest.mark.parametrize("sampler", ["known-cost", "tpe", "nsga2", "random"])
def test_a_log_explains_every_suggestion_and_decision(tmp_path: Path, config: SearchConfig, sampler: str) -> None:
    given = config_of(tmp_path, TEXT, f"study.sampler={sampler}", "budget.trials=30")
    table = table_of(given)
    study = SimulatedStudy.begun(tmp_path / "s", given, table, table_seed=0)
    study.run(num_workers=3)
    study.store.close()
    result = replay_log(read_log(tmp_path / "s"), given, predictions_of(table))
    assert result.differences == []
    assert result.num_suggestions == len(study.store.asks) >= 30
    assert result.num_decisions > 20


def test_a_changed_log_is_noticed(tmp_path: Path, config: SearchConfig) -> None:
    given = config_of(tmp_path, TEXT, "budget.trials=30")
    table = table_of(given)
    study = SimulatedStudy.begun(tmp_path / "s", given, table, table_seed=0)
    study.run(num_workers=2)
    with study.store._database.transaction() as connection:
        connection.execute("UPDATE trial SET accuracy = 0.99 WHERE number = 3")
    study.store.close()
    assert replay_log(read_log(tmp_path / "s"), given, predictions_of(table)).differences


class ShuffledStudy(SimulatedStudy):
    """Every epoch takes a random time, so that trials end in another order."""

    rng = random.Random(0)

    def _expect(self, number: int, epoch: int) -> None:
        heapq.heappush(self._events, (self.time_s + self.rng.lognormvariate(0.0, 1.0), number, epoch))


@pytest.mark.parametrize("scheduler", ["front", "asha"])
def test_a_reproducible_study_is_the_same_in_whatever_order_its_trials_end(tmp_path: Path, scheduler: str) -> None:
    given = config_of(
        tmp_path,
        TEXT,
        "study.reproducible=true",
        f"study.scheduler={scheduler}",
        "resources.max_concurrent_trials=3",
        "budget.trials=36",
    )
    table = table_of(given)
    outcomes = []
    for order in range(5):
        study = ShuffledStudy.begun(tmp_path / f"s{order}", given, table, table_seed=0)
        study.rng = random.Random(order)
        study.run(num_workers=3)
        study.store.close()
        outcomes.append(
            (
                [(ask.point, ask.refusal) for ask in study.store.asks],
                [(record.architecture_id, record.state, record.accuracy) for record in study.store.records.values()],
            )
        )
        assert {one.architecture_id for one in study.trace} == {
            record.architecture_id for record in study.store.records.values() if record.state is TrialState.COMPLETED
        }
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_a_limit_of_accuracy_keeps_the_search_among_networks_that_may_reach_it(tmp_path: Path) -> None:
    config = config_of(tmp_path, TEXT)
    limited = config_of(tmp_path, TEXT, "constraints.accuracy=0.9")
    table = table_of(config)
    counts = []
    for one in (config, limited):
        study = simulated(one, table, num_workers=1)
        first = sorted(study.store.records.values(), key=lambda record: record.number)[6:16]
        final = [table.rows[record.architecture_id].accuracy_SE[0, -1] for record in first]
        counts.append(sum(bool(accuracy >= 0.9) for accuracy in final))
    plain, aimed = counts
    assert aimed > plain
