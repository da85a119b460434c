"""One program of a test: started in a process group of its own, waited for by event, killed with its whole group.

Its output goes to a file, which every failure shows the end of. Leaving the `with` block kills: how the supporting
cast ends is not tested (and filters on libmilter take up to ten seconds to end). `stop` is for who is tested.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from support.ports import LOOPBACK
from support.waiting import wait_until

START_WITHIN_S = 40
STOP_WITHIN_S = 20


class Process:
    def __init__(self, name: str, command: list, log: pathlib.Path, user: str | None = None, umask: int = -1,
                 environment: dict[str, str] | None = None, pass_fds: tuple = ()):
        program = shutil.which(str(command[0]), path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise AssertionError(f"{name}: there is no program {command[0]} (see tool/packages)")
        self.name = name
        self.log = log
        who = {"user": user, "group": user, "extra_groups": []} if user else {}
        surroundings = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": str(log.parent),
                        **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
                        **(environment or {})}
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                [program, *map(str, command[1:])], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, cwd="/", umask=umask, env=surroundings,
                pass_fds=pass_fds, **who)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def evidence(self) -> str:
        lines = self.log_text().splitlines()[-40:]
        return "\n".join([f"--- {self.name}: end of its output", *lines, "---"])

    def ready_when_port_accepts(self, port: int):
        self._ready_when(lambda: _connects(socket.AF_INET, (LOOPBACK, port)), f"port {port} accepts")

    def ready_when_socket_accepts(self, path: pathlib.Path):
        self._ready_when(lambda: accepts(path), f"{path} accepts")

    def ready_when_logged(self, pattern: str):
        self._ready_when(lambda: re.search(pattern, self.log_text()), f"output matches {pattern}")

    def _ready_when(self, condition, what: str):
        def ready():
            if self._process.poll() is not None:
                raise AssertionError(
                    f"{self.name} ended with status {self._process.returncode} instead of getting ready\n"
                    f"{self.evidence()}")
            return condition()
        wait_until(ready, f"{self.name}: {what}", START_WITHIN_S, self.evidence)

    def wait(self, within_s: float = STOP_WITHIN_S) -> int:
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {within_s} s\n{self.evidence()}") from None

    def stop(self) -> int:
        """Asks it to end and returns its exit status; whatever is then left of its group is killed."""
        try:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
            return self.wait()
        finally:
            self.kill()

    def kill(self):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()


def accepts(path: pathlib.Path) -> bool:
    """Whether somebody listens at that Unix socket: its file is there a little before."""
    return _connects(socket.AF_UNIX, str(path))


def _connects(family: int, address) -> bool:
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
            return True
        except OSError:
            return False
