"""A private Postfix with a chain of milters: listed natively, or behind milter-manager. Nothing else differs."""

import contextlib
import pathlib

from support import scratch
from support.manager import running_manager
from support.postfix import Postfix
from support.tracer import traced

NATIVE, MANAGED = "native", "managed"


@contextlib.contextmanager
def running_mta(kind: str, home: pathlib.Path, children: dict[str, str]):
    """Yields the MTA; children are endpoints by name, in order."""
    with contextlib.ExitStack() as running:
        milters = traced(running, children, kind)
        if kind == MANAGED:
            endpoint = running.enter_context(running_manager(scratch.subdirectory(home, "manager"), milters))
            milters = traced(running, {"manager": endpoint}, kind)
        yield running.enter_context(Postfix(scratch.subdirectory(home, "postfix"), list(milters.values())))


def manager_log(home: pathlib.Path, lines: int = 60) -> str:
    log = home / "manager" / "log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
