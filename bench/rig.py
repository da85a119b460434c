"""What a measurement needs: the programs of one family of sockets, each at an endpoint of its own, and the load that is
put on them. Their files are in a private folder; they end with the rig."""

import contextlib
import dataclasses
import json
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "test" / "e2e"))

from support import ports  # noqa: E402

PATIENCE_S = 20
CHILDREN = 3
WORKERS = 2
DESCRIPTORS = 65_536  # of each program, if the system lets it have so many
HAPROXY = """\
global
    maxconn 4000
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
listen milter
    bind {listens}
    server null {child}
"""
MANAGER = """\
manager.connection_spec = "{listens}"
manager.n_workers = {workers}
log.use_syslog = false
log.path = "{log}"
{settings}
{children}"""
CHILD = """\
define_milter("child{index}") do |milter|
  milter.connection_spec = "{endpoint}"
{settings}end
"""


@dataclasses.dataclass
class Finding:
    """A figure and what it is to be."""
    what: str
    got: float
    kind: str  # "at most" or "at least"
    bound: float

    def missed(self) -> bool:
        """Prints itself."""
        good = self.got >= self.bound if self.kind == "at least" else self.got <= self.bound
        print(f"  {self.what}: {self.got:.2f}, {self.kind} {self.bound:g}{'' if good else '   MISSED'}", flush=True)
        return not good


class Program:
    """One that serves; its processor time in seconds and its memory in KiB as the kernel counts them."""

    def __init__(self, words: list, serves_at: str, log: pathlib.Path):
        self._log = open(log, "wb")
        self.serves_at = serves_at
        self._process = subprocess.Popen([str(one) for one in words], stdin=subprocess.DEVNULL, stdout=self._log,
                                         stderr=self._log)
        self.pid = self._process.pid

    def cpu_s(self) -> float:
        return sum(int((one / "schedstat").read_text().split()[0]) for one in self.threads()) / 1e9

    def threads(self) -> list[pathlib.Path]:
        """In the order in which they were started: the first is the one that waits for signals."""
        return sorted(pathlib.Path(f"/proc/{self.pid}/task").iterdir(), key=lambda one: int(one.name))

    def memory_kib(self, key: str = "VmRSS") -> int:
        return int(re.search(rf"^{key}:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text(), re.M)[1])

    def forget_peak(self):
        """VmHWM begins anew."""
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def descriptors(self) -> int:
        return len(list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir()))

    def until_descriptors(self, most: int):
        deadline = time.monotonic() + PATIENCE_S
        while self.descriptors() > most:
            if time.monotonic() > deadline:
                raise SystemExit(f"its sessions do not end: {self.descriptors()} descriptors, not {most}")
            time.sleep(0.02)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def alive(self) -> bool:
        return self._process.poll() is None


def mails(sessions: int, at_once: int, body: int, *more: str) -> list[str]:
    return ["--sessions", str(sessions), "--at-once", str(at_once), "--body", str(body), *more]


class Rig:
    def __init__(self, build: pathlib.Path, home: pathlib.Path, family: str):
        self.build, self.home, self.family = build, home, family
        self.programs: dict[str, Program] = {}
        self.descriptors = more_descriptors()

    def endpoint(self, name: str) -> str:
        return f"unix:{self.home}/{name}.sock" if self.family == "unix" else f"inet:{ports.free_port()}@127.0.0.1"

    @contextlib.contextmanager
    def running(self, name: str, words: list, serves_at: str):
        program = Program(words, serves_at, self.home / f"{name}.log")
        self.programs[name] = program
        try:
            deadline = time.monotonic() + PATIENCE_S
            while self.load(serves_at, mails(1, 1, 10), check=False) is None:
                if time.monotonic() > deadline or not program.alive():
                    logs = [one for one in self.home.glob(f"{name}.*") if one.is_file()]
                    raise SystemExit(f"{name} does not serve:\n" + "".join(one.read_text(errors="replace")[-3000:] for one in logs))
                time.sleep(0.05)
            yield program
        finally:
            program.stop()

    def load(self, endpoint: str, words: list[str], check: bool = True) -> dict | None:
        done = subprocess.run([self.build / "bench" / "bench_load", endpoint, *words], capture_output=True, text=True)
        if done.returncode != 0 or json.loads(done.stdout)["wrong"] > 0:
            if check:
                raise SystemExit(f"a session went wrong: {done.stdout}{done.stderr}")
            return None
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def open_sessions(self, program: Program, count: int):
        """So many that have said HELO and say nothing more."""
        before = program.descriptors()
        with subprocess.Popen([self.build / "bench" / "bench_load", program.serves_at, "--idle", str(count)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as load:
            said = load.stdout.readline()
            if not said or json.loads(said) != {"idle": count}:
                raise SystemExit(f"{count} sessions were to be open: {said}")
            yield
            load.stdin.close()
        program.until_descriptors(before)

    def child(self, name: str, *options: str):
        where = self.endpoint(name)
        return self.running(name, [self.build / "bench" / "bench_null_milter", where, *options], where)

    def haproxy(self, child: str):
        where = self.endpoint("haproxy")
        file = self.home / "haproxy.cfg"
        file.write_text(HAPROXY.format(listens=of_haproxy(where), child=of_haproxy(child)))
        return self.running("haproxy", ["haproxy", "-db", "-f", file], where)

    def manager(self, name: str, children: list[str], workers: int = WORKERS, settings: str = "", of_each: str = ""):
        """settings: lines of the configuration, of_each: of each milter's block."""
        where = self.endpoint(name)
        etc = self.home / name
        etc.mkdir(mode=0o755)
        (etc / "milter-manager.conf").write_text(MANAGER.format(
            listens=where, workers=workers, log=self.home / f"{name}.messages", settings=settings,
            children="".join(CHILD.format(index=index, endpoint=one, settings=of_each) for index, one in enumerate(children))))
        return self.running(name, [self.build / "milter-manager", "--config-dir", etc], where)

    def figures(self, way: str, words: list[str]) -> dict[str, float]:
        program = self.programs[way]
        before = program.cpu_s()
        seen = self.load(program.serves_at, words)
        log = self.home / f"{way}.messages"
        if log.exists() and b" child_failed " in log.read_bytes():
            raise SystemExit(f"{way} has lost a milter, so this would measure nothing: {log.read_text(errors='replace')[-2000:]}")
        cpu = (program.cpu_s() - before) / seen["sessions"] * 1e6
        return {"per_second": seen["per_second"], "cpu": cpu, "session p50": seen["session_us"]["p50"],
                "session p99": seen["session_us"]["p99"], "verdict p50": seen["verdict_us"]["p50"]}

    def compare(self, ways: list[str] | tuple[str, ...], words: list[str], rounds: int) -> list[dict[str, dict[str, float]]]:
        """Interleaved; for each round the figures of each way. Prints the medians."""
        all_rounds = [{way: self.figures(way, words) for way in in_turn(ways, number)} for number in range(rounds)]
        print(f"  {'':10} {'sessions/s':>11} {'CPU us':>8} {'p50 us':>9} {'p99 us':>10} {'verdict us':>11}")
        for way in ways:
            of = {key: statistics.median(one[way][key] for one in all_rounds) for key in all_rounds[0][way]}
            print(f"  {way:10} {of['per_second']:11.0f} {of['cpu']:8.1f} {of['session p50']:9.1f} {of['session p99']:10.1f} "
                  f"{of['verdict p50']:11.1f}", flush=True)
        return all_rounds


def in_turn(ways: list[str] | tuple[str, ...], number: int) -> list[str]:
    """Another begins in each round, and every other round goes backwards: what comes behind whom makes a difference."""
    first = number % len(ways)
    turned = [*ways[first:], *ways[:first]]
    return turned[::-1] if number % 2 else turned


def ratio(rounds: list[dict[str, dict[str, float]]], key: str, way: str, to: str) -> float:
    return statistics.median(one[way][key] / one[to][key] for one in rounds)


def added_ms(rounds: list[dict[str, dict[str, float]]], key: str, way: str, to: str) -> float:
    return statistics.median(one[way][key] - one[to][key] for one in rounds) / 1000


def more_descriptors() -> int:
    """As many as may be had, for this process and those that it starts."""
    for hard in (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def of_haproxy(endpoint: str) -> str:
    if endpoint.startswith("unix:"):
        return "unix@" + endpoint.removeprefix("unix:")
    port, host = endpoint.removeprefix("inet:").split("@")
    return f"{host}:{port}"
