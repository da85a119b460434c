"""Every shipped condition on each of three children: it stops its own child and only it, or tells it a macro and no other
(configuration 8; conditions.md)."""

import contextlib
import dataclasses
import itertools
import unittest

import peers
from peers.matrix import Matrix, macro
from peers.mta import Mta
from peers.name_server import nsd
from peers.three import CONDITIONS, NAMES, WHOLE, Facts
from support import watchdog


@dataclasses.dataclass(frozen=True)
class Shipped:
    """A shipped condition: facts and the stage at which its child is left out; others, and the macro that it sets."""
    file: str
    condition: str  # "": the rules give it to the child, and come after the milters
    stops: tuple[tuple[dict, str], ...] = ()
    keeps: tuple[dict, ...] = ()
    macro: str = ""
    sets: tuple[dict, ...] = ()  # facts with which it sets that macro
    rules: str = ""  # besides, with {child} and {dns}
    held: int = 0  # connections besides, in the rows that stop or set


LOGIN = macro("M", "auth_authen", "bob")
POSTFIX = {"C": {"v": "Postfix 3.7.11", "j": "mx.test", "daemon_addr": "203.0.113.9"}}
IN, OUT = "<in@ours.test>", "<out@theirs.test>"
ACCOUNTS = {"keeps": ({"recipients": (IN,)}, {"recipients": (IN, "<in@more.ours.test>")}), "stops": (
    *(({"recipients": people}, "some") for people in itertools.permutations((IN, OUT))), ({"recipients": (OUT,)}, "rcpt"))}
ZONES = {"zen.spamhaus.org": "2.2.0.192 IN A 127.0.0.10", "dnsbl.sorbs.net": "", "bl.spamcop.net": "",
         "b.barracudacentral.org": ""}
BUILT_INS = [
    Shipped("authenticated", "Authenticated", stops=(({}, "mail"),), keeps=(LOGIN, macro("M", "auth_type", "PLAIN"))),
    Shipped("authenticated", "Unauthenticated", stops=((LOGIN, "mail"),), keeps=({},)),
    Shipped("remote-network", "Remote Network", keeps=({}, {"address": "10.9.0.1"}, {"address": "2001:db8::1"}),
            stops=tuple(({"address": one}, "connect") for one in ("127.0.0.1", "10.0.0.1", "192.168.1.1", "fe80::1",
                        "unknown", "unix:/run/x", "203.0.113.7")),
            rules='remote_network.add_local_address("203.0.113.0/24")\nremote_network.add_remote_address("10.9.0.0/16")\n'),
    Shipped("s25r", "S25R", keeps=({"host": "adsl-12.isp.test"}, {"host": "unknown"}, {"host": "black.test"}),
            stops=(({"host": "mail.test"}, "connect"), ({"host": "adsl-12.white.test"}, "connect"),
                   ({"host": "adsl-12.isp.test", "address": "2001:db8::1"}, "connect")),
            rules='s25r.add_whitelist(/\\.white\\.test\\z/)\ns25r.add_blacklist("black.test")\n'),
    Shipped("sendmail-compatible", "Sendmail Compatible", macro="if_addr", sets=({"macros": POSTFIX},),
            keeps=({}, macro("C", "v", "8.17.1"))),
    Shipped("sendmail-compatible", "Sendmail Compatible", macro="i", sets=({"macros": POSTFIX},), keeps=({},)),
    Shipped("stress", "Stress Notify", macro="stress", sets=({},), keeps=({},), held=4,
            rules="stress.threshold_n_connections = 4\n"),
    Shipped("stress", "No Stress", stops=(({}, "connect"),), keeps=({},), held=4,
            rules="stress.threshold_n_connections = 4\n"),
    Shipped("trust", "Trust", macro="trusted_domain", keeps=({}, {"sender": "<a@b.gmail.com>"}),
            sets=({"sender": "<a@GMAIL.com>"}, {"sender": "<a@mail.ours.test>"}),
            rules="trust.add_envelope_from_domain(/ours\\.test\\z/)\n"),
    *(Shipped("restrict-accounts", "", rules=rules, **ACCOUNTS) for rules in (
        'restrict_accounts_by_list("in@ours.test", "in@more.ours.test", milters: ["{child}"])\n',
        'restrict_accounts_by_list(/ours\\.test\\z/, condition_name: "Ours", milters: ["{child}"])\n',
        'restrict_accounts_generic(milters: ["{child}"]) {{|context, one| one.end_with?("ours.test") }}\n')),
    *(Shipped("dnsbl", name, stops=(({"address": out}, "connect"),), keeps=({"address": within},),
              rules='dnsbl.name_servers = ["127.0.0.1:{dns}"]\n')
      for name, out, within in (("DNSBL Listed", "192.0.2.1", "192.0.2.2"), ("Not DNSBL Listed", "192.0.2.2", "192.0.2.1"))),
]


class BuiltIns(Matrix):
    async def test_each_shipped_condition_stops_its_own_child_and_no_other(self):
        dns = self.enterContext(nsd(self.home, ZONES))
        await self.three.serve("", {})
        wanted = 0
        for row, name in itertools.product(BUILT_INS, NAMES):
            await self.configure(row, name, dns)
            for what, stage in row.stops:
                wanted += 1
                with self.subTest(condition=row.condition or row.rules, child=name, stage=stage, facts=what):
                    async with self.crowd(row.held):
                        # Of a message that has other recipients, too, it was told of its own.
                        await self.check(Facts(**what), name, *(("data", "OCHMRAQ") if stage == "some" else (stage,)))
            for what, sets in (*((what, True) for what in row.sets), *((what, False) for what in row.keeps)):
                wanted += 1
                with self.subTest(condition=row.condition or row.rules, child=name, macro=sets and row.macro, facts=what):
                    async with self.crowd(row.held if sets else 0):
                        seen = await self.three.mail(Facts(**what))
                    whole = WHOLE.replace("R", "R" * len(Facts(**what).recipients))
                    self.assertEqual({child: one and one.letters for child, one in seen.items()}, dict.fromkeys(NAMES, whole))
                    if row.macro:
                        self.assertEqual([child for child in NAMES if seen[child].macro(row.macro)], [name] if sets else [])
        self.assertEqual(self.three.mails, wanted)
        self.assertEqual({row.file for row in BUILT_INS}, {one.stem for one in CONDITIONS.glob("*.conf")})
        print(len(BUILT_INS), "rows,", wanted, "mails")

    async def configure(self, row: Shipped, name: str, dns: int):
        load = f'load("applicable-conditions/{row.file}.conf")\n'
        rules = row.rules.format(child=name, dns=dns) if "{" in row.rules else row.rules
        if row.condition:
            return await self.three.reload(load + rules, {name: [row.condition]})
        # Whoever is defined again moves to the end.
        again = f"{list(NAMES)}.each {{|one| define_milter(one) {{|milter| }} }}\n"
        await self.three.reload(load, {}, rules + again)

    @contextlib.asynccontextmanager
    async def crowd(self, count: int):
        """So many other connections, which the manager has answered."""
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(count):
                mta = await stack.enter_async_context(Mta.connected(self.three.daemon.endpoint))
                await mta.offer()
                stack.push_async_callback(mta.leave)
            yield
            for child in self.three.children:
                child.forget()


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
