"""Before the first ask: the study is opened or made, and what is measured once is frozen."""

from __future__ import annotations

from pathlib import Path

from orchestrator import provenance
from orchestrator.config.identity import config_hash, differences, frozen_settings
from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError, NothingFeasibleError, StorageError, StudyError
from orchestrator.measure.conditions import Setup, is_elsewhere
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.measure.profile import FOLDER, DeviceProfile, find_profile
from orchestrator.measure.references import reference_architectures
from orchestrator.objectives import LATENCY_MS
from orchestrator.store.copies import trial_folders
from orchestrator.store.opening import create, take
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import no_study, read_snapshot
from orchestrator.store.store import StudyStore
from orchestrator.study.sources import read_sources
from orchestrator.training.sharing import share
from orchestrator.training.work import StudyWork
from search_spaces.architecture import Architecture


def open_study(root: Path, config: SearchConfig, *, takeover: bool = False) -> StudyStore:
    """Takes the study at ``root``, which is made where there is none.

    Raises:
        StudyError: another driver holds it, or it was made with other frozen settings.
        StorageError: the folder can't be written.
    """
    frozen = frozen_settings(config)
    paths = StudyPaths(root)
    if not paths.database.exists():
        if trial_folders(paths):
            raise no_study(root)  # its database is lost: a new one would take its trials' files for its own
        read_sources(config)  # refused before anything is made; later the sources may be gone
        _check_writable(root)
        create(root, name=config.study.name, frozen=frozen, frozen_hash=config_hash(frozen))
    else:
        _check_writable(root)
    changes = differences(read_snapshot(root).frozen, frozen)
    if changes:
        lines = "\n".join(f"  {change}" for change in changes)
        raise StudyError(
            f"{root}: the study was made with other settings, and these may not change:\n{lines}",
            hint="change them back, or give --fork NAME: a new study of that name takes over what this one has found",
        )
    return take(root, takeover=takeover)


def references_of(config: SearchConfig) -> tuple[Architecture, ...]:
    """The networks that calibrate the predictor; they depend on the settings alone."""
    seed = derive_seed(config.study.seed, "references")
    return reference_architectures(config.space, config.task, seed=seed)


def profile_of(config: SearchConfig, storage: Path) -> DeviceProfile | None:
    """The profile that ``archfront profile`` left of the study's device, for such networks; None where there is none.

    Raises:
        BadInputError: there is none, and the device is another machine, which can't be calibrated from here.
    """
    setup = Setup.of(config.latency, config.task)
    profile = find_profile(storage, setup, references_of(config))
    if profile is None and is_elsewhere(setup.device):
        raise BadInputError(
            f'latency.device = "{setup.device}": {storage / FOLDER} holds no profile of it for these networks',
            hint="archfront profile STUDY --list measure.json says what to measure there; then --from its figures",
        )
    return profile


def calibrate(
    store: StudyStore, laboratory: Laboratory | None, config: SearchConfig, *, profile: DeviceProfile | None = None
) -> LatencyPredictor:
    """Takes the device's profile, else measures the reference networks; once in the life of a study.

    What other studies found is frozen with it.
    """
    if profile is not None:
        predictor = profile.predictor
    else:
        assert laboratory is not None, "a device elsewhere has a profile"
        predictor = laboratory.calibrate(references_of(config))
    store.set_constants(
        {
            "predictor": predictor.to_dict(),
            "provenance": provenance.collect(),
            "stored": read_sources(config).to_json(),
        }
    )
    return predictor


def share_data(store: StudyStore, work: StudyWork) -> StudyWork:
    """Has the data decoded once for all workers, unless each does that in no time, and sees that they are the same.

    Raises:
        BadInputError: images are missing or can't be decoded.
        StudyError: the data are not those that the study began with.
    """
    work, description = share(work)
    if not description:
        return work
    known = store.constants.get("data")
    if known is None:
        store.set_constants({**store.constants, "data": dict(description)})
    elif known["fingerprint"] != description["fingerprint"]:
        raise StudyError(
            f"{store.paths.root}: the images or labels have changed since this study began",
            hint='bring them back, or make another study of them: --set study.name="..."',
        )
    return work


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
