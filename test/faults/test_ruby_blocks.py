"""Conditions in Ruby blocks (configuration 6, 7): what they say counts, and whatever they do, mail goes on in time."""

import asyncio
import contextlib
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

CONDITION = """\
define_applicable_condition("Own") do |condition|
%s
end
"""
WORKER_TIMEOUT_S = 0.5 * peers.SLOWNESS


class RubyBlocks(unittest.IsolatedAsyncioTestCase):
    """Two children; only the first has the condition."""

    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("ruby"))
        self.first = await self.enterAsyncContext(
            Child("first", f"unix:{self.home}/first.sock", Script(edits=[wire.add_header(b"X-First", b"1")])))
        self.second = await self.enterAsyncContext(
            Child("second", f"unix:{self.home}/second.sock", Script(edits=[wire.add_header(b"X-Second", b"1")])))

    async def serve(self, rules: str, timeout: float = 30 * peers.SLOWNESS, more: str = ""):
        """The line of the first rule is its place: milter-manager.conf:6."""
        own = f"manager.worker_timeout = {timeout}\n{more}\n" + CONDITION % rules
        self.manager = await self.enterAsyncContext(daemon.running(
            self.home, [self.first, self.second], {"first": {"applicable_conditions": ["Own"]}}, own))

    async def headers(self) -> list[bytes]:
        """Those that one mail got: of the children that were asked."""
        outcome = await one_mail(self.manager.endpoint)
        self.assertEqual(outcome.decision, b"c")
        return outcome.headers()

    BOTH = [b"X-First", b"X-Second"]
    SECOND = [b"X-Second"]

    def place(self, text: str) -> str:
        """FILE:LINE of the line with that text."""
        lines = (self.home / "etc" / "milter-manager.conf").read_text().splitlines()
        (found,) = [number for number, line in enumerate(lines, 1) if text in line]
        return f"milter-manager.conf:{found}"


class Answers(RubyBlocks):
    async def test_every_stage_stops_only_its_own_child(self):
        stoppers = {"connect": "host, address", "helo": "fqdn", "envelope_from": "from", "envelope_recipient": "recipient",
                    "data": "", "header": "name, value", "end_of_header": "", "body": "chunk", "end_of_message": ""}
        for stage, arguments in stoppers.items():
            with self.subTest(stage=stage):
                home, self.home = self.home, scratch.subdirectory(self.home, stage)
                try:
                    names = ", ".join(["context", *filter(None, [arguments])])
                    await self.serve(f"  condition.define_{stage}_stopper {{|{names}| true }}")
                    self.assertEqual(await self.headers(), self.SECOND)
                    self.assertEqual(await self.manager.stop(), 0)
                finally:
                    self.home = home

    async def test_a_false_answer_stops_nobody(self):
        await self.serve("  condition.define_connect_stopper {|context, host, address| nil }")
        self.assertEqual(await self.headers(), self.BOTH)

    async def test_blocks_are_called_with_what_is_at_hand(self):
        await self.serve(r"""
  condition.define_connect_stopper {|context, host, address| Milter::Logger.error("connect #{host} #{address} #{address.local?}"); false }
  condition.define_helo_stopper {|context, fqdn| Milter::Logger.error("helo #{fqdn}"); false }
  condition.define_envelope_from_stopper {|context, from| Milter::Logger.error("from #{from}"); false }
  condition.define_envelope_recipient_stopper {|context, recipient| Milter::Logger.error("recipient #{recipient}"); false }
  condition.define_header_stopper {|context, name, value| Milter::Logger.error("header #{name}"); false }
  condition.define_body_stopper {|context, chunk| Milter::Logger.error("chunk of #{chunk.bytesize}"); false }
""")
        body = [b"x" * 1000, b"y" * 65535, b"z" * 3]
        outcome = await one_mail(self.manager.endpoint, body=body)
        self.assertEqual(outcome.headers(), self.BOTH)
        said = [event.text for event in await self.manager.logged("configuration_says", 8)]
        self.assertRegex(said[0], r"connect \S+ inet:\d+@\[\d+\.\d+\.\d+\.\d+\] (true|false)")
        for text in ("helo ", "from <", "recipient <", "header ", "chunk of "):
            self.assertTrue([line for line in said if f": {text}" in line], (text, said))
        size = sum(int(line.rsplit(" ", 1)[1]) for line in said if "chunk of" in line)
        self.assertEqual(size, sum(map(len, body)))

    async def test_the_shelf_lasts_for_a_message(self):
        await self.serve(r"""
  condition.define_envelope_from_stopper {|context, from| context.mail_transaction_shelf["n"] = (context.mail_transaction_shelf["n"] || 0) + 1; false }
  condition.define_end_of_message_stopper {|context| Milter::Logger.error("n is #{context.mail_transaction_shelf["n"]}"); false }
""", more="manager.n_ruby_workers = 3")
        async with Mta.connected(self.manager.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            for _ in range(2):
                self.assertEqual((await mta.mail()).decision, b"c")
            await mta.leave()
        said = [event.text for event in await self.manager.logged("configuration_says", 2)]
        self.assertEqual(said, [": n is 1", ": n is 1"])

    async def test_macros_that_a_block_sets_reach_its_child_and_no_other(self):
        await self.serve(r"""  condition.define_envelope_from_stopper {|context, from| context["{own}"] = "set"; false }""")
        await self.headers()
        one = await (await self.first.next()).ended()
        two = await (await self.second.next()).ended()
        self.assertIn(b"M{own}\0set\0", one.macros)
        self.assertNotIn(b"own", b"".join(two.macros))


class Hooks(RubyBlocks):
    async def test_maintained_is_called_in_each_worker_whenever_so_many_sessions_have_ended(self):
        await self.serve("", more="""manager.maintenance_interval = 2
manager.n_ruby_workers = 2
manager.maintained { Milter::Logger.error("maintained by #{Process.pid}") }
manager.maintained { raise "boom" }""")
        for _ in range(4):
            await self.headers()
        await self.manager.logged("configuration_says", 4)
        failed = await self.manager.logged("hook_failed", 4)
        self.assertIn("boom", failed[0]["error"])
        self.assertIn(self.place("boom"), failed[0]["error"])
        said = [event.text for event in self.manager.events("configuration_says")]
        self.assertEqual((len(said), len(set(said))), (4, 2))

    async def test_a_loop_has_its_timers_in_the_worker(self):
        await self.serve("", more="""manager.event_loop_created do |loop|
  count = 0
  loop.add_timeout(0.05) { Milter::Logger.error("tick #{count += 1}"); count < 3 }
end""")
        said = await self.manager.logged("configuration_says", 3)
        self.assertEqual([event.text for event in said], [": tick 1", ": tick 2", ": tick 3"])


class Mistakes(RubyBlocks):
    async def mail_goes_on(self, reason: str, place: str):
        begun = time.monotonic()
        self.assertEqual(await self.headers(), self.BOTH)
        self.assertLess(time.monotonic() - begun, 20 * peers.SLOWNESS)
        (event,) = await self.manager.logged("condition_failed")
        self.assertEqual((event.level, event["child"]), ("warning", "first"))
        self.assertIn(reason, event["error"])
        self.assertIn(place, event["error"])

    async def test_a_block_that_raises(self):
        await self.serve("""  condition.define_connect_stopper {|context, host, address| raise "boom" }""")
        await self.mail_goes_on("boom", self.place("boom"))

    async def test_a_block_that_exits(self):
        await self.serve("""  condition.define_connect_stopper {|context, host, address| exit }""")
        await self.mail_goes_on("SystemExit", self.place("exit"))

    async def test_a_block_that_ends_its_process(self):
        await self.serve("""  condition.define_helo_stopper {|context, fqdn| fqdn and exit!(3) }""")
        await self.mail_goes_on("ended: status 3", self.place("exit!"))
        (event,) = await self.manager.logged("ruby_worker_replaced")
        self.assertIn(self.place("exit!"), event["path"])
        self.assertEqual(await self.headers(), self.BOTH)

    async def test_a_block_that_allocates_without_end(self):
        await self.serve("""  condition.define_connect_stopper {|context, host, address| all = []; loop { all << "x" * 1_000_000 } }""")
        await self.mail_goes_on("NoMemoryError", self.place("loop"))

    async def test_a_block_that_sleeps_for_ever(self):
        await self.serve("""  condition.define_connect_stopper {|context, host, address| sleep }""", WORKER_TIMEOUT_S)
        begun = time.monotonic()
        self.assertEqual(await self.headers(), self.BOTH)
        self.assertLess(time.monotonic() - begun, WORKER_TIMEOUT_S + 10 * peers.SLOWNESS)
        (event,) = await self.manager.logged("ruby_worker_replaced")
        self.assertIn(self.place("sleep"), event["path"])
        # Whoever notices it says so: the session, or who has asked the worker, or both.
        told = [event.text for name in ("child_oddity", "condition_failed") for event in self.manager.events(name)]
        self.assertTrue(told)
        for line in told:
            self.assertIn(self.place("sleep"), line)
        # The next mail has a new worker.
        self.assertEqual(await self.headers(), self.BOTH)
        await self.manager.logged("ruby_worker_replaced", 2)

    async def test_a_block_that_forks(self):
        await self.serve("""  condition.define_connect_stopper {|context, host, address| fork; true }""")
        self.assertEqual(await self.headers(), self.SECOND)
        (event,) = await self.manager.logged("configuration_printed")
        self.assertIn(self.place("fork"), event.text)
        self.assertEqual(await self.headers(), self.SECOND)
        self.assertEqual(self.manager.events("ruby_worker_replaced"), [])

    async def test_a_worker_that_hangs_holds_up_no_other_session(self):
        once = self.home / "run" / "once"
        await self.serve("""  condition.define_connect_stopper {|context, host, address| sleep if (File.unlink("%s") rescue false); false }"""
                         % once, WORKER_TIMEOUT_S * 20, "manager.n_ruby_workers = 2")
        once.write_text("")
        hanging = asyncio.create_task(self.headers())
        await self.manager.until(lambda: not once.exists(), "a block hangs")
        for _ in range(10):
            self.assertEqual(await self.headers(), self.BOTH)
        self.assertFalse(hanging.done())
        self.assertEqual(await hanging, self.BOTH)

    async def test_a_parent_that_is_killed_is_replaced_and_blocks_are_asked_again(self):
        await self.serve("  condition.define_connect_stopper {|context, host, address| true }")
        self.assertEqual(await self.headers(), self.SECOND)
        ruby = [pid for pid in processes(b"ruby") if descends(pid, self.manager.pid)]
        (parent,) = [pid for pid in ruby if parent_of(pid) == self.manager.pid]
        os.kill(parent, signal.SIGKILL)
        await self.manager.logged("ruby_parent_gone")
        await self.manager.logged("ruby_parent_replaced")
        self.assertEqual(await self.headers(), self.SECOND)
        # While the configuration is broken, it is tried again until it is not.
        good = self.manager.file.read_text()
        scratch.write(self.manager.file, good + "raise 'not now'\n")
        (parent,) = [pid for pid in processes(b"ruby") if parent_of(pid) == self.manager.pid]
        os.kill(parent, signal.SIGKILL)
        await self.manager.logged("reload_failed")
        self.assertEqual(await self.headers(), self.BOTH)
        scratch.write(self.manager.file, good)
        await self.manager.logged("ruby_parent_replaced", 2)
        self.assertEqual(await self.headers(), self.SECOND)

    async def test_two_hundred_sessions_at_once_are_all_answered(self):
        await self.serve("""  condition.define_envelope_from_stopper {|context, from| context.n_processing_sessions > 0 }""",
                         more="manager.n_ruby_workers = 2")
        for headers in await asyncio.gather(*[self.headers() for _ in range(200)]):
            self.assertEqual(headers, self.SECOND)

    async def test_no_process_is_left_when_it_stops(self):
        seconds = f"9{os.getpid()}"  # nobody else sleeps that long
        await self.serve(f"""  condition.define_connect_stopper {{|context, host, address| spawn("sleep", "{seconds}"); sleep }}""",
                         WORKER_TIMEOUT_S * 20)
        mail = asyncio.create_task(self.headers())
        await self.manager.until(lambda: processes(b"sleep", seconds.encode()), "the block runs")
        ruby = [pid for pid in processes(b"ruby") if descends(pid, self.manager.pid)]
        self.assertEqual(len(ruby), 2)  # the parent and a worker
        for _ in range(2):
            self.manager.signal(signal.SIGTERM)
        await asyncio.gather(mail, return_exceptions=True)
        self.assertEqual(await self.manager.ended(), 0)
        await self.manager.until(lambda: not processes(b"sleep", seconds.encode()), "what the block has started ends")
        self.assertEqual([pid for pid in ruby if pid in processes(b"ruby")], [])


def processes(*words: bytes) -> list[int]:
    """The numbers of those whose command line has all these words."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if set(words) <= set((entry / "cmdline").read_bytes().split(b"\0")):
                found.append(int(entry.name))
    return found


def parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


def descends(pid: int, ancestor: int) -> bool:
    with contextlib.suppress(OSError):
        while pid > 1:
            pid = parent_of(pid)
            if pid == ancestor:
                return True
    return False


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
