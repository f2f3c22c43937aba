"""Before the first ask: the study is opened or made, and what is measured once is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator import provenance
from orchestrator.config.identity import config_hash, differences, frozen_settings
from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError, NothingFeasibleError, StorageError, StudyError
from orchestrator.measure.conditions import is_elsewhere
from orchestrator.measure.forecast import Forecast, setups_of
from orchestrator.measure.profile import FOLDER, DeviceProfile, find_profile
from orchestrator.measure.references import reference_architectures
from orchestrator.measure.slot import Slot
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S, format_quantity
from orchestrator.storage.remote import FIRST_PATIENCE_S, open_remote
from orchestrator.store.copies import trial_folders
from orchestrator.store.opening import create, take
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import no_study, read_snapshot
from orchestrator.store.remote_study import create_remote, read_remote_identity, take_remote
from orchestrator.store.store import StudyStore
from orchestrator.study.sources import read_sources
from orchestrator.training.sharing import share
from orchestrator.training.work import StudyWork
from search_spaces.architecture import Architecture


def open_study(root: Path, config: SearchConfig, *, takeover: bool = False, url: str = "") -> StudyStore:
    """Takes the study at ``root``, which is made where there is none.

    Args:
        url: of the remote storage that the study lies in; then ``root`` is where this machine works on it.

    Raises:
        StudyError: another driver holds it, or it was made with other frozen settings.
        StorageError: the folder can't be written, or the remote storage can't be reached.
    """
    if url:
        return _open_remote_study(url, root, config, takeover=takeover)
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
    _check_unchanged(str(root), read_snapshot(root).frozen, frozen)
    return take(root, takeover=takeover)


def _open_remote_study(url: str, root: Path, config: SearchConfig, *, takeover: bool) -> StudyStore:
    frozen = frozen_settings(config)
    _check_writable(root)
    identity = read_remote_identity(open_remote(url, patience_s=FIRST_PATIENCE_S))
    if identity is None:
        read_sources(config)
        create_remote(url, name=config.study.name, frozen=frozen, frozen_hash=config_hash(frozen))
    else:
        _check_unchanged(url, identity.frozen, frozen)
    return take_remote(url, root, takeover=takeover)


def _check_unchanged(place: str, found: Mapping[str, Any], frozen: Mapping[str, Any]) -> None:
    changes = differences(found, frozen)
    if changes:
        lines = "\n".join(f"  {change}" for change in changes)
        raise StudyError(
            f"{place}: the study was made with other settings, and these may not change:\n{lines}",
            hint="change them back, or give --fork NAME: a new study of that name takes over what this one has found",
        )


def references_of(config: SearchConfig) -> tuple[Architecture, ...]:
    """The networks that calibrate the predictor; they depend on the settings alone."""
    seed = derive_seed(config.study.seed, "references")
    return reference_architectures(config.space, config.task, seed=seed)


def profiles_of(config: SearchConfig, storage: Path) -> dict[str, DeviceProfile]:
    """The profiles that ``archfront profile`` left of the study's device, by figure; what has none is not in it.

    Raises:
        BadInputError: one is missing, and the device is another machine, which can't be calibrated from here.
    """
    networks = references_of(config)
    found = {name: find_profile(storage, setup, networks) for name, setup in setups_of(config).items()}
    device = config.latency.device
    if is_elsewhere(device) and None in found.values():
        missing = next(name for name, profile in found.items() if profile is None)
        raise BadInputError(
            f'latency.device = "{device}": {storage / FOLDER} holds no profile of its {missing} for these networks',
            hint="archfront profile STUDY --list measure.json says what to measure there; then --from its figures",
        )
    return {name: profile for name, profile in found.items() if profile is not None}


def calibrate(
    store: StudyStore, slot: Slot | None, config: SearchConfig, *, profiles: Mapping[str, DeviceProfile]
) -> Forecast:
    """Takes the device's profiles, and measures the reference networks for the rest; once in the life of a study.

    What other studies found is frozen with it.
    """
    predictors = {name: profile.predictor for name, profile in profiles.items()}
    missing = [name for name in setups_of(config) if name not in predictors]
    if missing:
        assert slot is not None, "a device elsewhere has its profiles"
        predictors |= slot.calibrate(references_of(config), missing)
    forecast = Forecast(latency=predictors[LATENCY_MS], throughput=predictors.get(THROUGHPUT_PER_S))
    store.set_constants(
        {**forecast.to_dict(), "provenance": provenance.collect(), "stored": read_sources(config).to_json()}
    )
    return forecast


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


def check_timing_is_reachable(config: SearchConfig, forecast: Forecast) -> None:
    """Refuses a limit on what is timed that not even the best of many architectures meets.

    Raises:
        NothingFeasibleError: with the best figure that was found.
    """
    limits = [one for one in config.constraints if one.name in forecast.predictors]
    networks = reference_architectures(config.space, config.task, seed=0, n=200) if limits else ()
    for limit in limits:
        best = min((forecast.predict(limit.name, one, config.task.image_size) for one in networks), key=limit.violation)
        if limit.violation(best) > 0:
            raise NothingFeasibleError(
                f"no architecture of this space has {limit} here; the best found has "
                f"{format_quantity(limit.name, best)}",
                hint=f"relax constraints.{limit.name} or add smaller architectures to the space",
            )


def _check_writable(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another driver may be looking as well
    except OSError as error:
        raise StorageError(
            f"{root}: can't be written: {error.strerror}", hint="give another folder with --storage"
        ) from error
