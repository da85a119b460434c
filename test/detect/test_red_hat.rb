require_relative "support"

# The Red Hat family (detection 6).
class RedHat < DetectionTest
  def red_hat(name, **options, &block)
    apply(Milter::Manager::RedHatDetector, name, **options, &block)
  end

  def unit(name, text = "", exec: "/usr/sbin/#{name}")
    write("/usr/lib/systemd/system/#{name}.service", "[Unit]\nDescription=The #{name}\n[Service]\nExecStart=#{exec}\n#{text}\n")
    wanted(name, "/usr/lib/systemd/system")
  end

  # As CentOS 5 and 6 have them.
  def script(name, text = "", comments: "")
    write("/etc/rc.d/init.d/#{name}", <<~SCRIPT)
      #!/bin/bash
      #
      # #{name}      starts and stops it
      #
      # chkconfig: - 79 21
      # description: #{name} looks at mail, \\
      #              and says what it thinks.
      # processname: #{name}
      #{comments}
      . /etc/rc.d/init.d/functions
      #{text}
    SCRIPT
    link("/etc/init.d", "rc.d/init.d") unless File.symlink?(File.join(@root, "/etc/init.d"))
    (0..6).each {|level| link("/etc/rc#{level}.d", "rc.d/rc#{level}.d") unless File.symlink?(File.join(@root, "/etc/rc#{level}.d"))}
    started(name, "/etc/rc.d")
  end

  # What `chkconfig --del NAME` does.
  def chkconfig_del(name)
    remove("/etc/rc.d/rc?.d/[SK]??#{name}")
  end

  # CentOS 5 and 6, as the old guides set them up

  def centos_5
    script("spamass-milter", "SOCKET=/var/run/spamass-milter/spamass-milter.sock")
    write("/etc/sysconfig/spamass-milter", "SOCKET=\"inet:11120@[127.0.0.1]\"\n")
    script("clamav-milter", "[ -f /etc/sysconfig/clamav-milter ] && . /etc/sysconfig/clamav-milter")
    write("/etc/sysconfig/clamav-milter", "CLAMAV_FLAGS=\nCLAMAV_USER='clamav'\n")
    write("/etc/clamav-milter.conf", "#Example\nMilterSocket unix:/var/clamav/clmilter.socket\nUser clamav\n")
    script("milter-greylist", "pidfile=\"/var/run/milter-greylist.pid\"\nOPTIONS=\"-P $pidfile\"",
           comments: "# config: /etc/mail/greylist.conf")
    write("/etc/mail/greylist.conf", "socket \"inet:11122@[127.0.0.1]\"\nracl greylist default\n")
  end

  def test_the_milters_of_centos_5
    centos_5
    assert_enabled("inet:11120@[127.0.0.1]", red_hat("spamass-milter"), where: "/etc/sysconfig/spamass-milter:1")
    assert_enabled("unix:/var/clamav/clmilter.socket", red_hat("clamav-milter"), where: "/etc/clamav-milter.conf:2")
    result = red_hat("milter-greylist")
    assert_enabled("inet:11122@[127.0.0.1]", result, where: "/etc/mail/greylist.conf:1")
    assert_equal("milter-greylist looks at mail, and says what it thinks.", result.milter["description"])
    assert_equal(["/etc/init.d/milter-greylist", "start"], result.milter.values_at("command", "command_options"))
  end

  def test_after_chkconfig_del_it_is_disabled
    centos_5
    chkconfig_del("milter-greylist")
    assert_disabled(/no start link S\?\?milter-greylist/, red_hat("milter-greylist"), spec: "inet:11122@[127.0.0.1]")
    assert_enabled("inet:11120@[127.0.0.1]", red_hat("spamass-milter"))
  end

  def test_after_chkconfig_off_only_kill_links_are_left
    centos_5
    remove("/etc/rc.d/rc?.d/S??milter-greylist")
    (0..6).each {|level| link("/etc/rc.d/rc#{level}.d/K21milter-greylist", "../init.d/milter-greylist") unless [0, 1, 6].include?(level)}
    assert_disabled(/no start link/, red_hat("milter-greylist"), spec: "inet:11122@[127.0.0.1]")
  end

  # init scripts

  def test_the_variables_and_options_that_say_a_socket
    {"SOCKET=/a" => "unix:/a", "SOCKET_ADDRESS=local:/b" => "local:/b", "MILTER_SOCKET=inet:1@h" => "inet:1@h",
     "CONNECTION_SPEC=/c" => "unix:/c", "OPTIONS='-f /x -p /d'" => "unix:/d",
     "socket=/e\nOPTIONS=\"-P x -p $socket\"" => "unix:/e"}.each do |text, spec|
      script("amavisd", text)
      assert_enabled(spec, red_hat("amavisd"))
      chkconfig_del("amavisd")
    end
  end

  def test_amavisd_by_its_sysconfig
    script("amavisd")
    assert_disabled(/no file says its socket/, red_hat("amavisd"))
    write("/etc/sysconfig/amavisd", "MILTER_SOCKET=\"local:/var/spool/amavisd/amavisd-milter.sock\"\n")
    assert_enabled("local:/var/spool/amavisd/amavisd-milter.sock", red_hat("amavisd"))
  end

  def test_clamav_milter_before_0_95
    script("clamav-milter")
    write("/etc/clamav-milter.conf", "Example\nMilterSocket /wrong\n")
    write("/etc/sysconfig/clamav-milter", "SOCKET_ADDRESS=\"local:/var/clamav/clmilter.socket\"\n")
    assert_enabled("local:/var/clamav/clmilter.socket", red_hat("clamav-milter"))
  end

  def test_clamav_milters_file
    script("clamav-milter")
    write("/etc/cm.conf", "MilterSocket /a\n")
    write("/etc/clamav-milter.conf", "Example\nMilterSocket /b\n")
    assert_disabled(/Example/, red_hat("clamav-milter"), spec: "unix:/b")
    ["--config-file=/etc/cm.conf", "--config-file /etc/cm.conf", "-c /etc/cm.conf"].each do |flags|
      write("/etc/sysconfig/clamav-milter", "CLAMAV_FLAGS=\"#{flags}\"\n")
      assert_enabled("unix:/a", red_hat("clamav-milter"))
    end
  end

  def test_enmas_file
    script("enma")
    write("/etc/enma.conf", "## milter.socket: inet:1@x\nmilter.socket: inet:10025@127.0.0.1\n")
    assert_enabled("inet:10025@127.0.0.1", red_hat("enma"), where: "/etc/enma.conf:2")
    write("/etc/sysconfig/enma", "CONF_FILE=/etc/e.conf\n")
    write("/etc/e.conf", "milter.socket: unix:/e\n")
    assert_enabled("unix:/e", red_hat("enma"))
  end

  def test_opendkims_file
    script("opendkim")
    write("/etc/opendkim.conf", "Socket\tinet:8891@localhost\n")
    assert_enabled("inet:8891@localhost", red_hat("opendkim"))
    write("/etc/sysconfig/opendkim", "CONFIG=/etc/o.conf\n")
    write("/etc/o.conf", "Socket local:/o\n")
    assert_enabled("local:/o", red_hat("opendkim"))
  end

  def test_milter_greylists_file
    script("milter-greylist", comments: "# config: /etc/h.conf")
    write("/etc/h.conf", "socket \"/h\"\n")
    write("/etc/f.conf", "socket \"/f\"\nracl blacklist list \"x\" tarpit 1h\n")
    assert_enabled("unix:/h", red_hat("milter-greylist"))
    write("/etc/sysconfig/milter-greylist", "OPTIONS=\"-f /etc/f.conf\"\n")
    result = red_hat("milter-greylist")
    assert_enabled("unix:/f", result)
    assert_equal(3607.0, result.milter["reading_timeout"])
    write("/etc/sysconfig/milter-greylist", "OPTIONS=\"-f /etc/f.conf -p /p\"\n")
    assert_enabled("unix:/p", red_hat("milter-greylist"))
  end

  def test_the_lsb_description_when_the_header_has_none
    write("/etc/init.d/enma", "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: enma\n# Description: Authenticates\n### END INIT INFO\n")
    started("enma")
    assert_equal("Authenticates", red_hat("enma").milter["description"])
  end

  # units: CentOS 7 and later

  def test_units
    unit("spamass-milter", "EnvironmentFile=-/etc/sysconfig/spamass-milter\nEnvironmentFile=-/etc/sysconfig/spamass-milter-postfix",
         exec: "/usr/sbin/spamass-milter -p $SOCKET $EXTRA_FLAGS")
    write("/etc/sysconfig/spamass-milter", "#SOCKET=/run/spamass-milter/spamass-milter.sock\n")
    write("/etc/sysconfig/spamass-milter-postfix", "SOCKET=\"/run/spamass-milter/postfix/sock\"\nSOCKET_OPTIONS=\"-g postfix\"\n")
    assert_enabled("unix:/run/spamass-milter/postfix/sock", red_hat("spamass-milter"),
                   where: "/etc/sysconfig/spamass-milter-postfix:1")
    unit("clamav-milter")
    write("/etc/mail/clamav-milter.conf", "#Example\nMilterSocket /run/clamav-milter/clamav-milter.socket\n")
    assert_enabled("unix:/run/clamav-milter/clamav-milter.socket", red_hat("clamav-milter"))
    unit("milter-greylist")
    write("/etc/mail/greylist.conf", "socket \"/run/milter-greylist/milter-greylist.sock\" 660\n")
    assert_enabled("unix:/run/milter-greylist/milter-greylist.sock", red_hat("milter-greylist"))
    unit("opendkim", "EnvironmentFile=-/etc/sysconfig/opendkim", exec: "/usr/sbin/opendkim $OPTIONS")
    write("/etc/sysconfig/opendkim", "OPTIONS=\"-x /etc/opendkim.conf -P /run/opendkim/opendkim.pid\"\n")
    write("/etc/opendkim.conf", "Socket inet:8891@localhost\n")
    assert_enabled("inet:8891@localhost", red_hat("opendkim"))
    unit("opendmarc", "EnvironmentFile=-/etc/sysconfig/opendmarc", exec: "/usr/sbin/opendmarc -f $OPTIONS")
    write("/etc/sysconfig/opendmarc", "OPTIONS=\"-c /etc/opendmarc.conf\"\n")
    write("/etc/opendmarc.conf", "Socket local:/run/opendmarc/opendmarc.sock\n")
    assert_enabled("local:/run/opendmarc/opendmarc.sock", red_hat("opendmarc"))
  end

  def test_a_unit_that_is_not_enabled_is_disabled_as_after_installation
    unit("milter-greylist")
    remove("/etc/systemd/system/multi-user.target.wants/milter-greylist.service")
    write("/etc/mail/greylist.conf", "socket \"/s\"\n")
    assert_disabled(/no other unit wants it/, red_hat("milter-greylist"), spec: "unix:/s")
  end

  def test_a_sample_file_of_clamav_milter
    unit("clamav-milter")
    write("/etc/mail/clamav-milter.conf", "Example\n#MilterSocket /run/clamav-milter/clamav-milter.socket\n")
    assert_disabled(/says "Example".*no file says its socket/, red_hat("clamav-milter"))
  end

  # Upstart

  def test_upstart
    write("/etc/event.d/clamav-milter", "#!upstart\n# Looks for viruses\n#\nstart on runlevel 3\nexec /usr/sbin/clamav-milter -c /etc/cm.conf\n")
    write("/etc/cm.conf", "MilterSocket /cm\n")
    result = red_hat("clamav-milter")
    assert_enabled("unix:/cm", result, where: "/etc/cm.conf:1")
    assert_equal(["Looks for viruses", "/sbin/start", "clamav-milter"],
                 result.milter.values_at("description", "command", "command_options"))
    program("/sbin/service")
    assert_equal("clamav-milter start", red_hat("clamav-milter").milter["command_options"])
    write("/etc/cm.conf", "Example\nMilterSocket /cm\n")
    assert_disabled(/Example/, red_hat("clamav-milter"), spec: "unix:/cm")
  end

  def test_upstarts_usual_files
    write("/etc/event.d/clamav-milter", "start on runlevel 3\nexec clamav-milter\n")
    write("/etc/clamav-milter.conf", "MilterSocket /c\n")
    assert_enabled("unix:/c", red_hat("clamav-milter"))
    write("/etc/event.d/milter-greylist", "start on runlevel 3\nexec milter-greylist\n")
    write("/etc/mail/greylist.conf", "socket \"/g\"\n")
    assert_enabled("unix:/g", red_hat("milter-greylist"))
    write("/etc/event.d/milter-greylist", "stop on runlevel 3\nexec milter-greylist -f /etc/g2.conf\n")
    write("/etc/g2.conf", "socket \"/g2\"\n")
    assert_disabled(/no line "start on"/, red_hat("milter-greylist"), spec: "unix:/g2")
    write("/etc/event.d/enma", "start on runlevel 3\nexec enma\n")
    assert_disabled(/no file says its socket/, red_hat("enma"))
  end

  def test_a_unit_goes_before_a_job_and_a_job_before_a_script
    script("milter-greylist")
    write("/etc/mail/greylist.conf", "socket \"/s\"\n")
    write("/etc/event.d/milter-greylist", "start on runlevel 3\nexec milter-greylist\n")
    assert_equal("/sbin/start", red_hat("milter-greylist").milter["command"])
    program("/usr/bin/systemctl")
    unit("milter-greylist")
    assert_equal("/usr/bin/systemctl", red_hat("milter-greylist").milter["command"])
  end
end
