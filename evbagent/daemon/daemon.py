"""The daemon: one runner an uplink, the watch on links, what is published, and an orderly end."""

from __future__ import annotations

import asyncio
import difflib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from evbagent.config import Settings, observing
from evbagent.daemon.assembly import Assembly
from evbagent.daemon.dcb import DcbWatch
from evbagent.daemon.journal import Journal, Level
from evbagent.daemon.notify import Notifier
from evbagent.daemon.publish import PolicyFile
from evbagent.daemon.reactions import Reactions
from evbagent.daemon.record import Recorder, Recording
from evbagent.daemon.runner import Actuator, Runner
from evbagent.daemon.services import NoService, Services
from evbagent.daemon.succession import Succession, take_lock
from evbagent.daemon.view import View
from evbagent.dcb import KernelDcb
from evbagent.events import LinkState
from evbagent.linux.capabilities import NET_ADMIN, NET_RAW, missing
from evbagent.linux.dcbnl import DcbSocket
from evbagent.linux.files import Lock, Pulse
from evbagent.linux.kernel import Kernel
from evbagent.linux.links import LinkEvents, LinkTable
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.port import Identity
from evbagent.status import DaemonStatus, UplinkStatus
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.octets import MacAddress

__all__ = ["AlreadyRunning", "Daemon", "NoSuchInterface", "NotPermitted", "StartError"]

_PURPOSES: Final = {NET_RAW: "to hear and send LLDP", NET_ADMIN: "to change the modes of attachments"}
_SLOW: Final = 30.0  # seconds between looks at everything, events or none
_LOOK_AGAIN: Final = 1.0  # seconds, where the kernel did not answer
_DUMP_SHARE: Final = 4  # after a dump, no other one for this many times its own duration


class StartError(Exception):
    """The daemon can't run; the text is for the operator: what, why, and the cure."""


class NotPermitted(StartError):
    """A capability is missing."""


class NoSuchInterface(StartError):
    """There is nothing to run on."""


class AlreadyRunning(StartError):
    """Another daemon has the run folder."""


def _demand(capability: str) -> None:
    """Raises `NotPermitted` where this process lacks it."""
    if missing(capability):
        raise NotPermitted(
            f"{capability} is missing ({_PURPOSES[capability]}): run it as root, or give it the capability"
            " (AmbientCapabilities= in a unit, setpriv --ambient-caps)"
        )


class Daemon:
    """`run` returns when a signal ends it, and raises `StartError` where it can't begin."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        *,
        only: Sequence[str] = (),
        actuator: Callable[[Actuator], Actuator] = lambda kernel: kernel,
    ) -> None:
        """`only`: observe or run these uplinks and no others. `actuator` may wrap the one that sets modes."""
        self._settings = settings
        self._journal = journal
        self._only = tuple(only)
        self._wrap = actuator
        self._uplinks: dict[str, Uplink] = {}
        self._cores: dict[str, Uplink | Recording] = {}  # the same, as they are told what comes in
        self._runners: dict[str, Runner] = {}
        self._reactions = Reactions()
        self._lock = Lock(Path(settings.lock_path))
        self._host = settings.system_name or socket.gethostname()
        self._policy = PolicyFile(Path(settings.policy_path), self._host, self._statuses, journal)
        self._stopping = asyncio.Event()
        self._released = True  # how it ends: only SIGTERM may leave everything as it is
        self._failure: BaseException | None = None
        self._indexes: dict[str, int] = {}  # the interface that an uplink was last, which a rename does not change
        self._next_dump = 0.0
        self._dump_later: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """The whole life of the daemon."""
        _demand(NET_RAW)
        self._loop = asyncio.get_running_loop()
        await self._take_run_dir()
        self._loop.set_exception_handler(self._on_bug)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            self._loop.add_signal_handler(number, self._stop, number)
        self._recorder = Recorder(self._settings.record, self._journal)
        self._succession = Succession(self._settings, self._uplinks, self._journal, self._on_guard)
        self._route, self._events = RouteSocket(), LinkEvents()
        self._links = LinkTable(self._route)
        self._dcb = DcbWatch(DcbSocket(), self._on_dcb, self._journal)
        try:
            self._start()
            await self._serve()
        finally:
            self._close()
        if self._failure is not None:
            raise StartError(f"a bug of ours ended the daemon: {self._failure!r}") from self._failure

    # --- beginning

    async def _take_run_dir(self) -> None:
        path = self._lock.path
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.parent.chmod(0o755)  # whatever the umask: others read the policy document in it
            taken = await take_lock(self._lock, Path(self._settings.pulse_path))
        except OSError as error:
            raise StartError(f"the run folder can't be used: {error}; run_dir names another one") from None
        if not taken:
            holder = self._lock.holder()
            raise AlreadyRunning(f"process {holder} already runs in {path.parent}: end it, or set another run_dir")
        try:
            self._pulse = Pulse(Path(self._settings.pulse_path))
        except OSError as error:  # too long for a socket, which takes 107 octets, or not to be replaced
            raise StartError(f"{self._settings.pulse_path} can't be made: {error}; set another run_dir") from None
        try:
            self._services = Services(self._settings, self._journal)
        except NoService as error:
            raise StartError(str(error)) from None

    def _start(self) -> None:
        self._links.refresh(foreign=True)
        chosen = self._choose()
        if any(uplink.applies for uplink in chosen.values()):
            _demand(NET_ADMIN)
        assembly = Assembly(self._settings, Identity(self._chassis(chosen), self._host), self._succession.probe_key)
        now = self._loop.time()
        actuator = self._wrap(Kernel(self._route, self._links))
        for name, settings in chosen.items():
            origin = assembly.origin(name, settings)
            self._uplinks[name], self._cores[name] = self._recorder.begin(origin, now)
            self._runners[name] = Runner(
                self._cores[name],
                actuator,
                self._journal,
                publish=self._on_change,
                reaction=self._reactions.observe,
            )
        heirs = {name: core for name, core in self._cores.items() if chosen[name].applies}
        self._succession.begin(heirs, self._links)
        self._distribute(starting=True)
        self._loop.add_reader(self._events, self._on_links)
        self._slow = self._loop.call_later(_SLOW, self._on_slow)
        self._on_change()

    def _choose(self) -> dict[str, UplinkSettings]:
        """The uplinks to run on; raises `NoSuchInterface` where there are none, or one asked for is not there."""
        configured = dict(self._settings.uplinks)
        here = sorted(link.name for link in self._links)
        if self._only:
            for name in self._only:
                if name not in here:
                    raise NoSuchInterface(f"there is no Ethernet interface {name!r}{_hint(name, here)}")
            return {name: configured.get(name) or observing((name,))[name] for name in self._only}
        if configured:
            absent = [name for name in configured if name not in here]
            if len(absent) == len(configured):
                hints = "; ".join(f"{name!r}{_hint(name, here)}" for name in absent)
                raise NoSuchInterface(f"none of the configured uplinks is here: {hints}")
            for name in absent:
                self._journal.log(Level.WARNING, "the uplink is not here yet", uplink=name)
            return configured
        physical = tuple(link.name for link in self._links if link.kind is None)
        if not physical:
            raise NoSuchInterface(f"there is no physical Ethernet interface; name one with --uplink{_hint('', here)}")
        return observing(physical)

    def _chassis(self, chosen: dict[str, UplinkSettings]) -> MacAddress:
        """The lowest address of the physical interfaces, or of the uplinks where there are only virtual ones."""
        physical = [link.address for link in self._links if link.kind is None and link.address is not None]
        uplinks = [link.address for link in self._links if link.name in chosen and link.address is not None]
        addresses = physical or uplinks
        if not addresses:
            raise NoSuchInterface("no interface has a MAC address to name this host by")
        return min(addresses)

    async def _serve(self) -> None:
        """Until a signal comes. What is slow to import comes last, after the first frames have left."""
        notifier = await Notifier.open(self._journal)
        try:
            names = ", ".join(self._uplinks)
            self._journal.log(Level.INFO, "running", uplinks=names, policy=self._settings.policy_path)
            await notifier.send(READY="1", STATUS=f"running on {names}")
            await self._services.open(View(self._uplinks, self._runners), self.status)
            await self._stopping.wait()
            await notifier.send(STOPPING="1")
        except NoService as error:
            raise StartError(str(error)) from None
        finally:
            self._leave()
            await self._services.close()
            notifier.close()

    # --- links

    def _on_links(self) -> None:
        """Something changed: look at once, then at most so often that looking takes a small share of the time."""
        try:
            self._events.drain()
        except OSError as error:
            self._journal.log(Level.WARNING, "link events were lost; everything is read anew", error=error)
            self._reopen_events()
        if self._dump_later is not None:
            return
        now = self._loop.time()
        if now >= self._next_dump:
            self._look()
        else:
            self._dump_later = self._loop.call_at(self._next_dump, self._look)

    def _reopen_events(self) -> None:
        fresh = LinkEvents()
        self._loop.remove_reader(self._events)
        self._events.close()
        self._events = fresh
        self._loop.add_reader(self._events, self._on_links)

    def _look(self, *, foreign: bool = False) -> None:
        if self._dump_later is not None:
            self._dump_later.cancel()
            self._dump_later = None
        began = self._loop.time()
        try:
            changed = self._links.refresh(foreign=foreign)
        except OSError as error:
            self._journal.log(Level.ERROR, "the links can't be read, next try in a second", error=error)
            self._dump_later = self._loop.call_later(_LOOK_AGAIN, self._look)
            return
        ended = self._loop.time()
        self._next_dump = ended + _DUMP_SHARE * (ended - began)
        if changed or foreign:
            self._distribute()

    def _on_slow(self) -> None:
        self._slow = self._loop.call_later(_SLOW, self._on_slow)
        self._look(foreign=True)
        self._dcb.again()

    def _distribute(self, *, starting: bool = False) -> None:
        """Every uplink gets its port and attachments as they are now.

        An interface that lost its name, or can't be listened on, is no port any more; the attachments on it still are
        there, and belong into the fallback. Raises `NotPermitted` when starting, for nobody should begin deaf.
        """
        addresses = frozenset(link.address for link in self._links if link.address is not None)
        for name, runner in self._runners.items():
            port = self._links.named(name)
            if port is not None:
                if self._indexes.get(name, port.ifindex) != port.ifindex:
                    self._give_up(name, runner)
                self._indexes[name] = port.ifindex
            attachments = self._attachments(name)
            try:
                runner.attach(port, everything=port is not None and self._links.needs_everything(port))
            except OSError as error:
                if starting and isinstance(error, PermissionError):
                    raise NotPermitted(
                        f"{name} can't be listened on: {error} ({NET_RAW} in another namespace?)"
                    ) from None
                self._journal.log(Level.WARNING, "no socket on the uplink", uplink=name, error=error)
                port = None
                runner.attach(None, everything=False)
            runner.perform(self._cores[name].link(port, attachments, self._loop.time(), addresses))
            self._dcb.look(name, port)

    def _on_dcb(self, name: str, answer: KernelDcb | None) -> None:
        self._runners[name].perform(self._cores[name].dcb(answer, self._loop.time()))

    def _attachments(self, name: str) -> list[LinkState]:
        """Those on the interface that the uplink is, or was last, whatever that is called now."""
        lower = self._indexes.get(name)
        return [] if lower is None or lower not in self._links else self._links.attachments(lower)

    def _give_up(self, name: str, runner: Runner) -> None:
        """The name is another interface's now: guests on the former one must not stay where nobody watches."""
        runner.attach(None, everything=False)
        runner.perform(self._cores[name].link(None, self._attachments(name), self._loop.time()))

    # --- what is told

    def _on_change(self) -> None:
        self._succession.changed()  # first: whoever reads that guests are in VEPA may kill us and rely on it
        self._policy.changed()

    def _on_guard(self, watched: bool) -> None:
        self._policy.guarded = watched
        self._policy.changed()

    def _statuses(self) -> list[UplinkStatus]:
        return [uplink.status for uplink in self._uplinks.values()]

    def status(self) -> DaemonStatus:
        """Everything at this moment."""
        now = self._loop.time()
        uplinks = self._uplinks.values()
        return DaemonStatus(
            uplinks=tuple(uplink.status for uplink in uplinks),
            ports=tuple(port for uplink in uplinks for port in uplink.ports(now)),
            transitions={(u.name, *key): count for u in uplinks for key, count in u.transitions.items()},
            mode_errors={uplink.name: uplink.mode_errors for uplink in uplinks},
            drifts={uplink.name: uplink.drifts for uplink in uplinks},
            policy_errors=self._policy.failures,
            reactions=self._reactions.status,
        )

    # --- end

    def _stop(self, number: int) -> None:
        self._released = number != signal.SIGTERM
        self._stopping.set()

    def _on_bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that nobody caught: guests are safe in VEB, so go there and end."""
        self._stopping.set()
        self._failure = context.get("exception") or RuntimeError(context.get("message"))
        self._journal.log(Level.ERROR, "an unexpected error ends the daemon", error=repr(self._failure))

    def _leave(self) -> None:
        """Hand every uplink over, or release it, whatever happens to one; what changes from now on is not looked at."""
        self._loop.remove_reader(self._events)
        self._dcb.stop()
        for handle in (self._slow, self._dump_later):
            if handle is not None:
                handle.cancel()
        if not self._released and self._failure is None and self._succession.hand_over():
            self._policy.flush()
            self._journal.log(Level.NOTICE, "handed over: guests stay as they are, and the guard watches")
            return
        for name, runner in self._runners.items():
            try:
                runner.release()
            except Exception as error:  # a bug; the other uplinks must still be released
                self._failure = self._failure or error
                self._journal.log(Level.ERROR, "the uplink can't be released", uplink=name, error=repr(error))
        self._policy.write()
        self._succession.write(released=True)

    def _close(self) -> None:
        for runner in self._runners.values():
            runner.close()
        self._dcb.close()
        self._succession.close()
        self._events.close()
        self._route.close()
        self._services.remove()
        self._pulse.close()
        self._lock.release()
        self._recorder.close()
        self._journal.log(Level.INFO, "ended", pid=os.getpid())


def _hint(name: str, here: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, here, 1)
    if near:
        return f" (did you mean {near[0]!r}?)"
    return f" (here: {', '.join(here[:16])})" if here else " (here: none)"
