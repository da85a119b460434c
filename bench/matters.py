"""What the manager costs beside itself: with more sessions open, more conditions, more threads; and what it takes of
memory. Each measurement starts what it needs and gives back its figures with their bounds (docs/performance.md)."""

import contextlib
import dataclasses
import os
import pathlib
import time
from typing import Callable

from rig import CHILDREN, WORKERS, Finding, Program, Rig, added_ms, mails, ratio

IDLE = 10_000
KIB_A_SESSION = 16
CROWD = 512
HUGE = 5_000_000
SLOW_MS = 100
RUBY_PAUSE_S = 0.005
# A share of a core for each worker thread: so the generator and the milter, which have the rest, are not the limit.
CGROUP = pathlib.Path("/sys/fs/cgroup/cpu")
PERIOD_US, QUOTA_US = 10_000, 2_000


@dataclasses.dataclass
class Matter:
    word: str
    title: str
    measure: Callable[[Rig, list[str], int, bool], list[Finding]]


def sessions_that_fit(rig: Rig, aim: int) -> int:
    """A session counts with a descriptor for its spool, too (docs/manual/operating.md); and some are for the load."""
    fit = (rig.descriptors - 48 - 12 * WORKERS) // 3 - 100
    if fit < aim:
        print(f"  only {fit} sessions: no process may have more than {rig.descriptors} descriptors here")
    return min(aim, fit)


def idle_memory(rig: Rig, children: list[str], _repeat: int, quick: bool) -> list[Finding]:
    count = 100 if quick else sessions_that_fit(rig, IDLE)
    with rig.manager("idle", children[:1]) as manager:
        rig.load(manager.serves_at, mails(500, 32, 2048))
        start = manager.memory_kib()
        with rig.open_sessions(manager, count):
            held = manager.memory_kib() - start
        left = manager.memory_kib() - start
        with rig.open_sessions(manager, count):
            again = manager.memory_kib() - start
    print(f"  {start} KiB at the start, {count} sessions take {held} KiB, {left} KiB of it stay; the next {count} take {again} KiB")
    return [Finding("KiB for each idle session", held / count, "at most", KIB_A_SESSION),
            Finding("of that, when they have ended", max(left, 0) / count, "at most", 1.5),
            Finding("and when as many come again", again / count, "at most", KIB_A_SESSION)]


def peak_memory(rig: Rig, children: list[str], _repeat: int, quick: bool) -> list[Finding]:
    at_once, body = (16, 500_000) if quick else (CROWD, HUGE)
    found = []
    for name, kib in (("1 MiB", 1024), ("64 KiB", 64)):
        word = f"peak{kib}"
        with rig.manager(word, children, settings=f"manager.body_memory = {kib * 1024}") as manager:
            rig.load(manager.serves_at, mails(64, 32, 2048))
            manager.forget_peak()
            rig.load(manager.serves_at, mails(2 * at_once, at_once, body))
            peak = manager.memory_kib("VmHWM") / 1024
        found.append(Finding(f"MiB at the peak, body_memory {name}", peak, "at most", 64 + kib * CROWD / 1024 if kib == 1024 else 192))
    return found


def group(rig: Rig, _children: list[str], repeat: int, quick: bool) -> list[Finding]:
    words = mails(3 if quick else 20, 1, 2048)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(rig.child(f"slow{index}", "--delay-ms", str(SLOW_MS), "--adds-headers-only")).serves_at
                for index in range(CHILDREN)]
        stack.enter_context(rig.manager("group", slow, of_each='  milter.parallel_group = "slow"\n'))
        rounds = rig.compare(("slow0", "group"), words, repeat)
    return [Finding("ms more than the slowest milter alone", added_ms(rounds, "verdict p50", "group", "slow0"), "at most", 3)]


def quiet_milter(rig: Rig, _children: list[str], repeat: int, quick: bool) -> list[Finding]:
    """Without the round trips that headers cost: what one hop adds to the answer at the end of the message."""
    with rig.child("quiet", "--silent") as quiet, rig.manager("to_quiet", [quiet.serves_at]):
        rounds = rig.compare(("quiet", "to_quiet"), mails(20 if quick else 1000, 1, 2048), repeat)
    return [Finding("ms more until the verdict than without a manager", added_ms(rounds, "verdict p50", "to_quiet", "quiet"), "at most", 0.1)]


def of_conditions(names: list[str], blocks: str) -> tuple[str, str]:
    return blocks, f"  milter.applicable_conditions = {names}\n".replace("'", '"')


def without_ruby() -> tuple[str, str]:
    """Twenty that look at each stage and hold: the work is done and nobody is left out."""
    words = ['skip_when(client: ["198.51.100.0/24", "2001:db8::/32"])', 'skip_when(host: ".nowhere.example")', "skip_when(helo: /\\\\Abad[0-9]+\\\\z/)",
             'skip_when(sender: ["spam@example.org", "@bulk.example"])', 'skip_when(recipient: "nobody@example.org")']
    names = [f"C{index}" for index in range(20)]
    return of_conditions(names, "".join(f'define_applicable_condition("{name}") {{|condition| condition.{words[index % len(words)]} }}\n'.replace("\\\\", "\\")
                                        for index, name in enumerate(names)))


def with_ruby(pause_s: float) -> tuple[str, str]:
    work = f"sleep({pause_s}); " if pause_s else ""
    return of_conditions(["R"], 'define_applicable_condition("R") {|condition| condition.define_envelope_from_stopper '
                                f'{{|context, from| {work}from.end_with?("@nowhere.example") }} }}\n')


def conditions(rig: Rig, children: list[str], repeat: int, quick: bool) -> list[Finding]:
    settings, of_each = without_ruby()
    with rig.manager("none", children), rig.manager("twenty", children, settings=settings, of_each=of_each):
        rounds = rig.compare(("none", "twenty"), mails(40 if quick else 4000, 32, 2048), repeat)
    return [Finding("CPU with 20 conditions to without", ratio(rounds, "cpu", "twenty", "none"), "at most", 1.05)]


def ruby(rig: Rig, children: list[str], repeat: int, quick: bool) -> list[Finding]:
    settings, of_each = with_ruby(0)
    waiting, of_waiting = with_ruby(RUBY_PAUSE_S)
    with rig.manager("none1", children[:1]), rig.manager("ruby", children[:1], settings=settings, of_each=of_each):
        alone = rig.compare(("none1", "ruby"), mails(20 if quick else 1000, 1, 2048), repeat)
    with rig.manager("ruby1", children[:1], settings="manager.n_ruby_workers = 1\n" + waiting, of_each=of_waiting), \
            rig.manager("ruby4", children[:1], settings="manager.n_ruby_workers = 4\n" + waiting, of_each=of_waiting):
        print(f"  a block that waits {RUBY_PAUSE_S * 1000:g} ms, with 1 and 4 n_ruby_workers:")
        many = rig.compare(("ruby1", "ruby4"), mails(40 if quick else 800, 32, 2048), 1 if quick else min(repeat, 3))
    return [Finding("ms more with one block", added_ms(alone, "session p50", "ruby", "none1"), "at most", 1),
            Finding("sessions/s with 4 n_ruby_workers to 1", ratio(many, "per_second", "ruby4", "ruby1"), "at least", 3)]


def give_shares(programs: dict[str, Program], made: list[pathlib.Path]):
    """Each thread but the first of each program gets its own share of a core. made: grows by what is to be forgotten."""
    for name, program in programs.items():
        for index, thread in enumerate(program.threads()[1:]):
            place = CGROUP / f"{name}-{os.getpid()}-{index}"
            place.mkdir()
            made.append(place)
            (place / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (place / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
            (place / "tasks").write_text(thread.name)
    print(f"  each thread has {QUOTA_US / PERIOD_US:.0%} of a core")


def forget_shares(places: list[pathlib.Path]):
    for place in places:
        deadline = time.monotonic() + 5
        while place.exists() and time.monotonic() < deadline:  # its thread may be on its way out
            with contextlib.suppress(OSError):
                place.rmdir()


def workers(rig: Rig, children: list[str], repeat: int, quick: bool) -> list[Finding]:
    """One thread against two, each of them with the same share of a core. Where that cannot be had, the figure is missed."""
    words = mails(40 if quick else 2000, 64, 2048)
    shares: list[pathlib.Path] = []
    try:
        with rig.manager("worker", children[:1], workers=1) as one, rig.manager("worker2", children[:1], workers=2) as two:
            try:
                give_shares({"one": one, "two": two}, shares)
            except OSError as why:
                print(f"  {os.cpu_count()} cores for the manager, the load and the milter, and no share for each thread: {why}")
            rounds = rig.compare(("worker", "worker2"), words, repeat)
    finally:
        forget_shares(shares)
    return [Finding("sessions/s with 2 n_workers to 1", ratio(rounds, "per_second", "worker2", "worker"), "at least", 1.7),
            Finding("CPU a session with 2 n_workers to 1", ratio(rounds, "cpu", "worker2", "worker"), "at most", 1.15)]


def many_open(rig: Rig, children: list[str], repeat: int, quick: bool) -> list[Finding]:
    count = 400 if quick else sessions_that_fit(rig, IDLE) - 100
    words = mails(40 if quick else 4000, 32, 2048)
    with rig.manager("some", children[:1]) as some, rig.manager("thousands", children[:1]) as thousands, \
            rig.open_sessions(some, 100), rig.open_sessions(thousands, count):
        rounds = rig.compare(("some", "thousands"), words, repeat)
    return [Finding(f"CPU a session with {count} open to with 100", ratio(rounds, "cpu", "thousands", "some"), "at most", 1.15),
            Finding(f"p50 of a session with {count} open to with 100", ratio(rounds, "session p50", "thousands", "some"), "at most", 1.15)]


ALL = [
    Matter("idle", "10,000 sessions that say nothing, one milter", idle_memory),
    Matter("peak", "512 at once with 5 MB, three milters", peak_memory),
    Matter("group", f"three milters of {SLOW_MS} ms in one parallel group", group),
    Matter("quiet", "the answer at the end of the message, of a milter that does not answer headers and body", quiet_milter),
    Matter("conditions", "20 conditions in words on three milters, 32 at once", conditions),
    Matter("ruby", "a condition in Ruby", ruby),
    Matter("workers", "one thread and two", workers),
    Matter("open", "32 at once while others are open", many_open),
]
