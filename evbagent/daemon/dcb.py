"""What drivers say about DCB, asked in a thread: one may ask its firmware first, and no frame waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from errno import EIO, ENODEV
from typing import Protocol

from evbagent.daemon.journal import Journal, Level
from evbagent.dcb import KernelDcb
from evbagent.events import LinkState

__all__ = ["DcbWatch", "Source"]

_Answers = list[tuple[str, LinkState, KernelDcb | OSError | None]]


class Source(Protocol):
    """Who answers: linux.dcbnl, or a stand-in of a test. It is asked in one thread, one question after the other."""

    def ask(self, name: str) -> KernelDcb | None: ...

    def close(self) -> None: ...


class DcbWatch:
    """Asks for a port at the start and when its interface changes, and `again` where there was an answer."""

    def __init__(self, source: Source, told: Callable[[str, KernelDcb | None], None], journal: Journal) -> None:
        """`told` hears every answer for a port that is still as it was when it was asked for."""
        self._source = source
        self._told = told
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "dcb")
        self._ports: dict[str, LinkState] = {}
        self._silent: set[str] = set()  # their drivers say nothing; while nothing changes, that is so
        self._failed: dict[str, int] = {}  # errno that was told last
        self._waiting: dict[str, LinkState] = {}
        self._asking = False
        self._stopped = False

    def look(self, name: str, port: LinkState | None) -> None:
        """The port is like this now; None where there is none."""
        if self._ports.get(name) == port:
            return
        self._silent.discard(name)
        if port is None:
            del self._ports[name]
            return
        self._ports[name] = self._waiting[name] = port
        self._ask()

    def again(self) -> None:
        """Drivers tell nobody when their firmware agreed on something else."""
        self._waiting |= {name: port for name, port in self._ports.items() if name not in self._silent}
        self._ask()

    def stop(self) -> None:
        """Tell nobody any more."""
        self._stopped = True

    def close(self) -> None:
        """Wait for the driver that is being asked, if any."""
        self.stop()
        self._thread.shutdown()
        self._source.close()

    def _ask(self) -> None:
        if self._asking or self._stopped or not self._waiting:
            return
        self._asking = True
        ports, self._waiting = self._waiting, {}
        self._loop.run_in_executor(self._thread, self._answers, ports).add_done_callback(self._deliver)

    def _answers(self, ports: Mapping[str, LinkState]) -> _Answers:
        """In the thread."""
        answers: _Answers = []
        for name, port in ports.items():
            try:
                answers.append((name, port, self._source.ask(name)))
            except OSError as error:
                answers.append((name, port, error))
        return answers

    def _deliver(self, asked: asyncio.Future[_Answers]) -> None:
        self._asking = False
        if self._stopped:
            return
        for name, port, answer in asked.result():
            if self._ports.get(name) == port:
                self._note(name, answer)
        self._ask()

    def _note(self, name: str, answer: KernelDcb | OSError | None) -> None:
        if isinstance(answer, OSError):
            number = answer.errno or EIO
            if number not in (ENODEV, self._failed.get(name)):  # one that has just gone is told by rtnetlink
                self._journal.log(Level.WARNING, "what the driver has of DCB can't be read", port=name, error=answer)
            self._failed[name] = number
            answer = None
        else:
            self._failed.pop(name, None)
            if answer is None:
                self._silent.add(name)
        self._told(name, answer)
