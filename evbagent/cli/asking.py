"""How a command asks the daemon over its API, and what it says where there is no answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from evbagent.cli.exits import Exit, Format, fail
from evbagent.cli.status import require_daemon
from evbagent.client import Client, Misshapen, NotAnswered, Unreachable
from evbagent.config import Settings
from evbagent.shapes import Evb

__all__ = ["ask", "evb_words"]

_T = TypeVar("_T")
_CODES = {"no_such_interface": Exit.NO_SUCH_INTERFACE}


def ask(settings: Settings, question: Callable[[Client], _T], form: Format) -> _T:
    """The daemon's answer; without one the command ends."""
    try:
        return question(Client(Path(settings.api_path)))
    except NotAnswered as error:
        fail(_CODES.get(error.refusal.code, Exit.FAILED), str(error), hint=error.refusal.hint, form=form)
    except Misshapen as error:
        fail(Exit.FAILED, str(error), hint="the daemon is of another version: restart it", form=form)
    except Unreachable as error:
        _unreachable(settings, error, form)


def _unreachable(settings: Settings, error: Unreachable, form: Format) -> NoReturn:
    if isinstance(error.__cause__, PermissionError):
        hint = "run it as root, or as a member of the group that api.group names"
        fail(Exit.NOT_PERMITTED, f"the API can't be reached: {error}", hint=hint, form=form)
    require_daemon(settings, form, "start it (`evbagent run`), or name its configuration (--config)")
    hint = "api.enabled may be false in the daemon's configuration; its journal says more"
    fail(Exit.FAILED, f"a daemon runs, and its API can't be reached: {error}", hint=hint, form=form)


def evb_words(evb: Evb) -> str:
    """What an EVB TLV says of relay: a bridge has it `on`, `off` (it could), or is `unable`; a station asks for it."""
    relay = "on" if evb.relay_on else "off" if evb.relay_capable else "unable"
    if evb.version == "draft":
        return f"draft, relay {relay}"
    if evb.role == "bridge":
        return f"bridge, relay {relay}"
    return f"{evb.role}, asks for relay" if evb.relay_requested else f"{evb.role}"
