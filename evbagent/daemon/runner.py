"""The edge of one uplink or switch port: its packet socket, its timer, and its wishes performed and answered."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import time
from collections.abc import Callable
from typing import Protocol

from evbagent.capture import Captured, Ring
from evbagent.daemon.journal import Journal, Level
from evbagent.effects import (
    Actuated,
    Effect,
    Faulted,
    Moved,
    Publish,
    SendFrame,
    SendProbe,
    SetHairpin,
    SetModes,
    latest,
)
from evbagent.events import LinkState
from evbagent.linux.listener import Listener
from evbagent.linux.packets import Received
from evbagent.linux.suspend import Suspend
from evbagent.wire.ethernet import Frame
from evbagent.wire.octets import MacAddress

__all__ = ["Actuator", "Core", "Runner"]


class Core(Protocol):
    """What runs here: pure, told the time, answering with effects."""

    name: str

    @property
    def deadline(self) -> float: ...

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]: ...

    def probes_missed(self, now: float) -> list[Effect]: ...

    @property
    def vital(self) -> frozenset[MacAddress]: ...

    def missed(self, count: int, now: float) -> list[Effect]: ...

    def overflowed(self, count: int) -> None: ...

    def slept(self, seconds: float, now: float) -> list[Effect]: ...

    def on_deadline(self, now: float, *, drained: bool) -> list[Effect]: ...

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]: ...

    def release(self, now: float) -> list[Effect]: ...


class Actuator(Protocol):
    """What makes wishes about links true: linux.kernel, or a stand-in of a test."""

    def set_modes(self, wish: SetModes) -> Actuated: ...

    def set_hairpin(self, wish: SetHairpin) -> Actuated: ...


class Runner:
    """Everything that concerns one core happens here, one event after the other."""

    def __init__(
        self,
        core: Core,
        actuator: Actuator,
        journal: Journal,
        *,
        publish: Callable[[], None],
        reaction: Callable[[float], None],
        suspend: Suspend | None = None,
    ) -> None:
        self._core = core
        self._actuator = actuator
        self._journal = journal
        self._publish = publish
        self._reaction = reaction
        self._suspend = Suspend() if suspend is None else suspend
        self._loop = asyncio.get_running_loop()
        self._socket: Listener | None = None
        self._favored: frozenset[MacAddress] = frozenset()
        self._timer: asyncio.TimerHandle | None = None
        self.recent = Ring()
        self._stamp = math.nan  # wall clock of the frame whose consequences are being performed

    @property
    def name(self) -> str:
        return self._core.name

    def attach(self, port: LinkState | None, *, everything: bool) -> None:
        """Listen on this interface with this kind of socket; None closes it. Raises `OSError`."""
        current = self._socket
        if port is not None and current is not None and current.serves(port.ifindex, everything=everything):
            return
        # The new socket opens before the old one closes, so that a change of kind misses nothing; a frame heard by
        # both is the same octets twice.
        opened = None if port is None else Listener(port.name, port.ifindex, everything=everything)
        if current is not None:
            self._on_readable()
            self._loop.remove_reader(current)
            current.close()
        self._socket, self._favored = opened, frozenset()
        if opened is not None:
            self._loop.add_reader(opened, self._on_readable)
            self._favor()

    def perform(self, effects: list[Effect]) -> None:
        """Make wishes true in their order, tell the core what became of them, and arm the timer."""
        queue = latest(effects)
        while queue:
            outcome = self._perform(queue.pop(0))
            if outcome is not None:
                queue = latest([*queue, *self._core.actuated(outcome, self._loop.time())])
        self._rearm()

    def release(self) -> None:
        """The agent stops: what the core still wants is done before the socket closes."""
        self.perform(self._core.release(self._loop.time()))
        self.close()

    def close(self) -> None:
        """Stop without a word; the kernel keeps what was set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _on_readable(self) -> None:
        assert self._socket is not None
        self._wake()
        self._hear_probes()
        try:
            frames = self._socket.receive()
            missed, overflowed = self._socket.missed()
            if missed:  # what is still here came before what was lost: it proves nothing about now
                missed += len(frames) + self._socket.flush()
                frames = []
        except OSError as error:
            self._receiving_failed(error)
            return
        self._hear(frames)
        if overflowed:
            self._core.overflowed(overflowed)
        if missed:
            self.perform(self._core.missed(missed, self._loop.time()))
        if self._core.vital != self._favored:
            self._favor()

    def _hear(self, frames: list[Received]) -> None:
        for frame in frames:
            self.recent.add(Captured(frame.stamp, False, frame.octets, frame.tag))
            self._stamp = frame.stamp
            effects = self._core.receive(frame.octets, frame.vlan, self._loop.time())
            if effects:
                self.perform(effects)
        self._stamp = math.nan
        self._rearm()

    def _hear_probes(self) -> bool:
        """Whether all that has come back of the probe is read."""
        if self._socket is None:
            return False
        try:
            frames, drained = self._socket.probes()
            missed = self._socket.missed_probes()
        except OSError as error:
            self._receiving_failed(error)
            return False
        for frame in frames:
            now = self._loop.time()
            arrived = now - max(0.0, time.time() - frame.stamp)
            effects = self._core.receive(frame.octets, frame.vlan, now, arrived)
            if effects:
                self.perform(effects)
        if missed:
            self.perform(self._core.probes_missed(self._loop.time()))
        return drained

    def _favor(self) -> None:
        """What the core calls vital must not drown in what others send, from now on."""
        self._favored = self._core.vital
        if self._socket is None:
            return
        try:
            self._hear(self._socket.favor(self._favored))
        except OSError as error:  # without it, any loss ends VEPA: that is safe, and said
            if self._receiving_failed(error):
                self._favored = frozenset()  # once more when the link is up

    def _receiving_failed(self, error: OSError) -> bool:
        """Whether that is only the link, which went down or away; rtnetlink says which."""
        if error.errno in (errno.ENETDOWN, errno.ENXIO, errno.ENODEV):
            return True
        self._journal.log(Level.ERROR, "receiving failed", port=self.name, error=error)
        return False

    def _wake(self) -> None:
        """Whatever wakes the loop after a suspension, that the machine slept is the first thing to know."""
        slept = self._suspend.seconds()
        if not slept:
            return
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the link went down; rtnetlink says so
                self._socket.flush()
        self.perform(self._core.slept(slept, self._loop.time()))

    def _on_timer(self, due: float) -> None:
        self._timer = None
        self._wake()
        drained = self._hear_probes()  # whether one has missed is judged when nothing is left to be read
        now = max(due, self._loop.time())
        self._stamp = time.time() - (now - due)
        self.perform(self._core.on_deadline(now, drained=drained))
        self._stamp = math.nan

    def _rearm(self) -> None:
        deadline = self._core.deadline
        if self._timer is not None:
            if self._timer.when() == deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline < math.inf:
            self._timer = self._loop.call_at(deadline, self._on_timer, deadline)

    def _perform(self, effect: Effect) -> Actuated | None:
        match effect:
            case SendFrame():
                return self._send(effect)
            case SendProbe():
                return self._send_probe(effect)
            case SetModes():
                outcome = self._actuator.set_modes(effect)
                if not math.isnan(self._stamp) and not outcome.errors:
                    self._reaction(max(0.0, time.time() - self._stamp))
                return outcome
            case SetHairpin():
                return self._actuator.set_hairpin(effect)
            case Publish():
                self._publish()
            case Moved(machine, subject, old, new, why):
                self._journal.log(Level.NOTICE, f"{machine} {old} -> {new}", subject=subject, why=why)
            case Faulted(subject, reason, detail):
                self._journal.log(Level.ERROR, reason, subject=subject, detail=detail)
        return None

    def _send(self, effect: SendFrame) -> Actuated:
        try:
            stamp = time.time()  # before: an answer may be stamped before the call returns
            self._listener().send(effect.octets)
            self.recent.add(Captured(stamp, True, effect.octets))
        except OSError as error:
            return self._stayed(effect, error)
        return Actuated(effect, {})

    def _send_probe(self, effect: SendProbe) -> Actuated:
        try:
            listener = self._listener()
            listener.expect(Frame.decode(effect.probe).source)
            listener.send(effect.teach)
            at = self._loop.time()
            listener.send(effect.probe)
        except OSError as error:
            return self._stayed(effect, error)
        return Actuated(effect, {}, at=at)

    def _listener(self) -> Listener:
        if self._socket is None:
            raise OSError(errno.ENETDOWN, "no socket")
        return self._socket

    def _stayed(self, effect: SendFrame | SendProbe, error: OSError) -> Actuated:
        if error.errno not in (errno.ENETDOWN, errno.ENXIO, errno.ENODEV):
            self._journal.log(Level.WARNING, "a frame did not leave", port=self.name, error=error)
        return Actuated(effect, {effect.port: error.errno or errno.EIO})
