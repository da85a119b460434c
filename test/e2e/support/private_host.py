"""This Debian, private to one test: its own /etc, /run and state, its own network, its own processes.

The test starts itself again in namespaces of its own. There, copies lie over the directories that hold what packages
configure and write, so every path and every port is the one that the real files say; nothing of the host is changed,
and two runs do not meet. It needs root with CAP_SYS_ADMIN: a host that forbids namespaces fails the test.
"""

import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys

INSIDE = "MILTER_E2E_INSIDE"
OUTSIDE_ADDRESS = "203.0.113.7"  # a client's, which no rule takes for a local one
COPIED = ("/etc", "/var/lib/rspamd", "/var/lib/spamass-milter")
EMPTY = ("/run", "/var/log", "/var/lib/clamav", "/var/spool/postfix")

SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IFF_UP = 0x8913, 0x8914, 0x8916, 0x891C, 1


def start_again_inside():
    """Does not return outside; inside it returns at once. Inside, this process is the first one: all others end with it."""
    if os.environ.get(INSIDE) and os.getpid() == 1:  # the first process of its namespaces
        return
    program = shutil.which("unshare", path="/usr/bin:/bin") or sys.exit("there is no program unshare (util-linux)")
    os.execve(program, [program, "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc",
                        sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


def settle_in(home: pathlib.Path):
    """Lays the copies over the host's directories, and gives the network its two addresses."""
    assert os.getpid() == 1, "not in namespaces of its own: call start_again_inside first"
    for path in map(pathlib.Path, COPIED + EMPTY):
        own = home / str(path).strip("/").replace("/", "-")
        if str(path) in COPIED:
            subprocess.run(["cp", "-a", path, own], check=True)
        else:
            own.mkdir(mode=0o755)
        subprocess.run(["mount", "--bind", own, path], check=True)
    bring_up("lo")
    bring_up("lo:1", OUTSIDE_ADDRESS)


def directory(path: str, owner: str, mode: int = 0o755):
    """As a package or systemd makes it before a service starts."""
    pathlib.Path(path).mkdir(parents=True, exist_ok=True)
    os.chmod(path, mode)
    shutil.chown(path, owner, owner)


def edit(path: str, name: str, line: str):
    """As an administrator does it: the line that begins with this name says this, or it is added at the end."""
    file = pathlib.Path(path)
    lines = file.read_text().splitlines()
    ours = [number for number, text in enumerate(lines) if text.replace("=", " ").split()[:1] == [name]]
    lines = [text for number, text in enumerate(lines) if number not in ours[1:]]
    if ours:
        lines[ours[0]] = line
    else:
        lines.append(line)
    file.write_text("\n".join(lines) + "\n")


def start_service(name: str, log: pathlib.Path):
    """Runs its init script. A service that stays holds no pipe of ours: what it prints goes to a file."""
    with open(log, "ab") as output:
        done = subprocess.run([f"/etc/init.d/{name}", "start"], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"/etc/init.d/{name} start: status {done.returncode}\n{log.read_text(errors='replace')}")


def bring_up(interface: str, address: str | None = None):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = interface.encode().ljust(16, b"\0")
        for request, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, address and "255.255.255.255")):
            if value:
                fcntl.ioctl(control, request, name + struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(value)))
        flags = struct.unpack_from("=h", fcntl.ioctl(control, SIOCGIFFLAGS, name + bytes(16)), 16)[0]
        fcntl.ioctl(control, SIOCSIFFLAGS, name + struct.pack("=h14x", flags | IFF_UP))
