"""Drivers are asked off the loop, when there is a reason to; a stand-in answers, as no driver of ours does."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from errno import EBADMSG, EIO, ENODEV

from evbagent.daemon.dcb import DcbWatch
from evbagent.daemon.journal import Journal
from evbagent.dcb import DcbxMode, KernelDcb
from evbagent.events import LinkState
from tests.support.frames import HOST

PATIENCE = 5.0
ETH0 = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
ETH1 = replace(ETH0, ifindex=3, name="eth1")
ANSWER = KernelDcb(DcbxMode.HOST)


class Drivers:
    """What they answer, by name; a name that is not there fails. Each waits until it is let."""

    def __init__(self, **answers: KernelDcb | OSError | None) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.busy, self.free = threading.Event(), threading.Event()
        self.free.set()
        self.closed = False

    def ask(self, name: str) -> KernelDcb | None:
        self.asked.append(name)
        self.threads.add(threading.get_ident())
        self.busy.set()
        assert self.free.wait(PATIENCE)
        answer = self.answers.get(name, OSError(ENODEV, "gone"))
        if isinstance(answer, OSError):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


class Scene:
    """A watch on those drivers, and what it told."""

    def __init__(self, drivers: Drivers) -> None:
        self.drivers = drivers
        self.told: asyncio.Queue[tuple[str, KernelDcb | None]] = asyncio.Queue()
        self._reader, self._writer = os.pipe()
        self.watch = DcbWatch(drivers, lambda *answer: self.told.put_nowait(answer), Journal(self._writer))

    async def telling(self, *told: tuple[str, KernelDcb | None]) -> None:
        """Wait for as much as that; it is that, and nothing else."""
        heard = [await asyncio.wait_for(self.told.get(), PATIENCE) for _ in told]
        assert (heard, self.told.empty()) == (list(told), True)

    async def busy(self) -> None:
        """Wait until a driver is being asked."""
        assert await asyncio.to_thread(self.drivers.busy.wait, PATIENCE)

    def journal(self) -> list[str]:
        os.set_blocking(self._reader, False)
        return os.read(self._reader, 4096).decode().splitlines()

    def close(self) -> None:
        self.watch.close()
        os.close(self._reader)
        os.close(self._writer)


def play(drivers: Drivers, script: Callable[[Scene], Awaitable[None]]) -> Scene:
    async def run() -> Scene:
        scene = Scene(drivers)
        try:
            await script(scene)
        finally:
            drivers.free.set()
            scene.close()
        return scene

    return asyncio.run(run())


def test_a_driver_is_asked_in_another_thread_for_each_port_and_change_of_it() -> None:
    async def script(scene: Scene) -> None:
        scene.watch.look("eth0", ETH0)
        await scene.telling(("eth0", ANSWER))
        scene.watch.look("eth0", ETH0)
        scene.watch.look("eth1", ETH1)
        await scene.telling(("eth1", None))
        scene.watch.look("eth0", replace(ETH0, carrier_ups=2))
        await scene.telling(("eth0", ANSWER))

    scene = play(drivers := Drivers(eth0=ANSWER, eth1=None), script)
    assert drivers.asked == ["eth0", "eth1", "eth0"]
    assert threading.get_ident() not in drivers.threads
    assert (drivers.closed, scene.told.empty()) == (True, True)


def test_only_who_answered_is_asked_again_until_something_changes() -> None:
    async def script(scene: Scene) -> None:
        scene.watch.look("eth0", ETH0)
        scene.watch.look("eth1", ETH1)
        await scene.telling(("eth0", ANSWER), ("eth1", None))
        scene.drivers.answers = {"eth0": None, "eth1": ANSWER}
        scene.watch.again()
        await scene.telling(("eth0", None))
        scene.watch.look("eth1", replace(ETH1, carrier=False))
        await scene.telling(("eth1", ANSWER))
        scene.watch.again()
        await scene.telling(("eth1", ANSWER))

    play(Drivers(eth0=ANSWER, eth1=None), script)


def test_the_loop_goes_on_while_a_driver_takes_its_time_and_changes_meanwhile_are_asked_for_next() -> None:
    async def script(scene: Scene) -> None:
        scene.drivers.free.clear()
        scene.watch.look("eth0", ETH0)
        await scene.busy()
        scene.watch.look("eth1", ETH1)
        scene.watch.look("eth1", replace(ETH1, carrier=False))
        scene.watch.again()
        assert scene.told.empty()
        scene.drivers.free.set()
        await scene.telling(("eth0", ANSWER), ("eth1", ANSWER), ("eth0", ANSWER))
        assert scene.drivers.asked == ["eth0", "eth1", "eth0"]

    play(Drivers(eth0=ANSWER, eth1=ANSWER), script)


def test_an_answer_for_what_the_port_no_longer_is_is_nobodys() -> None:
    async def script(scene: Scene) -> None:
        scene.drivers.free.clear()
        scene.watch.look("eth0", ETH0)
        scene.watch.look("eth1", ETH1)
        await scene.busy()
        scene.watch.look("eth0", None)
        scene.watch.look("eth1", replace(ETH1, ifindex=9))
        scene.drivers.free.set()
        await scene.telling(("eth1", ANSWER))
        scene.watch.again()
        await scene.telling(("eth1", ANSWER))

    play(Drivers(eth0=ANSWER, eth1=ANSWER), script)


def test_a_failure_is_said_once_as_long_as_it_is_the_same_and_leaves_nothing_known() -> None:
    async def script(scene: Scene) -> None:
        scene.watch.look("eth0", ETH0)
        await scene.telling(("eth0", None))
        scene.watch.again()
        await scene.telling(("eth0", None))
        scene.drivers.answers["eth0"] = OSError("without a number")
        scene.watch.again()
        await scene.telling(("eth0", None))
        scene.drivers.answers["eth0"] = OSError(ENODEV, "gone")
        scene.watch.again()
        await scene.telling(("eth0", None))
        scene.drivers.answers["eth0"] = ANSWER
        scene.watch.again()
        await scene.telling(("eth0", ANSWER))
        scene.drivers.answers["eth0"] = OSError(EIO, "broken again")
        scene.watch.again()
        await scene.telling(("eth0", None))
        what = "warning: what the driver has of DCB can't be read port=eth0 error=\""
        assert scene.journal() == [
            f'{what}[Errno {EBADMSG}] odd"',
            f'{what}without a number"',
            f'{what}[Errno {EIO}] broken again"',
        ]

    play(Drivers(eth0=OSError(EBADMSG, "odd")), script)


def test_once_stopped_nobody_is_told_or_asked() -> None:
    async def script(scene: Scene) -> None:
        scene.drivers.free.clear()
        scene.watch.look("eth0", ETH0)
        await scene.busy()
        scene.watch.stop()
        scene.watch.look("eth1", ETH1)
        scene.drivers.free.set()

    scene = play(drivers := Drivers(eth0=ANSWER, eth1=ANSWER), script)
    assert (drivers.asked, scene.told.empty(), drivers.closed) == (["eth0"], True, True)
