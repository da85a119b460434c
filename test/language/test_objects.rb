require "language_test"

# Addresses, matchers, the log and the breaker: what code of a configuration uses (configuration 7, 8.3).
class TestObjects < LanguageTest
  include Milter::SocketAddress

  def test_addresses
    assert_equal(["inet:25@[192.0.2.1]", "inet6:25@[2001:db8::1]", "unix:/run/x", "unknown"],
                 [IPv4.new("192.0.2.1", 25), IPv6.new("2001:db8::1", 25), Unix.new("/run/x"), Unknown.new].map(&:to_s))
    {IPv4 => "ipv4?", IPv6 => "ipv6?", Unix => "unix?", Unknown => "unknown?"}.each do |kind, question|
      one = {IPv4 => IPv4.new("192.0.2.1", 1), IPv6 => IPv6.new("::2", 1), Unix => Unix.new("/"), Unknown => Unknown.new}[kind]
      assert_equal([question], %w[ipv4? ipv6? unix? unknown?].select {|name| one.public_send(name)})
    end
    assert_equal([IPAddr.new("192.0.2.1"), nil, nil], [IPv4.new("192.0.2.1", 1), Unix.new("/"), Unknown.new].map(&:to_ip_address))
    assert_equal(IPv4.new("192.0.2.1", 25), IPv4.new("192.0.2.1", 25))
    refute_equal(IPv4.new("192.0.2.1", 25), IPv4.new("192.0.2.1", 26))
    assert_equal(["192.0.2.1", 25, "/x"], [IPv4.new("192.0.2.1", 25).address, IPv4.new("192.0.2.1", 25).port, Unix.new("/x").path])
    assert_equal([[25, "192.0.2.1"], [26, "::1"]], [IPv4.new("192.0.2.1", 25), IPv6.new("::1", 26)].map {|one| Socket.unpack_sockaddr_in(one.pack)})
    assert_equal("/x", Socket.unpack_sockaddr_un(Unix.new("/x").pack))
  end

  def test_local_by_nature
    {"127.0.0.1" => true, "10.9.9.9" => true, "172.16.0.1" => true, "172.32.0.1" => false, "192.168.1.1" => true, "8.8.8.8" => false}.each do |address, local|
      assert_equal(local, IPv4.new(address, 1).local?, address)
    end
    {"::1" => true, "fe80::1" => true, "fc00::1" => false, "2001:db8::1" => false}.each {|address, local| assert_equal(local, IPv6.new(address, 1).local?, address)}
    assert_equal([true, false], [Unix.new("/").local?, Unknown.new.local?])
  end

  def test_address_matcher
    matcher = Milter::Manager::AddressMatcher.new
    matcher.add_local_address("203.0.113.0/24")
    matcher.add_remote_address("192.168.9.0/24")
    kinds = [Unknown.new, Unix.new("/"), IPv4.new("203.0.113.1", 1), IPv4.new("192.168.9.1", 1), IPv4.new("10.0.0.1", 1), IPv6.new("2001:db8::1", 1)].map do |one|
      %w[local remote unknown].select {|kind| matcher.public_send("#{kind}_address?", one)}
    end
    assert_equal([["unknown"], ["local"], ["local"], ["remote"], ["local"], ["remote"]], kinds)
  end

  def logged(level = "default")
    lines = []
    snapshot("log.level = #{level.inspect}\n")
    Milter::Logger.sink = ->(*line) {lines << line}
    yield
    lines
  end

  def test_the_log_has_a_line_for_each_line_of_text
    assert_equal([[:error, "one"], [:error, "two"]], logged {Milter::Logger.error("one\ntwo\n")})
    assert_equal([[:warning, "[1, 2]"]], logged {Milter::Logger.warning([1, 2])})
    assert_equal([[:message, "from a block"]], logged {Milter::Logger.message {"from a block"}})
    lines = logged {begin raise("boom") rescue Milter::Logger.error($!) end}
    assert_equal([:error, "RuntimeError: boom:"], lines.first)
    assert_match(/\A#{Regexp.escape(__FILE__)}:\d+:in/, lines[1][1])
  end

  def test_the_log_follows_its_level
    all = Milter::Logger::LEVELS
    {"default" => %i[critical error warning message statistics], "all" => all, "none" => [], "error|info" => %i[error info],
     "+info" => %i[critical error warning message info statistics], "-statistics" => %i[critical error warning message]}.each do |level, wanted|
      assert_equal(wanted, logged(level) {all.each {|one| Milter::Logger.public_send(one, "x")}}.map(&:first), level)
    end
  end

  def test_without_a_sink_the_log_goes_to_standard_error
    assert_output("", "[error] x\n") {Milter::Logger.error("x")}
  end

  def threshold(outputs)
    lines = []
    Milter::Logger.wanted = ->(_) {true}
    Milter::Logger.sink = ->(level, line) {lines << "#{level} #{line}"}
    [Milter::Manager::Breaker.new(->(command) {outputs[command.join(" ")]}).threshold_n_connections, lines]
  end

  def test_the_breaker_asks_postfix_for_its_limit
    write("# smtp x\nsmtp      inet  n       -       y       -       -       smtpd\nsmtp      unix  - - y - 7 smtp\n", "p/master.cf")
    settings = "config_directory = #{@folder}/p\ndefault_process_limit = 101\n"
    assert_equal([75, ["info [breaker][detect][threshold][postfix] <75>"]],
                 threshold("ps ax" => " 1 ? Ss 0:00 /usr/lib/postfix/sbin/master -w\n", "postconf" => settings))
    write("smtp      inet  n       -       y       -       40       smtpd\n", "p/master.cf")
    assert_equal(30, threshold("ps ax" => "postfix/master", "postconf" => settings).first)
    assert_equal(30, threshold("postconf" => settings).first)
  end

  def test_the_breaker_without_postfix_never_breaks
    assert_equal([0, ["info [breaker][detect][error][threshold] can't detect MTA"]], threshold("ps ax" => "init"))
    assert_equal([0, []], threshold("ps ax" => "sendmail: accepting connections", "postconf" => "default_process_limit = 100"))
    assert_equal([0, ["error [breaker][detect][error][postfix][postconf] failed to run postconf"]], threshold("ps ax" => "/postfix/sbin/master"))
  end

  def test_the_breaker_breaks_at_its_threshold
    breaker = Milter::Manager::Breaker.new(->(_) {nil})
    breaker.threshold_n_connections = 3
    assert_equal([false, true, true], [2, 3, 4].map {|n| breaker.stressing?(n)})
  end

  def test_a_status_object_is_as_good_as_its_name
    result = snapshot("define_milter('m') {|milter| milter.fallback_status = Milter::Status::TEMPORARY_FAILURE; milter.enabled = false }\n")
    assert_equal("temporary-failure", result["milters"].first["fallback_status"])
  end

  def test_the_raw_configuration_has_everything
    snapshot(<<~RUBY)
      package.platform = "debian"
      manager.n_workers = 3
      raise "1" unless configuration.package.platform == "debian" && configuration.package_platform == "debian"
      raise "2" unless configuration.manager_n_workers == 3 && configuration.n_workers == 3
      raise "3" unless configuration.privilege_mode? == false && @configuration.equal?(configuration)
      configuration.security_privilege_mode = true
      raise "4" unless security.privilege_mode?
      raise "5" if configuration.respond_to?(:bogus)
    RUBY
  end
end
