"""What can be asked of the API: paths, their answers as JSON, and refusals in one shape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evbagent import answers, shapes
from evbagent.daemon.api.ask import Ask, TooBusy
from evbagent.daemon.view import View
from evbagent.policy.document import status

__all__ = ["application"]

_JSON: Final = "application/json"
_PATHS: Final = ("/v1/uplinks", "/v1/uplinks/{name}", "/v1/neighbors", "/v1/ports/{port}/capture")
_T = TypeVar("_T")


class NotAnswered(HTTPException):
    """A request that is not answered, with its HTTP status and why."""

    def __init__(self, code: int, refusal: shapes.Refusal) -> None:
        super().__init__(code, refusal.message)
        self.refusal = refusal


def application(ask: Ask, view: View) -> Starlette:
    """`ask` has the view looked at where it may be."""
    routes = _Routes(ask, view)
    endpoints = (routes.uplinks, routes.uplink, routes.neighbors, routes.capture)
    app = Starlette(
        routes=[Route(path, endpoint, methods=["GET"]) for path, endpoint in zip(_PATHS, endpoints, strict=True)],
        middleware=[Middleware(_Bodiless)],
        exception_handlers=dict.fromkeys((HTTPException, TooBusy, Exception), _on_error),
    )
    app.router.redirect_slashes = False
    return app


class _Routes:
    """The endpoints: each looks once, and makes its answer of what it saw."""

    def __init__(self, ask: Ask, view: View) -> None:
        self._ask = ask
        self._view = view

    async def uplinks(self, request: Request) -> Response:
        _parameters(request)
        return await self._status(None)

    async def uplink(self, request: Request) -> Response:
        _parameters(request)
        return await self._status(request.path_params["name"])

    async def _status(self, name: str | None) -> Response:
        view = self._view
        moment, uplinks = await self._ask(lambda: (view.moment(), view.uplinks()))
        chosen = [uplink for uplink in uplinks if name in (None, uplink.name)]
        if name is not None and not chosen:
            raise _unknown("uplink", name, (uplink.name for uplink in uplinks))
        return Response(msgspec.json.encode(status(chosen, moment)), media_type=_JSON)

    async def neighbors(self, request: Request) -> Response:
        name = _parameters(request, "port").get("port")
        view = self._view
        moment, heard = await self._ask(lambda: (view.moment(), view.heard()))
        ports = tuple(answers.port(port) for port in heard.ports if name in (None, port.name))
        if name is not None and not ports:
            raise _unknown("port", name, (port.name for port in heard.ports))
        chosen = [neighbor for neighbor in heard.neighbors if name in (None, neighbor.port)]
        envelope = shapes.Neighbors(shapes.NEIGHBORS_SCHEMA, ports, ())
        return _Listing(envelope, chosen, lambda neighbor: answers.neighbor(neighbor, moment))

    async def capture(self, request: Request) -> Response:
        count = _count(_parameters(request, "count").get("count"))
        name, view = request.path_params["port"], self._view
        moment, recent, here = await self._ask(lambda: (view.moment(), view.recent(name), view.ports()))
        if recent is None:
            raise _unknown("port", name, here)
        frames = recent.frames if count is None else recent.frames[-count:]
        envelope = shapes.Capture(shapes.CAPTURE_SCHEMA, name, recent.total, ())
        return _Listing(envelope, frames, lambda frame: answers.captured(frame, recent.own, moment))


def _parameters(request: Request, *known: str) -> dict[str, str]:
    """What stands behind the `?`; one that nobody reads is refused, for it was meant to change the answer."""
    given = request.query_params.multi_items()
    for key, _ in given:
        if key not in known:
            hint = f"it has: {', '.join(known)}" if known else "it has none"
            raise NotAnswered(400, shapes.Refusal("bad_request", f"there is no parameter {_shown(key)}", hint))
    if len(given) != len(dict(given)):
        raise NotAnswered(400, shapes.Refusal("bad_request", "a parameter stands there twice"))
    return dict(given)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) > 0):
        raise NotAnswered(400, shapes.Refusal("bad_request", f"count is a whole number from 1 on, not {_shown(text)}"))
    return int(text)


def _unknown(what: str, name: str, here: Iterable[str]) -> NotAnswered:
    message = f"{_shown(name)} is no {what} of the daemon"
    return NotAnswered(404, shapes.Refusal("no_such_interface", message, f"it has: {', '.join(here) or 'none'}"))


def _shown(text: str) -> str:
    """As much of what a client sent as is worth repeating."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


class _Listing(Response):
    """An answer whose last key is a list, written entry by entry: a long one needs no more memory than a short one."""

    media_type = _JSON

    def __init__(self, envelope: object, items: Iterable[_T], entry: Callable[[_T], object]) -> None:
        self.status_code = 200
        self.init_headers()  # without a length, which is not known yet
        self._pieces = _pieces(msgspec.json.encode(envelope), (entry(item) for item in items))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pieces(envelope: bytes, entries: Iterable[object]) -> AsyncIterator[bytes]:
    """The envelope with these entries in the list at its end; other clients have a turn after each of them."""
    end = b"]}"
    assert envelope.endswith(b"[" + end), "the list is last, and empty so far"
    yield envelope.removesuffix(end)
    between = b""
    for entry in entries:
        yield between + msgspec.json.encode(entry)
        between = b","
        await asyncio.sleep(0)
    yield end


# --- refusals


def _refusal(code: int, refusal: shapes.Refusal, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(shapes.Refused(refusal)), code, headers, _JSON)


async def _on_error(request: Request, error: Exception) -> Response:
    match error:
        case NotAnswered():
            return _refusal(error.status_code, error.refusal)
        case HTTPException(status_code=405):
            allowed = (error.headers or {})["Allow"]
            text = f"{_shown(request.method)} is not possible on {_shown(request.url.path)}"
            return _refusal(405, shapes.Refusal("method_not_allowed", text, f"it knows {allowed}"), error.headers)
        case HTTPException():
            text = f"there is nothing at {_shown(request.url.path)}"
            return _refusal(404, shapes.Refusal("not_found", text, f"there are {', '.join(_PATHS)}"))
        case TooBusy():
            return _refusal(503, shapes.Refusal("busy", "the daemon did not answer in time", "try again in a moment"))
        case _:
            return _refusal(500, shapes.Refusal("internal", "a bug of ours", "the daemon's journal has more"))


class _Bodiless:
    """Nothing here takes a body: whoever sends one is told so, and what follows on the connection is not read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope["headers"]):
            await self._app(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        if scope["method"] not in ("GET", "HEAD"):  # which is the better reason to refuse it
            await self._app(scope, receive, closing)
            return
        refusal = shapes.Refusal("content_too_large", "a question has no body", "leave Content-Length away")
        await _refusal(413, refusal)(scope, receive, closing)


def _has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0") for name, value in headers
    )
