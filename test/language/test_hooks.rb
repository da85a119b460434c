require "language_test"

# Connection checkers, maintained and event_loop_created (configuration 3.4, 9).
class TestHooks < LanguageTest
  Client = Struct.new(:smtp_client_address, :smtp_server_address)
  NETSTAT = <<~TEXT.freeze
    Active Internet connections (w/o servers)
    Proto Recv-Q Send-Q Local Address           Foreign Address         State
    tcp        0      0 127.0.0.1:25            192.0.2.1:4000          ESTABLISHED
    tcp        0      0 127.0.0.1:25            192.0.2.1:4001          CLOSE_WAIT
    tcp6       0      0 ::1:25                  2001:db8::1:4002        ESTABLISHED
    unix  2      [ ]         DGRAM                    1234
  TEXT

  def test_hooks_are_blocks_that_the_snapshot_names
    result = snapshot(<<~RUBY)
      manager.define_connection_checker("mine") {|context| context }
      manager.maintained { 2 }
      manager.event_loop_created(->(loop) {loop})
      manager.maintained(-> {4})
    RUBY
    here = "c/milter-manager.conf:"
    assert_equal({"connection_checkers" => [{"name" => "mine", "ask" => 0, "location" => "#{here}1"}],
                  "maintained" => [{"ask" => 1, "location" => "#{here}2"}, {"ask" => 3, "location" => "#{here}4"}],
                  "event_loop_created" => [{"ask" => 2, "location" => "#{here}3"}]}, result["hooks"])
    assert_equal([:c, 2, :l, 4], @loader.blocks.all.map {|block| block.call(context: :c, loop: :l)})
  end

  def test_without_hooks_the_snapshot_has_none
    refute(snapshot("").key?("hooks"))
  end

  def test_a_checker_of_the_same_name_takes_the_place_of_the_earlier
    result = snapshot("manager.define_connection_checker('a') { 1 }\nmanager.define_connection_checker('a') { 2 }\n")
    assert_equal([1], result["hooks"]["connection_checkers"].map {|one| one["ask"]})
  end

  def test_the_netstat_checker_sets_interval_and_lifetime
    result = snapshot("manager.use_netstat_connection_checker(7)\nraise unless manager.netstat_connection_checker.database_lifetime == 7\n")
    assert_equal([{"connection_check_interval" => 7}, "c/milter-manager.conf:1"],
                 [result["manager"], result["locations"]["manager.connection_check_interval"]])
    assert_equal([{"name" => "netstat", "kind" => "native", "location" => "c/milter-manager.conf:1"}], result["hooks"]["connection_checkers"])
    assert_empty(@loader.blocks.all)
    assert_equal(5, snapshot("manager.use_netstat_connection_checker\n")["manager"]["connection_check_interval"])
  end

  def test_a_netstat_checker_of_ones_own_is_a_block
    result = snapshot(<<~RUBY)
      manager.define_connection_checker("under another name", manager.netstat_connection_checker)
      class Own < Milter::Manager::NetstatConnectionChecker; end
      manager.define_connection_checker("a subclass", Own.new)
      manager.define_connection_checker("block") {|context| manager.netstat_connection_checker.connected?(context) }
      changed = Milter::Manager::NetstatConnectionChecker.new
      def changed.call(context) = true
      manager.define_connection_checker("changed", changed)
    RUBY
    assert_equal([["native", nil], [nil, 0], [nil, 1], [nil, 2]], result["hooks"]["connection_checkers"].map {|one| one.values_at("kind", "ask")})
  end

  def test_memory_statistics_are_a_maintained_hook_that_logs
    lines = []
    result = snapshot("manager.report_memory_statistics\n")
    Milter::Logger.sink = ->(level, line) {lines << [level, line]}
    @loader.blocks.fetch(result["hooks"]["maintained"].first["ask"]).call({})
    assert_match(/\A\[maintain\]\[memory\] \(\d+KB\) total:\d+ Proc:\d+\z/, lines.first[1])
    assert_equal([:statistics], lines.map(&:first))
  end

  def test_a_hook_needs_code
    assert_equal(["c/milter-manager.conf:1: manager.maintained needs a block or an object with call",
                  "c/milter-manager.conf:2: manager.define_connection_checker needs a block or an object with call"],
                 complaints("manager.maintained(3)\nmanager.define_connection_checker('x')\n"))
  end

  def checker(outputs = {%w[netstat -n -W] => NETSTAT}, now: -> {0})
    Milter::Manager::NetstatConnectionChecker.new(run: ->(command) {outputs[command]}, now: now)
  end

  def client(port, address: "192.0.2.1", server: Milter::SocketAddress::Unix.new("/x"))
    family = address.include?(":") ? Milter::SocketAddress::IPv6 : Milter::SocketAddress::IPv4
    Client.new(family.new(address, port), server)
  end

  def test_netstat_says_who_is_gone
    far = Milter::SocketAddress::IPv4.new("198.51.100.1", 25)
    assert_equal([true, false, false, true, true],
                 [client(4000), client(4001), client(4009), client(4002, address: "2001:db8::1"), client(4009, server: far)].map {|one| checker.connected?(one)})
  end

  def test_without_netstat_or_port_everybody_is_there
    lines = []
    Milter::Logger.sink = ->(level, line) {lines << "#{level} #{line}"}
    assert(checker({}).connected?(client(4001)))
    assert(checker.connected?(client(0)))
    assert_equal(["error [netstat][not-available] <netstat -n -W> <netstat -n>",
                  "warning [netstat][warning] can't detect disconnected connection because SMTP client port address is " \
                  "unknown: <inet:0@[192.0.2.1]>"], lines)
    refute(checker({%w[netstat -n] => NETSTAT}).connected?(client(4001)))
  end

  def test_what_netstat_said_is_kept_for_a_while
    now = 0
    outputs = {%w[netstat -n -W] => NETSTAT}
    one = checker(outputs, now: -> {now})
    one.database_lifetime = 5
    assert(one.connected?(client(4000)))
    outputs[%w[netstat -n -W]] = ""
    now = 5
    assert(one.connected?(client(4000)))
    now = 6
    refute(one.connected?(client(4000)))
  end
end
