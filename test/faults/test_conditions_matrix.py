"""Every kind of condition at every stage on each of three children: it stops its own child and only it
(configuration 6; conditions.md).

All children carry the conditions of all rows at once; a condition looks at its row's own host name first, so that a
mail is about one row, one place in the chain and one outcome, and the other conditions are there to be wrong.
"""

import dataclasses
import datetime
import itertools
import unittest

import peers
from peers import wire
from peers.matrix import STAGES, Matrix, macro
from peers.three import NAMES, WHOLE, Facts
from support import scratch, watchdog

WRITTEN = datetime.datetime.now()


@dataclasses.dataclass(frozen=True)
class Row:
    """A word with a value; facts with which it holds, and with which it does not (None: there are none)."""
    words: str
    stage: str
    holds: dict | None
    fails: dict | None
    applies_not: str = ""  # the stage at which it is known not to hold, where that is another one
    at: str = ""
    names: tuple[str, ...] = NAMES

    def condition(self, kind: str, gate: str) -> str:
        """In the configuration; looks at nothing unless the host's name is in the domain of the gate."""
        here = f'{{host: ".{gate}"}}'
        stage = f", at: :{self.at}" if self.at else ""
        if kind == "skip":
            return f'skip_when({self.words and self.words + ", "}host: ".{gate}"{stage})'
        return f"apply_when(any: [{{{self.words}}}, {{none: {here}}}]{stage})"

    def outcomes(self, kind: str):
        """(facts, the stage at which the child is left out, or none), as far as there are such facts."""
        stops, keeps = (self.holds, self.fails) if kind == "skip" else (self.fails, self.holds)
        if stops is not None:
            yield stops, self.stage if kind == "skip" else self.applies_not or self.stage
        if keeps is not None:
            yield keeps, None


def hour(offset: int) -> str:
    return (WRITTEN + datetime.timedelta(hours=offset)).strftime("%H:%M")


def day(offset: int) -> str:
    return ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][(WRITTEN.weekday() + offset) % 7]


OTHERS = ("<to@recipient.test>", "<other@recipient.test>")
WORDS = {
    "client": Row('client: "198.51.100.0/24"', "connect", {"address": "198.51.100.7"}, {"address": "192.0.2.1"}),
    "client_local": Row("client: :local", "connect", {"address": "10.0.0.1"}, {"address": "192.0.2.1"}),
    "client_remote": Row("client: :remote", "connect", {"address": "192.0.2.1"}, {"address": "127.0.0.1"}),
    "client_six": Row('client: "2001:db8::/32"', "connect", {"address": "IPv6:2001:db8::1"}, {"address": "2001:db9::1"}),
    "client_family": Row("client_family: :ipv6", "connect", {"address": "2001:db8::1"}, {"address": "192.0.2.1"}),
    "client_unix": Row("client_family: :unix", "connect", {"address": "unix:/run/client"}, {"address": "unknown"}),
    "host": Row("", "connect", {"host": "below."}, {"host": "beside-"}),
    "helo": Row('helo: "odd.test"', "helo", {"helo": "odd.test"}, {"helo": "mail.test"}),
    "sender": Row('sender: "@odd.test"', "mail", {"sender": "<a@odd.test>"}, {"sender": "<a@odd.test.net>"}),
    "sender_null": Row('sender: ""', "mail", {"sender": "<>"}, {"sender": "<a@b>"}),
    "sender_domain": Row('sender_domain: ".odd.test"', "mail", {"sender": "<a@x.odd.test>"}, {"sender": "<a@test>"}),
    "recipient": Row('recipient: "odd@"', "rcpt", {"recipients": ("<odd@x.test>",)}, {"recipients": ("<a@odd>",)}),
    "any_recipient": Row('any_recipient: "odd@"', "data", {"recipients": ("<a@b>", "<odd@b>")}, {"recipients": OTHERS}),
    "all_recipients": Row('all_recipients: "@b"', "data", {"recipients": ("<a@b>", "<odd@b>")},
                          {"recipients": ("<a@b>", "<odd@c>")}),
    "sender_or": Row('sender_or_recipient: "odd@"', "data", {"recipients": ("<odd@b>",)}, {"recipients": OTHERS}),
    "authenticated": Row("authenticated: true", "mail", macro("M", "auth_type", "PLAIN"), {}),
    "not_authenticated": Row("authenticated: false", "mail", {}, macro("M", "auth_authen", "bob")),
    "postfix": Row("postfix: true", "connect", macro("C", "v", "Postfix 3.7.11"), macro("C", "v", "8.17.1")),
    "not_postfix": Row("postfix: false", "connect", {}, macro("C", "v", "Postfix 3.7.11")),
    **{name: Row(f'{name}: ["odd", "even"]', "connect", macro("C", name, "odd"), macro("C", name, "other")) for name in
       ("daemon_name", "daemon_port", "daemon_addr", "if_name", "if_addr")},
    **{name: Row(f"{name}: true", "mail", macro("M", name, "x"), {}) for name in ("auth_type", "auth_authen")},
    "tls_version": Row("tls_version: false", "mail", {}, macro("H", "tls_version", "TLSv1.3")),
    "macro": Row('macro: {"own" => /^od+$/}', "mail", macro("M", "own", "odd"), macro("M", "own", "even")),
    "header": Row('header: {"Precedence" => ["bulk", "list"]}', "header",
                  {"headers": (("Subject", "s"), ("precedence", "List"))}, {"headers": (("Precedence", "first"),)}, "end_of_headers"),
    "no_header": Row('header: {"List-Id" => false}', "end_of_headers", {}, {"headers": (("Subject", "s"), ("list-id", "<x>"))}, "header"),
    "larger_announced": Row("larger_than: 1000", "mail", {"sender_arguments": ("SIZE=1001",), "body": ("x" * 1001,)},
                            {"sender_arguments": ("SIZE=1000",)}, "end_of_message"),
    "larger": Row("larger_than: 1000", "end_of_message", {"body": ("x" * 900, "y" * 900)}, {"body": ("x",)}),
    "time": Row(f'time: "{hour(-2)}-{hour(3)}"', "connect", {}, None),
    "time_other": Row(f'time: "{hour(3)}-{hour(5)}"', "connect", None, {}),
    "days": Row(f'days: ["{day(0)}", "{day(1)}"]', "connect", {}, None),
    "days_other": Row(f'days: "{day(3)}"', "connect", None, {}),
    "sessions": Row("sessions_at_least: 1", "connect", {}, None),
    "sessions_many": Row("sessions_at_least: 1000", "connect", None, {}),
    "any": Row('any: {helo: "a", sender: "a@b"}', "mail", {"sender": "<a@b>"}, {}),
    "any_of_them": Row('any: {helo: "a", sender: "a@b"}', "mail", {"helo": "a"}, None),
    "all": Row('all: [{helo: "a"}, {sender: "a@b"}]', "mail", {"helo": "a", "sender": "<a@b>"}, {"helo": "a"}),
    "none": Row('none: {helo: "a", sender: "a@b"}', "mail", {}, {"helo": "a"}),
    "code": Row('sender: ->(sender) { sender == "a@b" }', "mail", {"sender": "<a@b>"}, {}),
    "code_of_helo": Row("helo: ->(name) { name == 'odd' }", "helo", {"helo": "odd"}, {}),
    "code_of_recipient": Row('recipient: ->(one) { one == "odd@b" }', "rcpt", {"recipients": ("<odd@b>",)}, {}),
    "code_of_domain": Row('sender_domain: ->(name) { name == "b" }', "mail", {"sender": "<a@b>"}, {"sender": "<>"}),
    "code_of_host": Row("all: {client: ->(address) { !address.local? }}", "connect", {}, {"address": "10.0.0.1"}),
    "file": Row('sender: "hash:SENDERS"', "mail", {"sender": "<bob@listed.test>"}, {"sender": "<bob@other.test>"}),
    "shipped": Row("s25r", "connect", {"host": "adsl-1."}, {"host": "mail."}),
    "result": Row('result: {"first" => :accept}', "end_of_message", {}, None, names=("middle", "last")),
    "result_other": Row('result: {"first" => [:reject, :failed]}', "end_of_message", None, {}, names=("middle", "last")),
    **{f"at_{stage}": Row('client: "198.51.100.0/24"', stage, {"address": "198.51.100.7"},
                          {"address": "192.0.2.1"}, at=stage) for stage in STAGES},
}
KINDS = ("skip", "apply")
NO_OBJECT_IN_ANY = {("shipped", "apply"), ("host", "apply")}  # `any:` takes words only


def define(name: str, *lines: str) -> str:
    return f'define_applicable_condition("{name}") do |condition|\n' + "".join(f"  {line}\n" for line in lines) + "end\n"


def gate(*words: str) -> str:
    return ".".join(words) + ".test"


class Words(Matrix):
    async def test_each_word_stops_the_child_that_has_it_and_no_other(self):
        rules, conditions = ['load("applicable-conditions/s25r.conf")\n'], {name: [] for name in NAMES}
        rows = [(key, row, kind, name) for (key, row), kind in itertools.product(WORDS.items(), KINDS)
                for name in row.names if (key, kind) not in NO_OBJECT_IN_ANY]
        for key, row, kind, name in rows:
            title = f"{kind} {key} {name}"
            rules.append(define(title, "condition." + row.condition(kind, gate(kind, key, name))))
            conditions[name].append(title)
        senders = scratch.write(self.home / "senders", "listed.test ok\n")
        await self.three.serve("".join(rules).replace("hash:SENDERS", f"hash:{senders}"), conditions)
        tried = {True: 0, False: 0}
        for key, row, kind, name in rows:
            if key == "result":
                self.three.behave("first", E=wire.ACCEPT)
            for what, stage in row.outcomes(kind):
                with self.subTest(row=key, kind=kind, child=name, stage=stage, facts=what):
                    await self.check(Facts(**what | {"host": what.get("host", "") + gate(kind, key, name)}), name, stage)
                    tried[stage is not None] += 1
            self.three.behave("first")
        print(len(rows), "conditions of", len(WORDS), "words;", tried)
        self.assertEqual(self.three.mails, sum(len(list(row.outcomes(kind))) for _, row, kind, _ in rows))
        self.assertEqual(set(tried.values()) & {0}, set())


STOPPERS = {  # of each stage: (name, what the block is given, what it looks at)
    "connect": ("connect", "host, address", 'host.start_with?("{here}") && address.ipv4?'),
    "helo": ("helo", "fqdn", 'fqdn.start_with?("{here}")'),
    "mail": ("envelope_from", "from", 'from.start_with?("<{here}")'),
    "rcpt": ("envelope_recipient", "recipient", 'recipient.start_with?("<{here}")'),
    "data": ("data", "", 'context["{{stop}}"].start_with?("{here}")'),
    "header": ("header", "name, value", 'name == "X-Stop" && value.start_with?("{here}")'),
    "end_of_headers": ("end_of_header", "", 'context["stop"].start_with?("{here}")'),
    "body": ("body", "chunk", 'chunk.include?("{here}")'),
    "end_of_message": ("end_of_message", "", 'context["stop"].start_with?("{here}")')}
# Macros come to a child with these; for a header or a piece of the body it would ignore them (protocol 5.1).
LETTERS = dict(zip(STAGES, "CHMRTNNEE"))


class Blocks(Matrix):
    def told(self, stage: str, name: str, stops: bool) -> Facts:
        """A mail that says the word of this block at its stage; or says another one there."""
        word = f"{stage}-{name}" if stops else f"not-{stage}-{name}"
        facts = Facts(macros={"C": {"stop": "nobody"}})
        match stage:
            case "connect": facts.host = word + ".test"
            case "helo": facts.helo = word
            case "mail": facts.sender = f"<{word}@b>"
            case "rcpt": facts.recipients = (f"<{word}@b>",)
            case "header": facts.headers = (("Subject", "s"), ("X-Stop", word))
            case "body": facts.body = ("x" * 65535, f"[{word}]")
            case _: facts.macros["C"]["stop"] = word
        return facts

    async def test_a_stopper_of_each_stage_stops_its_own_child_and_no_other(self):
        rules, conditions = [], {name: [] for name in NAMES}
        for (stage, (stopper, arguments, test)), name in itertools.product(STOPPERS.items(), NAMES):
            names = ", ".join(["context", *filter(None, [arguments])])
            here = f"[{stage}-{name}]" if stage == "body" else f"{stage}-{name}"
            rules.append(define(f"{stage} {name}", f"condition.define_{stopper}_stopper {{|{names}| {test.format(here=here)} }}"))
            conditions[name].append(f"{stage} {name}")
        await self.three.serve("".join(rules), conditions)
        for stage, name, stops in itertools.product(STOPPERS, NAMES, (True, False)):
            with self.subTest(stage=stage, child=name, stops=stops):
                letters = "OCHMRTLNBAQ" if stage == "body" else ""  # the first piece does not say so
                await self.check(self.told(stage, name, stops), name, stage if stops else None, letters)
        self.assertEqual(self.three.mails, 9 * 3 * 2)
        self.assertEqual(self.three.daemon.events("condition_failed"), [])

    async def test_macros_that_are_set_reach_that_child_and_no_other(self):
        rules, conditions = [], {name: [] for name in NAMES}
        for (stage, (stopper, *_)), name in itertools.product(STOPPERS.items(), NAMES):
            here = f"context['row'] == '{stage}-{name}'"
            rules.append(define(f"block {stage} {name}",
                                f"condition.define_{stopper}_stopper {{|context| context['own'] = 'by-block' if {here}; false }}"))
            rules.append(define(f"words {stage} {name}", 'condition.set_macros({"own" => "by-words"}, '
                                f"at: :{stage}, when: {{macro: {{'row' => 'words-{stage}-{name}'}}}})"))
            conditions[name] += [f"block {stage} {name}", f"words {stage} {name}"]
        await self.three.serve("".join(rules), conditions)
        for stage, name, (row, value) in itertools.product(STOPPERS, NAMES, (("", "by-block"), ("words-", "by-words"))):
            with self.subTest(stage=stage, child=name, value=value):
                seen = await self.three.mail(Facts(macros={"C": {"row": f"{row}{stage}-{name}"}}))
                given = {child: one.macro("own") for child, one in seen.items()}
                self.assertEqual({child: set(one.values()) for child, one in given.items()},
                                 {child: {value} if child == name else set() for child in NAMES})
                self.assertEqual(min(given[name], key="CHMRTLNBE".index), LETTERS[stage])
                self.assertEqual({one.letters for one in seen.values()}, {WHOLE})
        self.assertEqual(self.three.mails, 9 * 3 * 2)


class Recipients(Matrix):
    """The result does not depend on the order of the recipients."""

    PEOPLE = ("<odd@b>", "<a@b>", "<c@d>")
    CONDITIONS = {
        "words": ("condition.skip_when(recipient: 'odd@b')",),
        "block": ("condition.define_envelope_recipient_stopper {|context, one| one == '<odd@b>' }",),
        "any": ("condition.skip_when(any_recipient: 'odd@b')",),
        "all": ("condition.apply_when(all_recipients: '@b')",),
        "memory": ("condition.define_envelope_recipient_stopper do |context, one|",
                   "  context['{odd}'] = 'yes' if one == '<odd@b>'; false", "end",
                   "condition.define_data_stopper {|context| context['odd'] == 'yes' }"),
        "shelf": ("condition.define_envelope_recipient_stopper do |context, one|",
                  "  context.mail_transaction_shelf['odd'] = true if one == '<odd@b>'; false", "end",
                  "condition.define_end_of_message_stopper {|context| context.mail_transaction_shelf['odd'] }")}
    # Of a mail with that recipient in it: what the child sees. In mails without it, all of them.
    SEEN = {"words": "OCHMRRTLNBEQ", "block": "OCHMRRTLNBEQ", "any": "OCHMRRRAQ", "all": "OCHMRRRAQ", "memory": "OCHMRRRAQ",
            "shelf": "OCHMRRRTLNBAQ"}

    async def test_all_orders_of_the_recipients_give_the_same(self):
        rules = "".join(define(name, *lines) for name, lines in self.CONDITIONS.items())
        await self.three.serve(rules, {name: [] for name in NAMES})
        for name, condition in itertools.product(NAMES, self.CONDITIONS):
            await self.three.reload(rules, {name: [condition]})
            for people in itertools.permutations(self.PEOPLE):
                with self.subTest(condition=condition, child=name, recipients=people):
                    seen = await self.three.mail(Facts(recipients=people))
                    whole = WHOLE.replace("R", "RRR")
                    self.assertEqual({child: one.letters for child, one in seen.items()},
                                     {child: self.SEEN[condition] if child == name else whole for child in NAMES})
                    kept = [one for one in people if condition not in ("words", "block") or one != "<odd@b>"]
                    self.assertEqual({child: one.recipients for child, one in seen.items()},
                                     {child: kept if child == name else list(people) for child in NAMES})
            seen = await self.three.mail(Facts(recipients=("<a@b>",)))
            self.assertEqual([seen[child].letters for child in NAMES], [WHOLE] * 3)
        self.assertEqual(self.three.mails, 3 * 6 * (6 + 1))


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
