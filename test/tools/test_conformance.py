#!/usr/bin/env python3
"""milter-test-server --conformance: a good milter keeps every rule, and one that breaks a rule is found to break that
rule and no other."""

import json
import re
import socket
import struct
import threading
import unittest
from pathlib import Path

from programs import PATIENCE, Folder, Peer, free_port, packet, run_server

CONTINUE = packet(b"c")
CLOSE = None
ADD_HEADERS = 0x01
SKIP = 0x400


class Filter:
    """Serves connection after connection, as a libmilter would; subclasses break a rule."""

    actions = 0
    steps = 0

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.spec = f"inet:{self.listener.getsockname()[1]}@127.0.0.1"
        self.over = False
        self.talks = []
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while not self.over:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            talk = threading.Thread(target=self.serve, args=(connection,))
            self.talks.append(talk)
            talk.start()

    def serve(self, connection):
        peer = Peer(connection)
        peer.macros, peer.headers, peer.recipients, peer.messages = set(), 0, 0, 0
        with connection:
            try:
                self.talk(peer)
            except (OSError, TimeoutError):
                pass  # what it may do to a peer that ended the connection

    def talk(self, peer):
        while (one := peer.read()) is not None:
            code, payload = one
            if code == b"O":
                said = self.agree(*struct.unpack(">III", payload))
            else:
                self.note(peer, code, payload)
                said = self.answer(peer, code.decode(), payload)
            if said is CLOSE:
                return
            peer.send(said)
        self.gone()

    def note(self, peer, code, payload):
        if code == b"D":
            peer.macros.add(payload[:1])
        elif code == b"M":
            peer.headers = peer.recipients = 0
            peer.messages += 1
        elif code == b"L":
            peer.headers += 1
        elif code == b"R":
            peer.recipients += 1

    def agree(self, version, actions, steps):
        return packet(b"O", struct.pack(">III", min(version, 6), self.actions & actions, self.steps & steps))

    def answer(self, peer, code, payload):
        if code == "Q":
            return CLOSE
        if code in "DAK":
            return b""
        return self.say(code)

    def say(self, code):
        return CONTINUE

    def gone(self):
        """The peer closed without a quit."""

    def accept_no_more(self):
        if not self.over:
            self.over = True
            self.listener.shutdown(socket.SHUT_RDWR)  # accept() wakes up

    def close(self):
        self.accept_no_more()
        self.thread.join(PATIENCE)
        self.listener.close()
        for talk in self.talks:
            talk.join(PATIENCE)


def saying(at, what, **more):
    """A filter that says this at that letter."""
    return type("Saying", (Filter,), {"say": lambda self, code: what if code == at else CONTINUE, **more})


def failing(when, **more):
    """A filter that closes the connection when that is so of (peer, code, payload)."""

    def answer(self, peer, code, payload):
        return CLOSE if when(peer, code, payload) else Filter.answer(self, peer, code, payload)

    return type("Failing", (Filter,), {"answer": answer, **more})


class AnotherVersion(Filter):
    def agree(self, version, actions, steps):
        if (version, actions, steps) == (6, 0x1FF, 0x1FFFFF):
            return packet(b"O", struct.pack(">III", 7, 0, 0))
        return Filter.agree(self, version, actions, steps)


class AllActions(Filter):
    def agree(self, version, actions, steps):
        return packet(b"O", struct.pack(">III", min(version, 6), 0x1FF, 0))


class SkipUnasked(Filter):
    def agree(self, version, actions, steps):
        return packet(b"O", struct.pack(">III", min(version, 6), 0, SKIP if version == 4 else 0))


class VersionSix(Filter):
    def agree(self, version, actions, steps):
        return packet(b"O", struct.pack(">III", 6 if version == 2 else version, 0, 0))


class SpeaksBehindQuit(Filter):
    def answer(self, peer, code, payload):
        if code == "Q":
            peer.send(CONTINUE)
        return Filter.answer(self, peer, code, payload)


class KeepsOpen(Filter):
    def answer(self, peer, code, payload):
        return b"" if code == "Q" else Filter.answer(self, peer, code, payload)


class DiesOfHangUp(Filter):
    def gone(self):
        self.accept_no_more()


class WholePackets(Filter):
    """Takes what one recv() yields for whole packets."""

    def talk(self, peer):
        while some := peer.connection.recv(1 << 20):
            if len(some) < 5:
                return
            peer.rest += some
            while peer.rest:
                one = peer.read()
                if one is None:
                    return
                code, payload = one
                said = self.agree(*struct.unpack(">III", payload)) if code == b"O" else self.answer(peer, code.decode(), payload)
                if said is CLOSE:
                    return
                peer.send(said)


class OnePacketARead(Filter):
    """Forgets what came behind the first command of a read."""

    def talk(self, peer):
        while (one := peer.read()) is not None:
            code, payload = one
            if code not in b"ODAK":
                peer.rest = b""
            said = self.agree(*struct.unpack(">III", payload)) if code == b"O" else self.answer(peer, code.decode(), payload)
            if said is CLOSE:
                return
            peer.send(said)


HEADER = packet(b"h", b"X-A\0b\0")
BREACHES = {
    "offer": AnotherVersion,
    "offer-few-actions": AllActions,
    "offer-few-steps": SkipUnasked,
    "offer-version-2": VersionSix,
    "one-reply": saying("H", b""),
    "nothing-unasked": saying("M", CONTINUE + CONTINUE),
    "replies-decode": saying("E", packet(b"h", b"no end") + CONTINUE, actions=ADD_HEADERS),
    "reply-text": saying("R", packet(b"y", b"550 5.7.1 100% no\0")),
    "decisions": saying("C", packet(b"d")),
    "skip": saying("B", packet(b"s")),
    "progress": saying("R", packet(b"p") + CONTINUE),
    "edits-at-end": saying("H", HEADER + CONTINUE, actions=ADD_HEADERS),
    "edits-agreed": saying("E", HEADER + CONTINUE),
    "messages": failing(lambda peer, code, _: peer.messages == 2),
    "abort": failing(lambda peer, code, _: code == "A"),
    "quit": KeepsOpen,
    "hang-up": DiesOfHangUp,
    "quit-new-connection": failing(lambda peer, code, _: code == "K"),
    "unknown": failing(lambda peer, code, _: code == "U"),
    "no-macros": failing(lambda peer, code, _: code == "M" and b"M" not in peer.macros),
    "unknown-macros": failing(lambda peer, code, payload: code == "D" and b"no_such" in payload),
    "null-sender": failing(lambda peer, code, payload: code == "M" and payload == b"<>\0"),
    "many-recipients": failing(lambda peer, *_: peer.recipients > 100),
    "many-headers": failing(lambda peer, *_: peer.headers > 100),
    "long-header": failing(lambda peer, code, payload: code == "L" and len(payload) > 32768),
    "large-body": failing(lambda peer, code, payload: code == "B" and len(payload) > 65534),
    "binary-body": failing(lambda peer, code, payload: code == "B" and b"\0" in payload),
    "empty-message": failing(lambda peer, code, _: code == "E" and peer.headers == 0),
    "single-bytes": WholePackets,
    "one-write": OnePacketARead,
}


# What is broken by saying nothing is found out when the time is over.
SILENT = {"one-reply", "quit", "one-write"}


class Conformance(Folder):
    def examine(self, spec, *options, patience_s=PATIENCE):
        """The rules by word, and the exit status."""
        done = run_server("--conformance", spec, "--json", f"--all-timeouts={patience_s}", *options)
        self.assertEqual(done.stderr, "")
        told = json.loads(done.stdout)
        rules = {one["rule"]: one for one in told["rules"]}
        self.assertEqual([told["passed"], told["broken"], told["not_tried"]],
                         [sum(one["result"] == how for one in rules.values()) for how in ("passed", "broken", "not tried")])
        return rules, done.status

    def breaches(self, rules):
        return {word: one["why"] for word, one in rules.items() if one["result"] == "broken"}

    def not_tried(self, rules):
        return {word for word, one in rules.items() if one["result"] == "not tried"}

    def filter(self, kind):
        one = kind()
        self.addCleanup(one.close)
        return one

    def test_milter_test_client_keeps_every_rule(self):
        script = self.folder / "script"
        script.write_text("agree actions=add-headers steps=skip\n\nat body\n  skip\n\n"
                          "at end-of-message\n  progress\n  add-header X-A: b\n")
        rules, status = self.examine(self.client(f"--script={script}", "--no-report-request").spec)
        self.assertEqual((self.breaches(rules), status), ({}, 0))
        self.assertEqual(self.not_tried(rules), {"reply-text"})

    def test_there_is_a_breach_of_each_rule_here(self):
        rules, _ = self.examine(self.filter(Filter).spec)
        self.assertEqual(set(BREACHES), set(rules))

    def test_whoever_breaks_a_rule_breaks_that_one_only(self):
        for word, kind in BREACHES.items():
            with self.subTest(rule=word):
                rules, status = self.examine(self.filter(kind).spec, patience_s=2 if word in SILENT else PATIENCE)
                self.assertEqual((self.breaches(rules).keys(), status), ({word}, 2), self.breaches(rules))
                self.assertTrue(rules[word]["why"])

    def test_a_client_that_breaks_off_or_talks_rubbish(self):
        for option, word in {"--close-at=data": "one-reply", "--garbage-at=helo": "replies-decode",
                             "--hang-at=rcpt": "one-reply"}.items():
            with self.subTest(option=option):
                rules, status = self.examine(self.client(option).spec, patience_s=2 if "hang" in option else PATIENCE)
                self.assertEqual((self.breaches(rules).keys(), status), ({word}, 2), self.breaches(rules))

    def test_one_that_refuses_the_client_is_no_breach_and_the_rest_is_not_tried(self):
        rules, status = self.examine(self.filter(saying("C", packet(b"r"))).spec)
        self.assertEqual((self.breaches(rules), status), ({}, 0))
        self.assertEqual(rules["large-body"]["why"], "the milter ends it before: reject at `connect`")

    def test_the_table_names_the_clause_and_what_came(self):
        done = run_server("--conformance", self.filter(BREACHES["progress"]).spec)
        self.assertEqual((done.status, done.stderr), (2, ""))
        self.assertIn("broken     progress              says progress at the end of the message only\n"
                      "           at `envelope-recipient`, command 4 of the connection: progress (protocol 7)\n", done.stdout)
        self.assertRegex(done.stdout, r"\n\n\d+ passed, 1 broken, \d+ not tried\n$")

    def test_only_the_rules_that_are_asked_for(self):
        rules, status = self.examine(self.filter(BREACHES["abort"]).spec, "--rule=unknown", "--rule=skip")
        self.assertEqual((set(rules), status), ({"skip", "unknown"}, 0))
        done = run_server("--conformance", "inet:1@127.0.0.1", "--rule=nonsense")
        self.assertEqual(done.status, 1)
        self.assertRegex(done.stderr, r"^--rule: there is no rule <nonsense>, but: offer, .*, one-write\n$")

    def test_nobody_there(self):
        done = run_server("--conformance", f"inet:{free_port()}@127.0.0.1")
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("Failed to connect to", done.stderr)

    def test_the_manual_names_the_rules_and_its_example_is_run(self):
        page = (Path(__file__).resolve().parents[2] / "docs/manual/testing-milters.md").read_text()
        chapter = page[page.index("\n## Which rules does it break?"):page.index("\n## Many sessions")]
        call, table = re.findall(r"^```\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL)
        kind = self.filter(BREACHES["progress"])
        done = run_server(*call.replace("inet:10025@127.0.0.1", kind.spec).split()[1:])
        self.assertEqual((done.status, done.stderr), (2, ""))
        shown = [one for one in table.splitlines() if one and one[0] in "pbn "]
        self.assertEqual([one for one in shown if one not in done.stdout.splitlines()], [])
        for word in BREACHES:
            self.assertIn(f"`{word}`", chapter)


if __name__ == "__main__":
    unittest.main()
