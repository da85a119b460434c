#!/usr/bin/env python3
"""milter-manager-log-analyzer on logs whose counts are known: RRD values, pictures, pages and summaries agree with them."""
import collections
import datetime
import gzip
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import time
import unittest

ANALYZER = os.environ["MILTER_MANAGER_LOG_ANALYZER"]
STATUSES = ["pass", "accept", "reject", "discard", "temporary-failure", "quarantine", "abort", "error"]
MINUTE = 60


def traditional(when: int) -> str:
    at = datetime.datetime.fromtimestamp(when)
    return f"{at:%b} {at.day:2} {at:%H:%M:%S} mx "


def rfc_3339(when: int) -> str:
    return datetime.datetime.fromtimestamp(when).astimezone().isoformat(timespec="microseconds") + " mx.example.net "


def short_iso(when: int) -> str:
    return f"{datetime.datetime.fromtimestamp(when).astimezone():%Y-%m-%dT%H:%M:%S%z} mx "


def syslog(text: str, when: int, stamp=traditional, pid=12) -> str:
    return f"{stamp(when)}milter-manager[{pid}]: [statistics] {text}\n"


def own_file(text: str, when: int) -> str:
    return f"[{datetime.datetime.fromtimestamp(when, datetime.UTC):%Y-%m-%dT%H:%M:%S.%fZ}]: {text}\n"


def session_end(status: str, tag: int) -> str:
    return f"[session][end][end-of-message][{status}][0.0058]({tag})"


class Log:
    """Lines, and for each minute what they say."""

    def __init__(self, seed: int):
        self.dice = random.Random(seed)
        self.lines: list[str] = []
        self.counts: dict[tuple[str, str], collections.Counter] = collections.defaultdict(collections.Counter)
        self.tag = 0

    def count(self, table: str, source: str, when: int, by: int = 1):
        self.counts[table, source][when // MINUTE] += by

    def session(self, when: int):
        self.tag += 1
        status = self.dice.choice(STATUSES)
        self.lines.append(syslog(session_end(status, self.tag), when))
        self.count("session", "smtp", when)
        self.count("milter-manager.status", status.replace("-", "_"), when)
        if self.dice.random() < 0.3:
            self.lines.append(syslog(f"[milter][header][add]({self.tag + 1}): <X-Spam-Flag>=<YES>: spamass-milter", when))
            self.count("milter-manager.report", "spam", when)
            self.count("milter.report.spamass-milter", "spam", when)
        if self.dice.random() < 0.2:
            self.lines.append(syslog(f"[milter][end][connect][stop][0.01]({self.tag + 2}): clamav-milter", when))
            self.count("session", "child", when)
            self.count("milter.status.clamav-milter", "stop", when)
        self.lines.append(f"{traditional(when)}postfix/smtpd[7]: connect from [statistics] [session][end][connect][pass][1](1)\n")

    def text(self) -> bytes:
        return "".join(self.lines).encode()

    def totals(self):
        return {key: sum(values.values()) for key, values in self.counts.items()}


class Analyzer(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        self.now = int(time.time()) // MINUTE * MINUTE

    def run_it(self, *options, log=b"", status=0, **how):
        done = subprocess.run([ANALYZER, *map(str, options)], input=log, capture_output=True, check=False, timeout=100, **how)
        self.assertEqual(status, done.returncode, done.stderr.decode())
        return done

    def summary(self, *options, log=b""):
        return json.loads(self.run_it("--json", *options, log=log).stdout)

    def totals_of(self, summary) -> dict:
        return {(table, source): figures["total"] for table, sources in summary["tables"].items()
                for source, figures in sources.items() if figures["total"]}

    def rrd(self, *words) -> str:
        return subprocess.run(["rrdtool", *map(str, words)], capture_output=True, text=True, check=True).stdout

    def rrd_total(self, table: str, source: str, seconds: int) -> float:
        """The sum over all of a file, from the averages that it keeps."""
        last = int(self.rrd("last", self.home / f"{table}.rrd"))
        lines = self.rrd("fetch", self.home / f"{table}.rrd", "AVERAGE", "--start", last - seconds, "--end", last).splitlines()
        sources = lines[0].split()
        rows = [line.split() for line in lines[2:] if line.strip()]
        step = int(rows[1][0].rstrip(":")) - int(rows[0][0].rstrip(":"))
        values = [float(row[1 + sources.index(source)]) for row in rows]
        return sum(value for value in values if value == value) * step / MINUTE


class Counts(Analyzer):
    def test_a_year_agrees_in_files_pictures_and_reports(self):
        log = Log(1)
        begin = self.now - 364 * 24 * 3600
        for hour in range(begin, self.now - 3600, 3 * 3600):
            log.session(hour + log.dice.randrange(3600))
        text = log.text()
        self.assertEqual({key: total for key, total in log.totals().items()}, self.totals_of(self.summary(log=text)))
        self.run_it("--output-directory", self.home, "--html", self.home / "report.html", log=text)
        for (table, source), total in log.totals().items():
            found = self.rrd_total(table, source, 365 * 24 * 3600)
            # Of the oldest and newest hours a coarse row knows only a part.
            self.assertAlmostEqual(total, found, delta=max(25, total * 0.03), msg=f"{table} {source}")
        for name in ("milter-manager.status", "milter-manager.report", "milter.status.clamav-milter", "milter.report.spamass-milter"):
            for span in ("day", "week", "month", "year"):
                picture = (self.home / f"{name}.{span}.png").read_bytes()
                self.assertEqual(b"\x89PNG", picture[:4])
                width, height = (int.from_bytes(picture[at:at + 4], "big") for at in (16, 20))
                self.assertTrue(600 <= width <= 800 and 200 <= height <= 600, (width, height))
        page = (self.home / "index.html").read_text()
        self.assertEqual(re.findall(r'<h2 id="([a-z-]+)"', page), ["last-day", "last-week", "last-month", "last-year"])
        self.assertIn("<title>milter-manager statistics</title>", page)
        self.assertEqual([], [name for name in re.findall(r'src="([^"]+)"', page) if not (self.home / name).exists()])
        report = (self.home / "report.html").read_text()
        self.assertIn("<svg", report)
        for (table, _), total in log.totals().items():
            section = report[report.index(f"<h2>{table}</h2>"):].split("<h2>")[1]
            self.assertIn(f"<td>{total}</td>", section)
        rows = self.run_it("--csv", log=text).stdout.decode().splitlines()
        self.assertEqual("table,source,total,per_minute,most_per_minute", rows[0])
        found = {tuple(row.split(",")[:2]): int(row.split(",")[2]) for row in rows[1:]}
        self.assertEqual(log.totals(), {key: total for key, total in found.items() if total})

    def test_each_minute_is_stored_once(self):
        log = Log(2)
        for when in range(self.now - 90 * MINUTE, self.now, 20):
            log.session(when)
        self.run_it("--output-directory", self.home, log=log.text())
        last = int(self.rrd("last", self.home / "session.rrd"))
        self.assertEqual(self.now - MINUTE, last)
        # 8 minutes a row: each row's average times 8 is what the log says of these minutes.
        lines = self.rrd("fetch", self.home / "session.rrd", "AVERAGE", "--start", self.now - 90 * MINUTE, "--end", last).splitlines()
        compared = 0
        for line in lines[2:]:
            end, value = int(line.split(":")[0]), float(line.split()[1])
            minutes = range(end // MINUTE - 7, end // MINUTE + 1)
            if value == value and minutes[0] > (self.now // MINUTE) - 89 and minutes[-1] < self.now // MINUTE:
                self.assertAlmostEqual(sum(log.counts["session", "smtp"][one] for one in minutes), value * 8, places=3)
                compared += 1
        self.assertGreater(compared, 5)

    def test_what_is_of_this_minute_is_left_for_the_next_run(self):
        text = syslog(session_end("pass", 1), self.now - 60) + syslog(session_end("pass", 2), self.now + 59)
        self.assertEqual(1, self.summary(log=text.encode())["counted"])

    def test_interrupted_and_run_again_it_neither_loses_nor_doubles_a_minute(self):
        log = Log(3)
        for when in range(self.now - 30 * 24 * 3600, self.now - 60, 600):
            log.session(when)
        file = self.home / "mail.log"
        file.write_bytes(log.text())
        once, often = self.home / "once", self.home / "often"
        self.run_it("--output-directory", once, file)
        interrupted = 0
        for wait in (0.02, 0.05, 0.1, 0.2, 0.3):
            with subprocess.Popen([ANALYZER, "--output-directory", often, file], stderr=subprocess.DEVNULL) as process:
                try:
                    process.wait(wait)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    interrupted += 1
        self.assertGreater(interrupted, 1)
        self.run_it("--output-directory", often, file)
        for name in sorted(path.name for path in once.glob("*.rrd")):
            one, other = (re.findall(r"<(?:lastupdate|v|value)>[^<]*", self.rrd("dump", folder / name)) for folder in (once, often))
            self.assertEqual(one, other, name)

    def test_a_second_log_goes_on_where_the_first_ended(self):
        first, second = Log(4), Log(5)
        for when in range(self.now - 200 * MINUTE, self.now - 100 * MINUTE, 30):
            first.session(when)
        for when in range(self.now - 100 * MINUTE, self.now - MINUTE, 30):
            second.session(when)
        self.run_it("--output-directory", self.home, log=first.text())
        self.run_it("--output-directory", self.home, log=first.text() + second.text())
        expected = sum((log.totals()["session", "smtp"] for log in (first, second)), 0)
        self.assertAlmostEqual(expected, self.rrd_total("session", "smtp", 200 * MINUTE), delta=20)


class Lines(Analyzer):
    def assert_counted(self, text: str, expected: dict):
        self.assertEqual(expected, self.totals_of(self.summary(log=text.encode("utf-8", "surrogateescape"))))

    def test_every_stamp(self):
        when = self.now - 3600
        for stamp in (traditional, rfc_3339, short_iso):
            summary = self.summary(log=syslog(session_end("pass", 1), when, stamp).encode())
            self.assertEqual(datetime.datetime.fromtimestamp(when, datetime.UTC).strftime("%Y-%m-%dT%H:%M:00Z"), summary["first"], stamp)
        summary = self.summary(log=own_file(session_end("pass", 1), when).encode())
        self.assertEqual(1, summary["counted"])

    def test_a_line_without_a_year_is_of_the_last_twelve_months(self):
        when = self.now - 300 * 24 * 3600  # another year, most of the time
        summary = self.summary(log=syslog(session_end("pass", 1), when).encode())
        self.assertEqual(datetime.datetime.fromtimestamp(when, datetime.UTC).strftime("%Y-%m-%dT%H:%M:00Z"), summary["first"])

    def test_a_journal(self):
        text = "".join(f"__CURSOR=s={n}\n__REALTIME_TIMESTAMP={(self.now - 600 + n) * 1_000_000}\nSYSLOG_IDENTIFIER={program}\n"
                       f"MESSAGE=[statistics] {session_end('reject', n)}\n_PID=7\n\n"
                       for n, program in enumerate(["milter-manager", "sshd", "milter-manager"]))
        self.assert_counted(text, {("session", "smtp"): 2, ("milter-manager.status", "reject"): 2})

    def test_each_kind_of_line(self):
        when = self.now - 3600
        lines = [session_end("quarantine", 1), "[session][disconnected][1.5](1)", "[reply][end-of-message][quarantine](1)",
                 "[reply][envelope-from][reject]", "[abort][data]", "[milter][end][connect][stop][0.1](2): a b/c",
                 "[sessions][finished] 7(+3) 5", "[sessions][finished] 8(+1) 2", "[maintain][memory] (1KB) total:1 Proc:1 GLib::Object:1"]
        text = "".join(syslog(line, when) for line in lines)
        text += f"{traditional(when)}milter-manager[1]: [ID 1 mail.info] [statistics] {session_end('pass', 3)}\n"
        text += f"{traditional(when)}other[1]: [statistics] {session_end('pass', 3)}\n"
        self.assert_counted(text, {
            ("session", "smtp"): 2, ("session", "child"): 1, ("session", "disconnected"): 1, ("session", "concurrent"): 5,
            ("milter-manager.status", "quarantine"): 2, ("milter-manager.status", "reject"): 1, ("milter-manager.status", "abort"): 1,
            ("milter-manager.status", "pass"): 1, ("milter.status.a_b_c", "stop"): 1})

    def test_headers(self):
        cases = [("X-Spam", "Yes", ["spam"]), ("x-spam-flag", "YES", ["spam"]), ("X-Spam-Flag", "no", []),
                 ("X-Spam-Status", r"Yes, score=9 tests=BAYES_99,\r\n\tURIBL_BLACK,URIBL_RED autolearn=no", ["uribl"]),
                 ("X-Spam-Status", "No, tests=NONE autolearn=URIBL_X", []),
                 ("X-Virus-Status", "Infected (Eicar)", ["virus"]), ("X-Virus-Status", "Clean", []),
                 ("X-Greylist", "Delayed for 00:05:00 by milter-greylist", ["greylisting_pass"]),
                 ("X-Greylist", "Message whitelisted by tarpit 65s", ["tarpitting_pass"]),
                 ("X-Greylist", "Sender is SPF-compliant, not delayed", ["spf_pass"]),
                 ("Authentication-Results", r"mx; spf=pass smtp.mailfrom=x;\r\n\tdkim=neutral (verification failed) x; sender-id=fail (x)",
                  ["spf_pass", "dkim_fail", "sender_id_fail"]),
                 ("Authentication-Results", "mx; dkim-adsp=hardfail; spf=neutral; dmarc=pass", ["dkim_adsp_fail"])]
        for name, value, sources in cases:
            with self.subTest(name=name, value=value):
                text = syslog(f"[milter][header][add](3): <{name}>=<{value}>: one", self.now - 3600)
                expected = {(table, source): 1 for source in sources for table in ("milter-manager.report", "milter.report.one")}
                self.assert_counted(text, expected)

    def test_compressed_and_several_files(self):
        when = self.now - 3600
        (self.home / "a.gz").write_bytes(gzip.compress(syslog(session_end("pass", 1), when).encode()))
        (self.home / "b").write_text(syslog(session_end("reject", 1), when))
        self.assertEqual(2, self.summary("--log", self.home / "a.gz", self.home / "b")["counted"])
        self.assertEqual(3, self.summary(self.home / "a.gz", self.home / "b", self.home / "b")["counted"])
        self.assertEqual(2, self.summary("--log", self.home / "b", "--log", self.home / "b")["counted"])


MUNIN = pathlib.Path(__file__).parents[2] / "contrib/munin"


class Munin(Analyzer):
    def plug_in(self, file: str, link: str, *words, status=0) -> str:
        path = self.home / link
        path.symlink_to(MUNIN / file)
        done = subprocess.run([path, *words], capture_output=True, text=True, check=False, timeout=30,
                              env={"PATH": os.environ["PATH"], "logdir": str(self.home / "log")})
        path.unlink()
        self.assertEqual(status, done.returncode, done.stderr)
        return done.stdout

    def values(self, *names) -> dict:
        return {field: float(value) for field, value in re.findall(r"(?m)^(\w+)\.value (\S+)$", self.plug_in(*names))}

    def test_the_newest_figures_are_shown(self):
        row = 8 * MINUTE
        begin = self.now // row * row - 4 * row
        text = "".join(syslog(session_end("reject", at), begin + at * 30) for at in range((self.now - begin) // 30))
        text += syslog("[milter][end][connect][stop][0.1](2): clamav-milter", begin)
        self.assertIn("no (", self.plug_in("milter_manager_", "milter_manager_status", "autoconf"))
        self.run_it("--output-directory", self.home / "log", log=text.encode())
        self.assertEqual("yes\n", self.plug_in("milter_manager_", "milter_manager_", "autoconf"))
        self.assertEqual(["report", "status", "report_clamav-milter", "status_clamav-milter"],
                         self.plug_in("milter_manager_", "milter_manager_", "suggest").split())
        values = self.values("milter_manager_", "milter_manager_status")
        self.assertEqual((2.0, 0.0), (values["reject"], values["pass"]))
        self.assertIn("stop", self.values("milter_manager_", "milter_manager_status_clamav-milter"))
        described = self.plug_in("milter_manager_", "milter_manager_status", "config")
        self.assertEqual(list(values), re.findall(r"(?m)^(\w+)\.label ", described))
        self.plug_in("milter_manager_", "milter_manager_other", status=1)

    def test_processes_and_memory(self):
        for link, field in (("milter_manager_memory", "milter_manager"), ("postfix_processes", "master"),
                            ("sendmail_processes", "sendmail")):
            values = self.values("processes", link)
            self.assertGreaterEqual(values[field], 0)
            self.assertEqual(list(values), re.findall(r"(?m)^(\w+)\.label ", self.plug_in("processes", link, "config")))
        self.plug_in("processes", "other", status=1)


class OlderFiles(Analyzer):
    def test_names_and_sources_of_older_versions_are_taken_over(self):
        row = 8 * MINUTE  # the finest that a file keeps
        start = (self.now - 50 * MINUTE) // row * row
        def create(name, *sources):
            self.rrd("create", self.home / name, "--step", 60, "--start", start - 1, *[f"DS:{one}:GAUGE:180:0:U" for one in sources],
                     *[f"RRA:{kind}:0.5:{steps}:200" for kind in ("MAX", "AVERAGE", "LAST") for steps in (8, 56, 280, 3360)])
            self.rrd("update", self.home / name, *[f"{start + at * 60}:" + ":".join(["3"] * len(sources)) for at in range(20)])
        create("milter-log.session.rrd", "smtp", "child", "disconnected", "concurrent")
        create("milter-log.mail.rrd", "pass", "accept", "reject", "discard", "temporary-failure", "quarantine", "abort")
        create("milter.clamav-milter.rrd", "pass", "accept", "reject", "discard", "temporary-failure", "quarantine", "abort", "error")
        text = "".join(syslog(session_end("temporary-failure", 1), start + at * 60) for at in range(20, 50))
        text += syslog("[milter][end][connect][stop][0.1](2): clamav-milter", self.now - 90)
        self.run_it("--output-directory", self.home, log=text.encode())
        self.assertEqual(["milter-manager.report.rrd", "milter-manager.status.rrd", "milter.report.clamav-milter.rrd",
                          "milter.status.clamav-milter.rrd", "session.rrd"], sorted(path.name for path in self.home.glob("*.rrd")))
        self.assertAlmostEqual(20 * 3 + 30, self.rrd_total("milter-manager.status", "temporary_failure", 50 * MINUTE), delta=12)
        self.assertIn("ds[error].index = 7", self.rrd("info", self.home / "milter-manager.status.rrd"))
        self.assertIn("ds[stop].index = 8", self.rrd("info", self.home / "milter.status.clamav-milter.rrd"))

    def test_a_file_with_other_sources_is_refused_and_stays(self):
        self.rrd("create", self.home / "session.rrd", "--step", 60, "DS:other:GAUGE:180:0:U", "RRA:AVERAGE:0.5:8:200")
        before = (self.home / "session.rrd").read_bytes()
        done = self.run_it("--output-directory", self.home, log=syslog(session_end("pass", 1), self.now - 600).encode(), status=1)
        self.assertIn(b"session.rrd: data source can't be removed!", done.stderr)
        self.assertEqual(before, (self.home / "session.rrd").read_bytes())


class Trouble(Analyzer):
    def assert_refused(self, *options, says: str, **how):
        done = self.run_it(*options, status=1, **how)
        self.assertRegex(done.stderr.decode(), rf"^milter-manager-log-analyzer: .*{says}")
        self.assertEqual(1, len(done.stderr.decode().splitlines()), done.stderr)

    def test_what_cannot_be_read_is_named(self):
        self.assert_refused("--json", self.home / "none", says="none: No such file or directory")
        self.assert_refused("--json", self.home, says="it is a directory")
        (self.home / "broken.gz").write_bytes(gzip.compress(os.urandom(100000))[:5000])
        self.assert_refused("--json", self.home / "broken.gz", says="broken.gz: ")

    def test_garbage_counts_nothing(self):
        self.assertEqual(0, self.summary(log=os.urandom(3_000_000))["counted"])

    def test_a_line_without_end_needs_no_memory(self):
        sparse = self.home / "sparse"
        with open(sparse, "wb") as file:
            file.truncate(2 * 1024 ** 3)
            file.seek(0, os.SEEK_END)
            file.write(b"\n" + syslog(session_end("pass", 1), self.now - 600).encode())
        with subprocess.Popen([ANALYZER, "--json", sparse], stdout=subprocess.PIPE) as process:
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        self.assertEqual((0, 1), (status, json.loads(output)["counted"]))
        self.assertLess(usage.ru_maxrss, 60_000, "KiB")

    def test_no_place_for_the_output(self):
        log = syslog(session_end("pass", 1), self.now - 600).encode()
        with open("/dev/full", "wb") as full:
            done = subprocess.run([ANALYZER, "--json"], input=log, stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)
        self.assertEqual(1, done.returncode)
        self.assertIn(b"No space left on device", done.stderr)
        self.assert_refused("--html", "/dev/null/x", log=log, says="/dev/null/x: Not a directory")
        self.assert_refused("--output-directory", "/dev/null/x", log=log, says="/dev/null/x: ")

    def test_without_rrdtool_it_says_what_to_do(self):
        log = syslog(session_end("pass", 1), self.now - 600).encode()
        self.assert_refused("--output-directory", self.home, log=log, env={"PATH": "/nonexistent"}, says="install the package rrdtool")
        self.assertEqual(0, self.run_it("--html", self.home / "x.html", log=log, env={"PATH": "/nonexistent"}).returncode)

    def test_an_unknown_option_names_its_neighbour(self):
        done = self.run_it("--output-directry=x", status=1)
        self.assertIn(b"--output-directory", done.stderr)


if __name__ == "__main__":
    unittest.main()
