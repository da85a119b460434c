"""milter-manager-controller against a running milter-manager, with milters and sessions (tools G)."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import unittest

from controller import CONTROLLER, PATIENCE, ControllerTest


class Commands(ControllerTest):
    def test_status_counts_what_children_did(self):
        self.milter("refuser", "--reject-at=envelope-recipient")
        self.start("", ["one"])
        self.assertEqual((self.session(), self.session()), ("pass", "pass"))
        self.configure("", ["one", "refuser", "absent"])
        self.control("reload")
        self.assertTrue(self.session().startswith("reject"))
        answer = self.ask("status")
        self.assertEqual((answer["pid"], answer["state"], answer["reloads"]),
                         (self.process.pid, "running", {"done": 1, "failed": 0}))
        self.assertEqual((answer["sessions"]["begun"], len(answer["children"])), (3, 3))
        self.assertLessEqual(answer["configuration_age_s"], answer["uptime_s"])
        one, refuser, absent = answer["children"]
        self.assertEqual((one["name"], one["state"], one["failures"], one["in_flight"]), ("one", "ok", {}, 0))
        self.assertEqual(one["verdicts"], {"pass": one["answers"]})
        self.assertGreater(one["latency_ms"]["p99"], 0)
        self.assertEqual(refuser["verdicts"]["reject"], 1)
        self.assertEqual((absent["answers"], list(absent["failures"])), (0, ["no-connection"]))
        text = self.control("status")
        self.assertRegex(text, rf"(?m)^milter-manager \S+, process {self.process.pid}, running for ")
        self.assertRegex(text, r"(?m)^refuser +ok +0 +\d+ +1 +0 +0 ")
        self.assertRegex(text, r"(?m)^  absent: failed: no-connection \d+$")
        self.stop()

    def test_a_held_session_is_listed_with_its_stage_and_the_child_that_it_waits_for(self):
        self.milter("slow", "--hang-at=envelope-recipient")
        self.start("", ["one"])
        self.configure("", ["one", "slow"])
        self.control("reload")
        self.assertEqual(self.control("sessions"), "No session is running.\n")
        held = self.begin_session("--envelope-from=a@b", "--connect-address=inet:1@[192.0.2.7]")
        self.until(lambda: [one for one in self.ask("sessions")["sessions"] if one["waiting_for"] == "children"
                            and one["stage"] == "envelope-recipient"], "it waits")
        answer = self.ask("sessions")
        (session,) = answer["sessions"]
        self.assertEqual(answer["open"], 1)
        self.assertEqual((session["client"], session["sender"], session["children"]), ("192.0.2.7", "<a@b>", ["slow"]))
        self.assertGreaterEqual(session["age_ms"], 0)
        self.assertRegex(self.control("sessions").splitlines()[1],
                         r"^ *1 +\S+ s +192\.0\.2\.7 +envelope-recipient +<a@b> +slow$")
        self.assertEqual(self.child("slow")["in_flight"], 1)
        second = self.begin_session()
        self.until(lambda: self.ask("sessions")["open"] == 2 and len(self.ask("sessions")["sessions"]) == 2, "both")
        self.assertEqual([one["session"] for one in self.ask("sessions", "--limit=1")["sessions"]], [1])
        self.assertIn("1 of 2 sessions are shown.", self.control("sessions", "--limit", "1"))
        self.control("stop", "--now")  # who waits gets a temporary failure
        for one in (held, second):
            self.assertIn("temporary-failure", one.communicate(timeout=PATIENCE)[0])
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_a_session_that_waits_for_a_condition_says_so(self):
        user = "nobody" if os.getuid() == 0 else str(os.getuid())  # blocks never run as root
        self.folder.chmod(0o777)
        self.start(f'security.effective_user = "{user}"\n'
                   'manager.worker_timeout = 300\ndefine_applicable_condition("Slow") {|one| '
                   "one.define_helo_stopper {|context, name| sleep}}\n"
                   'define_milter("m") {|m| m.connection_spec = "inet:1@127.0.0.1"; m.applicable_conditions = ["Slow"]}\n')
        self.milter("one", "--unix-socket-mode=0666")
        self.configure(self.configured.replace("inet:1@127.0.0.1", f"unix:{self.folder}/one"))
        self.control("reload")
        held = self.begin_session()
        self.until(lambda: self.ask("sessions")["sessions"], "it runs")
        self.until(lambda: self.ask("sessions")["sessions"][0]["waiting_for"] == "conditions", "it waits")
        self.assertEqual(self.ask("sessions")["sessions"][0]["stage"], "helo")
        self.assertRegex(self.control("sessions"), r"(?m) helo .* a condition$")
        self.control("stop", "--now")
        self.assertIn("temporary-failure", held.communicate(timeout=PATIENCE)[0])
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_a_disabled_child_is_skipped_until_it_is_enabled_or_the_next_reload(self):
        self.start("", ["one", "two"])
        self.session()
        self.assertEqual(self.summary(), "one:pass:T, two:pass:T")
        self.assertEqual(self.control("disable", "one"), "")
        self.assertEqual((self.child("one")["state"], self.child("two")["state"]), ("disabled", "ok"))
        self.assertEqual(self.session(), "pass")
        self.assertEqual(self.summary(), "one:skipped:T:disabled by the operator, two:pass:T")
        self.assertEqual(self.child("one")["skips"], {"disabled by the operator": 1})
        self.control("enable", "one")
        self.session()
        self.assertEqual((self.summary(), self.child("one")["state"]), ("one:pass:T, two:pass:T", "ok"))
        self.control("disable", "one")
        self.control("disable", "two")
        self.assertEqual(self.session(), "accept")  # the MTA need not ask any more (chain P14)
        self.write("wrong", "c/milter-manager.local.conf")
        self.configure('load("milter-manager.local.conf")\n', ["one", "two"])
        self.control("reload", check=1)
        self.assertEqual(self.child("one")["state"], "disabled")
        self.configure("", ["one", "two"])
        self.control("reload")
        self.session()
        self.assertEqual(self.summary(), "one:pass:T, two:pass:T")
        self.stop()

    def test_disabling_under_traffic_disturbs_no_session(self):
        self.start("", ["one", "two"])
        told, over = [], threading.Event()

        def mail():
            while not over.is_set() or len(told) < 4:
                told.append(self.session())
        threads = [threading.Thread(target=mail) for _ in range(2)]
        for one in threads:
            one.start()
        for _ in range(10):
            self.control("disable", "one")
            self.control("enable", "one")
        over.set()
        for one in threads:
            one.join()
        self.assertEqual(set(told), {"pass"})
        self.assertEqual([line for line in self.lines(r"\w+") if line.startswith(("warning", "error"))], [])
        self.assertEqual(self.ask("status")["sessions"]["begun"], len(told))
        self.stop()

    def test_who_cannot_be_disabled_is_named(self):
        self.start('define_milter("off") {|m| m.connection_spec = "inet:1@localhost"; m.enabled = false}\n')
        self.assertIn('there is no milter "none"', self.control("disable", "none", check=1))
        self.assertIn("off is not enabled in the configuration", self.control("disable", "off", check=1))
        self.stop()

    def test_reload_tells_what_has_changed_or_each_complaint_with_its_place(self):
        self.start()
        self.assertEqual(self.control("reload"), "The configuration is in force; 0 changed.\n")
        self.configure("manager.max_connections = 7\nmanager.max_file_descriptors = 9\n")
        self.assertEqual(self.control("reload").splitlines()[1:], [
            "  manager.max_connections = 7 (c/milter-manager.conf:9)",
            "  manager.max_file_descriptors = 9 (c/milter-manager.conf:10): keeps its old value until a restart"])
        self.configure("manager.max_connections = -1\nmanager.nonsense = 1\n")
        first, second, last = self.control("reload", check=1).splitlines()
        self.assertRegex(first, r"^c/milter-manager.conf:\d+: manager\.")
        self.assertRegex(second, r"^c/milter-manager.conf:\d+: unknown setting manager\.nonsense")
        self.assertIn("nothing has changed: c/milter-manager.conf:", last)
        self.assertEqual(len(self.ask("reload", check=1)["complaints"]), 2)
        self.assertEqual(self.ask("status")["reloads"], {"done": 2, "failed": 2})
        self.stop()

    def test_the_log_level_is_set_until_the_next_reload(self):
        self.start()
        usual = "critical|error|warning|message|info|statistics\n"
        self.assertEqual(self.control("log-level"), usual)
        self.assertEqual(self.control("log-level", "+debug"), "critical|error|warning|message|info|debug|statistics\n")
        self.assertEqual(self.control("log-level", "--", "-info"), "critical|error|warning|message|debug|statistics\n")
        self.assertEqual(self.control("log-level", "message"), "message\n")
        self.assertIn("bogus", self.control("log-level", "bogus", check=1))
        self.assertEqual(self.ask("status")["log_level"], "message")
        self.control("reload")
        self.assertEqual(self.control("log-level"), usual)
        self.stop()

    def test_who_changes_something_is_in_the_log(self):
        self.start("", ["one"])
        for command in (["ping"], ["status"], ["sessions"], ["version"], ["configuration"], ["log-level"]):
            self.control(*command)
        self.assertEqual(self.lines("control_command"), [])
        for command in (["disable", "one"], ["enable", "one"], ["log-level", "+trace"], ["reload"]):
            self.control(*command)
        self.control("stop")
        self.process.wait(PATIENCE)
        noted = self.lines("control_command")
        self.assertEqual([line.split(" user=")[0] for line in noted], [
            "message control_command command=disable child=one", "message control_command command=enable child=one",
            "message control_command command=log-level levels=+trace", "message control_command command=reload",
            "message control_command command=stop"])
        for line in noted:
            self.assertRegex(line, rf" user={os.getuid()} pid=\d+$")

    def test_small_commands(self):
        self.start('database.password = "secret"\n')
        self.assertEqual(self.control("ping"), "")
        self.assertRegex(self.control("version"), r"^\d+\.\d+\.\d+\n$")
        shown = self.control("configuration")
        self.assertIn(f'manager.connection_spec = "unix:{self.folder}/socket"\n', shown)
        self.assertNotIn("secret", shown)
        self.stop()


class Top(ControllerTest):
    def test_once_prints_one_table_without_escapes(self):
        self.start("", ["one"])
        text = self.control("top", "--once")
        self.assertRegex(text, r"(?m)^CHILD +STATE +WAITED FOR +ANSWERS ")
        self.assertRegex(text, r"(?m)^one +ok ")
        self.assertNotIn("\x1b", text)
        self.assertIn("children", json.loads(self.control("top", "--once", "--json")))
        self.stop()

    def test_without_a_terminal_tables_follow_each_other_until_it_is_ended(self):
        self.start("", ["one"])
        top = subprocess.Popen([CONTROLLER, "-s", f"unix:{self.folder}/control", "top", "--interval", "0.1"],
                               stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.addCleanup(top.wait)
        self.addCleanup(top.kill)
        tables, text = 0, ""
        while tables < 3:
            line = top.stdout.readline()
            self.assertTrue(line)
            tables, text = tables + line.startswith("CHILD"), text + line
        top.send_signal(signal.SIGINT)
        self.assertEqual(top.wait(PATIENCE), 0)
        top.stdout.close()
        self.assertNotIn("\x1b", text)
        self.assertIn("Sessions a second: 0.0", text)
        self.stop()

    def test_on_a_terminal_it_is_drawn_anew_until_q_and_the_terminal_is_as_before(self):
        self.start("", ["one"])
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 20, 0, 0))
        before = termios.tcgetattr(slave)
        top = subprocess.Popen([CONTROLLER, "-s", f"unix:{self.folder}/control", "top", "--interval", "0.1"],
                               stdin=slave, stdout=slave)
        self.addCleanup(top.wait)
        self.addCleanup(top.kill)
        drawn = b""
        while drawn.count(b"\x1b[H") < 3:
            self.assertTrue(select.select([master], [], [], PATIENCE)[0])
            drawn += os.read(master, 4096)
        self.assertNotEqual(termios.tcgetattr(slave), before)
        os.write(master, b"q")
        self.assertEqual(top.wait(PATIENCE), 0)
        while select.select([master], [], [], 0)[0]:
            drawn += os.read(master, 4096)
        self.assertTrue(drawn.startswith(b"\x1b[?1049h"))
        self.assertTrue(drawn.endswith(b"\x1b[?1049l"))
        self.assertEqual(termios.tcgetattr(slave), before)
        first = drawn.split(b"\x1b[H")[1].split(b"\x1b[J")[0]
        rows = [row.removesuffix(b"\x1b[K") for row in first.split(b"\r\n")]
        self.assertEqual(len(rows), 6)
        self.assertLessEqual(max(map(len, rows)), 20)
        os.close(slave)
        self.stop()


class CommandLine(ControllerTest):
    def test_what_is_wrong_is_said_with_status_2(self):
        for words, told in ((["bogus"], "Unknown command bogus"), (["statsu"], "did you mean status?"), ([], "A command is missing"),
                            (["--jason", "ping"], "did you mean --json?"), (["disable"], "CHILD is required"),
                            (["ping", "more"], 'ping has no argument "more"'), (["sessions", "--limit", "0"], "--limit"),
                            (["top", "--interval", "0"], "--interval must be 0.1 or more"), (["--timeout", "x", "ping"], "--timeout")):
            self.assertIn(told, self.control(*words, check=2), words)
        self.assertIn("spec doesn't have colon", self.control("ping", spec="foo", check=2))
        self.assertIn("disable", self.control("--help"))

    def test_a_manager_that_is_not_there_is_status_3_with_what_to_do(self):
        self.assertIn("controller.connection_spec", self.control("ping", check=3))
        self.assertIn("controller.connection_spec", self.control("top", "--once", check=3))
        with open(self.folder / "plain", "w", encoding="utf-8"):
            self.assertIn("Connection refused", self.control("ping", spec=f"unix:{self.folder}/plain", check=3))
        self.assertIn("inet:1@[127.0.0.1]", self.control("ping", spec="inet:1@[127.0.0.1]", check=3))

    def test_no_answer_in_time_is_status_3(self):
        self.start()
        self.process.send_signal(signal.SIGSTOP)
        self.assertIn("no answer in time", self.control("--timeout", "0.2", "ping", check=3))
        self.process.send_signal(signal.SIGCONT)
        self.stop()

    def test_what_is_no_manager_is_said(self):
        self.milter("one")
        self.assertIn("is this milter-manager?", self.control("ping", spec=f"unix:{self.folder}/one", check=3))


if __name__ == "__main__":
    unittest.main()
