"""Any death of a worker is one of its trial's, whatever Ray calls it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deaths_of_trials() -> Iterator[None]:
    """Within the block Tune takes every error of Ray's own in a call of an actor for the death of that actor.

    Tune 2.60 knows RayActorError and RayTaskError and gives the whole fit up at any other. But the call of an actor
    that Ray ended to save its node fails with OutOfMemoryError, and of one whose node is gone with NodeDiedError: they
    are neither. This reaches into Ray where no interface leads; without it the session ends and can be resumed.
    """
    from ray.air.execution._internal.actor_manager import RayActorManager
    from ray.exceptions import RayActorError, RayError, RayTaskError

    known = RayActorManager._actor_task_failed  # noqa: SLF001

    def fail(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, (RayActorError, RayTaskError)):
            exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        known(manager, tracked_actor_task=tracked_actor_task, exception=exception)

    RayActorManager._actor_task_failed = fail  # noqa: SLF001
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = known  # noqa: SLF001
