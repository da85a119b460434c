"""Started as root: only the launcher stays root, and what the rest then may and may not do (tools F.2, F.5)."""

import asyncio
import contextlib
import grp
import os
import pathlib
import pwd
import signal
import stat
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import one_mail
from support import scratch, watchdog
from support.ports import free_port

USER = "mail"
BLOCK = """\
define_applicable_condition("Own") do |condition|
  condition.define_connect_stopper {|context, host, address| Process.uid == 0 }
end
"""


def status(pid: int) -> dict[str, str]:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def tree(pid: int) -> dict[int, dict[str, str]]:
    """The process and all below it, each with its status; what ends while we look is left out."""
    seen = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                seen[int(entry)] = status(int(entry))
    found = [pid]
    for one in found:
        found += [child for child, of in seen.items() if of["PPid"] == str(one)]
    return {one: seen[one] for one in found}


def core_limit(pid: int) -> list[str]:
    (line,) = [line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line]
    return line.split()[4:6]


def launcher_of(pid: int) -> int:
    (found,) = [one for one, of in tree(pid).items() if of["Name"] == "milter-launcher"]
    return found


class StartedAsRoot(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.assertEqual(os.geteuid(), 0, "these tests are about being started as root: run them as root")
        self.home = self.enterContext(scratch.scratch_directory("root"))

    def running(self, children=(), child_settings=None, manager="", **more):
        return daemon.running(self.home, list(children), child_settings, manager, **more)

    async def test_no_process_is_root_but_the_launcher(self):
        script = Script(edits=[wire.add_header(b"X-Seen", b"1")])
        async with Child("one", f"unix:{self.home}/one.sock", script) as child, self.running(
                [child], {"one": {"applicable_conditions": ["Own"]}}, BLOCK, options=["-u", USER, "-g", "daemon"]) as manager:
            self.assertEqual((await one_mail(manager.endpoint)).headers(), [b"X-Seen"])  # the block's process is not root
            processes = tree(manager.pid).values()
            names = [of["Name"] for of in processes]
            self.assertEqual((names.count("milter-manager"), names.count("milter-launcher")), (1, 1), names)
            self.assertGreaterEqual(sum(name.startswith("ruby") for name in names), 2, names)
            user, group = str(pwd.getpwnam(USER).pw_uid), str(grp.getgrnam("daemon").gr_gid)
            for of in processes:
                if of["Name"] == "milter-launcher":
                    self.assertEqual(of["Uid"].split(), ["0"] * 4)
                    continue
                self.assertEqual((of["Uid"].split(), of["Gid"].split()), ([user] * 4, [group] * 4), of["Name"])
                self.assertIn(group, of["Groups"].split())
                self.assertNotIn("0", of["Groups"].split(), of["Name"])
                self.assertEqual((int(of["CapEff"], 16), int(of["CapPrm"], 16)), (0, 0), of["Name"])
            self.assertEqual(status(manager.pid)["NoNewPrivs"], "1")

    async def test_the_socket_has_its_owner_group_and_mode(self):
        async with self.running(manager='manager.unix_socket_mode = 0640\nmanager.unix_socket_group = "daemon"',
                                options=["-u", USER]) as manager:
            found = os.stat(manager.endpoint.removeprefix("unix:"))
            self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)),
                             (pwd.getpwnam(USER).pw_uid, grp.getgrnam("daemon").gr_gid, 0o640))

    async def test_the_socket_has_what_the_options_say(self):
        async with self.running(manager='manager.unix_socket_mode = 0600\nmanager.unix_socket_group = "games"', options=[
                "--user-name", USER, "--unix-socket-group=daemon", "--unix-socket-mode=u=rw,g=rw"]) as manager:
            path = manager.endpoint.removeprefix("unix:")
            wanted = (pwd.getpwnam(USER).pw_uid, grp.getgrnam("daemon").gr_gid, 0o660)
            await manager.reload([], expect="reloaded")  # by files that do not say it; the options still count
            found = os.stat(path)
            self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)), wanted)
            self.assertEqual(manager.events("restart_needed"), [])

    async def test_it_cannot_read_what_only_root_may(self):
        async with self.running() as manager:
            secret = scratch.write(self.home / "secret", "log.level = \"all\"\n", mode=0o600)
            await manager.reload([], manager=f'File.read("{secret}")', expect="reload_failed")
            (wrong,) = manager.events("configuration_wrong")
            self.assertIn(f"Permission denied @ rb_sysopen - {secret}", wrong.text)
            await manager.reload([], manager=f'log.path = "{secret}"', expect="reload_failed")
            self.assertIn(str(secret), manager.events("configuration_wrong")[-1].text)
            manager.file.chmod(0o600)
            manager.signal(signal.SIGHUP)
            await manager.logged("reload_failed", 3)
            self.assertIn("milter-manager.conf", manager.events("configuration_wrong")[-1].text)
            self.assertEqual((await one_mail(manager.endpoint)).decision, b"c")
            self.assertEqual(secret.read_text(), "log.level = \"all\"\n")

    async def test_nobody_looks_into_the_halves_and_the_launcher_leaves_no_core(self):
        async with self.running(options=["-u", USER]) as manager:
            launcher = launcher_of(manager.pid)
            self.assertEqual(core_limit(launcher), ["0", "0"])
            for one in (manager.pid, launcher):  # what belongs to root there may be read by root only
                self.assertEqual(os.stat(f"/proc/{one}/mem").st_uid, 0)
            self.assertEqual(sorted(os.readlink(f"/proc/{launcher}/fd/{n}") for n in "012"), ["/dev/null"] * 3)

    async def test_the_socket_and_the_pid_file_go_also_where_its_user_may_not_write(self):
        run = scratch.subdirectory(self.home, "roots")
        path = run / "manager.sock"
        async with self.running(manager=f'manager.pid_file = "{run}/pid"', endpoint=f"unix:{path}",
                                options=["-u", USER]) as manager:
            self.assertEqual((run / "pid").read_text(), f"{manager.pid}\n")
            self.assertEqual((run / "pid").stat().st_uid, 0)  # whoever kills by it need not trust the user
            self.assertEqual(await manager.stop(), 0)
            self.assertEqual(os.listdir(run), [])
            self.assertEqual([event.name for event in manager.events() if event.level == "warning"], ["handover_unavailable"])

    async def test_the_launcher_ends_when_the_manager_is_killed(self):
        process = daemon.ManagerProcess("milter-manager", [daemon.program(), "--config-dir", self.home], self.home / "log")
        self.addCleanup(process.kill)
        endpoint = f"inet:{free_port()}@[127.0.0.1]"
        scratch.write(self.home / "milter-manager.conf", daemon.configuration(endpoint, []))
        process.ready_when_logged(" listening ")
        manager = daemon.Daemon(process, endpoint, self.home / "milter-manager.conf")
        launcher = launcher_of(manager.pid)
        watched = os.pidfd_open(launcher)
        self.addCleanup(os.close, watched)
        os.kill(manager.pid, signal.SIGKILL)
        await wire.within(self.readable(watched))

    async def readable(self, descriptor: int):
        done = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, done.set)
        try:
            await done.wait()
        finally:
            asyncio.get_running_loop().remove_reader(descriptor)

    async def test_without_a_user_it_is_nobody_and_says_so(self):
        async with self.running(manager="security.effective_user = nil") as manager:
            self.assertEqual(status(manager.pid)["Uid"].split(), [str(pwd.getpwnam("nobody").pw_uid)] * 4)
            (event,) = manager.events("running_as_nobody")
            self.assertEqual(event.level, "warning")
            self.assertIn("security.effective_user", event.text)

    def refused(self, text: str) -> list[str]:
        home = scratch.subdirectory(self.home, f"refused{len(os.listdir(self.home))}")
        scratch.write(home / "milter-manager.conf", f'manager.connection_spec = "unix:{home}/sock"\nlog.use_syslog = false\n{text}')
        process = daemon.ManagerProcess("milter-manager", [daemon.program(), "--config-dir", home], home / "log")
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(peers.PATIENCE_S), 78, process.log_text())
        self.assertFalse((home / "sock").exists())
        return process.log_text().splitlines()

    async def test_it_does_not_start_when_something_would_run_as_root(self):
        milter = 'define_milter("a") do |milter|\n  milter.connection_spec = "unix:/a"\n%s\nend\n'
        (line,) = self.refused('security.privilege_mode = true\n' + milter % '  milter.command = "/bin/true"')
        self.assertRegex(line, r'milter-manager.conf:6: define_milter\("a"\): a command without milter.user_name would run as root')
        (line,) = self.refused('security.privilege_mode = true\n' + milter % '  milter.command = "/bin/true"\n  milter.user_name = "root"')
        self.assertRegex(line, r'milter-manager.conf:7: .*nothing is run as root')
        (line,) = self.refused('security.effective_user = "root"\n' + BLOCK + milter % '  milter.applicable_conditions = ["Own"]')
        self.assertRegex(line, r"milter-manager.conf:3: security.effective_user is root, and conditions or hooks with Ruby blocks")

    async def test_as_root_it_serves_without_anything_that_runs_as_root_and_refuses_a_reload_with_it(self):
        async with Child("one", f"unix:{self.home}/one.sock") as child, self.running(
                [child], manager='security.effective_user = "root"') as manager:
            self.assertEqual((await one_mail(manager.endpoint)).decision, b"c")
            await manager.reload([child], {"one": {"applicable_conditions": ["Own"]}},
                                 'security.effective_user = "root"\n' + BLOCK, expect="reload_failed")
            self.assertIn("would run as root", manager.events("configuration_wrong")[-1].text)
            self.assertEqual((await one_mail(manager.endpoint)).decision, b"c")


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
