"""The broker without Ray: trials and groups are coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from orchestrator.store.messages import Message, MessageKind
from orchestrator.training.broker import Broker
from orchestrator.training.work import TrialWork

TRIALS = {"one": 1, "two": 2, "three": 3}


def work(token: str) -> TrialWork:
    return TrialWork(trial=TRIALS.get(token, 0), token=token, architecture={})


def run(scene: Coroutine[Any, Any, Message]) -> Message:
    async def within_seconds() -> Message:
        return await asyncio.wait_for(scene, 5)

    return asyncio.run(within_seconds())


async def started(broker: Broker, token: str, group: int) -> None:
    """An attempt that a group works on."""
    await broker.submit(work(token))
    assert await broker.next(group) == work(token)


def test_an_attempt_is_lost_for_the_reason_that_a_rank_of_its_own_gave_first() -> None:
    async def scene() -> Message:
        broker = Broker(1)
        await started(broker, "one", 0)
        end = Message(trial=0, token="one", kind=MessageKind.END)
        await broker.finish(0, end)
        assert await broker.poll("one") == end
        await broker.note("one", "late: the driver knows how that attempt ended")
        await started(broker, "two", 0)
        await broker.note("two", "rank 1: no space")
        await broker.note("two", "rank 2: connection closed by peer")
        await broker.submit(work("three"))
        assert await broker.next(0) == work("three")  # the group has begun anew
        return await broker.poll("two")

    found = run(scene())
    assert (found.kind, found.detail) == (MessageKind.LOST, "rank 1: no space")


def test_a_group_that_ends_for_good_loses_its_own_attempt_and_others_serve_what_waits() -> None:
    async def scene() -> Message:
        broker = Broker(2)
        await started(broker, "one", 0)
        await started(broker, "two", 1)
        await broker.submit(work("three"))
        await broker.group_failed(0, "no node has a GPU")
        lost = await broker.poll("one")
        end = Message(trial=0, token="two", kind=MessageKind.END)
        await broker.finish(1, end)
        assert await broker.poll("two") == end
        assert await broker.next(1) == work("three")
        return lost

    found = run(scene())
    assert (found.kind, found.detail) == (MessageKind.LOST, "no node has a GPU")


def test_without_any_group_everything_is_lost_at_once() -> None:
    async def scene() -> Message:
        broker = Broker(1)
        await broker.submit(work("waiting"))
        await broker.group_failed(0, "no node has a GPU")
        assert (await broker.poll("waiting")).kind is MessageKind.LOST
        await broker.submit(work("later"))
        return await broker.poll("later")

    found = run(scene())
    assert (found.kind, found.detail) == (MessageKind.LOST, "no node has a GPU")


def test_a_group_is_free_again_when_the_proxy_of_its_attempt_was_killed() -> None:
    async def scene() -> Message:
        broker = Broker(2)
        await started(broker, "first attempt", 0)
        report = Message(trial=0, token="first attempt", kind=MessageKind.REPORT)
        reported = asyncio.create_task(broker.report(report))
        assert await broker.poll("first attempt") == report
        await broker.submit(work("second attempt"))  # by the proxy that Tune starts instead
        await broker.submit(work("one"))
        assert await broker.next(1) == work("one"), "the trial's folder is still written to"
        assert not await reported
        await broker.finish(0, None)
        assert await broker.next(0) == work("second attempt")
        end = Message(trial=0, token="second attempt", kind=MessageKind.END)
        await broker.finish(0, end)
        return await broker.poll("second attempt")

    assert run(scene()).kind is MessageKind.END


def test_an_attempt_that_waits_is_not_served_once_its_proxy_was_replaced() -> None:
    async def scene() -> Message:
        broker = Broker(1)
        await broker.submit(work("first attempt"))
        await broker.submit(work("second attempt"))
        assert await broker.next(0) == work("second attempt")
        await broker.finish(0, end := Message(trial=0, token="second attempt", kind=MessageKind.END))
        assert await broker.poll("second attempt") == end
        return end

    run(scene())
