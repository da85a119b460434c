"""milter-manager between an MTA and its milters: a configuration directory, the process, its endpoint.

The program is the one that MILTER_MANAGER names. Without it there is nothing to test, which is a failure.
"""

import contextlib
import os
import pathlib

from support import scratch
from support.ports import free_port
from support.process import Process

CONFIGURATION = """\
manager.connection_spec = "{endpoint}"
log.use_syslog = false
"""

READING_TIMEOUT_S = 60

# As in an MTA, a milter that has failed stays out for the session; the manager's own second try (chain P51) is a
# difference on purpose, which test/faults looks at.
CHILD = """\
define_milter("{name}") do |milter|
  milter.connection_spec = "{endpoint}"
  milter.fallback_status = "{fallback}"
  milter.reading_timeout = {reading_timeout_s}
  milter.retry_next_message = false
end
"""


def program() -> pathlib.Path:
    name = os.environ.get("MILTER_MANAGER")
    if not name:
        raise AssertionError("MILTER_MANAGER does not name the program to test")
    path = pathlib.Path(name)
    if not os.access(path, os.X_OK):
        raise AssertionError(f"MILTER_MANAGER: no program at {path}")
    return path


@contextlib.contextmanager
def running_manager(home: pathlib.Path, children: dict[str, str], fallback: str = "temporary-failure",
                    more_configuration: str = "", over_unix: bool = False):
    """Yields the manager's endpoint, and checks that it ends well.

    Children: their endpoints by name, in order. Fallback: what a broken one costs, as the manager names it.
    """
    path = program()
    port = None if over_unix else free_port()
    socket = home / "manager.sock"
    endpoint = f"unix:{socket}" if over_unix else f"inet:{port}@[127.0.0.1]"
    etc = scratch.subdirectory(home, "etc")
    text = CONFIGURATION.format(endpoint=endpoint) + more_configuration + "".join(
        CHILD.format(name=name, endpoint=child, fallback=fallback, reading_timeout_s=READING_TIMEOUT_S)
        for name, child in children.items())
    scratch.write(etc / "milter-manager.conf", text)
    process = Process("milter-manager", [path, "--config-dir", etc], home / "log")
    try:
        if over_unix:
            process.ready_when_socket_accepts(socket)
        else:
            process.ready_when_port_accepts(port)
        yield endpoint
        status = process.stop()
        if status != 0:
            raise AssertionError(f"milter-manager ended with status {status}\n{process.evidence()}")
    finally:
        process.kill()
