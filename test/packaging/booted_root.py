"""A private root (private_root.py) with systemd as its process 1, in control groups of its own.

The kernel's settings and devices are out of its reach, so it can change nothing of the host but the control group that
the test makes for it, and removes.
"""
import os
import pathlib
import shutil
import subprocess

from private_root import ENVIRONMENT, PrivateRoot, until

# What a host has and a test does not need; each tries to change the kernel.
MASKED = ("dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
          "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "systemd-sysctl.service", "systemd-modules-load.service",
          "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-remount-fs.service", "kmod-static-nodes.service",
          "modprobe@.service", "systemd-journald-audit.socket",
          "systemd-random-seed.service", "systemd-timesyncd.service", "systemd-firstboot.service", "proc-sys-fs-binfmt_misc.automount")
BEGIN = """
mount --make-rprivate /
cd "$1"
mount -t proc -o nosuid proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p host
pivot_root . host
umount -l /host
exec env -i container=test /lib/systemd/systemd --system --log-target=journal systemd.unit=basic.target
"""


def own_control_group():
    mounted = [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
               if line.split()[2] == "cgroup2"]
    inside = [line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    if not mounted or not inside:
        raise AssertionError("systemd needs control groups of version 2, and none are mounted here")
    group = pathlib.Path(mounted[0] + inside[0].rstrip("/")) / f"milter-manager-test-{os.urandom(4).hex()}"
    group.mkdir()
    return group


class BootedRoot(PrivateRoot):
    def boot(self):
        for name in MASKED:
            (self / "etc/systemd/system" / name).symlink_to("/dev/null")
        (self / "etc/machine-id").write_text("")
        self.group = own_control_group()
        self.outer = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child", "sh", "-eu", "-c", BEGIN, "sh",
             str(self.path)], stdin=subprocess.DEVNULL, preexec_fn=lambda: (self.group / "cgroup.procs").write_text("0"))
        until(lambda: self.children(), "the first process in the namespaces")
        self.first = self.children()[0]
        until(lambda: self.run("systemctl", "is-active", "basic.target").stdout == "active\n", "systemd has started everything")

    def children(self):
        return pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split()

    def end(self):
        self.outer.kill()
        self.outer.wait()
        until(self.group_is_gone, "the end of everything in the control group")

    def group_is_gone(self):
        for folder, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                return False
        return True

    def command(self, *words, user=None):
        if not hasattr(self, "first"):
            return super().command(*words, user=user)
        become = ["chroot", f"--userspec={user}", "/"] if user else []
        return ["nsenter", f"--target={self.first}", "--mount", "--pid", "--ipc", "--uts", "--root", "--wd=/", *become,
                *map(str, words)]
