import json

import pytest

from orchestrator.store.events import EVENTS, ArtifactWritten, Event, event_from
from tests.tracking.studies import artifact, whole_study


@pytest.mark.parametrize("event", [*whole_study(), artifact("report.html", "reports")], ids=lambda event: event.kind)
def test_an_event_survives_the_outbox(event: Event) -> None:
    assert event_from(event.kind, json.loads(json.dumps(event.to_payload()))) == event


def test_every_kind_is_tried_above() -> None:
    assert {event.kind for event in [*whole_study(), artifact("report.html")]} == set(EVENTS)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("trial_cloned", {}),
        ("study_ended", {"timestamp_ms": 1, "state": "LOST"}),
        ("front_changed", {"timestamp_ms": 1}),
    ],
)
def test_an_event_of_another_version_is_a_value_error(kind: str, payload: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"event|LOST"):
        event_from(kind, payload)


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/study.db"])
def test_an_artifact_outside_the_study_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        ArtifactWritten(timestamp_ms=1, path=path)
