"""The clean root, private to one test: in namespaces of the test's own, with a directory of its own laid over it.

Nothing of the host is changed, and whatever was started inside ends with the test. It needs root with CAP_SYS_ADMIN: a
host that forbids namespaces fails the test.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from support import private_host  # noqa: E402
from support.process import accepts  # noqa: E402

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# What `service` leaves of the caller's environment.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
PATIENCE_S = 60


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


class PrivateRoot:
    """path: where the root is; everything in it may be changed."""

    def __init__(self):
        private_host.bring_up("lo")
        base = pathlib.Path("/mnt")
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", base)
        for name in ("upper", "work", "root"):
            (base / name).mkdir()
        self.path = base / "root"
        lower = os.environ["MILTER_CLEAN_ROOT"]
        mount("-t", "overlay", "-o", f"lowerdir={lower},upperdir={base}/upper,workdir={base}/work", "overlay", self.path)
        for kind, name, mode in (("proc", "proc", ""), ("tmpfs", "run", ",mode=755"), ("tmpfs", "tmp", ",mode=1777"),
                                 ("tmpfs", "dev", ",mode=755")):
            mount("-t", kind, "-o", f"nosuid{mode}", kind, self.path / name)
        # The kernel's settings are the host's: nobody in here may change them.
        mount("--bind", self.path / "proc/sys", self.path / "proc/sys")
        mount("-o", "remount,bind,ro", self.path / "proc/sys")
        for name in DEVICES:
            (self.path / "dev" / name).touch()
            mount("--bind", f"/dev/{name}", self.path / "dev" / name)
        for name in ("shm", "mqueue", "pts"):
            (self.path / "dev" / name).mkdir(mode=0o1777)
        mount("-t", "devpts", "-o", "newinstance,ptmxmode=666", "devpts", self.path / "dev/pts")
        (self.path / "dev/ptmx").symlink_to("pts/ptmx")

    def __truediv__(self, name):
        return self.path / str(name).lstrip("/")

    def command(self, *words, user=None):
        return ["chroot", *([f"--userspec={user}"] if user else []), str(self.path), *map(str, words)]

    def run(self, *words, user=None):
        """As from cron or at boot: no environment to speak of, "/" as the directory. What stays holds no pipe of ours."""
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            done = subprocess.run(self.command(*words, user=user), cwd="/", env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=output, timeout=180, check=False)
            output.seek(0)
            done.stdout = output.read()
        return done

    def must(self, *words, status=0, user=None):
        done = self.run(*words, user=user)
        if done.returncode != status:
            raise AssertionError(f"{words}: status {done.returncode}, not {status}\n{done.stdout}")
        return done.stdout

    def files(self):
        """Everything but what is mounted."""
        done = subprocess.run(["find", str(self.path), "-xdev", "-printf", "%P\n"], check=True, capture_output=True, text=True)
        return set(done.stdout.splitlines())

    def child(self, *options):
        """A milter at /run/milter-manager/child.sock, as the manager's user; without() ends it."""
        started = subprocess.Popen(
            self.command("milter-test-client", "-s", "unix:/run/milter-manager/child.sock", *options, user="milter-manager:milter-manager"),
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: accepts(self / "run/milter-manager/child.sock"), "the test's milter listens")
        return started

    def without(self, child):
        self.must("pkill", "-KILL", "-f", "^milter-test-client.*milter-manager/child.sock")
        child.wait()
        (self / "run/milter-manager/child.sock").unlink()

    def verdict(self, *options):
        """Of one mail through the manager; None when there is no answer."""
        done = self.run("milter-test-server", "-s", "unix:/run/milter-manager/milter-manager.sock", *options)
        words = [line.split(":", 1)[1].strip() for line in done.stdout.splitlines() if line.startswith("status:")]
        return words[0] if words else f"status {done.returncode}: {done.stdout}"


def until(holds, what):
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come: {what}")
        time.sleep(0.05)


def runs(pid):
    """False also for what has ended and was not fetched: nobody does that in the test's namespace."""
    try:
        return status_of(pid)["State"][0] != "Z"
    except FileNotFoundError:
        return False


def status_of(pid):
    """The lines of /proc/PID/status as a dictionary."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}
