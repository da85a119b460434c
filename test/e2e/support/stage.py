"""A private Postfix with a chain of milters: listed natively, or behind milter-manager. Nothing else differs."""

import contextlib
import pathlib

from support import scratch
from support.manager import running_manager
from support.postfix import Postfix
from support.tracer import traced

NATIVE, MANAGED = "native", "managed"
# What Postfix calls it in milter_default_action, and the manager in fallback_status.
FALLBACKS = {"tempfail": "temporary-failure", "accept": "accept", "reject": "reject"}


@contextlib.contextmanager
def running_mta(kind: str, home: pathlib.Path, children: dict[str, str], on_failure: str = "tempfail"):
    """Yields the MTA; children are endpoints by name, in order. On failure: what a broken one costs."""
    with contextlib.ExitStack() as running:
        milters = traced(running, children, kind)
        # Behind the manager nothing may ever fail for Postfix; if it does, the mail is held, which no test expects.
        settings = f"milter_default_action = {on_failure if kind == NATIVE else 'quarantine'}\n"
        if kind == MANAGED:
            endpoint = running.enter_context(running_manager(
                scratch.subdirectory(home, "manager"), milters, FALLBACKS[on_failure]))
            milters = traced(running, {"manager": endpoint}, kind)
        yield running.enter_context(Postfix(scratch.subdirectory(home, "postfix"), list(milters.values()), settings))


def manager_log(home: pathlib.Path, lines: int = 60) -> str:
    log = home / "manager" / "log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
