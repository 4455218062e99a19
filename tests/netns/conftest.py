"""Namespaces, mounts and other users are root's: without it, none of these tests can run."""

import os

from evbagent.lab.namespaces import privileged
from tests.support import peers


def pytest_runtest_setup() -> None:
    """A hook, not a fixture: what skips here is summed up in one line."""
    if os.geteuid() != 0 or not privileged():
        peers.skip("needs root: CAP_SYS_ADMIN and CAP_NET_ADMIN make namespaces with links in them")
