"""The commands that the pages about milter-manager and its controller show are typed, and do what is said there. Only places are
others. (explain.md's first one: test_explain.py.)"""
import pathlib
import re
import shlex
import subprocess
import unittest

from controller import MTA, PATIENCE, ControllerTest

DOCUMENTS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def blocks(page):
    return re.findall(r"^```(?:\w*)\n(.*?)^```$", (DOCUMENTS / f"manual/{page}.md").read_text(), re.M | re.S)


def words_of(line, program):
    first, *words = shlex.split(line, comments=True)
    assert first == program, line
    return words


class ManualPage(ControllerTest):
    def test_the_examples_of_milter_manager(self):
        page = (DOCUMENTS / "man/milter-manager.1").read_text()
        lines = re.search(r"^\.SH EXAMPLES\n\.nf\n(.*?)^\.fi", page, re.M | re.S)[1].replace(r"\-", "-").splitlines()
        self.assertEqual(len(lines), 2)
        self.configure()
        done = self.run_manager(*words_of(lines[0], "milter-manager"),
                                environment={"MILTER_MANAGER_CONFIG_DIR": str(self.folder / "c")})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"unix:{self.folder}/socket", done.stdout)
        words = words_of(lines[1], "milter-manager")
        self.assertEqual(words[:4], ["-c", "/etc/milter-manager", "-s", "inet:10025@localhost"])
        self.launch("-s", f"unix:{self.folder}/other", *words[4:])
        done = subprocess.run([MTA, "-s", f"unix:{self.folder}/other"], capture_output=True, text=True, timeout=PATIENCE, check=True)
        self.assertIn("status: pass\n", done.stdout)
        self.stop()
        shown = self.run_manager("-c", "c", *words[2:], "--show-config").stdout
        for line in ('log.level = "critical|error|warning|message|info|debug|trace|statistics|profile"', 'manager.connection_spec = "inet:10025@localhost"', "manager.daemon = false"):
            self.assertIn(f"\n{line}\n", shown)


class Controller(ControllerTest):
    def test_each_command_of_the_page(self):
        setting, calls, _ = blocks("controller")[:3]
        self.assertIn('controller.connection_spec = "unix:/run/milter-manager/', setting)
        self.start("", ["clamav"])
        self.session("--data-macro=i:4XyZ1", "--envelope-from-macro=i:4XyZ1")
        said = {words[0]: self.control(*words, *(["--once"] if words == ["top"] else []))
                for words in (words_of(line, "milter-manager-controller") for line in calls.splitlines())}
        self.assertEqual(list(said), ["status", "sessions", "explain", "reload", "disable", "log-level", "top", "stop"])
        self.assertIn("\nclamav  ok ", said["status"])
        self.assertEqual(said["sessions"], "No session is running.\n")
        self.assertTrue(said["explain"].startswith("Session 1, queue id 4XyZ1, "), said["explain"])
        self.assertEqual(said["reload"], "The configuration is in force; 0 changed.\n")
        self.assertIn("info", said["log-level"])
        self.assertIn("\nclamav  disabled ", said["top"])
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_the_status_that_the_page_shows(self):
        shown = blocks("controller")[2]
        self.start("", ["clamav"])
        self.session()
        heads = [[line for line in text.splitlines() if line.startswith("CHILD ")][0].split() for text in (shown, self.control("status"))]
        self.assertEqual(*heads)
        begins = [[line.split(":")[0].split(" ")[0] for line in text.splitlines()[:4]] for text in (shown, self.control("status"))]
        self.assertEqual(*begins)
        self.stop()

    def test_the_messages_of_explain(self):
        calls = next(text for text in blocks("explain") if text.startswith("milter-manager-controller"))
        by_queue_id, by_session = (words_of(line, "milter-manager-controller") for line in calls.splitlines())
        self.start("", ["one"])
        for number in range(int(by_session[1])):
            self.session(*[f"--{stage}-macro=i:{by_queue_id[1] if number == 0 else number}" for stage in ("envelope-from", "data")])
        self.assertTrue(self.control(*by_queue_id).startswith(f"Session 1, queue id {by_queue_id[1]}, "))
        self.assertTrue(self.control(*by_session).startswith(f"Session {by_session[1]}, "))
        self.stop()


class RecordAndReplay(ControllerTest):
    def test_the_commands_and_the_file(self):
        record, file, replay, difference = blocks("record-and-replay")
        records = "/var/lib/milter-manager/records"
        words = [word.replace(records, "records") for word in words_of(record, "milter-manager")]
        self.assertEqual(words, ["--record", "records", "--record-sample", "0.1"])
        self.milter("one", "--add-header=X-Seen:yes")
        self.configure("", ["one"])
        self.launch(*words)
        self.write(file, "shown/a.session")
        for _ in range(10):
            done = subprocess.run([MTA, "-s", f"unix:{self.folder}/socket", "--replay", "shown"], cwd=self.folder, capture_output=True,
                                  text=True, timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.stop()
        path, = (self.folder / "records").glob("*.session")
        written = path.read_text()
        self.assertRegex(path.name, re.sub(r"\d", r"\\d", re.search(r"[^/]+\.session", difference)[0]))
        self.assertEqual(written.splitlines()[1:], file.splitlines()[1:])
        self.assertEqual(re.sub(r"\d+", "N", written.splitlines()[0]), re.sub(r"\d+", "N", file.splitlines()[0]))

        self.milter("new", "--add-header=X-Spam-Score:7.9")
        path.write_text(written.replace("X-Seen:yes", "X-Spam-Score:3.2"))
        words = words_of(replay.replace(records, "records").replace("/run/new/milter-manager.sock", f"{self.folder}/new"),
                         "milter-test-server")
        done = subprocess.run([MTA, *words], cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        comparable = lambda text: re.sub(r"^\S+\.session", "FILE", text).replace("120 sessions: 119 as", "1 sessions: 0 as")
        self.assertEqual(comparable(done.stdout), comparable(difference))


if __name__ == "__main__":
    unittest.main()
