"""Which points of curves MLflow surely has: it keeps them all, and can't be asked for all of them cheaply."""

from __future__ import annotations

from collections.abc import Iterable

from mlflow import MlflowClient

from orchestrator.tracking.changes import Point
from orchestrator.tracking.runs import KnownRun


class SentPoints:
    """Those of the batch at hand that arrived, and, of a study that is told again, those that were there before.

    Args:
        tells_again: events are of a study that was sent before, with other times.
    """

    def __init__(self, *, tells_again: bool) -> None:
        self._tells_again = tells_again
        self._arrived: set[tuple[str, Point]] = set()
        self._histories: dict[tuple[str, str], set[tuple[int, float]]] = {}

    def has(self, client: MlflowClient, run: KnownRun, point: Point) -> bool:
        """Whether the run has the point already."""
        if (run.run_id, point) in self._arrived:
            return True
        if not self._tells_again or point.name not in run.figures:
            return False
        key = (run.run_id, point.name)
        if key not in self._histories:
            self._histories[key] = {(metric.step, metric.value) for metric in client.get_metric_history(*key)}
        return (point.step, point.value) in self._histories[key]

    def add(self, run: KnownRun, points: Iterable[Point]) -> None:
        """They have arrived; remembered until their whole batch has."""
        self._arrived |= {(run.run_id, point) for point in points}

    def end_batch(self) -> None:
        """No point of the batch comes again."""
        self._arrived.clear()

    def forget_histories(self) -> None:
        """MLflow is to be asked anew."""
        self._histories.clear()
