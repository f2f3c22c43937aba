"""Matches trials with worker groups and carries their messages; holds nothing that the store lacks."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from orchestrator.store.messages import Message, MessageKind
from orchestrator.training.work import TrialWork

IDLE_S = 10.0
"""A group without work hears so at least this often, well within the time-out of its control messages."""

ON_HEAD: Mapping[str, float] = MappingProxyType({"node:__internal_head__": 0.001})
"""Held by what needs no CPU, which Ray would put on any node: one that vanishes takes its workers along, no more."""


@dataclass(slots=True, eq=False)
class _Lease:
    """An attempt on its way, and why it will be lost where a rank knows that."""

    work: TrialWork
    note: str = ""
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    answers: asyncio.Queue[bool] = field(default_factory=asyncio.Queue)

    def answer(self, *, go_on: bool) -> None:
        self.answers.put_nowait(go_on)


class Broker:
    """An asynchronous actor; every wait inside it is a wait of one caller only."""

    def __init__(self, num_groups: int) -> None:
        self._num_groups = num_groups
        self._waiting: deque[_Lease] = deque()
        self._leases: dict[str, _Lease] = {}
        self._of_group: dict[int, TrialWork] = {}
        self._changed = asyncio.Condition()
        self._is_closed = False
        self._failure = ""
        self._ready: set[int] = set()

    async def submit(self, work: TrialWork) -> None:
        """Called by a proxy: queues an attempt for the next free group."""
        self._abandon_earlier(work)
        lease = _Lease(work)
        self._leases[work.token] = lease
        if self._failure:
            self._lose(lease, self._failure)
            return
        async with self._changed:
            self._waiting.append(lease)
            self._changed.notify()

    async def poll(self, token: str) -> Message:
        """Called by a proxy: the next message of its attempt."""
        message = await self._leases[token].messages.get()
        if message.kind is not MessageKind.REPORT:
            del self._leases[token]
        return message

    async def answer(self, token: str, *, go_on: bool) -> None:
        """Called by a proxy: what the driver decided on the last report."""
        if token in self._leases:
            self._leases[token].answer(go_on=go_on)
            if not go_on:
                del self._leases[token]

    async def next(self, group: int) -> TrialWork | str:
        """Called by rank 0 of a group: an attempt, ``idle`` or ``close``.

        A group that still held an attempt has been restarted: that attempt is lost.
        """
        self._ready.add(group)
        lost = self._lease_of(group)
        if lost is not None:
            self._lose(lost, lost.note or "a worker of its group died")
        async with self._changed:
            lease = self._first()
            if lease is None and not self._is_closed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), IDLE_S)
                lease = self._first()
            if self._is_closed:
                return "close"
            if lease is None:
                return "idle"
            self._waiting.remove(lease)
            self._of_group[group] = lease.work
        return lease.work

    async def report(self, message: Message) -> bool:
        """Called by rank 0: returns whether the trial goes on, once the driver has decided."""
        lease = self._leases.get(message.token)
        if lease is None:
            return False
        lease.messages.put_nowait(message)
        return await lease.answers.get()

    async def finish(self, group: int, message: Message | None) -> None:
        """Called by rank 0 when its group is done with an attempt; None where the driver knows already."""
        lease = self._lease_of(group)
        if lease is not None and message is not None:
            lease.messages.put_nowait(message)

    async def note(self, token: str, why: str) -> None:
        """Called by a rank that failed, before it knows whether it failed alone; the first led to the others."""
        if token in self._leases:
            self._leases[token].note = self._leases[token].note or why

    async def group_failed(self, group: int, error: str) -> None:
        """Called when a group can't be started or restarted; what waits is lost where there is no other to serve it."""
        self._num_groups -= 1
        self._failure = "" if self._num_groups else error
        lost = self._lease_of(group)
        for lease in self._leases.values() if self._failure else filter(None, [lost]):
            self._lose(lease, error)
        if self._failure:
            self._waiting.clear()

    async def num_ready(self) -> int:
        """How many groups have asked for work at least once."""
        return len(self._ready)

    async def close(self) -> None:
        """Lets every group end after what it does now."""
        async with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _abandon_earlier(self, work: TrialWork) -> None:
        """A proxy that was killed leaves its attempt behind: a group must not wait for the answer of nobody."""
        earlier = [lease for lease in self._leases.values() if lease.work.is_same_training(work)]
        for lease in earlier:
            del self._leases[lease.work.token]
            lease.answer(go_on=False)
            with contextlib.suppress(ValueError):
                self._waiting.remove(lease)

    def _first(self) -> _Lease | None:
        """The attempt that waits longest; never beside an abandoned one of the same training, in the same folder."""
        under_way = self._of_group.values()
        free = (lease for lease in self._waiting if not any(map(lease.work.is_same_training, under_way)))
        return next(free, None)

    def _lease_of(self, group: int) -> _Lease | None:
        """What a group works on, which it does no longer; None where nobody waits for it."""
        work = self._of_group.pop(group, None)
        return self._leases.get(work.token) if work is not None else None

    def _lose(self, lease: _Lease, why: str) -> None:
        work = lease.work
        lease.messages.put_nowait(Message(trial=work.trial, token=work.token, kind=MessageKind.LOST, detail=why))


def start_broker(num_groups: int) -> Any:
    """The broker as an actor that needs no CPU."""
    import ray

    return ray.remote(num_cpus=0, resources=dict(ON_HEAD), max_concurrency=1000)(Broker).remote(num_groups)
