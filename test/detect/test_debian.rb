require_relative "support"

# Debian and its family (detection 5).
class Debian < DetectionTest
  def debian(name, **options, &block)
    apply(Milter::Manager::DebianDetector, name, **options, &block)
  end

  def unit(name, text = "", exec: "/usr/sbin/#{name}")
    write("/lib/systemd/system/#{name}.service",
          "[Unit]\nDescription=The #{name}\n\n[Service]\nExecStart=#{exec}\n#{text}\n[Install]\nWantedBy=multi-user.target\n")
  end

  def script(name, text = "")
    write("/etc/init.d/#{name}", <<~SCRIPT)
      #!/bin/sh
      ### BEGIN INIT INFO
      # Provides:          #{name}
      # Required-Start:    $syslog $local_fs
      # Short-Description: short
      # Description:       Looks at mail
      #                    with two lines.
      ### END INIT INFO
      NAME=#{name}
      #{text}
    SCRIPT
  end

  # systemd

  def test_a_unit_with_a_socket_in_the_milters_own_file
    unit("opendkim")
    wanted("opendkim")
    write("/etc/opendkim.conf", "# Socket inet:1@x\nSyslog\tyes\nSocket\t\tlocal:/run/opendkim/opendkim.sock\n")
    result = debian("opendkim")
    assert_enabled("local:/run/opendkim/opendkim.sock", result, where: "/etc/opendkim.conf:3")
    assert_equal("The opendkim", result.milter["description"])
    assert_equal("#{@root}/etc/systemd/system/multi-user.target.wants/opendkim.service is there", result.decision["why"])
  end

  def test_the_last_socket_line_of_opendkim_counts
    unit("opendkim")
    wanted("opendkim")
    write("/etc/opendkim.conf", "Socket local:/a\n  Socket inet:8891@localhost   # the one for Postfix\n")
    assert_enabled("inet:8891@localhost", debian("opendkim"), where: "/etc/opendkim.conf:2")
  end

  def test_the_file_that_the_options_of_opendkim_name
    unit("opendkim", "EnvironmentFile=-/etc/default/opendkim", exec: "/usr/sbin/opendkim $OPTIONS")
    wanted("opendkim")
    write("/etc/default/opendkim", "OPTIONS=\"-l -x /etc/other.conf\"\n")
    write("/etc/other.conf", "Socket inet:1234@localhost\n")
    assert_enabled("inet:1234@localhost", debian("opendkim"), where: "/etc/other.conf:1")
  end

  def test_clamav_milter_of_a_unit
    unit("clamav-milter", exec: "/usr/sbin/clamav-milter --foreground -c /etc/cm.conf")
    wanted("clamav-milter")
    write("/etc/cm.conf", "MilterSocket /var/run/clamav/clamav-milter.ctl\n")
    assert_enabled("unix:/var/run/clamav/clamav-milter.ctl", debian("clamav-milter"), where: "/etc/cm.conf:1")
  end

  def test_clamav_milters_usual_file
    unit("clamav-milter")
    wanted("clamav-milter")
    write("/etc/clamav/clamav-milter.conf", "MilterSocket inet:7357\n")
    assert_enabled("inet:7357", debian("clamav-milter"))
  end

  def test_a_clamav_milter_that_nobody_configured
    unit("clamav-milter")
    wanted("clamav-milter")
    write("/etc/clamav/clamav-milter.conf", "Example\nMilterSocket unix:/x\n")
    assert_disabled(/clamav-milter.conf:1 says "Example"/, debian("clamav-milter"), spec: "unix:/x")
  end

  def test_milter_greylist_of_a_unit
    unit("milter-greylist", exec: "/usr/sbin/milter-greylist -f /etc/gl.conf")
    wanted("milter-greylist")
    write("/etc/gl.conf", "#socket \"/no\"\nsocket \"/var/run/greylist.sock\" 660\n" \
                          "racl greylist from /x/ tarpit 75s\nacl whitelist default \\\n tarpit 2m\n")
    result = debian("milter-greylist")
    assert_enabled("unix:/var/run/greylist.sock", result, where: "/etc/gl.conf:2")
    assert_equal([127.0, 127.0], result.milter.values_at("reading_timeout", "writing_timeout"))
  end

  def test_milter_greylists_usual_file
    unit("milter-greylist")
    wanted("milter-greylist")
    write("/etc/milter-greylist/greylist.conf", "socket \"inet:11122@[127.0.0.1]\"\n")
    result = debian("milter-greylist")
    assert_enabled("inet:11122@[127.0.0.1]", result)
    assert_nil(result.milter["reading_timeout"])
  end

  def test_a_socket_in_the_environment_of_a_unit
    unit("spfmilter", "EnvironmentFile=/etc/default/spfmilter")
    wanted("spfmilter")
    write("/etc/default/spfmilter", "RUN=/run/spf\nSOCKET=\"$RUN/sock\" # there\n")
    assert_enabled("unix:/run/spf/sock", debian("spfmilter"), where: "/etc/default/spfmilter:2")
  end

  def test_a_socket_in_the_command_line_of_a_unit
    unit("dkim-filter", "Environment=PORT=8891", exec: "/usr/sbin/dkim-filter \\\n  -p inet:${PORT}@localhost")
    wanted("dkim-filter")
    assert_enabled("inet:8891@localhost", debian("dkim-filter"), where: "/lib/systemd/system/dkim-filter.service:5")
  end

  def test_specifiers_in_a_unit
    unit("dkim-filter", exec: "/usr/sbin/dkim-filter -p local:%t/%p.sock")
    wanted("dkim-filter")
    assert_enabled("local:/run/dkim-filter.sock", debian("dkim-filter"))
  end

  def test_a_unit_that_nothing_wants
    unit("opendkim")
    write("/etc/opendkim.conf", "Socket local:/s\n")
    assert_disabled(/opendkim.service is not there, and no other unit wants it/, debian("opendkim"), spec: "local:/s")
  end

  def test_a_link_that_leads_nowhere_does_not_enable
    unit("opendkim")
    link("/etc/systemd/system/multi-user.target.wants/opendkim.service", "/gone/opendkim.service")
    write("/etc/opendkim.conf", "Socket local:/s\n")
    assert_disabled(/is not there/, debian("opendkim"), spec: "local:/s")
  end

  def test_any_unit_may_want_it
    unit("opendkim")
    link("/etc/systemd/system/postfix.service.wants/opendkim.service", "/lib/systemd/system/opendkim.service")
    write("/etc/opendkim.conf", "Socket local:/s\n")
    assert_enabled("local:/s", debian("opendkim"))
  end

  def test_a_masked_unit
    unit("opendkim")
    wanted("opendkim")
    link("/etc/systemd/system/opendkim.service", "/dev/null")
    write("/etc/opendkim.conf", "Socket local:/s\n")
    assert_disabled(/masks it/, debian("opendkim"), spec: "local:/s")
  end

  def test_a_unit_without_a_socket
    unit("opendkim")
    wanted("opendkim")
    assert_disabled(/no file says its socket/, debian("opendkim"))
  end

  def test_the_administrators_unit_and_drop_ins_win
    unit("dkim-filter", exec: "/usr/sbin/dkim-filter -p local:/old")
    write("/etc/systemd/system/dkim-filter.service.d/socket.conf",
          "[Service]\nExecStart=\nExecStart=/usr/sbin/dkim-filter -p local:/new\n")
    wanted("dkim-filter")
    assert_enabled("local:/new", debian("dkim-filter"),
                   where: "/etc/systemd/system/dkim-filter.service.d/socket.conf:3")
    write("/etc/systemd/system/dkim-filter.service", "[Service]\nExecStart=/opt/dkim-filter -p local:/mine\n")
    remove("/etc/systemd/system/dkim-filter.service.d/socket.conf")
    assert_enabled("local:/mine", debian("dkim-filter"), where: "/etc/systemd/system/dkim-filter.service:2")
  end

  # the service manager

  def test_systemctl_is_asked_for_units_and_wins
    program("/usr/bin/systemctl")
    unit("opendkim")
    wanted("opendkim")
    write("/etc/opendkim.conf", "Socket local:/s\n")
    {"enabled" => true, "enabled-runtime" => true, "disabled" => false, "masked" => false}.each do |word, enabled|
      result = debian("opendkim", answers: {"/usr/bin/systemctl is-enabled opendkim.service" => "#{word}\n"})
      assert_equal(enabled, result.milter["enabled"], word)
      assert_equal("systemctl is-enabled opendkim.service says #{word}", result.decision["why"])
    end
  end

  def test_without_an_answer_of_systemctl_the_links_decide
    program("/usr/bin/systemctl")
    unit("opendkim")
    wanted("opendkim")
    write("/etc/opendkim.conf", "Socket local:/s\n")
    assert_enabled("local:/s", debian("opendkim", answers: {}))
    assert_enabled("local:/s", debian("opendkim", answers: {"/usr/bin/systemctl is-enabled opendkim.service" => "indirect"}))
  end

  def test_the_program_of_another_root_is_not_run
    write("/usr/bin/systemctl", "#!/bin/sh\ntouch #{@root}/was-run\necho disabled\n", mode: 0o755)
    write("/usr/bin/rspamadm", "#!/bin/sh\ntouch #{@root}/was-run\n", mode: 0o755)
    %w[opendkim rspamd].each {|name| unit(name) && wanted(name)}
    write("/etc/opendkim.conf", "Socket local:/s\n")
    assert_enabled("local:/s", debian("opendkim"))
    assert_disabled(/rspamadm/, debian("rspamd"))
    refute_path_exists(File.join(@root, "was-run"))
  end

  # commands

  def test_the_command_that_starts_a_unit
    unit("opendkim")
    assert_equal([nil, nil], debian("opendkim").milter.values_at("command", "command_options"))
    program("/usr/sbin/service")
    assert_equal(["/usr/sbin/service", "opendkim start"], debian("opendkim").milter.values_at("command", "command_options"))
    program("/sbin/service")
    assert_equal("/sbin/service", debian("opendkim").milter["command"])
    program("/usr/bin/systemctl")
    assert_equal(["/usr/bin/systemctl", "start opendkim"], debian("opendkim").milter.values_at("command", "command_options"))
  end

  def test_the_command_that_starts_an_init_script
    program("/usr/bin/systemctl")
    script("spamass-milter", "SOCKET=/s")
    assert_equal(["/etc/init.d/spamass-milter", "start"],
                 debian("spamass-milter").milter.values_at("command", "command_options"))
  end

  # init scripts

  def test_an_init_script_with_links
    script("spamass-milter", "SOCKET=/var/run/spamass.sock")
    started("spamass-milter")
    result = debian("spamass-milter")
    assert_enabled("unix:/var/run/spamass.sock", result, where: "/etc/init.d/spamass-milter:10")
    assert_equal("Looks at mail with two lines.", result.milter["description"])
    assert_match(%r{rc2.d/S80spamass-milter is there}, result.decision["why"])
  end

  def test_an_init_script_without_start_links
    script("spamass-milter", "SOCKET=/s")
    assert_disabled(/no start link/, debian("spamass-milter"), spec: "unix:/s")
    link("/etc/rc3.d/K20spamass-milter", "../init.d/spamass-milter")
    assert_disabled(/no start link/, debian("spamass-milter"), spec: "unix:/s")
  end

  def test_enabled_0_in_the_defaults_file
    script("milter-greylist", "ENABLED=1")
    started("milter-greylist")
    write("/etc/default/milter-greylist", "ENABLED=0\nSOCKET=\"/var/run/milter-greylist/milter-greylist.sock\"\n")
    assert_disabled(%r{/etc/default/milter-greylist:1 says ENABLED=0}, debian("milter-greylist"),
                    spec: "unix:/var/run/milter-greylist/milter-greylist.sock")
    write("/etc/default/milter-greylist", "ENABLED=1\nSOCKET=\"inet:11122@[127.0.0.1]\"\n")
    assert_enabled("inet:11122@[127.0.0.1]", debian("milter-greylist"))
  end

  def test_the_variables_and_options_that_say_a_socket
    started("x")
    {"SOCKET=/a" => "unix:/a", "SOCKFILE=local:/b" => "local:/b", "CONNECTION_SPEC='inet:1@h'" => "inet:1@h",
     "MILTERSOCKET=/c" => "unix:/c", "OPTARGS=\"-p /d\"" => "unix:/d", "DAEMON_ARGS='-x -pinet:2@h'" => "inet:2@h",
     "PARAMS='-a -p=/e -b'" => "unix:/e", "SOCKET=unix:unix:/f" => "unix:/f", "SOCKET=unix:local:/g" => "local:/g",
     "SOCKET=\nSOCKFILE=/h" => "unix:/h", "OPTARGS='-p /i -p /j'" => "unix:/j", "SOCKET=/k ; export SOCKET" => "unix:/k",
     "SOCKET=/l;" => "unix:/l", "SOCKET=$1\nSOCKFILE=/m" => "unix:/m", "SOCKET=/run/$NAME/n" => "unix:/run/x/n",
     "SOCKET=/a#b" => "unix:/a#b"}.each do |text, spec|
      script("x", text)
      assert_enabled(spec, debian("x"))
    end
  end

  def test_clamav_milters_file_from_0_95_on
    script("clamav-milter", "CLAMAVCONF=/etc/clamav/clamav-milter.conf")
    started("clamav-milter")
    write("/etc/clamav/clamav-milter.conf", "MilterSocket /var/run/clamav/clamav-milter.ctl\nMilterSocketMode 666\n")
    assert_enabled("unix:/var/run/clamav/clamav-milter.ctl", debian("clamav-milter"),
                   where: "/etc/clamav/clamav-milter.conf:1")
    write("/etc/clamav/clamav-milter.conf", "Example\nMilterSocket /x\n")
    assert_disabled(/Example/, debian("clamav-milter"), spec: "unix:/x")
  end

  def test_clamav_milter_before_0_95_has_a_variable
    script("clamav-milter", "CLAMAVCONF=/etc/clamav/clamd.conf\nSOCKET=local:/var/run/clamav.ctl")
    started("clamav-milter")
    write("/etc/clamav/clamav-milter.conf", "Example\nMilterSocket /wrong\n")
    write("/etc/clamav/clamd.conf", "MilterSocket /wrong\n")
    assert_enabled("local:/var/run/clamav.ctl", debian("clamav-milter"))
  end

  def test_clamavmilterconf_names_the_file
    script("clamav-milter", "CLAMAVMILTERCONF=/etc/cm.conf")
    started("clamav-milter")
    write("/etc/cm.conf", "MilterSocket inet:7357@localhost\n")
    assert_enabled("inet:7357@localhost", debian("clamav-milter"))
  end

  def test_amavisd_milter
    script("amavisd-milter", "MILTERSOCKET=")
    started("amavisd-milter")
    assert_enabled("unix:/var/lib/amavis/amavisd-milter.sock", debian("amavisd-milter"))
    write("/etc/default/amavisd-milter", "MILTERSOCKET=inet:1@localhost\n")
    assert_enabled("inet:1@localhost", debian("amavisd-milter"))
  end

  def test_spamass_milters_conditional_socket
    text = <<~SCRIPT
      SOCKET=/var/run/spamass/spamass.sock
      if [ -e /etc/mail/sendmail.cf ] && egrep -q 'X.+S=local:/var/run/sendmail/spamass\\.sock' /etc/mail/sendmail.cf; then
          SOCKET=/var/run/sendmail/spamass.sock
          echo "WARNING";
      fi;
      if [ -x /usr/sbin/postfix ]; then
          SOCKET="/var/spool/postfix/spamass/spamass.sock"
      fi;
    SCRIPT
    script("spamass-milter", text)
    started("spamass-milter")
    assert_enabled("unix:/var/run/spamass/spamass.sock", debian("spamass-milter"))
    write("/etc/mail/sendmail.cf", "nothing of it")
    assert_enabled("unix:/var/run/spamass/spamass.sock", debian("spamass-milter"))
    write("/etc/mail/sendmail.cf", "Xspamassassin, S=local:/var/run/sendmail/spamass.sock, F=")
    assert_enabled("unix:/var/run/sendmail/spamass.sock", debian("spamass-milter"))
    program("/usr/sbin/postfix")
    assert_enabled("unix:/var/spool/postfix/spamass/spamass.sock", debian("spamass-milter"))
  end

  # units and init scripts together

  def test_under_systemd_the_unit_decides_and_not_the_links_of_the_script
    link("/sbin/init", "/lib/systemd/systemd")
    write("/lib/systemd/systemd")
    unit("mimedefang", "Environment=SOCKET=/var/spool/MIMEDefang/mimedefang.sock")
    script("mimedefang")
    started("mimedefang")
    assert_disabled(/no other unit wants it/, debian("mimedefang"), spec: "unix:/var/spool/MIMEDefang/mimedefang.sock")
  end

  def test_under_system_v_the_links_of_the_script_decide
    program("/sbin/init")
    unit("opendkim")
    script("opendkim")
    started("opendkim")
    write("/etc/opendkim.conf", "Socket local:/s\n")
    assert_enabled("local:/s", debian("opendkim"))
    assert_equal("/etc/init.d/opendkim", debian("opendkim").milter["command"])
    remove("/etc/rc?.d/S*")
    wanted("opendkim")
    assert_disabled(/no start link/, debian("opendkim"), spec: "local:/s")
  end

  def test_a_unit_without_a_socket_and_a_script_that_has_one
    unit("spamass-milter")
    wanted("spamass-milter")
    script("spamass-milter", "SOCKET=/s")
    assert_enabled("unix:/s", debian("spamass-milter"))
  end

  def test_a_masked_init_script
    script("spamass-milter", "SOCKET=/s")
    started("spamass-milter")
    link("/etc/systemd/system/spamass-milter.service", "/dev/null")
    assert_disabled(/masks it/, debian("spamass-milter"), spec: "unix:/s")
  end

  # the newer candidates

  def test_newer_milters
    {"opendmarc" => ["/etc/opendmarc.conf", "##  Socket socketspec\nSocket local:/run/opendmarc/opendmarc.sock"],
     "openarc" => ["/etc/openarc.conf", "Socket local:/run/opendmarc/opendmarc.sock"],
     "dkimpy-milter" => ["/etc/dkimpy-milter/dkimpy-milter.conf", "Socket\tlocal:/run/opendmarc/opendmarc.sock"],
     "pyspf-milter" => ["/etc/pyspf-milter/pyspf-milter.conf",
                        "#Socket = inet:1@x\nSocket = local:/run/opendmarc/opendmarc.sock"]}.each do |name, (path, text)|
      unit(name, exec: "/usr/bin/#{name} #{path}")
      wanted(name)
      write(path, "#{text}\n")
      assert_enabled("local:/run/opendmarc/opendmarc.sock", debian(name))
    end
  end

  def test_on_request_only_it_is_defined_and_disabled
    unit("opendmarc")
    wanted("opendmarc")
    write("/etc/opendmarc.conf", "Socket local:/s\n")
    assert_disabled(/only on request: define_milter\("opendmarc"\)/, debian("opendmarc", on_request: true), spec: "local:/s")
  end

  def test_what_is_not_installed
    result = debian("opendkim")
    assert_not_found(result)
    assert_includes(result.decision["looked_at"], {"path" => "#{@root}/lib/systemd/system/opendkim.service", "found" => false})
    assert_includes(result.decision["looked_at"], {"path" => "#{@root}/etc/init.d/opendkim", "found" => false})
  end
end
