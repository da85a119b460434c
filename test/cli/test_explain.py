"""What became of one mail, and why: milter-manager --explain, and milter-manager-controller explain (tools G)."""
import json
import os
import pathlib
import re
import shlex
import socket
import unittest

from controller import ControllerTest

DOCUMENTS = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = {"MILTER_MANAGER_CONFIG_DIR": str(DOCUMENTS / "conf")}
MAIL = ["--explain", "--client", "192.0.2.1", "--from", "a@x", "--to", "b@y"]


class Explain(ControllerTest):
    def explain(self, *options, check=0):
        done = self.run_manager("-c", "c", *MAIL, *options, environment=SHIPPED)
        self.assertEqual(done.returncode, check, done.stdout + done.stderr)
        return done.stderr if check else done.stdout

    def told(self, *options):
        """The JSON, and its children by name."""
        all = json.loads(self.explain("--json", *options))
        return all, {one["name"]: one for one in all["children"]}

    def one(self, name, more=""):
        return f'define_milter("{name}") {{|m| m.connection_spec = "unix:{self.folder}/{name}"; {more}}}\n'

    def place(self, text):
        """FILE:LINE of that text."""
        lines = (self.folder / "c/milter-manager.conf").read_text().splitlines()
        return "c/milter-manager.conf:%d" % next(n for n, line in enumerate(lines, 1) if text in line)


class OfACommandLine(Explain):
    def test_each_child_is_applied_or_skipped_with_its_place_or_failed_with_its_reason(self):
        self.milter("adds", "--add-header=X-Seen:yes")
        self.configure(
            'define_applicable_condition("Sender") {|one|\n  one.skip_when(sender: "a@x")}\n'
            + self.one("adds") + self.one("absent", "m.fallback_status = :accept")
            + self.one("later", 'm.applicable_conditions = ["Sender"]').replace(f"{self.folder}/later", f"{self.folder}/adds"))
        text = self.explain()
        lines = text.splitlines()
        self.assertRegex(lines[0], r"^Session 1, queue id explain, client 192\.0\.2\.1, from <a@x>, recipients: 1, body: 29 bytes$")
        self.assertRegex(text, r"(?m)^CHILD +VERDICT +EDITS +MS +WHAT BECAME OF IT$")
        self.assertRegex(text, r"(?m)^adds +pass +1 +\d+\.\d +applied$")
        self.assertRegex(text, r"(?m)^absent +- +- +- +failed at negotiate because cannot connect: \S.*; its fallback is accept$")
        self.assertRegex(text, rf"(?m)^later .* skipped at envelope-from because of condition Sender \({self.place('skip_when')}\)$")
        self.assertEqual(lines[-3:], ["Recipient <b@y>: accepted", "Edit: add-header X-Seen: yes",
                                      "Final reply: pass at end-of-message"])

    def test_built_in_conditions_say_which_rule_has_held(self):
        self.milter("one")
        self.configure('load("applicable-conditions/*.conf")\n' + self.one("one", 'm.applicable_conditions = ["S25R"]'))
        all, children = self.told("--client-name", "mail.example.org")
        self.assertEqual((children["one"]["state"], children["one"]["stage"]), ("skipped", "connect"))
        self.assertRegex(children["one"]["condition"], r"^S25R \(.*:\d+\)$")
        all, children = self.told("--client-name", "192-0-2-1.dynamic.example.org")
        self.assertEqual((children["one"]["state"], children["one"]["verdict"], all["verdict"]), ("applied", "pass", "pass"))
        self.configure('load("applicable-conditions/*.conf")\n' + self.one("one", 'm.applicable_conditions = ["Remote Network"]'))
        self.assertEqual(self.told()[1]["one"]["state"], "applied")
        local = json.loads(self.run_manager("-c", "c", "--explain", "--client", "10.0.0.1", "--from", "a@x", "--to", "b@y",
                                            "--json", environment=SHIPPED).stdout)
        self.assertRegex(local["children"][0]["condition"], r"^Remote Network \(.*:\d+\)$")

    def test_refusals_at_a_recipient_and_at_the_end_are_the_final_reply(self):
        self.milter("refuser", "--reject-at=envelope-recipient")
        self.configure(self.one("refuser"))
        all, children = self.told("--to", "c@z")
        self.assertEqual(all["recipient_replies"], ["<b@y>: reject", "<c@z>: reject"])
        self.assertEqual((all["verdict"], all["stage"]), ("reject", "envelope-recipient"))
        self.assertEqual(children["refuser"]["refused_recipients"], 2)
        self.milter("second", "--reject-at=end-of-message")
        self.configure(self.one("second"))
        self.assertIn("Final reply: reject at end-of-message, decided by second\n", self.explain())

    def test_what_the_client_says_at_helo(self):
        self.milter("one", "--reject-at=helo=bad.example", "--temp-fail-at=helo")
        self.configure(self.one("one"))
        for options, verdict, stage in ((["--helo", "bad.example"], "reject", "helo"), (["--helo=fine.example"], "temporary-failure", "helo")):
            all = self.told(*options)[0]
            self.assertEqual((all["verdict"], all["stage"], all["decided_by"]), (verdict, stage, "one"))

    def test_a_refused_session_is_explained_too(self):
        self.milter("refuser", "--reject-at=connect")
        self.milter("one")
        self.configure(self.one("one") + self.one("refuser"))
        all, children = self.told()
        self.assertEqual((all["verdict"], all["stage"], all["decided_by"]), ("reject", "connect", "refuser"))
        self.assertEqual(children["refuser"]["verdict"], "reject")

    def test_a_milter_that_hangs_costs_its_fallback(self):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.folder / "hangs"))
        listener.listen()
        self.configure(self.one("hangs", "m.reading_timeout = 0.2; m.fallback_status = :temporary_failure")
                       + "manager.negotiation_timeout = 0.2\n")
        all, children = self.told()
        self.assertEqual((children["hangs"]["state"], children["hangs"]["fallback"]), ("failed", "temporary-failure"))
        self.assertIn("no answer", children["hangs"]["reason"])
        self.assertEqual(all["verdict"], "temporary-failure")

    def test_dry_asks_no_milter_but_evaluates_every_condition(self):
        user = "nobody" if os.getuid() == 0 else str(os.getuid())  # blocks never run as root
        self.folder.chmod(0o777)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.folder / "one"))
        listener.listen()
        listener.settimeout(0)
        self.configure(f'security.effective_user = "{user}"\ndefine_applicable_condition("Block") {{|one|\n'
                       '  one.define_envelope_recipient_stopper {|context, to| to == "<b@y>"}}\n'
                       + self.one("one") + self.one("two", 'm.applicable_conditions = ["Block"]'))
        text = self.explain("--dry")
        self.assertRegex(text, r"(?m)^one +- +- +- +would be asked$")
        self.assertRegex(text, rf"(?m)^two +- +- +- +skipped at envelope-recipient because of condition Block \({self.place('recipient_stopper')}\)$")
        self.assertTrue(text.endswith("No milter was asked: verdicts and edits are not known.\n"), text)
        self.assertRaises(BlockingIOError, listener.accept)
        all, children = self.told("--dry")
        self.assertEqual((all["dry"], "verdict" in all), (True, False))
        self.assertEqual(children["one"]["endpoint"], f"unix:{self.folder}/one")

    def test_a_mail_file_is_what_the_milters_see(self):
        self.milter("one", "--reject-at=body")
        self.configure(self.one("one"))
        self.write("From a@x Mon\nSubject: x\n folded\nTo: y\n\none\r\ntwo\n", "mail")
        all = self.told("--mail-file", "mail")[0]
        self.assertEqual((all["size"], all["verdict"], all["decided_by"]), (10, "reject", "one"))
        self.write("no header\n", "mail")
        self.assertIn('mail: no header field: "no header"', self.explain("--mail-file", "mail", check=1))
        self.assertIn("missing: No such file", self.explain("--mail-file", "missing", check=1))
        self.assertIn("c: ", self.explain("--mail-file", "c", check=1))

    def test_the_manual_shows_what_it_prints(self):
        page = (DOCUMENTS / "docs/manual/explain.md").read_text()
        configuration, command, output = re.findall(r"(?ms)^```\w*\n(.*?)^```$", page)[:3]
        self.configure(configuration.replace("/run/", f"{self.folder}/"))
        self.milter("opendkim.sock", "--add-header=X-Seen:yes")
        done = self.run_manager("-c", "c", *shlex.split(command)[1:], environment=SHIPPED)
        self.assertEqual(done.returncode, 0, done.stderr)

        def comparable(text):
            text = re.sub(r"(?m)^(\S+ +pass +\d+ +)\d+\.\d ", r"\1T ", text)
            text = text.replace(str(DOCUMENTS / "conf"), "/etc/milter-manager").replace(str(self.folder), "/run")
            return re.sub(r" +", " ", text)
        self.assertEqual(comparable(done.stdout), comparable(output))

    def test_a_wrong_command_line_is_told(self):
        self.configure()
        for words, error in ((["--explain"], "--explain needs --client, --from and --to"),
                             ([*MAIL, "--client", "x"], '--client: "x" is no IP address'),
                             (["--dry"], "--dry is an option of --explain")):
            done = self.run_manager("-c", "c", *words)
            self.assertEqual(done.returncode, 1)
            self.assertIn(error, done.stderr)


class OfARunningManager(Explain):
    def test_by_queue_id_and_by_session(self):
        self.milter("refuser", "--reject-at=end-of-message")
        self.start(self.one("refuser"), ["one"])
        self.session("--data-macro=i:4XyZ", "--envelope-from-macro=i:4XyZ")
        text = self.control("explain", "4XyZ")
        self.assertTrue(text.startswith("Session 1, queue id 4XyZ, client "), text)
        self.assertRegex(text, r"(?m)^refuser +reject +0 +\d+\.\d +applied$")
        self.assertTrue(text.endswith("Final reply: reject at end-of-message, decided by refuser\n"), text)
        answer = self.ask("explain", "1")
        self.assertEqual((answer["message"]["queue_id"], answer["text"]), ("4XyZ", text))
        self.assertIn('no message "nope" among the last 1000', self.control("explain", "nope", check=1))
        self.control("explain", check=2)
        self.stop()

    def test_only_so_many_are_remembered_and_none_when_it_is_off(self):
        self.start("manager.explain_messages = 2\n", ["one"])
        for _ in range(3):
            self.session()
        first, *others = [re.search(r" session=(\d+)", line)[1] for line in self.lines("message_done")]
        self.assertEqual(len(others), 2)
        self.assertIn(f'no message "{first}" among the last 2', self.control("explain", first, check=1))
        for number in others:
            self.assertTrue(self.control("explain", number).startswith(f"Session {number}, "))
        self.write(self.folder.joinpath("c/milter-manager.conf").read_text().replace("messages = 2", "messages = 0"))
        self.control("reload")
        self.assertIn("manager.explain_messages is 0", self.control("explain", others[1], check=1))
        self.stop()


if __name__ == "__main__":
    unittest.main()
