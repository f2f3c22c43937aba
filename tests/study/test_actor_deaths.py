"""Whatever Ray calls an actor's death, Tune's own manager of actors hears of a death."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.schedule.scheduler import is_out_of_memory
from orchestrator.study.actor_deaths import deaths_of_trials

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, at its import


def _fail_with(error: Exception) -> list[Exception]:
    """What Tune is told when a call of an actor fails so."""
    from ray.air.execution import FixedResourceManager, ResourceRequest
    from ray.air.execution._internal.actor_manager import RayActorManager
    from ray.air.execution._internal.tracked_actor import TrackedActor
    from ray.air.execution._internal.tracked_actor_task import TrackedActorTask

    told: list[Exception] = []

    def hear(_actor: Any, exception: Exception) -> None:
        told.append(exception)

    actor = TrackedActor(actor_id=1)
    resources = FixedResourceManager({"CPU": 1.0})
    resources.request_resources(request := ResourceRequest([{"CPU": 1.0}]))
    manager = RayActorManager(resource_manager=resources)
    manager._live_actors_to_ray_actors_resources[actor] = (None, resources.acquire_resources(request))
    task = TrackedActorTask(tracked_actor=actor, on_error=hear)
    manager._actor_task_failed(tracked_actor_task=task, exception=error)
    return told


def test_an_actor_that_ray_ended_for_memory_has_died() -> None:
    from ray.exceptions import OutOfMemoryError, RayActorError

    with deaths_of_trials():
        told = _fail_with(OutOfMemoryError("the node was running low on memory"))
    assert [type(error) for error in told] == [RayActorError]
    assert is_out_of_memory(told[0])


def test_other_deaths_and_mistakes_stay_what_they_are() -> None:
    from ray.exceptions import ActorDiedError

    died = ActorDiedError()
    with deaths_of_trials():
        assert _fail_with(died) == [died]
        with pytest.raises(RuntimeError, match="a mistake"):
            _fail_with(KeyError("a mistake"))


def test_outside_tune_is_as_it_was() -> None:
    """If a new Ray takes these errors by itself, this test fails and the module can go."""
    from ray.exceptions import OutOfMemoryError

    with deaths_of_trials():
        pass
    with pytest.raises(RuntimeError, match="unexpected exception"):
        _fail_with(OutOfMemoryError("the node was running low on memory"))
