"""A steady load of sessions past three children, while the configuration is loaded again and again (every tenth time a
broken one), the log is rotated, and the program is replaced by itself: not one connection is refused, not one session
is without its answers, not one verdict is wrong."""

import collections
import os
import pathlib
import re
import signal
import time
import types
import unittest

import peers
from peers import daemon, load, successor
from support import scratch, watchdog
from support.ports import free_port

SESSIONS_PER_S = 200
AT_LEAST_PER_S = 120 / peers.SLOWNESS
# Over both kinds of sockets together. A sanitizer looks for other things than the number of times.
RELOADS = 20 if peers.SANITIZED else 100
REOPENINGS = REPLACEMENTS = RELOADS // 10
BROKEN_EACH = 10
LINE = re.compile(r"\[[^\]]+\]: (?:(\w+) (\w+)|\[sessions?\]\[|\[milter\]\[)")  # an event, or statistics
EXPECTED_TROUBLE = ("reload_failed", "configuration_wrong")


class Logs:
    """All events in the files of a directory, by name; what has been read is not read again, whatever a file is called."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._read: dict[int, int] = {}  # bytes, by inode
        self._count: collections.Counter[str] = collections.Counter()
        self.troubles: list[str] = []

    def count(self, event: str) -> int:
        for path in self._directory.iterdir():
            with open(path, "rb") as file:
                number = os.fstat(file.fileno()).st_ino
                file.seek(self._read.get(number, 0))
                lines = file.read().rpartition(b"\n")[0].splitlines(keepends=True)
            self._read[number] = self._read.get(number, 0) + sum(map(len, lines)) + (1 if lines else 0)
            for line in lines:
                self._note(line.decode())
        return self._count[event]

    def _note(self, line: str):
        match = LINE.match(line)
        assert match, f"half a line in a log: {line!r}"
        if not match[2]:
            return
        self._count[match[2]] += 1
        if match[1] in ("warning", "error", "critical") and match[2] not in EXPECTED_TROUBLE:
            self.troubles.append(line)


class WithoutAGap(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("gap"))
        self.log_directory = scratch.subdirectory(self.home, "logs", mode=0o777)
        self.logs = Logs(self.log_directory)
        self.children = [types.SimpleNamespace(name=name, endpoint=f"unix:{self.home}/{name}.sock") for name in load.NAMES]
        self.load = await self.enterAsyncContext(load.steady(self.home, SESSIONS_PER_S / peers.SLOWNESS))
        self.log = self.log_directory / "now"
        self.reloads = self.broken = self.reopenings = self.replacements = 0

    def settings(self) -> dict:
        """Others at each reload; none that changes a verdict."""
        return {"": {"reading_timeout": 4 * peers.PATIENCE_S + self.reloads % 7, "pool_size": self.reloads % 3,
                     "end_of_message_timeout": 4 * peers.PATIENCE_S, "fallback_status": "discard"}}

    def manager(self) -> str:
        return (f'manager.pid_file = "{self.home}/run/pid"\nlog.path = "{self.log}"\n'
                f"manager.negotiation_timeout = {2 * peers.PATIENCE_S}\nmanager.command_timeout = {2 * peers.PATIENCE_S}\n"
                f"manager.max_connections = {self.reloads % 2 * 1000}\n")

    async def one_more(self, event: str, before: int):
        await self.daemon.until(lambda: self.logs.count(event) > before, f"one more {event}")

    async def reload(self):
        self.reloads += 1
        is_broken = self.reloads % BROKEN_EACH == 0
        wrong = "manager.n_workers = -1\n" if is_broken else ""
        text = daemon.configuration(self.endpoint, self.children, self.settings(), self.manager() + wrong)
        scratch.write(self.daemon.file, text)
        event = "reload_failed" if is_broken else "reloaded"
        before = self.logs.count(event)
        self.daemon.signal(signal.SIGHUP)
        await self.one_more(event, before)
        if is_broken:
            self.broken += 1
            scratch.write(self.daemon.file, text.replace(wrong, ""))

    async def reopen(self):
        self.reopenings += 1
        before = self.logs.count("log_reopened")
        self.log.rename(self.log_directory / f"{self.reopenings:02}")
        self.daemon.signal(signal.SIGUSR1)
        await self.one_more("log_reopened", before)

    async def replace(self):
        self.replacements += 1
        old = self.daemon
        new = await self.enterAsyncContext(successor.replacing(old, self.home / f"log{self.replacements}"))
        await self.one_more("handed_over", self.replacements - 1)
        self.assertEqual(await old.ended(), 0)
        self.daemon = new
        path = pathlib.Path(f"{self.home}/run/pid.handover")
        await new.until(path.exists, "the successor can be replaced")
        self.assertEqual(int((self.home / "run/pid").read_text()), new.pid)

    async def half(self):
        """Half of everything, over the socket that is in force."""
        for number in range(RELOADS // 2):
            await self.reload()
            if number % 10 == 4:
                await self.reopen()
            if number % 10 == 9:
                await self.replace()
            await self.load.ended_after(20)

    async def test_reloads_rotations_and_replacements_cost_no_session(self):
        port = f"inet:{free_port()}@[127.0.0.1]"
        path = f"unix:{self.home}/run/manager.sock"
        self.endpoint = port
        self.daemon = await self.enterAsyncContext(daemon.running(
            self.home, self.children, self.settings(), self.manager(), endpoint=port, log=self.log))
        begun = time.monotonic()
        await self.load.to(port)
        await self.half()
        on_port = await self.load.count()
        # Moved under load: from then on a session may find the port closed, and tries the other socket.
        await self.load.to(port, path)
        self.endpoint = path
        await self.reload()
        await self.load.to(path)
        await self.half()
        await self.check(await self.load.stop(), on_port, time.monotonic() - begun)

    async def check(self, result: dict, on_port: int, seconds: float):
        rate = result["sessions"] / seconds
        print(f"{result['sessions']} sessions in {seconds:.1f} s: {rate:.0f}/s, {on_port} to the port; the slowest took "
              f"{result['slowest_s']:.2f} s, at most {result['most_open']} at once, {result['turned']} found the port closed; "
              f"{self.reloads} reloads, {self.broken} broken, {self.reopenings} reopenings, {self.replacements} replacements")
        self.assertEqual((result["wrong"], result["complaints"]), (0, []))
        self.assertEqual((self.reloads, self.reopenings, self.replacements), (RELOADS + 1, REOPENINGS, REPLACEMENTS))
        self.assertEqual(self.broken, RELOADS // BROKEN_EACH)
        self.assertGreaterEqual(rate, AT_LEAST_PER_S)
        self.assertGreater(on_port, result["sessions"] // 10)
        self.assertLess(on_port, result["sessions"] * 9 // 10)
        self.assertEqual(await self.daemon.stop(), 0)
        # Every line is in one of the files.
        self.assertEqual(self.logs.count("message_done"), result["sessions"])
        self.assertEqual(self.logs.count("reloaded"), self.reloads - self.broken)
        self.assertEqual(self.logs.count("reload_failed"), self.broken)
        self.assertEqual(self.logs.count("log_reopened"), REOPENINGS)
        self.assertEqual(self.logs.count("handed_over"), REPLACEMENTS)
        self.assertEqual(self.logs.count("stopped"), REPLACEMENTS + 1)
        self.assertEqual(self.logs.troubles, [])
        self.assertFalse(os.path.exists(f"{self.home}/run/manager.sock"))
        self.assertFalse(os.path.exists(f"{self.home}/run/pid"))


if __name__ == "__main__":
    watchdog.start(int(400 * peers.SLOWNESS))  # it takes 40 s on a quiet machine
    unittest.main(verbosity=2)
