require_relative "support"

# The rows about reading files, and which of several places is asked first, where no other test says it
# (detection 3, 4, 5.1 to 5.3, 6, 7, 8).
class Rows < DetectionTest
  def debian(name, **options)
    apply(Milter::Manager::DebianDetector, name, **options)
  end

  def red_hat(name, **options)
    apply(Milter::Manager::RedHatDetector, name, **options)
  end

  def freebsd(name, **options)
    apply(Milter::Manager::FreeBSDRCDetector, name, **options)
  end

  def pkgsrc(name, **options)
    apply(Milter::Manager::PkgsrcRCDetector, name, **options)
  end

  def script(name, *lines)
    write("/etc/init.d/#{name}", "#!/bin/sh\n#{lines.join("\n")}\n")
    remove("/etc/rc?.d/*")
    started(name)
  end

  def unit(name, *lines)
    write("/lib/systemd/system/#{name}.service", "[Service]\n#{lines.join("\n")}\n")
    FileUtils.mkdir_p(File.join(@root, "usr/lib"))
    link("/usr/lib/systemd", "/lib/systemd") unless File.symlink?(File.join(@root, "usr/lib/systemd"))
    remove("/etc/systemd/system/multi-user.target.wants/*")
    wanted(name)
  end

  def rc_d(name, *lines, folder: "/usr/local/etc/rc.d")
    write("#{folder}/#{name}", "#!/bin/sh\nname=#{name}\n#{lines.join("\n")}\n")
  end

  # From the last place to the first: each is in force as soon as it is said.
  def assert_order(places, &detect)
    places.reverse.each_with_index do |place, number|
      place.call("/socket#{number}")
      assert_enabled("unix:/socket#{number}", detect.call)
    end
  end

  def line_in(lines, text)
    ->(socket) {lines << format(text, socket)}
  end

  # shell variables

  def test_only_the_first_assignment_of_a_line_counts
    script("x", "A=1 SOCKET=/no")
    assert_disabled(/no file says its socket/, debian("x"))
  end

  def test_lower_case_variables_are_of_red_hat_only
    script("x", "socket=/lower", "SOCKET=$socket/sock")
    assert_enabled("unix:/lower/sock", red_hat("x"))
    assert_skipped("/etc/init.d/x:3", debian("x"))
  end

  def test_the_variable_name_of_red_hat_is_the_service
    script("x", "SOCKET=/run/$name/${name}.sock")
    assert_enabled("unix:/run/x/x.sock", red_hat("x"))
  end

  def test_comments_are_no_values
    script("x", "#SOCKET=/no", "  # SOCKET=/no", "SOCKET=/yes # SOCKET=/no")
    assert_enabled("unix:/yes", debian("x"))
    assert_enabled("unix:/yes", red_hat("x"))
  end

  def test_a_spec_is_stripped
    script("x", "SOCKET=\"  inet:1@localhost \"")
    assert_enabled("inet:1@localhost", debian("x"))
  end

  # options

  def test_a_word_of_its_own_goes_before_one_that_is_joined
    {"-p /a -p/b" => "unix:/a", "-p/b -p /a" => "unix:/a", "-p=/b" => "unix:/b", "-p 'inet:1@h'" => "inet:1@h",
     "-x -p /a -p /c -y" => "unix:/c"}.each do |options, spec|
      script("x", "OPTIONS=\"#{options}\"")
      assert_enabled(spec, red_hat("x"))
    end
  end

  def test_an_option_whose_variable_nobody_set_says_nothing
    script("x", "OPTIONS='-p $UNKNOWN'")
    assert_disabled(/no file says its socket/, red_hat("x"))
  end

  # units

  def test_the_last_exec_start_and_an_environment_file_that_is_not_there
    unit("dkim-filter", "EnvironmentFile=-/etc/default/none", "EnvironmentFile=/etc/default/dkim-filter",
         "ExecStart=/usr/sbin/dkim-filter -p /old", "ExecStart=/usr/sbin/dkim-filter -p /new")
    assert_enabled("unix:/new", debian("dkim-filter"))
  end

  def test_those_that_only_the_environment_tells_a_socket
    %w[spamass-milter spfmilter dkim-filter].each do |name|
      unit(name, "EnvironmentFile=-/etc/default/#{name}", "ExecStart=/usr/sbin/#{name}")
      write("/etc/default/#{name}", "SOCKET=/run/#{name}.sock\n")
      assert_enabled("unix:/run/#{name}.sock", debian(name), where: "/etc/default/#{name}:1")
    end
  end

  def test_files_that_the_units_of_red_hat_name
    {"clamav-milter" => ["ExecStart=/usr/sbin/clamav-milter -c /etc/own.conf", "MilterSocket /own", "/etc/mail/clamav-milter.conf"],
     "milter-greylist" => ["ExecStart=/usr/sbin/milter-greylist -f /etc/own.conf", "socket \"/own\"", "/etc/mail/greylist.conf"],
     "opendkim" => ["EnvironmentFile=/etc/sysconfig/opendkim\nExecStart=/usr/sbin/opendkim $OPTIONS", "Socket local:/own",
                    "/etc/opendkim.conf"]}.each do |name, (text, says, usual)|
      unit(name, text)
      write("/etc/sysconfig/opendkim", "OPTIONS=\"-x /etc/own.conf\"\n")
      write(usual, says.sub("/own", "/usual"))
      write("/etc/own.conf", "#{says}\n")
      result = red_hat(name)
      assert_from("/etc/own.conf:1", result)
      assert(result.milter["enabled"])
    end
  end

  def test_a_unit_without_a_service_manager_is_started_by_its_script
    unit("x", "ExecStart=/usr/sbin/x -p /s")
    script("x")
    assert_equal(["/etc/init.d/x", "start"], debian("x").milter.values_at("command", "command_options"))
  end

  # milters' own files

  def test_the_last_line_counts_in_clamav_milters_and_enmas_files
    unit("clamav-milter", "ExecStart=/usr/sbin/clamav-milter")
    write("/etc/clamav/clamav-milter.conf", "MilterSocket /a\n  MilterSocket\tinet:7357@localhost\n# MilterSocket /c\n")
    assert_enabled("inet:7357@localhost", debian("clamav-milter"), where: "/etc/clamav/clamav-milter.conf:2")
    script("enma")
    write("/etc/enma.conf", "milter.socket: unix:/a\nmilter.socket:inet:1@h\n")
    assert_enabled("inet:1@h", red_hat("enma"))
  end

  def test_the_units_of_a_tarpit_and_the_largest_of_many
    unit("milter-greylist", "ExecStart=/usr/sbin/milter-greylist")
    {"3" => 3, "3s" => 3, "3m" => 180, "3h" => 10_800, "3d" => 259_200, "3w" => 1_814_400}.each do |time, seconds|
      write("/etc/milter-greylist/greylist.conf",
            "socket /run/gl.sock\nracl greylist default tarpit 2s\nacl x tarpit #{time}\n#racl x tarpit 9w\nracl y tarpit 1\n")
      result = debian("milter-greylist")
      assert_enabled("unix:/run/gl.sock", result)
      assert_equal([7.0 + seconds] * 2, result.milter.values_at("reading_timeout", "writing_timeout"), time)
    end
  end

  def test_milter_greylists_script_of_debian
    script("milter-greylist", "OPTIONS=\"-f /etc/g.conf\"")
    write("/etc/g.conf", "socket \"/file\"\nracl greylist default tarpit 5s\n")
    assert_enabled("unix:/file", debian("milter-greylist"))
    script("milter-greylist", "OPTIONS=\"-f /etc/g.conf\"", "SOCKET=/said")
    result = debian("milter-greylist")
    assert_enabled("unix:/said", result)
    assert_equal(12.0, result.milter["reading_timeout"])
  end

  def test_the_description_of_a_script_without_an_lsb_block
    script("x", "DESC=\"Looks at mail\"", "SOCKET=/s")
    assert_equal("Looks at mail", debian("x").milter["description"])
  end

  # which place is asked first

  def test_the_order_of_debians_places
    lines = []
    texts = ["SOCKET=%s", "SOCKFILE=%s", "CONNECTION_SPEC=%s", "OPTARGS='-p %s'", "DAEMON_ARGS='-p %s'", "PARAMS='-p %s'"]
    assert_order(texts.map {|text| line_in(lines, text)}) do
      script("x", *lines)
      debian("x")
    end
  end

  def test_the_order_of_red_hats_places
    lines = []
    greylist = ->(socket) {write("/etc/mail/greylist.conf", "socket \"#{socket}\"\n")}
    texts = ["SOCKET=%s", "SOCKET_ADDRESS=%s", "MILTER_SOCKET=%s", "CONNECTION_SPEC=%s", "OPTIONS='-p %s'"]
    assert_order([*texts.map {|text| line_in(lines, text)}, greylist]) do
      script("milter-greylist", *lines)
      red_hat("milter-greylist")
    end
  end

  def test_a_milters_own_file_goes_before_red_hats_variables
    {"enma" => ["/etc/enma.conf", "milter.socket: unix:/own"], "clamav-milter" => ["/etc/clamav-milter.conf", "MilterSocket /own"],
     "opendkim" => ["/etc/opendkim.conf", "Socket unix:/own"]}.each do |name, (path, text)|
      script(name, "SOCKET=/variable")
      assert_enabled("unix:/variable", red_hat(name))
      write(path, "#{text}\n")
      assert_enabled("unix:/own", red_hat(name))
    end
  end

  def test_rspamd_of_an_init_script
    script("rspamd")
    program("/usr/bin/rspamadm")
    dump = JSON.generate("worker" => [{"rspamd_proxy" => {"milter" => true, "bind_socket" => "*:11332"}}])
    answers = {"/usr/bin/rspamadm configdump --json" => dump}
    assert_enabled("inet:11332@localhost", red_hat("rspamd", answers: answers))
    assert_enabled("inet:11332@localhost", debian("rspamd", answers: answers))
  end

  SCRIPT_PLACES = [": ${x_socket=%s}", ": ${x_sockfile=%s}", ": ${x_connection_spec=%s}", ": ${x_flags='-p %s'}",
                   "command_args='-p %s'"].freeze

  def test_the_order_of_freebsds_places
    lines = []
    write("/etc/rc.conf", "x_enable=YES\n")
    assert_order(SCRIPT_PLACES.map {|text| line_in(lines, text)}) do
      rc_d("x", *lines)
      freebsd("x")
    end
  end

  def test_the_order_of_pkgsrcs_places
    lines = []
    write("/etc/rc.conf", "x=YES\n")
    assert_order(SCRIPT_PLACES.map {|text| line_in(lines, text)}) do
      rc_d("x", *lines, folder: "/usr/pkg/etc/rc.d")
      pkgsrc("x")
    end
  end

  def test_the_switch_that_a_package_of_netbsd_names
    rc_d("x", "rcvar=other", "x_socket=/s", folder: "/usr/pkg/etc/rc.d")
    write("/etc/rc.conf", "other=NO\n")
    assert_disabled(/says other=NO/, pkgsrc("x"), spec: "unix:/s")
    write("/etc/rc.conf.local", "other=YES\n")
    assert_enabled("unix:/s", pkgsrc("x"))
  end
end
