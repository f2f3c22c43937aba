"""Where the files of a study lie; every path is relative to the study's directory, so that it can be moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StudyPaths:
    """The layout of one study directory."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "study.db"

    @property
    def frozen(self) -> Path:
        return self.root / "study.json"

    def stop_request(self, owner_epoch: int) -> Path:
        """Exists while the workers of a session are asked to checkpoint at their next step and end."""
        return self.root / f"stop-{owner_epoch:06d}"

    @property
    def scratch(self) -> Path:
        """Tune's own files; nothing in it is read back."""
        return self.root / "scratch"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def front(self) -> Path:
        """The front as a Markdown table."""
        return self.root / "front.md"

    @property
    def constants(self) -> Path:
        """Second copy of what was measured before the first ask."""
        return self.root / "constants.json"

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    def trial(self, number: int) -> TrialPaths:
        return TrialPaths(self.trials / f"{number:05d}")


@dataclass(frozen=True, slots=True)
class TrialPaths:
    """The layout of one trial's directory; checkpoints and the model are training's own."""

    root: Path

    @property
    def start(self) -> Path:
        return self.root / "trial.json"

    @property
    def reports(self) -> Path:
        """Second copy of its epochs, one a line."""
        return self.root / "reports.jsonl"

    @property
    def result(self) -> Path:
        """Written by the worker, with its attempt's token."""
        return self.root / "result.json"

    @property
    def final(self) -> Path:
        """Written by the driver after the COMMIT of the end."""
        return self.root / "final.json"

    def seed(self, seed: int) -> TrialPaths:
        """Where the network is trained again from other first weights."""
        return TrialPaths(self.root / "seeds" / str(seed))

    @property
    def retrained(self) -> TrialPaths:
        """Where it is trained anew on training and validation images together."""
        return TrialPaths(self.root / "retrained")

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        return self.root / "model"
