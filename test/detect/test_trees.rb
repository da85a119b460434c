require_relative "support"

# Whole systems, as their packages and the old guides leave them, read with the shipped conditions and load_default:
# names, order, sockets, conditions, and who takes part (detection 2, 5 to 8, 10).
class Trees < DetectionTest
  TEXT = "load(\"applicable-conditions/*.conf\")\nload_default\n".freeze

  # [NAME, ENABLED, SPEC, CONDITIONS] of each milter; the system is recognized by its files, or named.
  def chain(platform)
    found = ["unknown", platform].map do |one|
      snapshot = load(TEXT, platform: one)
      assert_empty(snapshot["complaints"])
      snapshot["milters"].map do |milter|
        conditions = milter["applicable_conditions"].to_a.map {|condition| condition.is_a?(Hash) ? condition["name"] : condition}
        [milter["name"], milter["enabled"], milter["connection_spec"], conditions]
      end
    end
    assert_equal(found.last, found.first, "recognized as something else than #{platform}")
    found.first
  end

  # The start links of CentOS 5 and 6 with what chkconfig links to.
  def rc_d(name, text)
    write("/etc/rc.d/init.d/#{name}", "#!/bin/bash\n# chkconfig: - 79 21\n# description: #{name}\n#{text}\n")
    link("/etc/init.d", "rc.d/init.d") unless File.symlink?(File.join(@root, "/etc/init.d"))
    (0..6).each {|level| link("/etc/rc#{level}.d", "rc.d/rc#{level}.d") unless File.symlink?(File.join(@root, "/etc/rc#{level}.d"))}
    started(name, "/etc/rc.d")
  end

  def cent_os(release)
    write("/etc/redhat-release", "CentOS release #{release} (Final)\n")
    rc_d("spamass-milter", "SOCKET=/var/run/spamass-milter/spamass-milter.sock\n. /etc/sysconfig/spamass-milter")
    write("/etc/sysconfig/spamass-milter", "SOCKET=\"inet:11120@[127.0.0.1]\"\nEXTRA_FLAGS=\"-r 15\"\n")
    rc_d("clamav-milter", ". /etc/sysconfig/clamav-milter")
    write("/etc/sysconfig/clamav-milter", "CLAMAV_FLAGS=\nCLAMAV_USER='clamav'\n")
    write("/etc/clamav-milter.conf", "#Example\nMilterSocket unix:/var/clamav/clmilter.socket\nUser clamav\n")
    rc_d("milter-greylist", "# config: /etc/mail/greylist.conf\nOPTIONS=\"-P $pidfile\"")
    write("/etc/mail/greylist.conf", "socket \"inet:11122@[127.0.0.1]\"\nracl greylist default\n")
  end

  OLD_GUIDE = [["milter-greylist", true, "inet:11122@[127.0.0.1]", G],
               ["clamav-milter", true, "unix:/var/clamav/clmilter.socket", []],
               ["spamass-milter", true, "inet:11120@[127.0.0.1]", R]].freeze

  {"5.11" => "redhat5", "6.10" => "redhat6"}.each do |release, platform|
    define_method("test_the_three_milters_of_the_guide_on_cent_os_#{release}") do
      cent_os(release)
      assert_equal(OLD_GUIDE, chain(platform))
    end

    define_method("test_chkconfig_del_on_cent_os_#{release}_disables_one_and_keeps_its_place") do
      cent_os(release)
      remove("/etc/rc.d/rc?.d/[SK]??milter-greylist")
      (first, *others) = OLD_GUIDE
      assert_equal([[first[0], false, *first[2..]], *others], chain(platform))
    end
  end

  # A unit that is enabled, with /lib as the link that it is since then.
  def unit(name, text = "", exec: "/usr/sbin/#{name}")
    link("/lib", "usr/lib") unless File.symlink?(File.join(@root, "/lib"))
    write("/usr/lib/systemd/system/#{name}.service", "[Unit]\nDescription=The #{name}\n[Service]\nExecStart=#{exec}\n#{text}\n")
    wanted(name, "/usr/lib/systemd/system")
  end

  {"redhat7" => "ID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n",
   "redhat8" => "ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"8.10\"\n",
   "redhat9" => "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n",
   "redhat10" => "ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"10.0\"\n"}.each do |platform, os_release|
    define_method("test_the_units_of_#{platform}") do
      write("/etc/os-release", os_release)
      program("/usr/bin/systemctl")
      unit("milter-greylist", exec: "/usr/sbin/milter-greylist -D")
      write("/etc/mail/greylist.conf", "socket \"/run/milter-greylist/milter-greylist.sock\" 660\n")
      unit("clamav-milter", exec: "/usr/sbin/clamav-milter -c /etc/mail/clamav-milter.conf")
      write("/etc/mail/clamav-milter.conf", "Example\nMilterSocket /run/clamav-milter/clamav-milter.socket\n")
      unit("spamass-milter", "EnvironmentFile=-/etc/sysconfig/spamass-milter", exec: "/usr/sbin/spamass-milter -p $SOCKET")
      write("/etc/sysconfig/spamass-milter", "SOCKET=/run/spamass-milter/spamass-milter.sock\n")
      unit("opendkim", "EnvironmentFile=-/etc/sysconfig/opendkim", exec: "/usr/sbin/opendkim $OPTIONS")
      write("/etc/opendkim.conf", "Socket inet:8891@localhost\n")
      unit("rspamd", exec: "/usr/bin/rspamd -c /etc/rspamd/rspamd.conf -f")
      assert_equal([["milter-greylist", true, "unix:/run/milter-greylist/milter-greylist.sock", G],
                    ["clamav-milter", false, "unix:/run/clamav-milter/clamav-milter.socket", []], # still the sample
                    ["spamass-milter", true, "unix:/run/spamass-milter/spamass-milter.sock", R],
                    ["opendkim", true, "inet:8891@localhost", []],
                    ["rspamd", false, nil, R]], chain(platform)) # of another root: rspamadm is not run
    end
  end

  def debian_12
    write("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
    write("/etc/init.d/clamav-milter", "#!/bin/sh\nCLAMAVCONF=/etc/clamav/clamav-milter.conf\n")
    write("/etc/clamav/clamav-milter.conf", "MilterSocket /var/run/clamav/clamav-milter.ctl\n")
    write("/lib/systemd/system/opendkim.service", "[Service]\nExecStart=/usr/sbin/opendkim\n")
    write("/etc/init.d/opendkim", "#!/bin/sh\n. /etc/default/opendkim\n")
    write("/etc/opendkim.conf", "Socket\t\t\tlocal:/run/opendkim/opendkim.sock\n")
    write("/etc/init.d/spamass-milter", "#!/bin/sh\nSOCKET=/var/run/spamass/spamass.sock\n" \
                                        "if [ -x /usr/sbin/postfix ]; then\n  SOCKET=\"/var/spool/postfix/spamass/spamass.sock\"\nfi\n")
    program("/usr/sbin/postfix")
    write("/etc/init.d/milter-greylist", "#!/bin/sh\nENABLED=0\n")
    write("/etc/default/milter-greylist", "ENABLED=0\nSOCKET=\"/run/milter-greylist/milter-greylist.sock\"\n")
    %w[clamav-milter spamass-milter milter-greylist].each {|name| started(name)}
  end

  DEBIAN_12 = [["milter-greylist", false, "unix:/run/milter-greylist/milter-greylist.sock", G],
               ["clamav-milter", true, "unix:/var/run/clamav/clamav-milter.ctl", []],
               ["opendkim", true, "local:/run/opendkim/opendkim.sock", []],
               ["spamass-milter", true, "unix:/var/spool/postfix/spamass/spamass.sock", R]].freeze

  def test_debian_12_with_systemd
    debian_12
    link("/sbin/init", "/lib/systemd/systemd")
    wanted("opendkim")
    assert_equal(DEBIAN_12, chain("debian"))
  end

  def test_debian_12_with_system_v
    debian_12
    program("/sbin/init")
    started("opendkim")
    assert_equal(DEBIAN_12, chain("debian"))
  end

  def test_freebsd
    write("/etc/os-release", "NAME=FreeBSD\nID=freebsd\n")
    {"milter-greylist" => "miltergreylist", "clamav-milter" => "clamav_milter", "milter-opendkim" => "milteropendkim",
     "spamass-milter" => "spamass_milter", "amavis-milter" => "amavis_milter"}.each do |name, rc_name|
      write("/usr/local/etc/rc.d/#{name}", "#!/bin/sh\nname=#{rc_name}\nrcvar=#{rc_name}_enable\nload_rc_config $name\n" \
                                           ": ${#{rc_name}_enable=\"NO\"}\n: ${#{rc_name}_socket=\"/var/run/#{name}.sock\"}\n")
    end
    write("/usr/local/etc/mail/opendkim.conf", "Socket inet:8891@localhost\n")
    write("/etc/rc.conf", "miltergreylist_enable=\"YES\"\nclamav_milter_enable=\"YES\"\nmilteropendkim_enable=\"YES\"\n")
    assert_equal([["milter-greylist", true, "unix:/var/run/milter-greylist.sock", G],
                  ["clamav-milter", true, "unix:/var/run/clamav-milter.sock", []],
                  ["milter-opendkim", true, "inet:8891@localhost", []],
                  ["spamass-milter", false, "unix:/var/run/spamass-milter.sock", R],
                  ["amavis-milter", false, "unix:/var/run/amavis-milter.sock", []]], chain("freebsd"))
  end

  def test_netbsd
    {"milter-greylist" => "milter_greylist", "milter-regex" => "milter_regex", "mimedefang" => "mimedefang",
     "dkim-filter" => "dkim_filter"}.each do |name, rc_name|
      write("/usr/pkg/etc/rc.d/#{name}", "#!/bin/sh\nname=\"#{rc_name}\"\nrcvar=$name\ncommand_args=\"-p /var/run/#{name}.sock\"\n")
    end
    write("/etc/rc.conf", "milter_greylist=YES\nmilter_regex=YES\ndkim_filter=YES\n")
    write("/etc/rc.conf.local", "dkim_filter=NO\n")
    assert_equal([["milter-greylist", true, "unix:/var/run/milter-greylist.sock", G],
                  ["mimedefang", false, "unix:/var/run/mimedefang.sock", []],
                  ["dkim-filter", false, "unix:/var/run/dkim-filter.sock", []],
                  ["milter-regex", true, "unix:/var/run/milter-regex.sock", R]], chain("pkgsrc"))
  end
end
