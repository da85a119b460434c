"""This Debian with a layer of its own on top: what a page changes goes into that layer, and away with it.

The test starts itself again in namespaces of its own (network, processes, mounts), lays a layer over the whole file
system and runs commands inside. It needs root with CAP_SYS_ADMIN: a host that forbids namespaces fails the test.
"""

import os
import pathlib
import re
import socket
import subprocess
import threading

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host:
    def __init__(self, home: pathlib.Path):
        assert os.getpid() == 1, "not in namespaces of its own"
        self.root = home / "root"
        self._home = home

    def __enter__(self):
        def mount(*words):
            subprocess.run(["mount", *map(str, words)], check=True)
        mount("-t", "tmpfs", "tmpfs", self._home)
        for name in ("root", "upper", "work"):
            (self._home / name).mkdir()
        mount("-t", "overlay", "overlay", "-o",
              f"lowerdir=/,upperdir={self._home / 'upper'},workdir={self._home / 'work'}", self.root)
        mount("-t", "proc", "proc", self.root / "proc")
        for name in ("dev", "run", "tmp"):
            mount("-t", "tmpfs", "-o", "mode=1777" if name == "tmp" else "mode=755", "tmpfs", self.root / name)
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            (self.root / "dev" / name).touch()
            mount("--bind", f"/dev/{name}", self.root / "dev" / name)
        (self.root / "dev/fd").symlink_to("/proc/self/fd")
        threading.Thread(target=self._log, args=(self._listen_for_log(),), daemon=True).start()
        return self

    def _listen_for_log(self) -> socket.socket:
        entrance = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        entrance.bind(str(self.root / "dev/log"))
        os.chmod(self.root / "dev/log", 0o666)
        return entrance

    def _log(self, entrance: socket.socket):
        """What a system's log daemon does with the mail facility."""
        with open(self.path("/var/log/mail.log"), "ab", buffering=0) as to:
            while True:
                to.write(re.sub(rb"^<\d+>", b"", entrance.recv(65536)).rstrip(b"\n\0") + b"\n")

    def __exit__(self, *_):
        subprocess.run(["umount", "--recursive", "--lazy", str(self._home)], check=False)

    def path(self, inside: str) -> pathlib.Path:
        return self.root / inside.lstrip("/")

    def run(self, command: str, timeout_s: float = 120) -> subprocess.CompletedProcess:
        """By root's shell. What it starts in the background must not hold its output: that goes to a file."""
        output = self._home / "output"
        with open(output, "wb") as to:
            done = subprocess.run(["chroot", str(self.root), "/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=to,
                                  stderr=subprocess.STDOUT, check=False, timeout=timeout_s, cwd="/",
                                  env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                                       "DEBIAN_FRONTEND": "noninteractive"})
        done.stdout = output.read_text(errors="replace")
        return done
