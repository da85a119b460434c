"""--show-config and --check-config of good configurations (configuration 12)."""
import pathlib
import re
import unittest

from manager import ManagerTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANUAL = ROOT / "docs" / "manual"

SECTIONS = """\
# default
package.platform = "debian"
# default
package.options = "prefix=/usr/pkg,rcddir=/etc/rc.d"

# c/milter-manager.conf:3
security.privilege_mode = true
# c/milter-manager.conf:4
security.effective_user = "milter-manager"
# default
security.effective_group = nil

# c/milter-manager.conf:5
log.level = "critical|error|warning|message|info|statistics"
# default
log.path = nil
# c/milter-manager.conf:6
log.use_syslog = false
# c/milter-manager.conf:7
log.syslog_facility = "local3"
# default
log.format = "text"

# c/milter-manager.conf:8
manager.connection_spec = "inet6:10025@[::1]"
# c/milter-manager.conf:9
manager.unix_socket_mode = 0600
# default
manager.unix_socket_group = nil
# default
manager.remove_unix_socket_on_create = true
# default
manager.remove_unix_socket_on_close = true
# c/milter-manager.conf:10
manager.daemon = true
# c/milter-manager.conf:11
manager.pid_file = "/run/x \\"y\\" \\#{z}\\n"
# default
manager.maintenance_interval = nil
# default
manager.suspend_time_on_unacceptable = 5
# c/milter-manager.conf:13
manager.max_connections = 1000
# default
manager.max_file_descriptors = 0
# default
manager.custom_configuration_directory = nil
# c/milter-manager.conf:14
manager.fallback_status = "temporary-failure"
# default
manager.fallback_status_at_disconnect = "temporary-failure"
# default
manager.event_loop_backend = "glib"
# default
manager.n_workers = 0
# c/milter-manager.conf:15
manager.packet_buffer_size = 4096
# default
manager.connection_check_interval = 0
# default
manager.chunk_size = 65535
# default
manager.max_pending_finished_sessions = 0
# c/milter-manager.conf:16
manager.mta = "postfix"
# default
manager.offer_timeout = 30.0
# default
manager.idle_timeout = 7210.0
# c/milter-manager.conf:17
manager.negotiation_timeout = 0.25
# default
manager.command_timeout = 0.0
# default
manager.end_of_message_timeout = 290.0
# default
manager.progress_interval = 5.0
# default
manager.quarantine_stops_chain = false
# default
manager.body_memory = 1048576
# default
manager.spool_directory = nil
# default
manager.max_message_size = 0
# default
manager.max_headers = 10000
# default
manager.max_header_size = 65536
# default
manager.max_recipients = 100000
# default
manager.max_edits = 10000
# default
manager.evaluation_queue = 1048576
# default
manager.worker_timeout = 5.0
# default
manager.n_ruby_workers = 1
# default
manager.stop_timeout = 60.0
# default
manager.explain_messages = 1000

# default
controller.connection_spec = nil
# c/milter-manager.conf:18
controller.unix_socket_mode = 00
# default
controller.unix_socket_group = nil
# c/milter-manager.conf:19
controller.remove_unix_socket_on_create = false
# default
controller.remove_unix_socket_on_close = true

# default
metrics.connection_spec = nil

# c/milter-manager.conf:20
database.type = "mysql2"
# default
database.name = nil
# default
database.host = nil
# c/milter-manager.conf:21
database.port = 3306
# default
database.path = nil
# default
database.user = nil
# c/milter-manager.conf:22
database.password = "********"
"""

CONFIGURATION = """\
package.platform = "debian"
package.options = {"prefix" => "/usr/pkg", :rcddir => "/etc/rc.d"}
security.privilege_mode = "true"
security.effective_user = "milter-manager"
log.level = "+info"
log.use_syslog = false
log.syslog_facility = "local3"
manager.connection_spec = "inet6:10025@[::1]"
manager.unix_socket_mode = 0600
manager.daemon = "no"
manager.pid_file = "/run/x \\"y\\" \\#{z}\\n"
manager.maintenance_interval = nil
manager.max_connections = 1000.7
manager.fallback_status = :Temporary_Failure
manager.packet_buffer_size = 4096
manager.mta = "Postfix"
manager.negotiation_timeout = 0.25
controller.unix_socket_mode = 0
controller.remove_unix_socket_on_create = nil
database.type = "mysql2"
database.port = 3306
database.password = "secret"
database.extra_options[:reconnect] = true
"""

MILTERS = """
# c/milter-manager.conf:1
define_milter("a \\"b\\" \\u00e9") do |milter|
  # c/milter-manager.conf:2
  milter.connection_spec = "inet:20001@127.0.0.1"
  # c/milter-manager.conf:3
  milter.description = "first\\nsecond"
  # c/milter-manager.conf:4
  milter.enabled = false
  # c/milter-manager.conf:5
  milter.fallback_status = "quarantine"
  # default
  milter.evaluation_mode = false
  # default
  milter.applicable_conditions = []
  # c/milter-manager.conf:6
  milter.command = "/etc/init.d/a"
  # c/milter-manager.conf:7
  milter.command_options = "start with\\\\ blank"
  # default
  milter.user_name = nil
  # c/milter-manager.conf:8
  milter.connection_timeout = 4.25
  # default
  milter.writing_timeout = 7.0
  # default
  milter.reading_timeout = 7.0
  # default
  milter.end_of_message_timeout = 297.0
  # default
  milter.retry_next_message = true
  # default
  milter.early_feed = true
  # c/milter-manager.conf:9
  milter.parallel_group = "scanners"
  # default
  milter.exact_connect = false
  # default
  milter.parallel_mail = false
  # c/milter-manager.conf:10
  milter.pool_size = 2
  # default
  milter.pool_idle = 60.0
  # c/milter-manager.conf:11
  milter.breaker_failures = 3
  # default
  milter.breaker_pause = 10.0
  # c/milter-manager.conf:12
  milter.extra_macros = {"connect"=>["j", "{daemon_name}"], "rcpt"=>["{x}"]}
end
""".replace("\\u00e9", "\u00e9")

MILTER_CONFIGURATION = """\
define_milter("a \\"b\\" \u00e9") do |milter|
  milter.connection_spec = "inet:20001@127.0.0.1"
  milter.description = "first\\nsecond"
  milter.enabled = nil
  milter.fallback_status = "QUARANTINE"
  milter.command = "/etc/init.d/a"
  milter.command_options = ["start", "with blank"]
  milter.connection_timeout = 4.25
  milter.parallel_group = "scanners"
  milter.pool_size = 2
  milter.breaker_failures = 3
  milter.extra_macros = {"connect" => ["j", "{daemon_name}"], "envelope-recipient" => "{x}"}
  milter.applicable_conditions = nil
end
"""


class ShowConfig(ManagerTest):
    def test_all_sections_with_their_places(self):
        self.assertEqual(self.load(CONFIGURATION), (0, SECTIONS, ""))

    def test_a_milter_with_all_attributes(self):
        status, out, err = self.load(MILTER_CONFIGURATION)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.endswith("\n" + MILTERS), out)

    def test_what_is_shown_is_a_configuration_that_shows_the_same(self):
        first = self.shown(CONFIGURATION.replace("database.password", "database.user") + MILTER_CONFIGURATION)
        again = self.shown(self.load()[1])
        self.assertEqual({name: one[0] for name, one in first.items() if isinstance(one, tuple)},
                         {name: one[0] for name, one in again.items() if isinstance(one, tuple)})

    def test_nil_restores_the_default_and_forgets_the_place(self):
        shown = self.shown("manager.n_workers = 3\nmanager.n_workers = nil\nmanager.fallback_status = nil\n"
                           "manager.event_loop_backend = nil\nlog.level = nil\nlog.syslog_facility = nil\n")
        for name, value in {"manager.n_workers": "0", "manager.fallback_status": '"accept"', "log.level": '"default"',
                            "manager.event_loop_backend": '"glib"', "log.syslog_facility": '"mail"'}.items():
            self.assertEqual(shown[name], (value, "default"))

    def test_the_place_of_a_call_of_several_lines_is_its_start(self):
        shown = self.shown("manager.pid_file =\n  ['/run',\n   'x'].join('/')\n")
        self.assertEqual(shown["manager.pid_file"][0], '"/run/x"')
        self.assertRegex(shown["manager.pid_file"][1], r"^c/milter-manager.conf:[12]$")

    def test_readers_give_what_was_assigned_or_the_default(self):
        self.write("""
            raise "1" unless manager.n_workers == 0 && manager.connection_spec == "inet:10025@[127.0.0.1]"
            raise "2" unless manager.daemon? == false && security.privilege_mode? == false && log.use_syslog?
            manager.n_workers = 4
            raise "3" unless manager.n_workers == 4
            package.options = "a=b, c=d"
            raise "4" unless package.options == {"a" => "b", "c" => "d"}
            define_milter("m") do |milter|
              raise "5" unless milter.name == "m" && milter.enabled? && milter.reading_timeout == 7.0
              raise "6" unless milter.evaluation_mode? == false && milter.applicable_conditions == []
              milter.connection_spec = "unix:/m"
            end
            raise "7" unless defined_milters == ["m"]
            """)
        self.assertEqual(self.milters(), ["m"])

    def test_what_the_configuration_prints_goes_to_standard_error(self):
        status, out, err = self.load('puts "one"\n$stderr.puts "two"\nsystem("echo three")\nmanager.n_workers = 7\n')
        self.assertEqual((status, err), (0, "one\ntwo\nthree\n"))
        self.assertIn("manager.n_workers = 7\n", out)
        self.assertTrue(out.startswith("# default\npackage.platform"))


class Manual(ManagerTest):
    def test_every_example_of_the_manual_is_right(self):
        page = (MANUAL / "settings.md").read_text()
        lines = re.findall(r"^- example: `(\w+\.\w+ = .*)`$", page, re.M)
        self.assertEqual([line.split(" = ")[0] for line in lines], re.findall(r"^### (\w+\.\w+)$", page, re.M))
        self.assertGreater(len(lines), 80)
        inside = [line for line in lines if line.startswith("milter.")]
        load = 'define_applicable_condition("Remote Network") {|condition| condition.skip_when(client: :local) }\n'
        before = self.shown(load + 'define_milter("m") {|milter| milter.connection_spec = "unix:/m" }\n')
        after = self.shown("\n".join([load, *[line for line in lines if line not in inside],
                                      'define_milter("m") do |milter|', *inside, "end", ""]))
        same = {name for name, value in before.items() if isinstance(value, tuple) and after[name][0] == value[0]}
        self.assertEqual(same, {": condition.description"})

    def test_the_example_of_its_first_page_is_right(self):
        page = (MANUAL / "configuration.md").read_text()
        self.write(page.split("```ruby\n")[1].split("```")[0])
        self.assertEqual(self.milters(), ["clamav", "rspamd"])


class CheckConfig(ManagerTest):
    def test_it_says_what_would_run(self):
        self.write("""\
manager.connection_spec = "inet:10025@localhost"
define_milter("a") {|milter| milter.connection_spec = "unix:/a"; milter.fallback_status = "reject" }
define_milter("b") {|milter| milter.connection_spec = "inet:1@[127.0.0.1]"; milter.evaluation_mode = true }
define_milter("c") {|milter| milter.enabled = false }
""")
        done = self.run_manager("-c", "c", "--check-config")
        self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", """\
The configuration is right.
Read: c/milter-manager.conf
Listen on inet:10025@localhost
Milter 1: "a" on unix:/a, fallback reject
Milter 2: "b" on inet:1@[127.0.0.1], fallback accept, evaluation mode
Not asked: "c" (disabled at c/milter-manager.conf:4)
"""))

    def test_no_milter_is_said_aloud(self):
        self.write("")
        self.assertIn("No milter: all mail passes unfiltered.\n", self.run_manager("-c", "c", "--check-config").stdout)

    def test_nothing_to_listen_on_is_an_error_of_a_start_only(self):
        self.assertEqual(self.shown("manager.connection_spec = nil\n")["manager.connection_spec"], ("nil", "default"))
        for task in ("--check-config", None):
            done = self.run_manager(*filter(None, ["-c", "c", task]))
            self.assertEqual((done.returncode, done.stderr), (
                78, "manager.connection_spec: is nil; to serve, a socket for the MTA is needed\n"))


if __name__ == "__main__":
    unittest.main()
