require_relative "support"

# What cannot be understood costs one candidate, with one warning that names the file (detection 10).
class Degrading < DetectionTest
  def debian(name, **options, &block)
    apply(Milter::Manager::DebianDetector, name, **options, &block)
  end

  def setup
    super
    write("/lib/systemd/system/opendkim.service", "[Service]\nExecStart=/usr/sbin/opendkim\n")
    wanted("opendkim")
  end

  def test_wrong_sockets
    ["inet:port@localhost", "inet:70000@localhost", "inet:0@localhost", "inet:@localhost", "inet:1@", "inet:1@[::1",
     "localhost:8891", "opendkim.sock", "http://x", "local:relative", "unix:/a b", "unix:/$RUNDIR/sock", "local:",
     "unix:/#{"x" * 107}", "local:/`id`", "inet6:1@two words"].each do |socket|
      write("/etc/opendkim.conf", "\nSocket #{socket}\n")
      result = debian("opendkim")
      assert_skipped("/etc/opendkim.conf:2: the socket \"#{socket}\" ", result)
    end
  end

  def test_right_sockets
    ["inet:1@localhost", "inet:65535", "inet6:8891@[::1]", "inet6:8891@[fe80::1%lo]", "inet:8891@[127.0.0.1]",
     "unix:/#{"x" * 106}", "local:/run/a-b_c.sock", "inet:1@mail.example.com"].each do |socket|
      write("/etc/opendkim.conf", "Socket #{socket}\n")
      assert_enabled(socket, debian("opendkim"))
    end
  end

  def test_a_file_in_latin_1
    write("/etc/opendkim.conf", "# g\xFCltig\nSocket local:/s\nSelector b\xFCro\n".b)
    assert_enabled("local:/s", debian("opendkim"))
  end

  def test_a_file_with_dos_line_ends
    write("/etc/opendkim.conf", "Socket local:/s\r\n")
    assert_enabled("local:/s", debian("opendkim"))
  end

  def test_what_is_no_file
    FileUtils.mkdir_p(File.join(@root, "/etc/opendkim.conf"))
    assert_skipped("/etc/opendkim.conf is no regular file", debian("opendkim"))
  end

  def test_a_pipe_is_not_waited_for
    FileUtils.mkdir_p(File.join(@root, "etc"))
    File.mkfifo(File.join(@root, "/etc/opendkim.conf"))
    assert_skipped("/etc/opendkim.conf is no regular file", debian("opendkim"))
  end

  def test_a_huge_file
    File.truncate(write("/etc/opendkim.conf"), 2 << 20)
    assert_skipped("/etc/opendkim.conf is larger than", debian("opendkim"))
  end

  def test_a_file_that_may_not_be_read
    file = write("/etc/opendkim.conf", "Socket local:/s\n", mode: 0)
    File.stub(:stat, ->(path) {path == file ? raise(Errno::EACCES) : File.lstat(path)}) do
      assert_skipped("/etc/opendkim.conf cannot be read: EACCES", debian("opendkim"))
    end
    File.stub(:binread, ->(path) {path == file ? raise(Errno::EACCES) : File.open(path, "rb", &:read)}) do
      assert_skipped("/etc/opendkim.conf cannot be read: EACCES", debian("opendkim"))
    end
  end

  def test_a_ring_of_links
    link("/etc/opendkim.conf", "/etc/o2.conf")
    link("/etc/o2.conf", "opendkim.conf")
    assert_disabled(/no file says its socket/, debian("opendkim"))
  end

  def test_links_are_followed_inside_the_root
    link("/etc/opendkim.conf", "/srv/../srv/deep/o.conf")
    link("/srv", "/data")
    write("/data/deep/o.conf", "Socket local:/s\n")
    assert_enabled("local:/s", debian("opendkim"))
    link("/etc/out.conf", "/../../../../../../etc/passwd")
    write("/etc/default/opendkim")
    refute(Milter::Manager::Detect::Tree.new(@root).exist?("/etc/out.conf"))
  end

  N = 1 << 19
  HOSTILE = {
    blanks: "A#{" " * N}\\", quotes: "\"" * N, apostrophes: "'" * N, dollars: "A=#{"$" * N}", open_braces: "A=\"#{"${" * N}",
    equals: "A=" * N, comments: "a# " * (N / 3), continued: "\\\n" * 40_000, and: "if #{"[ -x /a ] && " * (N / 14)}\n",
    conditions: "if [ -x /a ]; then\n" * 1000, zeros: "\0" * N, tarpits: "acl #{"tarpit 1 " * (N / 9)}", junk: "\xFF\xFE" * (N / 2),
    growing: "A0=xxxxxxxx\n#{Array.new(200) {|i| "A#{i + 1}=\"$A#{i}$A#{i}\"\n"}.join}SOCKET=$A200\n", defaults: "${a=\"$" * (N / 6)
  }.freeze
  FILES = {"/lib/systemd/system/opendkim.service" => "opendkim", "/etc/init.d/opendkim" => "opendkim",
           "/etc/default/opendkim" => "opendkim", "/etc/opendkim.conf" => "opendkim", "/etc/event.d/opendkim" => "opendkim",
           "/etc/milter-greylist/greylist.conf" => "milter-greylist", "/etc/mail/greylist.conf" => "milter-greylist",
           "/usr/local/etc/rc.d/milter-enma" => "milter-enma", "/etc/rc.conf" => "milter-enma",
           "/usr/local/etc/enma.conf" => "milter-enma"}.freeze
  SECONDS = 10 # of the processor, for all detectors of one file; far below the time of a load

  HOSTILE.each_key do |kind|
    define_method("test_files_full_of_#{kind}_neither_raise_nor_take_long") do
      FILES.each do |path, name|
        write("/etc/init.d/#{name}", "SOCKET=/s\n")
        write("/usr/local/etc/rc.d/#{name}", "name=#{name.tr("-", "_")}\n")
        write(path, HOSTILE[kind])
        begun = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
        [Milter::Manager::DebianDetector, Milter::Manager::RedHatDetector, Milter::Manager::FreeBSDRCDetector].each do |one|
          assert_equal(1, apply(one, name).decisions.size)
        end
        assert_operator(Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - begun, :<, SECONDS, path)
        remove(path)
      end
    end
  end

  def test_a_mistake_of_ours_costs_only_the_candidate
    write("/etc/opendkim.conf", "Socket local:/s\n")
    Milter::Manager::Detect::SocketConfig.stub(:new, ->(*) {raise(NoMethodError, "oops")}) do
      assert_skipped("/etc/opendkim.conf: NoMethodError", debian("opendkim"))
    end
  end

  # the block of `new`

  def test_the_block_replaces_the_socket
    write("/etc/opendkim.conf", "Socket local:/s\n")
    seen = nil
    result = debian("opendkim") do |detector, spec|
      seen = [detector.name, spec]
      "/mine"
    end
    assert_equal(["opendkim", "local:/s"], seen)
    assert_enabled("unix:/mine", result)
    assert_match(/support.rb:\d+\z/, result.decision["spec_from"])
  end

  def test_a_blank_answer_of_the_block_keeps_the_socket
    write("/etc/opendkim.conf", "Socket local:/s\n")
    [nil, "", "  "].each {|blank| assert_enabled("local:/s", debian("opendkim") {blank})}
  end

  def test_the_block_can_mend_a_wrong_value
    write("/etc/opendkim.conf", "Socket inet:port@localhost\n")
    assert_enabled("inet:8891@localhost", debian("opendkim") {|_, spec| spec.sub("port", "8891")})
  end

  def test_a_mistake_in_the_block_is_the_configurations
    assert_raises(NameError) {debian("opendkim") {undefined_name}}
  end

  # what users' own code asks

  def test_the_readers
    write("/etc/opendkim.conf", "Socket local:/s\n")
    detector = Milter::Manager::DebianDetector.new(Loader.new, "opendkim", root: @root)
    assert_equal(["opendkim", true, "local:/s"], [detector.name, detector.enabled?, detector.connection_spec])
    detector = Milter::Manager::DebianDetector.new(Loader.new, "nothing", root: @root)
    assert_equal([false, nil, nil], [detector.enabled?, detector.connection_spec, detector.command])
  end
end
