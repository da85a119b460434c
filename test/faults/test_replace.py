"""milter-manager --replace: another program takes the listening sockets over, the running one finishes its sessions and
ends; whoever cannot serve, or may not, changes nothing."""

import asyncio
import os
import pathlib
import stat
import subprocess
import sys
import unittest

import peers
from peers import daemon, successor, wire
from peers.child import Child, Script
from peers.mta import Mta, one_mail
from support import scratch, watchdog
from support.manager import program
from support.ports import free_port

PATIENT = {"reading_timeout": 4 * peers.PATIENCE_S, "end_of_message_timeout": 4 * peers.PATIENCE_S}
# Connects as the user that it runs as, and prints the answer.
STRANGER = """\
import socket, sys
one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    one.connect(sys.argv[1])
    one.send(b'{"version": 1, "want": "sockets"}')
except PermissionError as error:
    raise SystemExit("PermissionError")
except OSError:
    pass  # it has closed, after it said why
for attempt in range(2):
    try:
        text, parts, _, _ = one.recvmsg(65536, 1024)
        break
    except ConnectionResetError:
        pass  # the same; what it said is there
print(text.decode(), len(parts))
"""


class Replace(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("replace"))
        self.child = await self.child_that_adds("one", b"X-One")
        self.pid_file = self.home / "run/pid"
        self.with_pid_file = f'manager.pid_file = "{self.pid_file}"\n'
        self.count = 0

    async def child_that_adds(self, name: str, header: bytes) -> Child:
        script = Script(actions=wire.ADD_HEADERS, edits=[wire.add_header(header, b"1")])
        return await self.enterAsyncContext(Child(name, f"unix:{self.home}/{name}.sock", script))

    async def serving(self, **what) -> daemon.Daemon:
        what.setdefault("manager", self.with_pid_file)
        return await self.enterAsyncContext(daemon.running(self.home, [self.child], {"": PATIENT}, **what))

    async def successor(self, former: daemon.Daemon, *options: str) -> daemon.Daemon:
        self.count += 1
        log = self.home / f"log{self.count}"
        by = await self.enterAsyncContext(successor.replacing(former, log, *options))
        await successor.replaced(former, by)
        return by

    def fails(self, former: daemon.Daemon, *options: str) -> tuple[int, str]:
        self.count += 1
        return successor.failing(former, self.home / f"log{self.count}", *options)

    def configure(self, former: daemon.Daemon, endpoint: str, manager: str, children=None):
        scratch.write(former.file, daemon.configuration(endpoint, children or [self.child], {"": PATIENT}, manager))

    async def headers(self, endpoint: str) -> list[bytes]:
        outcome = await one_mail(endpoint)
        self.assertEqual(outcome.decision, b"c")
        return outcome.headers()

    async def in_flight(self, endpoint: str) -> Mta:
        mta = await self.enterAsyncContext(Mta.connected(endpoint))
        await mta.offer()
        await mta.greet()
        self.assertIsNone(await mta.content())
        return mta

    async def finish(self, mta: Mta, *headers: bytes):
        mta.tell(b"E")
        self.assertEqual((await mta.outcome()).headers(), list(headers))
        await mta.leave()

    def number(self) -> int:
        return int(self.pid_file.read_text())

    def troubles(self, one: daemon.Daemon) -> list[str]:
        return [event.name for event in one.events() if event.level in ("warning", "error", "critical")]

    async def takes_over(self, endpoint: str):
        old = await self.serving(endpoint=endpoint)
        path = pathlib.Path(old.endpoint.removeprefix("unix:"))
        file = path.stat().st_ino if old.endpoint.startswith("unix:") else None
        mta = await self.in_flight(old.endpoint)
        other = await self.child_that_adds("two", b"X-Two")
        self.configure(old, old.endpoint, self.with_pid_file, [other])
        new = await self.successor(old)
        self.assertEqual(await self.headers(new.endpoint), [b"X-Two"])
        await new.until(lambda: self.number() == new.pid, "the pid file is the successor's")
        await self.finish(mta, b"X-One")
        self.assertEqual(await old.ended(), 0)
        self.assertEqual(self.number(), new.pid)
        if file is not None:
            self.assertEqual(path.stat().st_ino, file)
        self.assertEqual(await self.headers(new.endpoint), [b"X-Two"])
        self.assertEqual(self.troubles(old) + self.troubles(new), [])
        self.assertEqual(old.events("handed_over")[0]["pid"], str(new.pid))
        self.assertEqual(await new.stop(), 0)
        self.assertFalse(self.pid_file.exists())
        self.assertFalse(pathlib.Path(f"{self.pid_file}.handover").exists())
        self.assertEqual(path.exists(), False)

    async def test_a_unix_socket_is_taken_over_and_what_is_in_flight_is_finished(self):
        await self.takes_over("")

    async def test_a_port_is_taken_over_and_what_is_in_flight_is_finished(self):
        await self.takes_over(f"inet:{free_port()}@[127.0.0.1]")

    async def test_a_successor_can_be_replaced_in_turn(self):
        one = await self.serving()
        for _ in range(3):
            other = await self.successor(one)
            self.assertEqual(await one.ended(), 0)
            await other.until(lambda: self.number() == other.pid, "the pid file is the successor's")
            successor.handover_socket(str(self.pid_file))
            one = other
        self.assertEqual(await self.headers(one.endpoint), [b"X-One"])

    async def test_without_a_pid_file_it_is_found_beside_the_unix_socket(self):
        old = await self.serving(manager="")
        successor.handover_socket(old.endpoint.removeprefix("unix:"))
        new = await self.successor(old)
        self.assertEqual(await old.ended(), 0)
        self.assertEqual(await self.headers(new.endpoint), [b"X-One"])

    async def test_a_port_without_a_pid_file_leaves_nothing_to_find_it_by(self):
        old = await self.serving(manager="", endpoint=f"inet:{free_port()}@[127.0.0.1]")
        status, text = self.fails(old)
        self.assertEqual(status, 1)
        self.assertIn("set manager.pid_file", text)
        self.assertEqual(await self.headers(old.endpoint), [b"X-One"])

    async def test_where_nobody_runs_there_is_nothing_to_replace(self):
        old = await self.serving()
        self.assertEqual(await old.stop(), 0)
        status, text = self.fails(old)
        self.assertEqual(status, 1)
        self.assertIn(f"no running milter-manager answers at {self.pid_file}.handover", text)

    async def test_a_successor_that_fails_leaves_the_old_one_serving(self):
        old = await self.serving()
        path = old.endpoint.removeprefix("unix:")
        file = os.stat(path).st_ino
        for manager, options, expected in (
                ("manager.n_workers = -1\n", (), 78),
                (self.with_pid_file, ("--user", "no-such-user"), 1)):
            self.configure(old, old.endpoint, manager)
            status, text = self.fails(old, *options)
            self.assertEqual(status, expected, text)
            self.assertEqual(os.stat(path).st_ino, file)
            self.assertEqual(await self.headers(old.endpoint), [b"X-One"])
            self.assertEqual(self.number(), old.pid)
        new = await self.successor(old)
        self.assertEqual(await old.ended(), 0)
        self.assertEqual(await self.headers(new.endpoint), [b"X-One"])

    async def test_one_that_takes_the_sockets_and_vanishes_changes_nothing(self):
        old = await self.serving()
        with successor.Pretender(successor.handover_socket(str(self.pid_file))) as one:
            one.say(want="sockets")
            words, sockets = one.hear()
            self.assertEqual(words, {"version": 1, "sockets": [
                {"name": "milter", "endpoint": old.endpoint, "remove": True}]})
            self.assertEqual([one.getsockname() for one in sockets], [old.endpoint.removeprefix("unix:")])
            with successor.Pretender(successor.handover_socket(str(self.pid_file))) as another:
                self.assertIn("another program", another.hear()[0]["error"])
        for one in sockets:
            one.close()
        await old.logged("handover_failed", 1)
        self.assertEqual(await self.headers(old.endpoint), [b"X-One"])
        new = await self.successor(old)
        self.assertEqual(await self.headers(new.endpoint), [b"X-One"])

    async def test_what_is_not_understood_is_refused_and_changes_nothing(self):
        old = await self.serving()
        for number, packet in enumerate((b"{", b"[]", b'{"version": 2, "want": "sockets"}', b'{"version": 1}', b"x" * 20_000,
                                         b'{"version": 1, "serving": ["milter"], "pid": 1}')):
            with successor.Pretender(successor.handover_socket(str(self.pid_file))) as one:
                one.socket.send(packet)
                self.assertIn("error", one.hear()[0], packet)
            await old.logged("handover_failed", number + 1)
        self.assertEqual(await self.headers(old.endpoint), [b"X-One"])
        self.assertEqual(old.events("stopping"), [])

    async def test_only_root_and_its_own_user_may_replace_it(self):
        if os.getuid() != 0:
            self.fail("only root can be another user for this test")
        old = await self.serving()
        path = successor.handover_socket(str(self.pid_file))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        nobody, daemon_user = path.stat().st_uid, 1
        self.assertNotIn(nobody, (0, daemon_user))

        def answer(user: int) -> str:
            return subprocess.run([sys.executable, "-c", STRANGER, path], user=user, group=user, extra_groups=[],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=peers.PATIENCE_S).stdout
        self.assertEqual(await asyncio.to_thread(answer, daemon_user), "PermissionError\n")
        path.chmod(0o666)
        self.assertIn("only root and the user of the running process", await asyncio.to_thread(answer, daemon_user))
        self.assertIn('"name":"milter"', await asyncio.to_thread(answer, nobody))
        self.assertEqual(len(old.events("handover_refused")), 1)
        self.assertEqual(await self.headers(old.endpoint), [b"X-One"])

    async def test_a_successor_that_listens_elsewhere_ends_the_old_place(self):
        old = await self.serving()
        endpoint = f"inet:{free_port()}@[127.0.0.1]"
        self.configure(old, endpoint, self.with_pid_file)
        new = await self.successor(old)
        self.assertEqual(await old.ended(), 0)
        self.assertFalse(os.path.exists(old.endpoint.removeprefix("unix:")))
        self.assertEqual(await self.headers(endpoint), [b"X-One"])
        self.assertEqual(self.number(), new.pid)

    async def test_one_that_stops_is_not_replaced(self):
        old = await self.serving()
        mta = await self.in_flight(old.endpoint)
        await old.until(lambda: (self.home / "run/pid.handover").exists(), "it can be replaced")
        os.kill(old.pid, 15)
        await old.logged("stopping")
        status, text = self.fails(old)
        self.assertEqual(status, 1)
        self.assertIn("no running milter-manager answers", text)
        await self.finish(mta, b"X-One")


if __name__ == "__main__":
    program()
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
