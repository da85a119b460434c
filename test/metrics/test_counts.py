"""What is scraped is what was played: a chain of two children with a condition, failures, refusals, a reload."""

import unittest

import scrape
from peers import daemon, faults, wire
from peers.child import Child, Script
from peers.mta import Mta, one_mail
from support import ports, scratch, watchdog

CONDITION = ('define_applicable_condition("Never") do |condition|\n'
             '  condition.define_connect_stopper {|context, host, address| true}\nend\n')


def declared(port: int, more: str = "") -> str:
    return f'metrics.connection_spec = "inet:{port}@127.0.0.1"\nmanager.n_workers = 2\n{more}'


class Counts(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("metrics"))
        self.one = await self.enterAsyncContext(Child("one", f"unix:{self.home}/one.sock"))
        self.two = await self.enterAsyncContext(Child("two", f"unix:{self.home}/two.sock"))
        self.port = ports.free_port()

    async def start(self, settings=None, more=""):
        self.daemon = await self.enterAsyncContext(
            daemon.running(self.home, [self.one, self.two], settings, declared(self.port, more)))

    async def mail(self, **what) -> bytes:
        return (await one_mail(self.daemon.endpoint, **what)).decision

    async def settled(self, sessions: int) -> scrape.Metrics:
        """With the one that the test's support plays first."""
        return await scrape.until(self.port, lambda now: now.value("sessions_ended_total") == sessions + 1,
                                  f"{sessions} sessions are over")

    async def test_messages_verdicts_and_times(self):
        await self.start()
        self.assertEqual(await self.mail(body=(b"0123456789",)), b"c")
        self.two.script = Script(answers={b"E": wire.REJECT})
        self.assertEqual(await self.mail(body=(b"abc", b"de")), b"r")
        self.two.script = Script(answers={b"R": wire.pack(b"y", b"451 4.7.1 later\0")})
        await self.mail()
        self.two.script = Script(answers={b"C": wire.REJECT})
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            self.assertEqual((await mta.greet()).decision, b"r")
            await mta.leave()
        now = await self.settled(4)
        self.assertEqual(now.value("sessions_begun_total"), 5)
        self.assertEqual(now.value("sessions_open"), 0)
        self.assertEqual(now.nonzero("sessions_refused_total"), {("reject",): 1})
        # The one whose only recipient was refused ends without a verdict.
        self.assertEqual(now.nonzero("messages_total"), {("pass",): 1, ("reject",): 1, ("aborted",): 1})
        self.assertEqual(now.value("body_bytes_total"), 15)
        self.assertEqual(now.nonzero("child_verdicts_total", child="two"), {
            ("connect", "pass"): 3, ("connect", "reject"): 1, ("helo", "pass"): 3, ("envelope-from", "pass"): 3,
            ("envelope-recipient", "pass"): 2, ("envelope-recipient", "temporary-failure"): 1, ("data", "pass"): 2,
            ("header", "pass"): 4, ("end-of-header", "pass"): 2, ("body", "pass"): 2,
            ("end-of-message", "pass"): 1, ("end-of-message", "reject"): 1})
        for child in ("one", "two"):
            for labels, verdicts in now.all("child_answer_seconds_count", child=child):
                self.assertEqual(verdicts, sum(value for _, value in now.all("child_verdicts_total", **labels)), labels)
                self.assertEqual(now.value("child_answer_seconds_bucket", **labels, le="+Inf"), verdicts)
                self.assertGreater(now.value("child_answer_seconds_sum", **labels), 0)
            self.assertEqual(now.value("child_in_flight", child=child), 0)
            self.assertEqual(now.nonzero("child_failures_total", child=child), {})
        self.assertEqual(scrape.promtool("check", "metrics", given=now.text), "")

    async def test_starts_of_a_command_after_the_first(self):
        failing = scratch.write(self.home / "command", "#!/bin/sh\nexit 3\n", mode=0o755)
        await self.start({"one": {"command": str(failing), "user_name": "mail"}},
                         'security.privilege_mode = true\nsecurity.effective_user = "nobody"\n')
        self.one.stop_listening()
        while len(self.daemon.events("child_command_failed")) < 3:
            await self.mail()
        starts = len(self.daemon.events("child_started"))
        now = await scrape.scrape(self.port)
        self.assertEqual(now.nonzero("child_restarts_total"), {("one",): starts - 1})

    async def test_failures_and_what_they_cost(self):
        await self.start({"one": {"fallback_status": "temporary-failure", "retry_next_message": False},
                          "two": {"fallback_status": "accept", "retry_next_message": False}})
        self.two.script = Script(answers={b"E": b"\0\0\0\1?"})
        self.assertEqual(await self.mail(), b"c")
        self.one.stop_listening()
        self.assertEqual(await self.mail(), b"t")
        now = await self.settled(2)
        self.assertEqual(now.nonzero("child_failures_total", child="two"), {("garbage",): 1})
        self.assertEqual(now.nonzero("child_fallbacks_total", child="two"), {("accept",): 1})
        self.assertEqual(now.nonzero("child_failures_total", child="one"), {("no-connection",): 1})
        self.assertEqual(now.nonzero("child_fallbacks_total", child="one"), {("temporary-failure",): 1})
        self.assertEqual(now.value("child_in_flight", child="one"), 0)
        self.assertEqual(now.value("child_in_flight", child="two"), 0)

    async def test_in_flight_is_who_waits(self):
        await self.start()
        self.one.script = Script(faults={b"M": faults.hangs})
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            self.assertIsNone(await mta.greet())
            mta.tell(b"M", b"<a@example.com>\0")
            now = await scrape.until(self.port, lambda now: now.value("child_in_flight", child="one") == 1, "one waits")
            self.assertEqual(now.value("sessions_open"), 1)
            self.assertEqual(now.value("child_in_flight", child="two"), 0)
        now = await self.settled(1)
        self.assertEqual(now.value("child_in_flight", child="one"), 0)

    async def test_conditions_and_reloads(self):
        await self.start({"two": {"applicable_conditions": ["Never"]}}, CONDITION)
        self.assertEqual(await self.mail(), b"c")
        self.assertEqual(await self.mail(), b"c")
        now = await self.settled(2)
        self.assertEqual(now.nonzero("child_skips_total"), {("two", "Never"): 2})
        self.assertEqual(now.all("child_verdicts_total", child="two"), [])
        self.assertEqual(now.nonzero("reloads_total"), {})
        # One that fails changes nothing; then one without `two`, and its series are gone.
        await self.daemon.reload([self.one], None, "manager.nonsense = 1\n" + declared(self.port), expect="reload_failed")
        self.assertEqual((await scrape.scrape(self.port)).nonzero("reloads_total"), {("failure",): 1})
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await self.daemon.reload([self.one], None, declared(self.port))
            now = await scrape.scrape(self.port)
            self.assertEqual(now.value("child_in_flight", child="two"), 0)  # this session still has it
            await mta.leave()
        now = await scrape.until(self.port, lambda now: not now.all("child_in_flight", child="two"), "two is gone")
        self.assertNotIn('"two"', now.text)
        self.assertEqual(now.nonzero("reloads_total"), {("failure",): 1, ("success",): 1})
        self.assertLess(now.value("configuration_age_seconds"), scrape.peers.PATIENCE_S)
        self.assertIn("milter_manager_child_verdicts_total", now.types)  # `one` has gone on counting


if __name__ == "__main__":
    watchdog.start()
    unittest.main()
