"""Where the MTA connects to: sockets that a reload moves, that the service manager has opened, and what the service
manager is told (configuration 4, tools F.2)."""

import asyncio
import contextlib
import os
import pathlib
import shutil
import socket
import stat
import sys
import unittest

import peers
from peers import daemon, load, successor, wire
from peers.child import Child, Script
from peers.mta import Mta, one_mail
from support import scratch, watchdog
from support.manager import program
from support.ports import LOOPBACK, free_port

SESSIONS_PER_S = 100 / peers.SLOWNESS
PATIENT = {"reading_timeout": 4 * peers.PATIENCE_S, "end_of_message_timeout": 4 * peers.PATIENCE_S}
SPEC_LINE = 1  # of daemon.configuration()
# Hands the descriptors of argv[2:] on as systemd does, with the names of argv[1].
ACTIVATE = """\
import os, sys
names, separator = sys.argv[1], sys.argv.index("--")
for number, descriptor in enumerate(map(int, sys.argv[2:separator])):
    os.dup2(descriptor, 3 + number)
os.environ.update(LISTEN_FDS=str(separator - 2), LISTEN_FDNAMES=names, LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[separator + 1], sys.argv[separator + 1:])
"""


class ListenersTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("listeners"))
        script = Script(actions=wire.ADD_HEADERS, edits=[wire.add_header(b"X-One", b"1")])
        self.child = await self.enterAsyncContext(Child("one", f"unix:{self.home}/one.sock", script))

    async def serving(self, **what) -> daemon.Daemon:
        return await self.enterAsyncContext(daemon.running(self.home, [self.child], {"": PATIENT}, **what))

    def port(self) -> str:
        return f"inet:{free_port()}@[{LOOPBACK}]"

    def path(self, name: str = "other.sock") -> str:
        return f"unix:{self.home}/run/{name}"

    async def check_serves(self, endpoint: str):
        outcome = await one_mail(endpoint)
        self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-One"]))

    async def refused(self, one: daemon.Daemon, endpoint: str):
        """Once nobody listens there; a newcomer to a port that is being closed may have to try for a second."""
        async def connects() -> bool:
            try:
                async with Mta.connected(endpoint):
                    return True
            except OSError:
                return False
        async with asyncio.timeout(peers.PATIENCE_S):
            while await connects():
                await asyncio.sleep(0.02)

    async def reload_to(self, one: daemon.Daemon, endpoint: str, manager: str = "", expect: str = "reloaded"):
        former, one.endpoint = one.endpoint, endpoint
        event = await one.reload([self.child], {"": PATIENT}, manager, expect)
        if expect != "reloaded":
            one.endpoint = former
        return event


class Moving(ListenersTest):
    async def test_a_reload_moves_the_socket_and_what_is_in_flight_is_finished(self):
        one = await self.serving()
        for endpoint in (self.port(), self.port(), self.path()):
            former = one.endpoint
            async with Mta.connected(former) as mta:
                await mta.offer()
                await self.reload_to(one, endpoint)
                await self.check_serves(endpoint)
                await self.refused(one, former)
                self.assertIsNone(await mta.greet())
                self.assertEqual((await mta.mail()).headers(), [b"X-One"])
                await mta.leave()
            self.assertEqual(one.events("restart_needed"), [])
            self.assertFalse(former.startswith("unix:") and os.path.exists(former.removeprefix("unix:")))
        self.assertEqual([event["endpoint"] for event in one.events("listening")][-1], endpoint)
        self.assertEqual(await one.stop(), 0)
        self.assertFalse(os.path.exists(endpoint.removeprefix("unix:")))

    async def test_under_load_nobody_who_has_connected_is_lost(self):
        async with load.steady(self.home, SESSIONS_PER_S) as steady:
            children = [Child(name, f"unix:{self.home}/{name}.sock") for name in load.NAMES]
            places = [self.port(), self.port(), self.path("a.sock"), self.path("b.sock"), self.port()]
            async with daemon.running(self.home, children, {"": PATIENT}, endpoint=places[0]) as one:
                for here, there in zip(places, places[1:]):
                    await steady.to(here, there)
                    await steady.ended_after(30)
                    one.endpoint = there
                    await one.reload(children, {"": PATIENT})
                    await self.refused(one, here)
                    await steady.ended_after(30)
                result = await steady.stop()
                self.assertEqual((result["wrong"], result["complaints"]), (0, []))
                self.assertGreaterEqual(result["sessions"], 60 * (len(places) - 1))
                self.assertGreater(result["turned"], 0)
                self.assertEqual([event for event in one.events() if event.level in ("warning", "error")], [])

    async def test_what_waits_for_a_place_at_the_old_socket_is_still_served(self):
        one = await self.serving(manager="manager.max_connections = 1\n")
        former = one.endpoint
        async with Mta.connected(former) as first, Mta.connected(former) as second:
            await first.offer()
            await self.reload_to(one, self.port(), "manager.max_connections = 1\n")
            await first.leave()
            await second.offer()
            self.assertEqual((await second.greet() or await second.mail()).headers(), [b"X-One"])
            await second.leave()
        await self.check_serves(one.endpoint)

    async def refuses(self, one: daemon.Daemon, endpoint: str, manager: str, line: int, *words: str):
        count = len(one.events("configuration_wrong"))
        await self.reload_to(one, endpoint, manager, "reload_failed")
        (wrong,) = one.events("configuration_wrong")[count:]
        self.assertEqual(wrong["path"], f"{one.file}:{line}")
        for word in words:
            self.assertIn(word, wrong.text)
        await self.check_serves(one.endpoint)

    async def test_a_socket_that_cannot_be_had_changes_nothing_and_its_line_is_named(self):
        one = await self.serving()
        closed = scratch.subdirectory(self.home, "closed", mode=0o700)
        with socket.create_server((LOOPBACK, 0)) as other:
            taken = f"inet:{other.getsockname()[1]}@[{LOOPBACK}]"
            more = "manager.max_connections = 7\n"
            await self.refuses(one, taken, more, SPEC_LINE, taken, "Address already in use")
            await self.refuses(one, f"unix:{self.home}/none/x.sock", more, SPEC_LINE, "No such file or directory")
            await self.refuses(one, f"unix:{closed}/x.sock", more, SPEC_LINE, "Permission denied", "no longer runs as root")
            await self.refuses(one, self.path(), 'manager.unix_socket_group = "no-such-group"\n', SPEC_LINE + 3, "no-such-group")
        self.assertFalse(os.path.exists(f"{self.home}/run/other.sock"))
        self.assertEqual(one.events("setting_changed"), [])
        self.assertEqual(len(one.events("listening")), 1)
        self.assertEqual((await self.reload_to(one, one.endpoint))["count"], "0")

    async def test_mode_and_group_of_the_socket_change_in_place(self):
        one = await self.serving(manager="manager.unix_socket_mode = 0660\n")
        path = pathlib.Path(one.endpoint.removeprefix("unix:"))
        before = path.stat()
        self.assertEqual(stat.S_IMODE(before.st_mode), 0o660)
        await self.reload_to(one, one.endpoint, "manager.unix_socket_mode = 0666\n")
        self.assertEqual((stat.S_IMODE(path.stat().st_mode), path.stat().st_ino), (0o666, before.st_ino))
        wrong = 'manager.unix_socket_mode = 0600\nmanager.unix_socket_group = "daemon"\n'  # of which it is no member
        await self.refuses(one, one.endpoint, wrong, SPEC_LINE + 4, "Operation not permitted")
        self.assertEqual((path.stat().st_mode, path.stat().st_gid), (before.st_mode | 0o006, before.st_gid))

    async def test_a_log_that_cannot_be_opened_leaves_the_socket_where_it_was(self):
        one = await self.serving()
        path = pathlib.Path(one.endpoint.removeprefix("unix:"))
        mode = path.stat().st_mode
        broken = f'log.path = "{self.home}/run"\nmanager.unix_socket_mode = 0600\n'
        for endpoint in (self.path(), self.port(), one.endpoint):
            await self.refuses(one, endpoint, broken, SPEC_LINE + 3, "log file")
        self.assertFalse(os.path.exists(f"{self.home}/run/other.sock"))
        self.assertEqual(path.stat().st_mode, mode)

    async def test_the_same_address_in_other_words_is_the_same_socket(self):
        one = await self.serving(endpoint=self.port())
        other = one.endpoint.replace(f"[{LOOPBACK}]", "localhost")
        async with Mta.connected(one.endpoint) as mta:
            await self.reload_to(one, other)
            await mta.offer()
        one.endpoint = other
        self.assertEqual(len(one.events("listening")), 1)
        self.assertEqual(one.events("listening_ended"), [])


class ServiceManager(ListenersTest):
    @contextlib.asynccontextmanager
    async def activated(self, names: str, *sockets: socket.socket, **what):
        numbers = [os.dup2(one.fileno(), 100 + number) for number, one in enumerate(sockets)]  # not in each other's way
        prefix = (sys.executable, "-c", ACTIVATE, names, *map(str, numbers), "--")
        for number in numbers:
            os.set_inheritable(number, True)
        try:
            async with daemon.running(self.home, [self.child], {"": PATIENT}, prefix=prefix, pass_fds=tuple(numbers), **what) as one:
                yield one
        finally:
            for number in numbers:
                os.close(number)

    def listening(self, path: str) -> socket.socket:
        one = self.enterContext(socket.socket(socket.AF_UNIX))
        one.bind(path)
        os.chmod(path, 0o666)
        one.listen()
        return one

    async def test_systemd_socket_activate_starts_it_at_the_first_connection(self):
        tool = shutil.which("systemd-socket-activate")
        self.assertTrue(tool, "the package systemd is missing (tool/packages)")
        run = scratch.subdirectory(self.home, "run", mode=0o777)
        path = run / "activated.sock"
        etc = scratch.subdirectory(self.home, "etc")
        text = daemon.configuration(f"unix:{run}/unused.sock", [self.child], {"": PATIENT})
        scratch.write(etc / "milter-manager.conf", text)
        with daemon.ManagerProcess("activated", [tool, "-l", path, program(), "-c", etc], self.home / "log") as process:
            process.ready_when_logged("Listening on")
            await self.check_serves(f"unix:{path}")
            one = daemon.Daemon(process, f"unix:{path}", etc / "milter-manager.conf")
            (said,) = one.events("socket_of_service_manager")
            self.assertEqual((said["endpoint"], said["setting"]), (f"unix:{path}", "manager.connection_spec"))
            self.assertEqual(await one.stop(), 0)
        self.assertTrue(path.exists())  # it is systemd's
        self.assertFalse((run / "unused.sock").exists())

    async def test_the_one_named_milter_wins_and_the_rest_is_closed(self):
        path, other = f"{self.home}/a.sock", f"{self.home}/b.sock"
        first, second = self.listening(other), self.listening(path)
        async with self.activated("something:milter", first, second, serves_at=f"unix:{path}") as one:
            await self.check_serves(f"unix:{path}")
            self.assertEqual([event["endpoint"] for event in one.events("socket_unused")], [f"unix:{other}"])
            self.assertEqual(len(one.events("socket_of_service_manager")), 1)
            self.assertFalse(os.path.exists(f"{self.home}/run/manager.sock"))

    async def test_among_several_the_address_decides(self):
        path = f"{self.home}/a.sock"
        first, second = self.listening(f"{self.home}/b.sock"), self.listening(path)
        async with self.activated("x:y", first, second, endpoint=f"unix:{path}") as one:
            await self.check_serves(one.endpoint)
            self.assertEqual(one.events("socket_of_service_manager"), [])
        self.assertTrue(os.path.exists(path))

    async def test_a_port_that_systemd_has_opened_is_used(self):
        port = self.port()
        with socket.create_server((LOOPBACK, int(port[5:].split("@")[0]))) as opened:
            async with self.activated("milter-manager.socket", opened, endpoint=port) as one:
                await self.check_serves(port)
                self.assertEqual(one.events("socket_of_service_manager"), [])

    async def test_a_reload_does_not_move_it_and_says_so(self):
        path = f"{self.home}/a.sock"
        async with self.activated("milter", self.listening(path), endpoint=f"unix:{path}") as one:
            await self.reload_to(one, self.port())
            self.assertEqual([event["endpoint"] for event in one.events("socket_kept")], [f"unix:{path}"])
            await self.check_serves(f"unix:{path}")
            self.assertTrue(os.path.exists(path))

    async def test_an_activated_one_can_be_replaced_and_its_socket_stays_systemds(self):
        path = f"{self.home}/a.sock"
        async with self.activated("milter", self.listening(path), endpoint=f"unix:{path}",
                                  manager=f'manager.pid_file = "{self.home}/run/pid"\n') as one:
            successor.handover_socket(f"{self.home}/run/pid")
            async with successor.replacing(one, self.home / "log2") as two:
                await successor.replaced(one, two)
                self.assertEqual(await one.ended(), 0)
                await self.check_serves(f"unix:{path}")
            self.assertTrue(os.path.exists(path))


class Told(ListenersTest):
    """What the service manager hears, each message as a dictionary."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.ear = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.ear.bind(f"{self.home}/notify")
        os.chmod(f"{self.home}/notify", 0o666)
        self.ear.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": f"{self.home}/notify"}

    async def told(self, word: str) -> dict[str, str]:
        """The next message with that word; others are passed over."""
        async with asyncio.timeout(peers.PATIENCE_S):
            while True:
                text = (await asyncio.get_running_loop().sock_recv(self.ear, 4096)).decode()
                message = dict(line.split("=", 1) for line in text.splitlines())
                if word in message:
                    return message

    async def test_ready_reloading_and_stopping(self):
        one = await self.serving(environment=self.environment)
        self.assertEqual((await self.told("READY"))["READY"], "1")
        self.assertRegex((await self.told("STATUS"))["STATUS"], r"^1 children, \d+ sessions open, \d+ ended$")
        for manager, expect in (("", "reloaded"), ("manager.n_workers = -1\n", "reload_failed")):
            await one.reload([self.child], {"": PATIENT}, manager, expect)
            self.assertGreater(int((await self.told("RELOADING"))["MONOTONIC_USEC"]), 0)
            self.assertEqual((await self.told("READY"))["READY"], "1")
        self.assertEqual(await one.stop(), 0)
        self.assertEqual((await self.told("STOPPING"))["STOPPING"], "1")

    async def test_the_watchdog_is_told_again_and_again(self):
        await self.serving(environment={**self.environment, "WATCHDOG_USEC": "200000"})
        for _ in range(3):
            self.assertEqual((await self.told("WATCHDOG"))["WATCHDOG"], "1")

    async def test_at_a_replacement_the_successor_is_named(self):
        one = await self.serving(environment=self.environment, manager=f'manager.pid_file = "{self.home}/run/pid"\n')
        await self.told("READY")
        successor.handover_socket(f"{self.home}/run/pid")
        async with successor.replacing(one, self.home / "log2") as two:
            self.assertEqual((await self.told("MAINPID"))["MAINPID"], str(two.pid))
            self.assertEqual(await one.ended(), 0)
            await self.check_serves(two.endpoint)


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
