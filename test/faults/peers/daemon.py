"""The real milter-manager with children of the test: its process, its log as events, what it holds."""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import signal

import peers
from peers import wire
from peers.child import Child
from support import scratch
from support.manager import program
from support.process import Process
from support.waiting import wait_until

CHILD = """\
define_milter("{name}") do |milter|
  milter.connection_spec = "{endpoint}"
{settings}end
"""
LOOKS = int(10 * peers.SLOWNESS)  # 20 ms apart
OUR_MISTAKES = re.compile(r"ERROR: AddressSanitizer|WARNING: ThreadSanitizer|LeakSanitizer|runtime error:| broken_invariant ")


@dataclasses.dataclass(frozen=True)
class Event:
    level: str
    name: str
    fields: dict[str, str]
    text: str

    def __getitem__(self, key: str) -> str:
        return self.fields[key]


def settings(**values) -> str:
    """Settings of one child, as lines of its block."""
    return "".join(f"  milter.{name} = {json.dumps(value)}\n" for name, value in values.items())


class ManagerProcess(Process):
    def running(self) -> bool:
        return self._process.poll() is None


class Daemon:
    """Yielded by running(); `endpoint` is where MTAs connect to, `file` its configuration."""

    def __init__(self, process: ManagerProcess, endpoint: str, file: pathlib.Path, log: pathlib.Path | None = None):
        self._process = process
        self._log = log or process.log
        self.endpoint = endpoint
        self.file = file
        self.pid = process.pid

    def events(self, name: str = "", **fields) -> list[Event]:
        found = []
        for line in self.log_text().splitlines():
            if line.startswith("{"):  # log.format = "json"
                keys = json.loads(line)
                if name in ("", keys.get("event")) and all(keys.get(key) == str(value) for key, value in fields.items()):
                    found.append(Event(keys["level"], keys.get("event", ""), keys, keys.get("text", "")))
                continue
            match = re.fullmatch(r"\[[^\]]+\]: (\w+) (\w+)(.*)", line)
            if match and name in ("", match[2]):
                keys = {key: shlex.split(value)[0] if value else "" for key, value in
                        re.findall(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^" ]*?)(?=:? |:?$)', match[3])}
                if all(keys.get(key) == str(value) for key, value in fields.items()):
                    found.append(Event(match[1], match[2], keys, match[3]))
        return found

    async def logged(self, name: str, count: int = 1, **fields) -> list[Event]:
        """Once that many such events are there."""
        await self.until(lambda: len(self.events(name, **fields)) >= count, f"{count} {name} {fields} in the log")
        return self.events(name, **fields)

    async def until(self, condition, what: str, within_s: float | None = None):
        """Looks often; other tasks of the test run meanwhile."""
        deadline = asyncio.get_running_loop().time() + (within_s or peers.PATIENCE_S)
        while not condition():
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not in time: {what}\n{self.evidence()}")
            await asyncio.sleep(0.02)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def settled_descriptors(self, at_most: int) -> int:
        """Once no more are open than that, and their number does not change any more."""
        seen = [-1]

        def settled() -> bool:
            seen.append(self.descriptors())
            return seen[-1] <= at_most and len(set(seen[-LOOKS:])) == 1
        await self.until(settled, f"at most {at_most} descriptors are open")
        return seen[-1]

    def spool_files(self) -> int:
        """Deleted files that it holds open."""
        count = 0
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                count += os.readlink(f"/proc/{self.pid}/fd/{name}").endswith("(deleted)")
        return count

    def status(self, key: str) -> int:
        """E.g. Threads, or VmRSS in KiB."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s*(\d+)", text, re.MULTILINE)[1])

    def evidence(self) -> str:
        return self._process.evidence()

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def signal(self, number: signal.Signals):
        os.kill(self.pid, number)

    async def reload(self, children: list[Child], child_settings: dict | None = None, manager: str = "",
                     expect: str = "reloaded") -> Event:
        """Another configuration, and the signal; the event that ends it."""
        scratch.write(self.file, configuration(self.endpoint, children, child_settings, manager))
        count = len(self.events(expect))
        self.signal(signal.SIGHUP)
        return (await self.logged(expect, count + 1))[-1]

    async def ended(self) -> int:
        return await asyncio.to_thread(self._process.wait, peers.PATIENCE_S)

    async def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return await self.ended()


def configuration(endpoint: str, children: list[Child], child_settings: dict | None = None, manager: str = "") -> str:
    """See running()."""
    given = child_settings or {}
    return (f'manager.connection_spec = "{endpoint}"\nlog.use_syslog = false; security.effective_user = "nobody"\n'
            f'log.level = "+info"\n{manager}\n') + "".join(
        CHILD.format(name=child.name, endpoint=child.endpoint,
                     settings=settings(**{**given.get("", {}), **given.get(child.name, {})}))
        for child in children)


@contextlib.asynccontextmanager
async def running(home: pathlib.Path, children: list[Child], child_settings: dict | None = None, manager: str = "",
                  endpoint: str = "", log: pathlib.Path | None = None, prefix: tuple = (),
                  environment: dict[str, str] | None = None, pass_fds: tuple = (),
                  serves_at: str = "", options: list = (), user: str | None = None):
    """child_settings: of each child, by name or "" for all: what settings() takes. manager: more configuration.
    log: where that has put the log, if not on standard error. prefix: of the command line; options: at its end.
    serves_at: where it listens whatever the configuration says.
    user: who starts the program, a copy of which lies where everybody can run it.

    Ends it with TERM unless the test has, and checks its status and that nothing in its log is a mistake of ours.
    """
    asyncio.get_running_loop().set_debug(False)  # which unittest turns on; it prints what took long
    etc = home / "etc" if (home / "etc").exists() else scratch.subdirectory(home, "etc")
    run = scratch.subdirectory(home, "run", mode=0o777)  # the manager drops root and removes its socket there
    endpoint = endpoint or f"unix:{run}/manager.sock"
    file = etc / "milter-manager.conf"
    scratch.write(file, configuration(endpoint, children, child_settings, manager))
    command = [*prefix, _for_everybody(home) if user else program(), "--config-dir", etc, *options]
    process = ManagerProcess("milter-manager", command, home / "log", user=user, environment=environment, pass_fds=pass_fds)
    daemon = Daemon(process, serves_at or endpoint, file, log)
    try:
        await asyncio.to_thread(wait_until, lambda: _ready(process, daemon), "the manager listens", peers.PATIENCE_S,
                                process.evidence)
        await _serves(daemon)
        yield daemon
        status = await daemon.stop() if process.running() else process.wait()
        if status != 0 or OUR_MISTAKES.search(process.log_text()):
            raise AssertionError(f"milter-manager ended with status {status}\n{process.log_text()[-20000:]}")
    finally:
        process.kill()


def _for_everybody(home: pathlib.Path) -> pathlib.Path:
    library = home / "milter-manager.ruby"  # where the program looks for it
    if not library.exists():
        shutil.copytree(program().with_name(library.name), library)
    return scratch.program_for_everybody(home, program())


def _ready(process: ManagerProcess, daemon: Daemon) -> bool:
    if not process.running():
        raise AssertionError(f"milter-manager ended instead of getting ready\n{process.evidence()}")
    return bool(daemon.events("listening"))


async def _serves(daemon: Daemon):
    """It logs that it listens a little before its threads run and all that it holds when idle is open."""
    reader, writer = await wire.connect(daemon.endpoint)
    writer.write(wire.pack(b"Q"))
    await wire.within(reader.read())
    writer.close()
    await daemon.settled_descriptors(at_most=10**6)
