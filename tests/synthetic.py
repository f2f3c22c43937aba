"""Records and studies made up for tests: plausible figures, no training."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from typing import Any

from orchestrator.objectives import ACCURACY, DIRECTIONS, LATENCY_MS, NUM_PARAMETERS, Constraint, Objective
from orchestrator.records import (
    Cause,
    EpochReport,
    Latency,
    LatencyConditions,
    Phases,
    StudySnapshot,
    TrialRecord,
    TrialState,
)
from orchestrator.scores import MIN_CLASSES_FOR_TOP5, ClassificationScore

OBJECTIVES = tuple(Objective(name=name, direction=DIRECTIONS[name]) for name in (ACCURACY, NUM_PARAMETERS, LATENCY_MS))
CONDITIONS = LatencyConditions(
    device="cpu",
    num_threads=1,
    batch_size=1,
    input_shape=(1, 8, 8),
    dtype="float32",
    runtime="folded",
    torch_version="2.15.0",
)
_TASK_FIELDS = {"in_channels": 1, "num_classes": 10}
NUM_EPOCHS = 12
RUNG = 4


def completed(number: int, accuracy: float, num_parameters: float, latency_ms: float, **fields: Any) -> TrialRecord:
    """A COMPLETED trial with a predicted latency; other fields by name."""
    return TrialRecord(
        **{
            "number": number,
            "state": TrialState.COMPLETED,
            "family": "densenet",
            "architecture": _TASK_FIELDS | {"family": "densenet", "growth_rate": 8 + number},
            "architecture_id": f"{number:012x}",
            "num_parameters": int(num_parameters),
            "macs": int(num_parameters) * 50,
            "predicted_latency_ms": latency_ms,
            "accuracy": accuracy,
            **fields,
        }
    )


def unfinished(number: int, state: TrialState, **fields: Any) -> TrialRecord:
    """A trial without a final accuracy: in a state other than COMPLETED."""
    cause = Cause.ERROR if state is TrialState.FAILED else None
    record = completed(number, 0.5, 10_000, 0.5)
    return dataclasses.replace(record, **{"state": state, "accuracy": None, "cause": cause, **fields})


def measured(median_ms: float, **fields: Any) -> Latency:
    """A measured latency with an interval of a few per cent."""
    interval = {"low_ms": median_ms * 0.98, "high_ms": median_ms * 1.03, "num_repetitions": 200, "is_contended": False}
    return Latency(**{"median_ms": median_ms, "conditions": CONDITIONS, **interval, **fields})


def scored(accuracy: float, *, num_classes: int = 10, num_images: int = 50) -> dict[str, Any]:
    """The fields of a trial whose test split was scored: each mistake is one for the next class."""
    num_wrong = round((1 - accuracy) * num_classes * num_images)
    counts = [[num_images * (label == other) for other in range(num_classes)] for label in range(num_classes)]
    for label in itertools.islice(itertools.cycle(range(num_classes)), num_wrong):
        counts[label][label] -= 1
        counts[label][(label + 1) % num_classes] += 1
    score = ClassificationScore(
        class_names=tuple(f"class {label}" for label in range(num_classes)),
        confusion_KK=tuple(map(tuple, counts)),
        loss=2 * (1 - accuracy),
        top5_accuracy=1 - num_wrong / (2 * num_classes * num_images) if num_classes >= MIN_CLASSES_FOR_TOP5 else None,
    )
    return {"test_accuracy": score.accuracy, "test_score": score}


def study(num_trials: int = 40, *, seed: int = 0, is_confirmed: bool = True) -> StudySnapshot:
    """Three families on something like digits, with trials in every state."""
    rng = random.Random(seed)
    records = [_trial(number, rng) for number in range(num_trials)]
    if is_confirmed:
        records = [_confirmed(record, rng) for record in records]
    return StudySnapshot(
        name="digits",
        study_id="digits-7f3a",
        objectives=OBJECTIVES,
        constraints=(Constraint(name=NUM_PARAMETERS, bound=1_000_000),),
        frozen={"study": {"seed": seed}, "recipe": {"epochs": NUM_EPOCHS, "optimizer": "sgd", "learning_rate": 0.1}},
        records=tuple(records),
        num_refused={"infeasible": 7, "duplicate": 3},
        created_at="2031-05-04T09:12:44+00:00",
        wall_time_s=4.1 * num_trials,
        provenance={"python": "3.11.7", "torch": "2.15.0", "hardware": {"cpu": "x86_64", "num_cpus": 2}},
    )


def _trial(number: int, rng: random.Random) -> TrialRecord:
    family = rng.choice(("densenet", "mobilenet", "resnet"))
    num_parameters = int(math.exp(rng.uniform(math.log(8e3), math.log(9e5))))
    slowness = {"densenet": 1.6, "mobilenet": 1.1, "resnet": 0.7}[family]
    bonus = {"densenet": 0.006, "mobilenet": 0.003, "resnet": 0.0}[family]
    final = min(0.9965, 0.955 + 0.015 * math.log10(num_parameters / 8e3) ** 1.3 + bonus + rng.gauss(0, 0.004))
    speed = rng.uniform(0.4, 0.9)
    curve = [final - 0.5 * math.exp(-speed * epoch) + rng.gauss(0, 0.003) for epoch in range(1, NUM_EPOCHS)] + [final]
    record = completed(
        number,
        final,
        num_parameters,
        latency_ms=slowness * (0.25 + 1.1e-3 * num_parameters**0.55) * rng.uniform(0.8, 1.3),
        family=family,
        architecture=_architecture(family, rng),
        macs=int(num_parameters * rng.uniform(20, 60)),
        num_attempts=1,
        wall_time_s=rng.uniform(3, 9),
    )
    return _ended(record, curve, rng)


def _ended(record: TrialRecord, curve: list[float], rng: random.Random) -> TrialRecord:
    draw = rng.random() if record.number > 8 else 1.0
    if draw < 0.35:
        end = {"state": TrialState.PRUNED, "accuracy": None, "message": f"chance 0.012 at epoch {RUNG}"}
        return dataclasses.replace(record, reports=_reports(curve[:RUNG]), **end)
    if draw < 0.4:
        end = {"state": TrialState.FAILED, "accuracy": None, "message": "loss is nan at epoch 3 & <b>step</b> 12"}
        return dataclasses.replace(record, reports=_reports(curve[:2]), cause=Cause.DIVERGED, **end)
    return dataclasses.replace(record, reports=_reports(curve))


def _reports(curve: list[float]) -> tuple[EpochReport, ...]:
    return tuple(
        EpochReport(
            epoch=epoch,
            accuracy=min(1.0, value),
            loss=1 - value,
            train_loss=1.1 - value,
            wall_time_s=0.5 * epoch,
            phases=Phases(num_images=1078, data_s=0.01, step_s=0.4, validation_s=0.06, checkpoint_s=0.03),
        )
        for epoch, value in enumerate(curve, start=1)
    )


def _architecture(family: str, rng: random.Random) -> dict[str, Any]:
    base: dict[str, Any] = _TASK_FIELDS | {"schema_version": 1, "family": family}
    match family:
        case "densenet":
            return base | {
                "growth_rate": rng.choice((8, 12, 16, 24)),
                "block_config": [rng.randint(2, 6) for _ in range(3)],
                "compression": rng.choice((0.5, 0.75, 1.0)),
                "bn_size": 4,
                "drop_rate": 0.0,
            }
        case "resnet":
            return base | {
                "block": rng.choice(("basic", "bottleneck")),
                "depths": [rng.randint(1, 3) for _ in range(3)],
                "width": rng.choice((8, 16, 24)),
            }
        case _:
            return base | {"width_multiplier": rng.choice((0.25, 0.5, 1.0)), "expansion": rng.choice((2, 4, 6))}


def _confirmed(record: TrialRecord, rng: random.Random) -> TrialRecord:
    if record.accuracy is None:
        return record
    median_ms = record.predicted_latency_ms * rng.uniform(0.93, 1.08)
    latency = measured(median_ms, high_ms=median_ms * rng.uniform(1.01, 1.08), is_contended=rng.random() < 0.05)
    return dataclasses.replace(record, latency=latency, **scored(min(1.0, record.accuracy - rng.uniform(-0.004, 0.01))))
