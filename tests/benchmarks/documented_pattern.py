"""Ray's documented pattern, for comparison: each Tune trial is a driver that calls ``TorchTrainer.fit()``.

Prints ``overhead SECONDS`` for each trial: its wall time less what its training took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

os.environ.update(RAY_TRAIN_V2_ENABLED="1", RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0")


def train_worker(config: dict[str, str]) -> None:
    from orchestrator.config.identity import from_frozen
    from orchestrator.store.reading import read_snapshot
    from orchestrator.training.attempt import dataset_of
    from orchestrator.training.loop import train
    from orchestrator.training.reset import reset_global_state
    from search_spaces.registry import architecture_from_dict
    from tests.benchmarks.orchestration import QuietContext

    snapshot = read_snapshot(Path(config["study"]))
    settings = from_frozen(snapshot.frozen, name=snapshot.name)
    reset_global_state(num_threads=1)
    dataset = dataset_of(settings.data, settings.study.seed)
    network = architecture_from_dict(snapshot.records[int(config["number"])].architecture)
    began = time.perf_counter()
    train(network, settings.recipe, dataset, QuietContext(Path(config["folder"])))
    Path(config["folder"], "seconds.json").write_text(json.dumps(time.perf_counter() - began))


def trial(choice: dict[str, dict[str, str]]) -> None:
    import ray.train
    from ray.train.torch import TorchTrainer

    config = choice["work"]
    began = time.perf_counter()
    TorchTrainer(
        train_worker,
        train_loop_config=config,
        scaling_config=ray.train.ScalingConfig(num_workers=1, resources_per_worker={"CPU": 1}),
        run_config=ray.train.RunConfig(storage_path=config["folder"], name="fit"),
    ).fit()
    Path(config["folder"], "wall.json").write_text(json.dumps(time.perf_counter() - began))


def main() -> None:
    import ray
    from ray import tune

    study, numbers = Path(sys.argv[1]) / "digits", sys.argv[3:]
    ray.init(address="local", log_to_driver=False, logging_level="ERROR")
    configs = []
    for number in numbers:
        folder = Path(sys.argv[1]) / "pattern" / number
        folder.mkdir(parents=True)
        configs.append({"study": str(study), "number": number, "folder": str(folder)})
    needs = tune.PlacementGroupFactory([{"CPU": 0.0, "memory": float(64 << 20)}])
    tune.Tuner(
        tune.with_resources(trial, needs),
        param_space={"work": tune.grid_search(configs)},
        tune_config=tune.TuneConfig(max_concurrent_trials=1),
        run_config=tune.RunConfig(storage_path=str(Path(sys.argv[1]) / "tune"), verbose=0),
    ).fit()
    for config in configs:
        seconds = json.loads(Path(config["folder"], "seconds.json").read_text())
        wall = json.loads(Path(config["folder"], "wall.json").read_text())
        print(f"overhead {wall - seconds:.3f}")
    ray.shutdown()


if __name__ == "__main__":
    main()
