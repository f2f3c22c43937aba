"""Before the first ask: the study is opened or made, and what is measured once is frozen."""

from __future__ import annotations

from pathlib import Path

from orchestrator import provenance
from orchestrator.config.identity import config_hash, differences, frozen_settings
from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import NothingFeasibleError, StorageError, StudyError
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.measure.references import reference_architectures
from orchestrator.objectives import LATENCY_MS
from orchestrator.store.opening import create, take
from orchestrator.store.reading import read_snapshot
from orchestrator.store.store import StudyStore
from orchestrator.study.sources import read_sources
from search_spaces.architecture import Architecture


def open_study(root: Path, config: SearchConfig, *, takeover: bool = False) -> StudyStore:
    """Takes the study at ``root``, which is made where there is none.

    Raises:
        StudyError: another driver holds it, or it was made with other frozen settings.
        StorageError: the folder can't be written.
    """
    frozen = frozen_settings(config)
    if not (root / "study.db").exists():
        read_sources(config)  # refused before anything is made; later the sources may be gone
        _check_writable(root)
        create(root, name=config.study.name, frozen=frozen, frozen_hash=config_hash(frozen))
    changes = differences(read_snapshot(root).frozen, frozen)
    if changes:
        lines = "\n".join(f"  {change}" for change in changes)
        raise StudyError(
            f"{root}: the study was made with other settings, and these may not change:\n{lines}",
            hint='change them back, or give the study another name: --set study.name="..."',
        )
    return take(root, takeover=takeover)


def references_of(config: SearchConfig) -> tuple[Architecture, ...]:
    """The networks that calibrate the predictor; they depend on the settings alone."""
    seed = derive_seed(config.study.seed, "references")
    return reference_architectures(config.space, config.task, seed=seed)


def calibrate(store: StudyStore, laboratory: Laboratory, config: SearchConfig) -> LatencyPredictor:
    """Measures the reference networks once in the life of a study, and freezes that and what other studies found."""
    predictor = laboratory.calibrate(references_of(config))
    store.set_constants(
        {
            "predictor": predictor.to_dict(),
            "provenance": provenance.collect(),
            "stored": read_sources(config).to_json(),
        }
    )
    return predictor


def frozen_predictor(store: StudyStore) -> LatencyPredictor | None:
    """The predictor of an earlier session."""
    stored = store.constants.get("predictor")
    return LatencyPredictor.from_dict(stored) if stored else None


def check_latency_is_reachable(config: SearchConfig, predictor: LatencyPredictor) -> None:
    """Refuses a latency limit that not even the fastest of many architectures meets.

    Raises:
        NothingFeasibleError: with the lowest latency that was found.
    """
    limit = next((item.bound for item in config.constraints if item.name == LATENCY_MS), None)
    if limit is None:
        return
    networks = reference_architectures(config.space, config.task, seed=0, n=200)
    fastest = min(predictor.predict_ms(network, config.task.image_size) for network in networks)
    if fastest > limit:
        raise NothingFeasibleError(
            f"no architecture of this space has a latency of at most {limit:g} ms here; "
            f"the lowest found is {fastest:.3g} ms",
            hint="raise constraints.latency_ms or add smaller architectures to the space",
        )


def _check_writable(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StorageError(
            f"{root}: can't be written: {error.strerror}", hint="give another folder with --storage"
        ) from error
