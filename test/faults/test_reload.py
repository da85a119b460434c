"""HUP: new sessions see the new configuration, sessions in flight finish on the old one, a broken one changes nothing
(configuration 1.3); also while mail comes in."""

import asyncio
import collections
import contextlib
import errno
import os
import pathlib
import signal
import time
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import Mta, one_mail
from support import scratch, watchdog

SENDERS, LONG_SENDERS = 8, 2
RELOADS, AT_LEAST_S = 30, 10
SESSIONS_PER_S = 50
BROKEN = "manager.n_workers = -1\nmanager.chunk_size = 0\n"
PATIENT = {"reading_timeout": 4 * peers.PATIENCE_S, "end_of_message_timeout": 4 * peers.PATIENCE_S}


def adding(header: bytes, value: bytes = b"1") -> Script:
    return Script(actions=wire.ADD_HEADERS, edits=[wire.add_header(header, value)])


class Reload(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("reload"))
        self.old = await self.child("old", adding(b"X-Old"))
        self.new = await self.child("new", adding(b"X-New"))
        self.daemon = await self.enterAsyncContext(daemon.running(self.home, [self.old], {"": PATIENT}))

    async def child(self, name: str, script: Script) -> Child:
        return await self.enterAsyncContext(Child(name, f"unix:{self.home}/{name}.sock", script))

    async def headers(self) -> list[bytes]:
        outcome = await one_mail(self.daemon.endpoint)
        self.assertEqual(outcome.decision, b"c")
        return outcome.headers()

    async def in_flight(self) -> Mta:
        mta = await self.enterAsyncContext(Mta.connected(self.daemon.endpoint))
        await mta.offer()
        await mta.greet()
        self.assertIsNone(await mta.content())
        return mta

    async def check_in_flight(self, mta: Mta, *headers: bytes):
        mta.tell(b"E")
        self.assertEqual((await mta.outcome()).headers(), list(headers))
        self.assertEqual((await mta.mail()).headers(), list(headers))  # its next message too
        await mta.leave()

    def troubles(self) -> list[str]:
        return [event.name for event in self.daemon.events() if event.level in ("warning", "error")]

    async def test_new_sessions_see_the_new_children_and_those_in_flight_finish_with_the_old(self):
        mta = await self.in_flight()
        event = await self.daemon.reload([self.new], {"": PATIENT})
        self.assertEqual((event["count"], event["children"]), ("2", "1"))
        self.assertEqual({one["setting"] for one in self.daemon.events("setting_changed")}, {"milter old", "milter new"})
        self.assertEqual(await self.headers(), [b"X-New"])
        await self.check_in_flight(mta, b"X-Old")
        self.assertEqual(len(self.old.conversations), 1)
        self.assertEqual(self.troubles(), [])

    async def test_a_child_is_put_before_another_and_memory_of_the_old_order_is_not_used(self):
        self.assertEqual(await self.headers(), [b"X-Old"])
        mta = await self.in_flight()
        await self.daemon.reload([self.new, self.old], {"": PATIENT})
        self.assertEqual(await self.headers(), [b"X-New", b"X-Old"])
        await self.daemon.reload([self.old, self.new], {"": PATIENT})
        self.assertEqual(await self.headers(), [b"X-Old", b"X-New"])
        await self.check_in_flight(mta, b"X-Old")
        self.assertEqual(self.troubles(), [])

    async def test_a_broken_configuration_changes_nothing_and_every_complaint_is_logged(self):
        mta = await self.in_flight()
        event = await self.daemon.reload([self.new], manager=BROKEN, expect="reload_failed")
        self.assertEqual((event.level, event["count"]), ("error", "2"))
        wrong = self.daemon.events("configuration_wrong")
        self.assertEqual([one["path"] for one in wrong], [f"{self.daemon.file}:{line}" for line in (4, 5)])
        self.assertIn("manager.n_workers is -1", wrong[0].text)
        self.assertIn("manager.chunk_size is 0", wrong[1].text)
        self.assertEqual(await self.headers(), [b"X-Old"])
        await self.check_in_flight(mta, b"X-Old")
        self.assertEqual(self.new.conversations, [])
        for text in ("this is no Ruby (", "raise 'no'", "exit!"):
            await self.daemon.reload([self.new], manager=text, expect="reload_failed")
            self.assertEqual(await self.headers(), [b"X-Old"])
        self.assertEqual(self.daemon.events("reloaded"), [])
        await self.daemon.reload([self.new])
        self.assertEqual(await self.headers(), [b"X-New"])

    async def test_connections_that_are_kept_ready_are_closed_when_their_child_is_gone(self):
        pool = {"": {**PATIENT, "pool_size": 1}}
        await self.daemon.reload([self.old, self.new], pool)
        for _ in range(8):  # each worker has had one
            self.assertEqual(await self.headers(), [b"X-Old", b"X-New"])
        ready = [one for one in self.old.conversations if not one.over.is_set()]
        await self.daemon.reload([self.new], pool)
        for one in self.old.conversations:
            await one.ended()
        self.old.forget()
        for _ in range(8):
            self.assertEqual(await self.headers(), [b"X-New"])
        self.assertEqual(self.old.conversations, [])
        self.assertGreaterEqual(len(ready), 1)
        self.assertEqual(self.troubles(), [])

    def ruby(self) -> set[str]:
        """Processes that have evaluated a configuration and stay for its blocks, and what is still to be waited for."""
        found = set()
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                name, _, rest = entry.read_text().partition("(")[2].rpartition(")")
                if rest.split()[1] == str(self.daemon.pid) and name != "milter-launcher":
                    found.add(entry.parent.name)
        return found

    async def one_ruby_of(self, before: set[str]):
        await self.daemon.until(lambda: len(self.ruby()) == 1 and not self.ruby() & before, "the old processes have ended")

    async def test_blocks_are_those_of_the_configuration_that_a_session_began_with(self):
        def with_block(says: str) -> tuple:
            return ([self.old], {"": {**PATIENT, "applicable_conditions": ["Own"]}},
                    f"manager.worker_timeout = {peers.PATIENCE_S}\n"
                    f'define_applicable_condition("Own") {{|c| c.define_envelope_from_stopper {{|context, from| {says} }} }}\n')
        self.assertEqual(self.ruby(), set())
        await self.daemon.reload(*with_block("true"))
        self.assertEqual(await self.headers(), [])
        first = self.ruby()
        self.assertEqual(len(first), 1)
        mta = await self.in_flight()
        await self.daemon.reload(*with_block("false"))
        self.assertEqual(await self.headers(), [b"X-Old"])
        self.assertEqual(len(self.ruby()), 2)
        self.assertLess(first, self.ruby())
        await self.daemon.reload([self.old], manager=with_block("true")[2] + BROKEN, expect="reload_failed")
        await self.daemon.until(lambda: len(self.ruby()) == 2, "the broken one has left nothing")
        await self.check_in_flight(mta)
        await self.one_ruby_of(first)
        await self.daemon.reload([self.old])
        self.assertEqual(await self.headers(), [b"X-Old"])
        await self.daemon.until(lambda: not self.ruby(), "without blocks there is no Ruby")

    def gate(self) -> tuple[str, str]:
        """A pipe, and a configuration that waits for somebody to write to it."""
        path = f"{self.home}/gate"
        os.mkfifo(path)
        os.chmod(path, 0o644)
        return path, f'File.read("{path}") if File.exist?("{path}")\n'

    async def reads(self, path: str):
        """Once the configuration waits at the gate; a descriptor that holds it open there."""
        opened = []

        def somebody_reads() -> bool:
            try:
                opened.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            except OSError as error:
                self.assertEqual(error.errno, errno.ENXIO)
            return bool(opened)
        await self.daemon.until(somebody_reads, "the configuration is read")
        return opened[0]

    async def test_signals_while_it_is_read_are_one_more_reload_afterwards(self):
        path, waits = self.gate()
        scratch.write(self.daemon.file, daemon.configuration(self.daemon.endpoint, [self.old], manager=waits))
        self.daemon.signal(signal.SIGHUP)
        writer = await self.reads(path)
        scratch.write(self.daemon.file, daemon.configuration(self.daemon.endpoint, [self.new], manager=waits))
        for _ in range(3):
            self.daemon.signal(signal.SIGHUP)
        self.assertEqual(await self.headers(), [b"X-Old"])  # which nobody has to wait for
        os.unlink(path)
        os.close(writer)
        await self.daemon.logged("reloaded", 2)
        self.assertEqual(await self.headers(), [b"X-New"])
        await self.daemon.reload([self.old])
        self.assertEqual(len(self.daemon.events("reloading")), 3)
        self.assertEqual(len(self.daemon.events("reloaded")), 3)

    async def test_term_does_not_wait_for_a_configuration_that_is_being_read(self):
        path, waits = self.gate()
        scratch.write(self.daemon.file, daemon.configuration(self.daemon.endpoint, [self.new], manager=waits))
        self.daemon.signal(signal.SIGHUP)
        writer = await self.reads(path)
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(await self.daemon.ended(), 0)
        os.close(writer)
        with self.assertRaises(OSError):  # nobody is left that reads
            os.open(path, os.O_WRONLY | os.O_NONBLOCK)

    async def test_under_load_each_session_sees_exactly_one_generation(self):
        load = Load(self)
        await load.run()
        print(f"{load.sessions} sessions with {load.messages} messages in {load.took_s:.1f} s, "
              f"{load.reloads} reloads, {load.failed} broken")
        self.assertGreaterEqual(load.sessions / load.took_s, SESSIONS_PER_S / peers.SLOWNESS)
        self.assertGreater(load.in_flight, 0)
        self.assertGreater(len(load.seen), load.reloads // 3)
        self.assertEqual(collections.Counter(self.troubles()),
                         {"reload_failed": load.failed, "configuration_wrong": 2 * load.failed})


class Load:
    """MTAs that send mail all the time, while generation after generation of children is configured: both children of
    one add its number."""

    def __init__(self, test: Reload):
        self.test, self.daemon = test, test.daemon
        self.in_force = self.written = 0
        self.changed = asyncio.Event()
        self.over = False
        self.seen: set[int] = set()
        self.sessions = self.messages = self.in_flight = self.reloads = self.failed = 0

    async def run(self):
        await self.next_generation()
        begun = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(SENDERS + LONG_SENDERS):
                tasks.create_task(self.send(is_long=number >= SENDERS))
            try:
                while self.reloads < RELOADS or time.monotonic() - begun < AT_LEAST_S:
                    await self.reload()
                self.took_s = time.monotonic() - begun
            finally:
                self.over = True
                self.changed.set()

    async def reload(self):
        self.reloads += 1
        if self.reloads % 3 == 0:
            self.failed += 1
            await self.daemon.reload([], manager=BROKEN, expect="reload_failed")
        else:
            await self.next_generation()

    async def next_generation(self):
        number = self.written + 1
        children = [await self.test.child(f"{name}{number}", adding(header, b"%d" % number))
                    for name, header in (("a", b"X-A"), ("b", b"X-B"))]
        self.written = number
        settings = {"": {**PATIENT, "pool_size": number % 2, "fallback_status": "temporary-failure"}}
        await self.daemon.reload(children, settings, f"manager.max_connections = {number % 2 * 100}\n")
        self.in_force = number
        self.changed.set()
        self.changed = asyncio.Event()

    async def send(self, is_long: bool):
        while not self.over:
            least = self.in_force
            async with Mta.connected(self.daemon.endpoint) as mta:
                await mta.offer()
                assert await mta.greet() is None
                number = await self.message(mta, is_long)
                assert least <= number <= self.written, (least, number, self.written)
                if is_long:
                    self.in_flight += self.in_force != number
                    assert await self.message(mta, is_long) == number
                await mta.leave()
            self.sessions += 1

    async def message(self, mta: Mta, is_long: bool) -> int:
        assert await mta.content() is None
        if is_long:
            await self.changed.wait()
        mta.tell(b"E")
        outcome = await mta.outcome()
        self.messages += 1
        names = [payload.split(b"\0")[0] for _, payload in outcome.edits]
        numbers = {int(payload.split(b"\0")[1]) for _, payload in outcome.edits}
        assert (outcome.decision, names, len(numbers)) == (b"c", [b"X-A", b"X-B"], 1), outcome
        self.seen |= numbers
        return numbers.pop()


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
