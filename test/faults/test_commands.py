"""The command of a milter that cannot be connected to (tools F.5): run once for all sessions, which do not wait for it,
and again after pauses that grow."""

import asyncio
import os
import pathlib
import pwd
import signal
import unittest

import peers
from peers import daemon
from peers.child import Child
from peers.mta import one_mail
from support import scratch, watchdog

SESSIONS = 50
USER = "mail"
PRIVILEGED = 'security.privilege_mode = true\nsecurity.effective_user = "nobody"\n'
# Says that it was started, and serves when the test lets it.
LATE = """\
#!/bin/sh
echo $$ >> {home}/run/started
while [ ! -e {home}/go ]; do sleep 0.02; done
exec {program} -s unix:{home}/run/child.sock --unix-socket-mode=0666 --add-header X-Child:1
"""
FAILING = """\
#!/bin/sh
date +%s.%N >> {home}/run/started
exit 3
"""


class Commands(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.home = self.enterContext(scratch.scratch_directory("cmd"))
        self.child = Child("scan", f"unix:{self.home}/run/child.sock")  # it is not the test that listens there
        self.addCleanup(self.end_what_was_started)

    def end_what_was_started(self):
        for pid in self.started_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def started_pids(self) -> list[int]:
        """Those of LATE."""
        path = self.home / "run" / "started"
        return [int(line) for line in path.read_text().split() if line.isdigit()] if path.exists() else []

    def script(self, text: str) -> pathlib.Path:
        client = scratch.program_for_everybody(self.home, pathlib.Path(os.environ["MILTER_TEST_CLIENT"]))
        return scratch.write(self.home / "command", text.format(home=self.home, program=client), mode=0o755)

    def running(self, command, manager=PRIVILEGED, **more):
        settings = {"command": str(command), "retry_next_message": False, **more.pop("settings", {})}
        return daemon.running(self.home, [self.child], {"scan": settings}, manager, **more)

    async def many_sessions_and_one_start(self, manager, user: str):
        outcomes = await asyncio.gather(*[one_mail(manager.endpoint) for _ in range(SESSIONS)])
        self.assertEqual({(outcome.decision, tuple(outcome.headers())) for outcome in outcomes}, {(b"c", ())})
        self.assertEqual(len(manager.events("child_failed")), SESSIONS)
        (event,) = await manager.logged("child_started")
        self.assertEqual((event["child"], event["command"]), ("scan", str(self.home / "command")))
        self.assertEqual(self.started_pids(), [int(event["pid"])])
        owner = pathlib.Path(f"/proc/{event['pid']}").stat().st_uid
        self.assertEqual(owner, pwd.getpwnam(user).pw_uid)
        scratch.write(self.home / "go", "")
        await manager.until((self.home / "run" / "child.sock").exists, "the child listens")
        while not (outcome := await one_mail(manager.endpoint)).headers():  # it exists a little before it listens
            self.assertEqual(outcome.decision, b"c")
        self.assertEqual(outcome.headers(), [b"X-Child"])
        self.assertEqual(len(self.started_pids()), 1)
        self.assertEqual([one.name for one in manager.events() if one.name.startswith("child_command")], [])

    async def test_it_is_run_once_as_its_user_while_mail_goes_on_and_then_used(self):
        self.assertEqual(os.geteuid(), 0, "a manager that root starts is tested here: run this as root")
        async with self.running(self.script(LATE), settings={"user_name": USER}) as manager:
            await self.many_sessions_and_one_start(manager, USER)

    async def test_a_manager_without_root_runs_it_as_itself(self):
        async with self.running(self.script(LATE), settings={"user_name": USER}, manager="", user="daemon") as manager:
            (warning,) = manager.events("setting_without_effect")
            self.assertIn("milter.user_name of scan has no effect: the process was not started as root", warning.text)
            await self.many_sessions_and_one_start(manager, "daemon")

    async def test_one_that_fails_is_run_again_after_pauses_that_grow(self):
        async with self.running(self.script(FAILING), settings={"user_name": USER}) as manager:
            while len(manager.events("child_command_failed")) < 4:
                self.assertEqual((await one_mail(manager.endpoint)).decision, b"c")
                await asyncio.sleep(0.01)
            times = [float(line) for line in (self.home / "run" / "started").read_text().split()]
            gaps = [later - earlier for earlier, later in zip(times, times[1:])]
            self.assertEqual(len(gaps), 3, "run once at a time")
            for gap, pause in zip(gaps, (1, 2, 4)):
                self.assertGreaterEqual(gap, pause)
                self.assertLess(gap, pause + 0.9 * peers.SLOWNESS)
            self.assertEqual([(event["status"], event["stage"], event["pause_ms"])
                              for event in manager.events("child_command_failed")],
                             [("3", "run", pause) for pause in ("1000", "2000", "4000", "8000")])

    async def test_there_is_no_shell(self):
        script = self.script(f"#!/bin/sh\nfor word; do echo \"<$word>\"; done > {self.home}/run/words\n")
        command = f"{script} 'a  b' \"$HOME\" ; touch {self.home}/run/shell"
        async with self.running(command, settings={"user_name": USER, "command_options": ["*", "x y"]}) as manager:
            await one_mail(manager.endpoint)
            await manager.logged("child_command_ended", status="0")
            self.assertEqual((self.home / "run" / "words").read_text().split("\n"), [
                "<a  b>", "<$HOME>", "<;>", "<touch>", f"<{self.home}/run/shell>", "<*>", "<x y>", ""])
            self.assertFalse((self.home / "run" / "shell").exists())

    async def test_one_that_a_reload_brings_is_not_run_and_the_log_says_so(self):
        self.script(LATE)
        settings = {"scan": {"command": str(self.home / "command"), "user_name": USER}}
        async with daemon.running(self.home, [self.child], {}, PRIVILEGED) as manager:
            for _ in range(2):  # at each reload, until there was a restart
                before = len(manager.events("restart_needed"))
                await manager.reload([self.child], settings, PRIVILEGED)
                self.assertEqual({event["setting"] for event in manager.events("restart_needed")[before:]},
                                 {"milter.command of scan", "milter.user_name of scan"})
                await one_mail(manager.endpoint)
        self.assertEqual(manager.events("child_started"), [])
        self.assertEqual(self.started_pids(), [])

    async def test_without_privilege_mode_root_runs_none_and_says_so(self):
        async with self.running(self.script(LATE), settings={"user_name": USER}, manager="") as manager:
            (warning,) = manager.events("setting_without_effect")
            self.assertRegex(warning.text, r"milter-manager.conf:\d+: milter.command of scan is not run: security.privilege_mode")
            await one_mail(manager.endpoint)
        self.assertEqual(self.started_pids(), [])


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
