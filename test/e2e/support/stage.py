"""A private Postfix or Sendmail with a chain of milters: natively, or behind milter-manager. Nothing else differs."""

import contextlib
import pathlib

from support import scratch
from support.manager import running_manager
from support.postfix import Postfix
from support.sendmail import Sendmail
from support.tracer import traced

NATIVE, MANAGED = "native", "managed"
POSTFIX, SENDMAIL = "postfix", "sendmail"
# What Postfix calls it in milter_default_action, and the manager in fallback_status.
FALLBACKS = {"tempfail": "temporary-failure", "accept": "accept", "reject": "reject"}
# Over the loopback interface Sendmail does not give {if_addr}, by which it could be recognised.
MANAGER_FOR = {POSTFIX: "", SENDMAIL: 'manager.mta = "sendmail"\n'}


@contextlib.contextmanager
def running_mta(kind: str, home: pathlib.Path, children: dict[str, str], on_failure: str = "tempfail",
                program: str = POSTFIX):
    """Yields the MTA; children are endpoints by name, in order. On failure: what a broken one costs."""
    with contextlib.ExitStack() as running:
        milters = traced(running, children, kind)
        if kind == MANAGED:
            endpoint = running.enter_context(running_manager(
                scratch.subdirectory(home, "manager"), milters, FALLBACKS[on_failure], MANAGER_FOR[program],
                # Over TCP each command of Sendmail costs 40 ms: it writes the macros before it apart.
                over_unix=program == SENDMAIL))
            milters = traced(running, {"manager": endpoint}, kind)
        mta_home = scratch.subdirectory(home, program)
        # Behind the manager nothing may ever fail for the MTA; if it does, it costs what no test expects.
        if program == POSTFIX:
            settings = f"milter_default_action = {on_failure if kind == NATIVE else 'quarantine'}\n"
            mta = Postfix(mta_home, list(milters.values()), settings)
        else:
            mta = Sendmail(mta_home, list(milters.values()), on_failure if kind == NATIVE else "reject")
        yield running.enter_context(mta)


def manager_log(home: pathlib.Path, lines: int = 60) -> str:
    log = home / "manager" / "log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
