"""What users have in their files, with mail (configuration 2 to 10): one file with all of it, unchanged idioms."""

import sqlite3
import unittest

import peers
from peers.three import NAMES, Facts, Three
from support import scratch, watchdog

TO = ("<to@recipient.test>",)


class Idioms(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("idioms"))
        self.three = await Three(self, self.home).listen()
        self.etc = self.home / "etc"
        self.tried = 0

    async def serve(self, before: str = "", conditions: dict | None = None, after: str = ""):
        await self.three.serve('load("applicable-conditions/*.conf")\n' + before, conditions or {}, after)

    async def asked(self, whom: str, **facts):
        """The mail goes past these of first, middle, last (by initials), and no other."""
        self.tried += 1
        with self.subTest(facts=facts):
            seen = await self.three.mail(Facts(**facts))
            self.assertEqual("".join(name[0] for name in NAMES if seen[name] and "E" in seen[name].letters), whom)
            return seen

    async def asyncTearDown(self):
        self.assertGreater(self.tried, 1)
        self.assertEqual(self.three.mails, self.tried)
        self.assertEqual(self.three.daemon.events("condition_failed"), [])
        # Whatever is there, nobody was told in vain.
        self.assertEqual(self.three.daemon.events("child_failed"), [])


class Milters(Idioms):
    async def test_a_milter_is_changed_by_defining_it_again(self):
        await self.serve(conditions={"first": ["Remote Network", "S25R"]}, after="""
define_milter("first") do |milter|
  milter.applicable_conditions = milter.applicable_conditions.reject {|condition| condition.name == "S25R" }
  milter.applicable_conditions += ["Unauthenticated"]
end
define_milter("middle") do |milter|
  milter.connection_spec = "%s"
end
""" % self.three.child("middle").endpoint)
        self.three.order = ("last", "first", "middle")  # whoever is defined again moves to the end
        await self.asked("ml", address="10.0.0.1")
        await self.asked("ml", macros={"M": {"auth_authen": "bob"}})
        await self.asked("fml")

    async def test_milters_are_removed_and_disabled_and_given_a_condition_in_loops(self):
        await self.serve(after="""
defined_milters.each do |name|
  define_milter(name) do |milter|
    milter.add_applicable_condition("Remote Network")
    milter.enabled = false if name == "middle"
  end
end
["first", "no-such-milter"].each {|name| remove_milter(name) }
""")
        await self.asked("l")
        await self.asked("", address="127.0.0.1")

    async def test_a_condition_is_added_to_all(self):
        await self.serve(after="""
define_applicable_condition("Not from us") do |condition|
  condition.description = "Our own newsletter is not checked"
  condition.define_envelope_from_stopper do |context, from|
    from == "<newsletter@ours.test>"
  end
end
defined_milters.each do |name|
  define_milter(name) do |milter|
    milter.applicable_conditions += ["Not from us"]
  end
end
""")
        await self.asked("fml")
        await self.asked("", sender="<newsletter@ours.test>")


class Lists(Idioms):
    async def test_lists_of_the_shipped_conditions_are_added_to(self):
        scratch.write(self.etc / "trusted.list", "# ours\nours.test\n\n/\\.branch\\.test\\z/\n")
        scratch.write(self.etc / "milter-manager.local.conf", r"""
s25r.add_whitelist(/\.white\.test\z/)
s25r.add_whitelist("adsl-1.one.test")
s25r.add_whitelist {|host| host == "adsl-1.block.test" }
s25r.add_blacklist(/\Ablack/)
s25r.check_only_ipv4 = false
["203.0.113.0/24", "2001:db8::/32"].each {|network| remote_network.add_local_address(network) }
remote_network.add_remote_address("10.1.0.0/16")
trust.clear
trust.load_envelope_from_domains("trusted.list")
trust.add_envelope_from_domain {|domain| domain.start_with?("block.") }
""")
        await self.serve('load_if_exist("milter-manager.local.conf")\nload_if_exist("milter-manager.none.conf")\n',
                         {"first": ["S25R"], "middle": ["Remote Network"], "last": ["Trust"]})
        for host, black in (("adsl-1.x.test", True), ("adsl-1.white.test", False), ("adsl-1.one.test", False),
                            ("adsl-1.block.test", False), ("black.test", True), ("mail.test", False)):
            await self.asked("fml" if black else "ml", host=host)
        for address, remote in (("203.0.113.1", False), ("10.1.2.3", True), ("10.2.2.3", False), ("192.0.2.9", True)):
            await self.asked("fml" if remote else "fl", host="black.test", address=address)
        await self.asked("fl", host="adsl-1.x.test", address="2001:db8::1")
        await self.asked("ml", host="mail.test", address="2001:dead::1")
        for sender, trusted in (("a@ours.test", True), ("a@OURS.test", True), ("a@x.branch.test", True), ("a@gmail.com", False),
                                ("a@block.test", True), ("a@branch.test", False)):
            seen = await self.asked("ml", sender=f"<{sender}>")
            self.assertEqual(set(seen["last"].macro("trusted_domain").values()), {"yes"} if trusted else set(), sender)
            self.assertEqual(seen["middle"].macro("trusted_domain"), {})

    async def test_a_matcher_and_tables_of_postfix_in_code(self):
        scratch.write(self.etc / "clients.cidr", "198.51.100.0/24 skip\n0.0.0.0/0 use\n")
        scratch.write(self.etc / "senders.regexp", "/@skip\\.test$/ skip\n")
        await self.serve("""
clients = Milter::Manager::PostfixCIDRTable.new
File.open(File.join(File.dirname(__FILE__), "clients.cidr")) {|file| clients.parse(file) }
senders = Milter::Manager::PostfixRegexpTable.new
File.open(File.join(File.dirname(__FILE__), "senders.regexp")) {|file| senders.parse(file) }
matcher = Milter::Manager::AddressMatcher.new
matcher.add_local_address("203.0.113.0/24")
define_applicable_condition("Clients") do |condition|
  condition.define_connect_stopper {|context, host, address| clients.find(address) == "skip" }
end
define_applicable_condition("Senders") do |condition|
  condition.define_envelope_from_stopper {|context, from| senders.find(from[1..-2]) == "skip" }
end
define_applicable_condition("Local") do |condition|
  condition.define_connect_stopper do |context, host, address|
    Milter::Logger.info("[mine][connect] <#{host}>: <#{address}>")
    matcher.local_address?(address)
  end
end
""", {"first": ["Clients"], "middle": ["Senders"], "last": ["Local"]})
        await self.asked("fml")
        await self.asked("ml", address="198.51.100.3")
        await self.asked("fl", sender="<a@skip.test>")
        await self.asked("fm", address="203.0.113.5")
        said = [one.text for one in await self.three.daemon.logged("configuration_says", 4)]
        self.assertTrue([one for one in said if "[mine][connect] <mail.test>: <inet:25000@[203.0.113.5]>" in one], said)


class Accounts(Idioms):
    async def test_restricted_to_accounts_by_texts_patterns_and_a_block(self):
        scratch.write(self.etc / "volunteers", "c@ours.test\n")
        await self.serve(after="""
restrict_accounts_by_list("a@ours.test", "b@ours.test", :milters => ["first"])
restrict_accounts_by_list(/@(?:ours|other)\\.test\\z/, /\\Apostmaster@/, :condition_name => "Ours", :milters => ["middle"])
volunteers = "%s"
restrict_accounts_generic(:condition_name => "Volunteers", :milters => ["last"]) do |context, recipient|
  File.readlines(volunteers, :chomp => true).include?(recipient)
end
""" % (self.etc / "volunteers"))
        for recipients, whom in ((("a@ours.test",), "fm"), (("b@ours.test", "a@ours.test"), "fm"), (("c@ours.test",), "ml"),
                                 (("c@ours.test", "a@ours.test"), "m"), (("a@ours.test", "c@ours.test"), "m"),
                                 (("postmaster@x",), "m"), (("x@y",), ""), (("x@y", "a@ours.test"), ""),
                                 (("a@ours.test", "x@y"), "")):
            await self.asked(whom, recipients=tuple(f"<{one}>" for one in recipients))

    async def test_accounts_of_a_database_at_the_load_and_in_a_block(self):
        database = scratch.subdirectory(self.home, "data", mode=0o777) / "mail.db"
        with sqlite3.connect(database) as one:
            one.execute("create table accounts (id integer primary key, address text, checked boolean)")
            one.executemany("insert into accounts (address, checked) values (?, ?)", [("in@ours.test", 1), ("out@ours.test", 0)])
        database.chmod(0o666)
        scratch.subdirectory(self.etc, "models")
        scratch.write(self.etc / "models" / "account.rb", "class Account < ActiveRecord::Base\nend\n")
        await self.serve(f"""
database.type = "sqlite3"
database.name = "{database}"
database.setup
database.load_models("models/*.rb")
""", after="""
restrict_accounts_by_list(*Account.where(:checked => true).pluck(:address), :milters => ["first"])
restrict_accounts_generic(:milters => ["middle"]) do |context, recipient|
  Account.where(:address => recipient, :checked => true).exists?
end
""")
        self.three.order = ("last", "first", "middle")
        await self.asked("fml", recipients=("<in@ours.test>",))
        await self.asked("l", recipients=("<out@ours.test>",))
        await self.asked("l", recipients=("<new@ours.test>",))
        with sqlite3.connect(database) as one:
            one.execute("insert into accounts (address, checked) values ('new@ours.test', 1)")
        # The list is that of the load, the block looks now.
        await self.asked("ml", recipients=("<new@ours.test>",))


class Contexts(Idioms):
    CODE = """
define_applicable_condition("Clean") do |condition|
  condition.define_end_of_message_stopper do |context|
    scanner = context.children["first"]
    scanner && scanner.accept?
  end
end
define_applicable_condition("Remember") do |condition|
  condition.define_envelope_from_stopper do |context, from|
    context.mail_transaction_shelf["from"] = from
    context["trusted"] = "yes" if from.end_with?("@ours.test>")
    false
  end
  condition.define_header_stopper do |context, name, value|
    name == "Sender" && value != context.mail_transaction_shelf["from"]
  end
end
"""

    async def test_a_condition_looks_at_the_result_of_another_milter(self):
        await self.serve(self.CODE, {"first": ["Remote Network"], "last": ["Clean"]})
        await self.asked("fm")
        await self.asked("ml", address="10.0.0.1")  # the first is not asked

    async def test_a_condition_remembers_across_stages_and_tells_its_own_milter(self):
        await self.serve(self.CODE, {"middle": ["Remember"]})
        for sender, trusted in (("<a@ours.test>", True), ("<a@b>", False)):
            seen = await self.asked("fml", sender=sender, headers=(("Subject", "s"), ("Sender", sender)))
            self.assertEqual([name for name in NAMES if seen[name].macro("trusted")], ["middle"] if trusted else [])
            await self.asked("fl", sender=sender, headers=(("Subject", "s"), ("Sender", "<other@b>")))

    async def test_policies_say_whom_a_milter_is_for(self):
        await self.serve(after="""
define_policy("clients") do |policy|
  policy.milters = ["first", "middle"]
  policy.address = "192.0.2.0/24"
  policy.host = /\\.test\\z/
end
define_policy("customers") do |policy|
  policy.milters << "middle"
  policy.fqdn = "greets.test"
  policy.from = "<a@b>"
  policy.recipient = /@ours\\.test>/
end
""")
        fits = {"helo": "greets.test", "sender": "<a@b>", "recipients": ("<x@ours.test>",)}
        await self.asked("fm", **fits)
        await self.asked("", **fits | {"address": "198.51.100.1"})
        await self.asked("", **fits | {"host": "mail.example"})
        await self.asked("f", **fits | {"helo": "other.test"})
        await self.asked("f", **fits | {"sender": "<c@b>"})
        await self.asked("f", **fits | {"recipients": TO})


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
