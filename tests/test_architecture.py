"""The arrows of the design: who imports whom, what the core may not touch, and how long files and functions get."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import evbagent

PACKAGE = Path(evbagent.__file__).parent
FILES = sorted(path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))

# --- what is read


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))


def module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it; a name of a package that is itself a module counts."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}:{node.lineno}: imports are absolute here"
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)


def layer(name: str) -> str:
    """The package or file right below evbagent; the package itself for what concerns all of it."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


# --- arrows

ROOT = "evbagent"  # the version
ARROWS: dict[str, set[str]] = {
    # layer -> what it may import besides itself; what those import may be imported too
    "__main__": {"cli"},
    "cli": {"daemon", "guard", "lab", "decode", "pcap", "client", "replay"},
    "client": {"shapes"},
    "guard": {"daemon"},
    "lab": {"daemon", "switchport"},
    "daemon": {"config", "linux", "policy", "state", "uplink", "capture", "answers", "recording"},
    "replay": {"recording"},
    "recording": {"uplink", "plain", ROOT},
    "plain": {"wire"},
    "config": {"uplink"},
    "uplinksettings": {"status"},
    "uplink": {"uplinksettings", "port", "evb", "decision", "entry", "attachments", "adoption", "explanation"},
    "adoption": {"port", "decision", "entry", "legacy"},
    "attachments": {"drift", "effects"},
    "entry": {"machine"},
    "drift": {"events"},
    "switchport": {"port", "evb"},
    "port": {"legacy", "lldp", "probe", "dcbx"},
    "state": {"legacy", ROOT},
    "legacy": {"entry", "events"},
    "lldp": {"machine", "events"},
    "evb": {"machine", "events"},
    "probe": {"machine", "events"},
    "dcbx": {"effects", "events"},
    "decision": {"events"},
    "explanation": {"decision", "obstacles"},
    "obstacles": {"entry"},
    "linux": {"effects", "events", "state"},
    "policy": {"status", ROOT},
    "machine": {"effects"},
    "events": {"status", "wire"},
    "effects": {"status"},
    "status": {"portstatus"},
    "portstatus": {"dcb", "wire"},
    "dcb": set(),
    "capture": set(),
    "answers": {"decode", "policy", "capture", "shapes"},
    "shapes": set(),
    "decode": {"wire"},
    "pcap": {"wire"},
    "wire": set(),
    ROOT: set(),
}
EXCEPTIONS = {
    # a story that still passes with a broken daemon proves nothing, so this stands in for `evbagent run` itself
    ("evbagent.lab.sabotage.stand_in", "evbagent.cli.run"),
    ("evbagent.lab.sabotage.stand_in", "evbagent.cli.settings"),
}


def reachable(start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += ARROWS[name]
    return found


OURS = sorted(
    (name, imported) for name, path in MODULES.items() for imported in set(imports(path)) if imported in MODULES
)


def test_every_layer_has_its_arrows() -> None:
    assert {layer(name) for name in MODULES} == ARROWS.keys()


def test_arrows_never_lead_back() -> None:
    assert len(list(TopologicalSorter(ARROWS).static_order())) == len(ARROWS)


def test_imports_follow_the_arrows() -> None:
    against = {pair for pair in OURS if layer(pair[1]) not in reachable(layer(pair[0]))}
    assert against == EXCEPTIONS


APART = [("lldp", "evb"), ("evb", "lldp"), ("lldp", "decision"), ("evb", "decision"), ("decision", "evb")]
APART += [pair for other in ("lldp", "evb", "decision") for pair in (("probe", other), (other, "probe"))]
APART += [("dcbx", "lldp"), ("dcbx", "evb"), ("dcbx", "decision"), ("lldp", "dcbx"), ("evb", "dcbx")]


@pytest.mark.parametrize(("one", "other"), APART, ids=[f"{one} - {other}" for one, other in APART])
def test_facts_cross_in_port_and_uplink_alone(one: str, other: str) -> None:
    assert other not in reachable(one)


def test_wire_imports_nothing_of_ours_outside_wire() -> None:
    assert {layer(imported) for name, imported in OURS if layer(name) == "wire"} == {"wire"}


def test_the_configuration_takes_its_settings_from_the_uplink_and_nothing_else() -> None:
    froms = [node for node in ast.walk(tree(MODULES["evbagent.config"])) if isinstance(node, ast.ImportFrom)]
    assert [alias.name for node in froms if node.module == "evbagent.uplink" for alias in node.names] == [
        "UplinkSettings"
    ]


# --- purity

EDGES = {"daemon", "guard", "linux", "lab", "cli", "client", "__main__"}
IMPURE = {
    *("asyncio", "datetime", "glob", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("select", "selectors", "shutil", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time"),
    *("click", "prometheus_client", "pyroute2", "rich", "asyncio_dgram"),
}
ALLOWED = {
    (layer, "datetime") for layer in ("policy", "answers", "shapes")
}  # to write times that it is told; that it reads no clock is looked at below
CALLS = {"open", "input", "print", "eval", "exec", "__import__", "now", "utcnow", "today"}
CORE = [path for path in FILES if layer(module(path)) not in EDGES]


@pytest.mark.parametrize("path", CORE, ids=str)
def test_the_core_imports_no_clock_socket_file_or_random_source(path: Path) -> None:
    impure = {name.split(".")[0] for name in imports(path)} & IMPURE
    assert {(layer(module(path)), name) for name in impure} <= ALLOWED


@pytest.mark.parametrize("path", CORE, ids=str)
def test_the_core_calls_nothing_that_reads_the_world(path: Path) -> None:
    calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    names |= {call.attr for call in calls if isinstance(call, ast.Attribute)}
    assert names & CALLS == set()


def test_the_core_has_no_coroutine() -> None:
    awaiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert [str(path) for path in CORE if any(isinstance(node, awaiting) for node in ast.walk(tree(path)))] == []


SOCKETS = {
    "evbagent.client": "the API listens on a Unix socket",
    "evbagent.daemon.api.server": "a type: the socket was made in linux",
    "evbagent.daemon.daemon": "gethostname, the name that LLDP announces",
    "evbagent.daemon.notify": "sd_notify speaks to a Unix datagram socket",
}


def test_only_linux_and_lab_open_sockets() -> None:
    users = {name for name, path in MODULES.items() if "socket" in imports(path)}
    assert {name for name in users if layer(name) not in ("linux", "lab")} == SOCKETS.keys()


# --- size

LINES, FUNCTION_LINES = 400, 60


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_is_one_idea(path: Path) -> None:
    assert len((PACKAGE.parent / path).read_text(encoding="utf-8").splitlines()) <= LINES


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_function_fits_a_screen(path: Path) -> None:
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions(path) if node.end_lineno is not None}
    assert {name: lines for name, lines in long.items() if lines > FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_module_begins_with_a_sentence_about_it(path: Path) -> None:
    docstring = ast.get_docstring(tree(path))
    assert docstring is not None
    assert docstring.splitlines()[0].endswith(".")
