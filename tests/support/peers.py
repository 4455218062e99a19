"""The real programs that tests run beside evbagent: lldpad, lldpd, tshark, tcpdump, ip and bridge.

They are either installed, or unpacked by ``peers.sh`` into ``.peers/root``, where they find neither their libraries
nor their data by themselves: :func:`environment` and :func:`command` say how to run them there.

``python -m tests.support.peers`` runs each of them once, for its version, and fails unless all of them run.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS_ROOT = REPOSITORY / ".peers" / "root"

_DIRECTORIES = ("usr/sbin", "usr/bin", "sbin", "bin")

# Which Debian package holds each program, and arguments with which it does nothing but say that it runs.
_PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lldpad": ("lldpad", ("-v",)),
    "lldptool": ("lldpad", ("-v",)),
    "lldpd": ("lldpd", ("-v",)),
    "lldpcli": ("lldpd", ("-v",)),
    "tshark": ("tshark", ("--version",)),
    "tcpdump": ("tcpdump", ("--version",)),
    "ip": ("iproute2", ("-V",)),
    "bridge": ("iproute2", ("-V",)),
}


def find(name: str) -> Path | None:
    """Return the path of a program: the unpacked one, else the installed one, else None."""
    for directory in _DIRECTORIES:
        path = PEERS_ROOT / directory / name
        if path.is_file():
            return path
    # The directories of daemons are not on everyone's PATH.
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=search)
    return Path(found) if found else None


def _unpacked(path: Path | None) -> bool:
    return path is not None and path.is_relative_to(PEERS_ROOT)


def environment(name: str) -> dict[str, str]:
    """Return the environment to run a program in: that of this process, and what the unpacked one needs."""
    env = dict(os.environ)
    env["LC_ALL"] = "C.UTF-8"
    if name == "tshark":
        # No one's profile, and no word on the start of a capture. As root, tshark 4.0 ignores the variables for data
        # and plugins: it dissects all the same (LLDP is built in), but shows MAC addresses without their vendor's name.
        env["WIRESHARK_CONFIG_DIR"] = str(PEERS_ROOT.parent / "wireshark")
        env["WIRESHARK_LOG_LEVEL"] = "warning"
    if not _unpacked(find(name)):
        return env
    libraries = [
        str(directory)
        for pattern in ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib", "lib")
        for directory in sorted(PEERS_ROOT.glob(pattern))
        if directory.is_dir()
    ]
    if inherited := env.get("LD_LIBRARY_PATH"):
        libraries.append(inherited)
    env["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    if name == "tshark":
        env["WIRESHARK_DATA_DIR"] = str(PEERS_ROOT / "usr/share/wireshark")
        for directory in sorted(PEERS_ROOT.glob("usr/lib/*/wireshark")):
            env["WIRESHARK_PLUGIN_DIR"] = str(directory / "plugins")
            env["WIRESHARK_EXTCAP_DIR"] = str(directory / "extcap")
    return env


def command(name: str, *args: str) -> list[str]:
    """Return the command line that runs a program; run it with :func:`environment`."""
    path = find(name)
    if path is None:
        raise FileNotFoundError(_missing(name))
    line = [str(path)]
    if _unpacked(path):
        if name == "tcpdump" and os.geteuid() == 0:
            line += ["-Z", "root"]  # it would drop to the user tcpdump, which only an installation makes
        if name == "lldpd" and (client := find("lldpcli")):
            line += ["-L", str(client)]  # it configures itself through lldpcli, at a path that is compiled in
    return [*line, *args]


def skip(reason: str) -> NoReturn:
    """Skip the running test or fixture, or fail it where nothing may be skipped (``EVBAGENT_NO_SKIP=1``)."""
    if os.environ.get("EVBAGENT_NO_SKIP") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require(name: str) -> Path:
    """Return the path of a program; skip the running test, in the sense of :func:`skip`, if it is missing."""
    path = find(name)
    if path is None:
        skip(_missing(name))
    return path


def _missing(name: str) -> str:
    package = _PROGRAMS[name][0] if name in _PROGRAMS else name
    return f"{name} is missing: run `make peers` as root on Debian, or install the package {package}"


def _check(name: str) -> str | None:
    """Run a program for its version; return what is wrong with it, or None."""
    if find(name) is None:
        return _missing(name)
    done = subprocess.run(
        command(name, *_PROGRAMS[name][1]),
        env=environment(name),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=30,
        check=False,
    )
    # lldptool asks its daemon even for the version; that it says so is enough.
    if done.returncode == 0 or (name == "lldptool" and "Failed to connect to lldpad" in done.stdout + done.stderr):
        return None
    return f"{name} does not run: {(done.stderr or done.stdout).strip() or f'exit code {done.returncode}'}"


def main() -> int:
    """Check every program; print what is wrong."""
    wrong = [problem for name in _PROGRAMS if (problem := _check(name))]
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
