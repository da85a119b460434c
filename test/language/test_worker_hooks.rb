require "worker_test"

require "milter/manager/worker/event_loop"

# maintained, event_loop_created and connection checkers in a worker (configuration 3.4, 9).
class TestWorkerHooks < WorkerTest
  def test_maintained_is_called_with_nothing
    start("manager.maintained {|*all| raise all.inspect }\nmanager.report_memory_statistics\n")
    one = worker
    assert_equal("[]", told(ask(one, {"block" => 0})))
    question(one, [{"block" => 1}])
    code, line = frame(one)
    assert_equal(["L", "statistics"], [code, line["level"]])
    assert_match(/\A\[maintain\]\[memory\] \(\d+KB\) total:\d+ Proc:\d+\z/, line["text"])
    assert_equal("A", frame(one).first)
  end

  def test_a_connection_checker_knows_both_ends_and_macros
    start(<<~'RUBY')
      manager.define_connection_checker("mine") do |context|
        raise [context.smtp_client_address, context.smtp_server_address, context["x"], context["{x}"], context["y"], context.smtp_server_name].map(&:to_s).inspect
      end
      manager.define_connection_checker("local") {|context| context.smtp_server_address&.local? }
    RUBY
    one = worker
    facts = {client: {"host" => "h", "family" => "inet6", "address" => "::1", "port" => 4000}, server: {"family" => "unix", "path" => "/x"},
             macros: {"x" => "1", "v" => "Postfix"}}
    assert_equal(["inet6:4000@[::1]", "unix:/x", "1", "1", "", "Postfix"].inspect, told(ask(one, {"block" => 0}, **facts)))
    assert_equal(%w[yes no], [facts, {}].map {|known| ask(one, {"block" => 1}, **known)["says"]})
  end

  def test_the_netstat_checker_in_a_block_runs_in_a_worker
    FileUtils.mkdir_p("bin")
    File.write("bin/netstat", "#!/bin/sh\necho 'tcp 0 0 127.0.0.1:25 192.0.2.1:4000 ESTABLISHED'\necho 'tcp 0 0 127.0.0.1:25 192.0.2.1:4001 CLOSE_WAIT'\n")
    File.chmod(0o755, "bin/netstat")
    start("ENV['PATH'] = '#{@folder}/bin:' + ENV['PATH']\nmanager.define_connection_checker('own') {|context| manager.netstat_connection_checker.connected?(context) }\n")
    one = worker
    says = [4000, 4001, 4002].map do |port|
      ask(one, {"block" => 0}, client: {"family" => "inet", "address" => "192.0.2.1", "port" => port}, server: {"family" => "unix", "path" => "/x"})["says"]
    end
    assert_equal(%w[yes no no], says)
  end

  def test_the_loop_of_a_worker_calls_timers_and_idle_blocks_between_questions
    start(<<~'RUBY')
      ticks = 0
      manager.event_loop_created do |loop|
        loop.add_timeout(0.01) { Milter::Logger.message("tick #{ticks += 1}"); ticks < 3 }
        loop.add_idle { Milter::Logger.message("idle"); false }
        loop.remove(loop.add_timeout(0) { Milter::Logger.message("removed") })
      end
      manager.maintained { ticks == 3 }
    RUBY
    one = worker
    lines = Array.new(4) {frame(one).last["text"]}
    assert_equal(["idle", "tick 1", "tick 2", "tick 3"], lines.sort)
    assert_equal(%w[1 2 3], lines.grep(/tick/).map {|line| line[-1]})
    assert_equal("yes", ask(one, {"block" => 1})["says"])
  end

  def test_hooks_and_timers_that_fail_are_warnings
    start("manager.event_loop_created {|loop| loop.add_idle { raise 'idle' }; raise 'hook' }\nmanager.event_loop_created {|loop| loop.watch_io }\nmanager.maintained { true }\n")
    one = worker
    lines = Array.new(3) {frame(one).last}
    assert_equal(["warning"], lines.map {|line| line["level"]}.uniq)
    assert_equal("RuntimeError: hook (c/milter-manager.conf:1)", lines[0]["text"])
    assert_match(/\ANoMethodError: undefined method `watch_io'.* \(c\/milter-manager.conf:2\)\z/, lines[1]["text"])
    assert_equal("RuntimeError: idle (c/milter-manager.conf:1)", lines[2]["text"])
    assert_equal("yes", ask(one, {"block" => 2})["says"])
  end
end

# The loop by itself, with a clock of its own.
class TestWorkerEventLoop < Minitest::Test
  def setup
    @now = 0.0
    @loop = Milter::Manager::Worker::EventLoop.new(->(code) {code.call}, -> {@now})
    @called = []
  end

  def at(now)
    @now = now
    @loop.run_due
    @called.dup.tap {@called.clear}
  end

  def test_timers_come_in_order_and_again_as_long_as_they_say_true
    assert_nil(@loop.pause)
    @loop.add_timeout(2) {@called << :late; false}
    @loop.add_timeout(1) {@called << :often; true}
    assert_equal(1, @loop.pause)
    assert_equal([[], [:often], [:late, :often], [:often]], [at(0.5), at(1), at(2), at(3)])
    assert_in_delta(1, @loop.pause)
    assert_equal([:often], at(100)) # what was missed is not made up for
    assert_in_delta(1, @loop.pause)
  end

  def test_a_task_can_remove_others_and_itself_and_add_some
    first = nil
    @loop.add_timeout(1) {@called << @loop.remove(first); @loop.add_timeout(0) {@called << :new; nil}; false}
    first = @loop.add_timeout(1) {@called << :never}
    assert_equal([[true], [:new], []], [at(1), at(1), at(9)])
    refute(@loop.remove(first))
  end

  def test_idle_blocks_do_not_keep_the_processor_busy
    @loop.add_idle {@called << :idle; true}
    assert_equal([0, [:idle]], [@loop.pause, at(0)])
    assert_in_delta(0.1, @loop.pause)
  end

  def test_what_cannot_be_is_refused
    assert_raises(ArgumentError) {@loop.add_timeout(1)}
    [-1, Float::NAN, Float::INFINITY, "x"].each {|seconds| assert_raises(ArgumentError) {@loop.add_timeout(seconds) {true}}}
  end
end

# A database in blocks (configuration 3.6): the load connects, a worker has a connection of its own.
class TestWorkerDatabase < WorkerTest
  def test_a_block_can_look_things_up_in_every_worker
    write("class WorkerAccount < ActiveRecord::Base\n  self.table_name = 'accounts'\nend\n", "c/models/account.rb")
    start(<<~RUBY)
      database.type = "sqlite3"
      database.name = "#{@folder}/mail.db"
      database.setup
      database.load_models("models/*.rb")
      ActiveRecord::Base.connection.execute("create table accounts (address text)")
      WorkerAccount.create!(address: "bob@example.com")
      loaded = ActiveRecord::Base.connection.raw_connection
      define_applicable_condition("Known") do |condition|
        condition.define_envelope_recipient_stopper {|context, recipient| !WorkerAccount.exists?(address: recipient[1..-2]) }
        condition.define_envelope_recipient_stopper {|context, recipient| WorkerAccount.create!(address: recipient[1..-2]); false }
        condition.define_data_stopper { ActiveRecord::Base.connection.raw_connection.equal?(loaded) }
      end
    RUBY
    first = worker
    second = worker
    assert_equal([%w[no yes no]] * 2, [first, second].map do |one|
      [ask(one, 0, recipient: "<bob@example.com>"), ask(one, 0, recipient: "<eve@example.com>"), ask(one, 2)].map {|answer| answer["says"]}
    end)
    assert_equal("no", ask(first, 1, recipient: "<eve@example.com>")["says"])
    assert_equal("no", ask(second, 0, recipient: "<eve@example.com>")["says"])
  end
end
