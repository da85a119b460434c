require_relative "support"

# FreeBSD, and pkgsrc on NetBSD and DragonFly (detection 7, 8).
class BSD < DetectionTest
  def freebsd(name, **options, &block)
    apply(Milter::Manager::FreeBSDRCDetector, name, **options, &block)
  end

  def pkgsrc(name, **options, &block)
    apply(Milter::Manager::PkgsrcRCDetector, name, **options, &block)
  end

  # As ports write them.
  def port(name, rc_name, text = "")
    write("/usr/local/etc/rc.d/#{name}", <<~SCRIPT)
      #!/bin/sh
      # PROVIDE: #{name}
      . /etc/rc.subr
      name="#{rc_name}"
      rcvar=#{rc_name}_enable
      load_rc_config $name
      : ${#{rc_name}_enable="NO"}
      #{text}
      run_rc_command "$1"
    SCRIPT
  end

  def rc_conf(text, path = "/etc/rc.conf")
    write(path, "#{text}\n")
  end

  def test_the_socket_of_rc_conf
    port("milter-greylist", "miltergreylist")
    rc_conf("miltergreylist_enable=\"YES\"\nmiltergreylist_sockfile=\"/var/milter-greylist/milter-greylist.sock\"")
    result = freebsd("milter-greylist")
    assert_enabled("unix:/var/milter-greylist/milter-greylist.sock", result, where: "/etc/rc.conf:2")
    assert_equal([nil, "/usr/local/etc/rc.d/milter-greylist", "start"],
                 result.milter.values_at("description", "command", "command_options"))
    assert_equal("#{@root}/etc/rc.conf:1 says miltergreylist_enable=YES", result.decision["why"])
  end

  def test_what_enables
    port("spamass-milter", "spamass_milter", ": ${spamass_milter_socket=\"/var/run/spamass-milter.sock\"}")
    %w[YES yes Yes TRUE on 1].each do |word|
      rc_conf("spamass_milter_enable=#{word}")
      assert_enabled("unix:/var/run/spamass-milter.sock", freebsd("spamass-milter"))
    end
    ["NO", "no", "maybe", "", "0", "YESS"].each do |word|
      rc_conf("spamass_milter_enable=\"#{word}\"")
      assert_disabled(/says spamass_milter_enable=#{word}\z/, freebsd("spamass-milter"), spec: "unix:/var/run/spamass-milter.sock")
    end
    rc_conf("other=1")
    assert_disabled(/spamass_milter_enable=NO/, freebsd("spamass-milter"), spec: "unix:/var/run/spamass-milter.sock")
  end

  def test_what_rc_conf_says_is_in_force_in_the_scripts_own_texts
    port("x", "x", ": ${x_sock=/old}\ncommand_args=\"-p ${x_sock}\"")
    rc_conf("x_enable=YES\nx_sock=/new")
    assert_enabled("unix:/new", freebsd("x"))
  end

  def test_rcvar_names_the_switch
    write("/usr/local/etc/rc.d/x", "name=x\nrcvar=`set_rcvar`\n: ${x_socket=/s}\n")
    assert_disabled(/does not say x_enable=YES/, freebsd("x"), spec: "unix:/s")
    write("/usr/local/etc/rc.d/x", "name=x\nrcvar=\"y_run\"\n: ${x_socket=/s}\n")
    rc_conf("y_run=YES")
    assert_enabled("unix:/s", freebsd("x"))
  end

  def test_the_later_of_the_rc_confs_wins
    port("spamass-milter", "spamass_milter", ": ${spamass_milter_socket:=\"/default\"}")
    rc_conf("spamass_milter_enable=YES")
    assert_enabled("unix:/default", freebsd("spamass-milter"), where: "/usr/local/etc/rc.d/spamass-milter:8")
    {"/etc/rc.conf" => "/a", "/etc/rc.conf.local" => "/b", "/etc/rc.conf.d/spamass_milter" => "/c",
     "/usr/local/etc/rc.conf.d/spamass_milter/mine" => "/d"}.each do |path, socket|
      rc_conf("spamass_milter_enable=YES\nspamass_milter_socket=#{socket}", path)
      assert_enabled("unix:#{socket}", freebsd("spamass-milter"), where: "#{path}:2")
    end
  end

  def test_the_forms_of_defaults
    rc_conf("x_enable=YES")
    [": ${x_socket:-/s}", ": ${x_socket:=/s}", ": ${x_socket=/s}", "x_socket=${x_socket:-\"/s\"}", "x_socket=/s",
     ": ${x_connection_spec=/s}", ": ${x_flags=\"-p /s\"}", "command_args=\"-D -p /s\"", ": ${x_sockfile=/s}",
     ": ${x_socket=/s}\ncommand_args=\"-p ${x_socket}\"", "command_args=\"-p ${x_sock}\"\n: ${x_socket=/s}"].each do |text|
      port("x", "x", text)
      assert_enabled("unix:/s", freebsd("x"))
    end
  end

  def test_clamav_milter
    port("clamav-milter", "clamav_milter", ": ${clamav_milter_socket=\"/var/run/clamav/clmilter.sock\"}")
    rc_conf("clamav_milter_enable=YES")
    assert_enabled("unix:/var/run/clamav/clmilter.sock", freebsd("clamav-milter"))
    write("/usr/local/etc/clamav-milter.conf", "MilterSocket /var/run/clamav/own.sock\n")
    assert_enabled("unix:/var/run/clamav/own.sock", freebsd("clamav-milter"))
    write("/usr/local/etc/c2.conf", "Example\nMilterSocket /c2\n")
    rc_conf("clamav_milter_enable=YES\nclamav_milter_flags=\"-c /usr/local/etc/c2.conf\"")
    assert_disabled(/Example/, freebsd("clamav-milter"), spec: "unix:/c2")
    write("/usr/local/etc/c3.conf", "MilterSocket /c3\n")
    rc_conf("clamav_milter_enable=YES\nclamav_milter_conf_file=/usr/local/etc/c3.conf")
    assert_enabled("unix:/c3", freebsd("clamav-milter"))
  end

  def test_milter_enma
    port("milter-enma", "milterenma", ": ${milterenma_cfgfile=\"/usr/local/etc/e.conf\"}")
    rc_conf("milterenma_enable=YES")
    write("/usr/local/etc/e.conf", "milter.socket: inet:10025@127.0.0.1\n")
    assert_enabled("inet:10025@127.0.0.1", freebsd("milter-enma"))
    port("milter-enma", "milterenma", "command_args=\"-c /usr/local/etc/e2.conf\"")
    write("/usr/local/etc/e2.conf", "milter.socket: unix:/e2\n")
    assert_enabled("unix:/e2", freebsd("milter-enma"))
    port("milter-enma", "milterenma")
    write("/usr/local/etc/enma.conf", "milter.socket: unix:/e3\n")
    assert_enabled("unix:/e3", freebsd("milter-enma"))
  end

  def test_milter_greylist_adds_its_tarpit
    port("milter-greylist", "miltergreylist", ": ${miltergreylist_sockfile=/s}")
    rc_conf("miltergreylist_enable=YES")
    write("/usr/local/etc/mail/greylist.conf", "racl greylist default tarpit 10s\n")
    assert_equal(17.0, freebsd("milter-greylist").milter["reading_timeout"])
    write("/usr/local/etc/g.conf", "racl greylist default tarpit 20\n")
    rc_conf("miltergreylist_enable=YES\nmiltergreylist_flags=\"-f /usr/local/etc/g.conf\"")
    assert_equal(27.0, freebsd("milter-greylist").milter["writing_timeout"])
    write("/usr/local/etc/h.conf", "racl greylist default tarpit 1w\n")
    rc_conf("miltergreylist_enable=YES\nmiltergreylist_cfgfile=/usr/local/etc/h.conf")
    assert_equal(604_807.0, freebsd("milter-greylist").milter["writing_timeout"])
  end

  def test_milter_opendkim
    port("milter-opendkim", "milteropendkim", "command_args=\"-C /usr/local/etc/o.conf\"")
    rc_conf("milteropendkim_enable=YES")
    write("/usr/local/etc/opendkim.conf", "Socket inet:8891@localhost\n")
    write("/usr/local/etc/o.conf", "Socket local:/o\n")
    assert_enabled("local:/o", freebsd("milter-opendkim"))
    port("milter-opendkim", "milteropendkim")
    assert_enabled("inet:8891@localhost", freebsd("milter-opendkim"))
    write("/usr/local/etc/p.conf", "Socket local:/p\n")
    rc_conf("milteropendkim_enable=YES\nmilteropendkim_cfgfile=/usr/local/etc/p.conf")
    assert_enabled("local:/p", freebsd("milter-opendkim"))
  end

  def test_profiles_of_opendkim_are_a_child_each
    port("milter-opendkim", "milteropendkim", ": ${milteropendkim_socket=\"local:/base\"}")
    rc_conf("milteropendkim_enable=YES\nmilteropendkim_profiles=\"a b\"\nmilteropendkim_a_socket=local:/a\n" \
            "milteropendkim_b_enable=NO\nmilteropendkim_b_cfgfile=/usr/local/etc/b.conf")
    write("/usr/local/etc/b.conf", "Socket local:/b\n")
    loader = Loader.new
    Milter::Manager::FreeBSDRCDetector.new(loader, "milter-opendkim", root: @root).apply(loader) do |milter|
      milter.add_applicable_condition("S25R")
    end
    assert_equal({"milter-opendkim-a" => [true, "local:/a", "start a", ["S25R"]],
                  "milter-opendkim-b" => [false, "local:/b", "start b", ["S25R"]]},
                 loader.milters.transform_values {|one| one.values.values_at("enabled", "connection_spec", "command_options", "applicable_conditions")})
    assert_equal(%w[milter-opendkim-a milter-opendkim-b], loader.detection.map(&:name))
  end

  def test_a_wrong_value_of_one_profile_does_not_cost_the_other
    port("milter-opendkim", "milteropendkim")
    rc_conf("milteropendkim_enable=YES\nmilteropendkim_profiles=\"a b\"\nmilteropendkim_a_socket=inet:port@localhost\n" \
            "milteropendkim_b_socket=local:/b")
    result = freebsd("milter-opendkim")
    assert_equal(["milter-opendkim-b"], result.milters.keys)
    assert_equal([%w[milter-opendkim-a skipped], %w[milter-opendkim-b enabled]],
                 result.decisions.map {|one| one.values_at("name", "outcome")})
  end

  def test_rspamd_of_freebsd
    port("rspamd", "rspamd")
    rc_conf("rspamd_enable=YES")
    assert_disabled(/rspamadm.* is not there/, freebsd("rspamd"))
    program("/usr/local/bin/rspamadm")
    answer = {"worker" => [{"rspamd_proxy" => {"milter" => true, "bind_socket" => "*:11332"}}]}
    result = freebsd("rspamd", answers: {"/usr/local/bin/rspamadm configdump --json" => JSON.generate(answer)})
    assert_enabled("inet:11332@localhost", result)
  end

  def test_freebsd_without_the_script
    assert_not_found(freebsd("milter-greylist"))
  end

  # pkgsrc

  def package(name, text = "", folder: "/usr/pkg/etc/rc.d")
    write("#{folder}/#{name}", "#!/bin/sh\n. /etc/rc.subr\nname=\"#{name.tr("-", "_")}\"\nrcvar=$name\n#{text}\n")
  end

  def test_a_package_of_netbsd
    package("spamass-milter", "command_args=\"-f -p /var/run/spamass.sock\"")
    rc_conf("spamass_milter=YES")
    result = pkgsrc("spamass-milter")
    assert_enabled("unix:/var/run/spamass.sock", result, where: "/usr/pkg/etc/rc.d/spamass-milter:5")
    assert_equal(["/usr/pkg/etc/rc.d/spamass-milter", "start"], result.milter.values_at("command", "command_options"))
    rc_conf("spamass_milter=NO")
    assert_disabled(/spamass_milter=NO/, pkgsrc("spamass-milter"), spec: "unix:/var/run/spamass.sock")
    remove("/etc/rc.conf")
    assert_disabled(/does not say spamass_milter=YES/, pkgsrc("spamass-milter"), spec: "unix:/var/run/spamass.sock")
  end

  def test_the_variables_and_flags_of_pkgsrc
    package("x")
    {"x_socket=/a" => "unix:/a", "x_sockfile=/b" => "unix:/b", "x_connection_spec=inet:1@h" => "inet:1@h",
     "x_flags='-p /c'" => "unix:/c"}.each do |text, spec|
      rc_conf("x=YES\n#{text}")
      assert_enabled(spec, pkgsrc("x"))
    end
  end

  def test_enma_and_milter_greylist_of_pkgsrc
    package("enma")
    rc_conf("enma=YES\nmilter_greylist=yes")
    write("/usr/pkg/etc/enma.conf", "milter.socket: inet:10025@127.0.0.1\n")
    assert_enabled("inet:10025@127.0.0.1", pkgsrc("enma"))
    package("enma", "command_args=\"-c /etc/e.conf\"")
    write("/etc/e.conf", "milter.socket: unix:/e\n")
    assert_enabled("unix:/e", pkgsrc("enma"))
    package("milter-greylist", "milter_greylist_socket=/var/milter-greylist/milter-greylist.sock")
    write("/usr/pkg/etc/greylist.conf", "racl greylist default tarpit 1m\n")
    result = pkgsrc("milter-greylist")
    assert_enabled("unix:/var/milter-greylist/milter-greylist.sock", result)
    assert_equal(67.0, result.milter["reading_timeout"])
    package("milter-greylist", "milter_greylist_socket=/s\ncommand_args=\"-f /etc/g.conf\"")
    write("/etc/g.conf", "acl greylist default tarpit 3\n")
    assert_equal(10.0, pkgsrc("milter-greylist").milter["reading_timeout"])
  end

  def test_the_options_of_the_package
    package("enma", folder: "/opt/etc/rc.d")
    write("/opt/etc/enma.conf", "milter.socket: unix:/o\n")
    rc_conf("enma=YES")
    assert_enabled("unix:/o", pkgsrc("enma", options: {"prefix" => "/opt/etc"}))
    assert_not_found(pkgsrc("enma"))
    package("enma", folder: "/var/rc.d")
    result = pkgsrc("enma", options: {"prefix" => "/opt/etc", "rcddir" => "/var/rc.d"})
    assert_equal("/var/rc.d/enma", result.milter["command"])
  end

  def test_the_last_rc_conf_of_netbsd_wins_too
    package("x", "x_socket=/s")
    rc_conf("x=NO")
    rc_conf("x=YES", "/etc/rc.conf.d/x")
    assert_enabled("unix:/s", pkgsrc("x"))
  end
end
