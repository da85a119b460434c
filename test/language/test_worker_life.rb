require "worker_test"

# What blocks do wrong stays in their worker (configuration 6), and how workers end.
class TestWorkerFailures < WorkerTest
  HERE = "c/milter-manager.conf".freeze

  def stoppers(*texts)
    serve(*texts.map {|text| "condition.define_data_stopper { #{text} }"})
  end

  def errors(one, items)
    ask_all(one, items).map do |answer|
      assert_equal("failed", answer["says"], answer)
      answer["error"]
    end
  end

  def test_every_exception_is_an_answer_and_the_worker_goes_on
    one = stoppers("raise 'boom'", "exit", "exit 3", "abort", "throw :nobody", "nil.upcase", "case 1; in 2 then 3; end", "raise Interrupt", "raise Exception, 'x'",
                   "def deep = deep; deep", "raise ScriptError", "raise SignalException, 'TERM'", "break", "return 1", "eval('1 +')", "true")
    starts = ["RuntimeError: boom", "SystemExit: exit", "SystemExit: exit", "SystemExit: exit", "UncaughtThrowError: uncaught throw :nobody",
              "NoMethodError: undefined method `upcase' for nil:NilClass", "NoMatchingPatternError: 1", "Interrupt: Interrupt", "Exception: x",
              "SystemStackError: stack level too deep", "ScriptError: ScriptError", "SignalException: SIGTERM", "LocalJumpError: break from proc-closure",
              "LocalJumpError: unexpected return", "SyntaxError: "]
    found = errors(one, (0..14).to_a)
    starts.zip(found).each_with_index do |(start, error), index|
      assert(error.start_with?(start), "#{error} instead of #{start}")
      assert_match(/\(.*#{HERE}:#{index + 2}\)\z/, error)
    end
    assert_equal("yes", ask(one, 15)["says"])
  end

  def test_the_place_is_the_line_that_raised_and_the_block
    one = serve("condition.define_data_stopper do", "  x = 1", "  raise \"a\\n\\n  b\"", "end", "condition.define_data_stopper {Integer('x')}")
    assert_equal(["RuntimeError: a b (#{HERE}:4, in the block of #{HERE}:2)", "ArgumentError: invalid value for Integer(): \"x\" (#{HERE}:6)"], errors(one, [0, 1]))
  end

  def test_an_exception_whose_text_is_broken_is_an_answer
    one = stoppers("raise Class.new(StandardError) {def message = raise('no')}", "raise \"\\xFF\"", "raise 'x' * 10_000")
    broken, binary, long = errors(one, [0, 1, 2])
    assert_match(/: \(its text cannot be had\) \(/, broken)
    assert_match(/\ARuntimeError: \? \(/, binary)
    assert_operator(long.size, :<, 2200)
  end

  def test_an_unknown_block_is_an_answer
    assert_equal(["there is no block 7", "there is no block -1", 'there is no block "x"'], errors(stoppers("true"), [7, -1, "x"].map {|id| {"block" => id, "child" => "m"}}))
  end

  def test_an_address_that_is_none_is_an_answer
    one = serve("condition.define_connect_stopper {|context, host, address| address.local? }")
    assert_match(/\AIPAddr::InvalidAddressError: /, ask(one, 0, client: {"family" => "inet", "address" => "x", "port" => 1})["error"])
  end

  def test_exit_without_more_ends_the_worker_and_the_parent_says_so
    one = stoppers("true", "exit!(7)")
    question(one, [0, 1, 0])
    assert_equal("yes", frame(one).last["says"])
    assert_nil(frame(one))
    assert_equal({"ended" => 1, "status" => "status 7"}, hear)
    assert_equal("yes", ask(worker, 0)["says"])
  end

  def test_without_memory_it_answers_and_ends
    one = serve("condition.define_data_stopper { 'x' * 10**12 }", "condition.define_data_stopper { true }", memory_limit: 1 << 30)
    question(one, [0, 1])
    assert_match(/\ANoMemoryError: .*#{HERE}:2\)\z/, frame(one).last["error"])
    assert_nil(frame(one))
    assert_equal({"ended" => 1, "status" => "status 1"}, hear)
  end

  def test_a_copy_that_a_block_made_neither_answers_nor_goes_on
    one = stoppers("@copy = fork; @copy ? true : false", "Process.wait2(@copy).last.exitstatus.then {|status| raise status.inspect}",
                   "fork || raise('in the copy')", "fork || exit", "fork {Milter::Logger.warning('from the copy')}; Process.wait; false")
    question(one, [0, 1])
    assert_equal(["yes", "1"], [frame(one).last["says"], told(frame(one).last)])
    assert_match(/\Athe block of #{HERE}:2 has forked; the copy \(process \d+\) ends where the block ended\n\z/, printed)
    assert_equal(%w[yes yes no], ask_all(one, [2, 3, 4]).map {|answer| answer["says"]})
    texts = [printed, printed, printed].sort
    assert_equal("[warning] from the copy\n", texts.first)
    assert_equal([4, 5], texts.last(2).map {|text| text[/:(\d+) has forked/, 1].to_i}.sort)
  end

  def test_what_a_block_prints_goes_to_the_log_and_its_input_is_empty
    one = stoppers("puts 'printed'; $stdout.puts('more'); system('echo from a program'); $stderr.puts('error'); raise $stdin.read.inspect")
    assert_equal('""', told(ask(one)))
    assert_equal(["printed\n", "more\n", "from a program\n", "error\n"], Array.new(4) {printed})
  end

  def test_blocks_run_programs_and_can_be_limited_in_time
    one = stoppers("raise `echo x`.chomp", "Timeout.timeout(0.05) {sleep}", "true")
    answers = ask_all(one, [0, 1, 2])
    assert_equal("x", told(answers.first))
    assert_match(/\ATimeout::Error: execution expired/, answers[1]["error"])
    assert_equal("yes", answers.last["says"])
  end

  def test_log_lines_come_before_the_answer_and_as_the_level_wants
    one = serve("condition.define_data_stopper { Milter::Logger.info(\"a\\nb\"); Milter::Logger.debug('no'); Milter::Logger.error(\"\\xFF\"); true }\nlog.level = 'default|info'")
    question(one, 0)
    assert_equal([["info", "a"], ["info", "b"], ["error", "?"]], Array.new(3) {frame(one).last.values_at("level", "text")})
    assert_equal("yes", frame(one).last["says"])
  end

  def test_answers_come_one_by_one
    path = "#{@folder}/gate"
    File.mkfifo(path)
    one = stoppers("true", "File.read(#{path.inspect}) == 'go'")
    question(one, [0, 1])
    assert_equal("yes", frame(one).last["says"])
    File.write(path, "go")
    assert_equal("yes", frame(one).last["says"])
  end

  def test_what_a_block_remembers_stays_in_its_worker
    one = serve("n = 0", "condition.define_data_stopper { raise (n += 1).to_s }")
    assert_equal(%w[1 2], Array.new(2) {told(ask(one))})
    assert_equal("1", told(ask(worker)))
    assert_equal("3", told(ask(one)))
  end

  def test_every_kind_of_block_can_be_asked
    start(<<~RUBY)
      load("applicable-conditions/*.conf")
      load("applicable-conditions/restrict-accounts.conf")
      define_milter("m") {|milter| milter.connection_spec = "unix:/x" }
      restrict_accounts_generic(condition_name: "R", milters: ["m"]) {|context, recipient| raise [context.name, recipient].inspect }
      s25r.add_blacklist {|host| raise host }
      trust.add_envelope_from_domain(->(domain) {raise domain})
      define_policy("P") do |policy|
        policy.milters = ["m"]
        policy.from = ->(from) {raise from}
        policy.recipient = ->(recipient) {raise recipient}
      end
    RUBY
    one = worker
    answers = ask_all(one, (0..4).to_a, client: {"host" => "h", "family" => "unknown"}, sender: "<s@D.e>", recipient: "<r@d>")
    assert_equal(['["mine", "r@d"]', "h", "d.e", "<s@D.e>", "<r@d>"].sort, answers.map {|answer| told(answer)}.sort)
  end

  def test_the_numbers_of_blocks_are_those_of_the_snapshot
    snapshot = start("load('applicable-conditions/*.conf')\ndefine_applicable_condition('C') {|condition| condition.define_helo_stopper {|_, fqdn| fqdn == 'x'}}\n")
    id = condition(snapshot, "C")["rules"].first["stop"]["ask"]
    assert_equal(%w[yes no], %w[x y].map {|helo| ask(@first ||= worker, {"block" => id, "child" => "m"}, helo: helo)["says"]})
  end
end

# Parent and workers as processes.
class TestWorkerLife < WorkerTest
  SLEEPER = "condition.define_data_stopper { system('echo started; exec sleep 1000') }".freeze

  # A worker in a block that does not end, and the process that the block waits for.
  def hanging(one)
    question(one, 0)
    assert_equal("started\n", printed)
    wait_until("the program is there") {Dir.glob("/proc/#{one.pid}/task/*/children").map {|file| File.read(file)}.join.split.first&.to_i}
  end

  def test_end_kills_a_worker_that_hangs_and_what_it_has_started
    one = serve(SLEEPER, "condition.define_data_stopper { true }")
    grandchild = hanging(one)
    other = worker
    tell("end" => 1)
    assert_equal({"ended" => 1, "status" => "signal 9"}, hear)
    assert_nil(frame(one))
    wait_until("the grandchild is gone") {!alive?(grandchild)}
    assert_equal("yes", ask(other, 1)["says"])
  end

  def test_a_worker_that_is_killed_from_outside_has_ended_with_all_that_it_started
    one = serve(SLEEPER)
    grandchild = hanging(one)
    Process.kill(:KILL, one.pid)
    assert_equal({"ended" => 1, "status" => "signal 9"}, hear)
    wait_until("the grandchild is gone") {!alive?(grandchild)}
  end

  def test_a_worker_ends_by_the_signals_that_end_others
    %w[TERM INT HUP USR1].each_with_index do |name, index|
      one = index.zero? ? serve(SLEEPER) : worker
      hanging(one) # so that it is behind its first lines
      Process.kill(name, one.pid)
      assert_equal({"ended" => index + 1, "status" => "signal #{Signal.list[name]}"}, hear)
    end
  end

  def test_a_worker_ends_when_its_socket_does
    one = serve("condition.define_data_stopper { true }")
    assert_equal("yes", ask(one)["says"])
    one.socket.close
    assert_equal({"ended" => 1, "status" => "status 0"}, hear)
    tell("end" => 1)
    assert_equal("yes", ask(worker)["says"])
  end

  def test_the_end_of_the_control_line_ends_everything
    one = serve(SLEEPER, "condition.define_data_stopper { true }")
    grandchild = hanging(one)
    other = worker
    assert_equal("yes", ask(other, 1)["says"])
    finish
    assert_equal([false] * 3, [one.pid, other.pid, grandchild].map {|pid| alive?(pid)})
    assert_nil(frame(other))
  end

  def test_a_worker_without_its_own_watch_is_ended_by_the_parent
    one = serve("condition.define_data_stopper { (Thread.list - [Thread.current]).each(&:kill).each(&:join); puts('alone'); sleep }")
    question(one, 0)
    assert_equal("alone\n", printed)
    finish
    refute(alive?(one.pid))
  end

  def test_a_parent_that_is_killed_takes_its_workers_along
    one = serve(SLEEPER)
    grandchild = hanging(one)
    Process.kill(:KILL, @process)
    assert_equal(9, ended_on_its_own?.termsig)
    assert_nil(frame(one))
    wait_until("worker and grandchild are gone") {[one.pid, grandchild].none? {|pid| alive?(pid)}}
    @workers.clear
  end

  def test_workers_are_asked_at_the_same_time
    path = "#{@folder}/gate"
    File.mkfifo(path)
    one = serve("condition.define_data_stopper { File.read(#{path.inspect}); true }", "condition.define_data_stopper { false }")
    question(one, 0)
    other = worker
    assert_equal("no", ask(other, 1)["says"])
    File.write(path, "")
    assert_equal("yes", frame(one).last["says"])
  end

  def test_a_worker_has_no_descriptor_of_others_and_a_group_of_its_own
    first = serve("condition.define_data_stopper { raise Dir.children('/proc/self/fd').filter_map {|fd| File.readlink(\"/proc/self/fd/\#{fd}\") rescue nil}.grep(/socket/).size.inspect }",
                  "condition.define_data_stopper { raise [Process.getpgrp == Process.pid, Process.getpgid(Process.ppid) == Process.ppid].inspect }",
                  "condition.define_data_stopper { raise `ls -l /proc/self/fd`.scan(/socket:/).size.inspect }")
    second = worker
    third = worker
    [first, second, third].each do |one|
      assert_equal(["1", "[true, true]", "0"], (0..2).map {|id| told(ask(one, id))})
    end
    tell("end" => 2)
    assert_equal(2, hear["ended"])
  end

  def test_no_zombie_is_left
    one = serve("condition.define_data_stopper { exit! }")
    3.times do |index|
      question(one, 0)
      assert_equal(index + 1, hear["ended"])
      one = worker
    end
    children = Dir.glob("/proc/#{@process}/task/*/children").map {|file| File.read(file)}.join.split.map(&:to_i)
    assert_equal([one.pid], children)
  end

  def test_what_the_parent_does_not_understand_is_refused_and_it_goes_on
    one = serve("condition.define_data_stopper { true }")
    @control.write("nonsense\n{\"what\": 1}\n{}\n")
    assert_equal(["refused"], hear.keys)
    assert_equal('what is "{}"?', hear["refused"])
    tell("start" => 1)
    @control.send_io(one.socket)
    assert_equal({"refused" => "worker 1 is there already"}, hear)
    assert_equal("yes", ask(one)["says"])
  end

  def test_several_lines_at_once_are_several_commands
    one = serve("condition.define_data_stopper { true }")
    tell("end" => 1)
    again = worker_after({"ended" => 1, "status" => "signal 9"})
    assert_equal("yes", ask(again)["says"])
    assert_nil(frame(one))
  end

  # A new worker, when something else is said before or after it.
  def worker_after(expected)
    ours, theirs = UNIXSocket.pair
    tell("start" => 2)
    @control.send_io(theirs)
    theirs.close
    said = [hear, hear]
    assert_includes(said, expected)
    @workers << WorkerTest::Worker.new(2, (said - [expected]).first.fetch("pid"), ours, Milter::Manager::Worker::Frames.new(ours))
    @workers.last
  end

  def test_a_broken_frame_ends_the_worker_with_a_word
    one = serve("condition.define_data_stopper { true }")
    one.socket.write([0].pack("N"))
    assert_equal({"ended" => 1, "status" => "status 1"}, hear)
    assert_match(/\Athe Ruby worker ends: .*a frame of 0 bytes/, printed)
  end

  def test_half_a_frame_is_the_end
    one = serve("condition.define_data_stopper { true }")
    one.socket.write([100].pack("N") + "Q{")
    one.socket.close_write
    assert_equal({"ended" => 1, "status" => "status 0"}, hear)
  end

  def test_a_descriptor_that_was_lost_on_the_way_is_refused_and_the_next_one_is_not_mistaken_for_it
    one = serve("condition.define_data_stopper { true }")
    @control.write("{\"start\": 8}\n\0")
    assert_equal({"refused" => "no descriptor came"}, hear)
    assert_equal(%w[yes yes], [ask(worker), ask(one)].map {|answer| answer["says"]})
  end

  def test_the_end_in_place_of_a_descriptor_is_the_end
    one = serve("condition.define_data_stopper { true }")
    tell("start" => 2)
    finish
    refute(alive?(one.pid))
  end

  WHO = {"uid" => 65_534, "gid" => 65_533, "groups" => [65_533, 12]}.freeze

  def start_to_become
    start("define_applicable_condition('C') {|condition| condition.define_data_stopper { raise [Process.uid, Process.euid, Process.gid, Process.egid, " \
          "Process.groups.sort, (Process::Sys.setuid(0) rescue $!.class), Dir.home].inspect } }\n")
  end

  def test_it_becomes_an_ordinary_user_for_good_before_any_worker
    start_to_become
    tell("become" => WHO)
    if Process.uid.zero?
      one = worker
      assert_equal([65_534, 65_534, 65_533, 65_533, [12, 65_533], Errno::EPERM, Etc.getpwuid(65_534).dir].inspect, told(ask(one)))
      tell("become" => WHO)
      assert_match(/there are workers already/, hear["refused"])
    else
      assert_match(/\Acannot become .*Operation not permitted/, hear["refused"])
      assert_equal(1, ended_on_its_own?.exitstatus)
    end
  end

  def test_who_cannot_become_that_user_ends
    {WHO.merge("uid" => 0) => "user 0 has all privileges", WHO.merge("uid" => -1) => nil, WHO.merge("groups" => [12] * 100_000) => "too many groups",
     WHO.merge("groups" => nil) => nil, WHO.slice("uid") => "key not found", 3 => nil}.each do |who, why|
      start_to_become
      tell("become" => who)
      refused = hear["refused"]
      assert_match(/\Acannot become /, refused)
      assert_includes(refused, why) if why && Process.uid.zero?
      assert_nil(hear)
      assert_equal(1, ended_on_its_own?.exitstatus)
    end
  end

  def test_without_blocks_without_the_wish_or_with_complaints_there_is_no_parent
    start("manager.n_workers = 1\n")
    assert_equal(0, ended_on_its_own?.exitstatus)
    start("manager.maintained { }\n", workers: false)
    assert_equal(0, ended_on_its_own?.exitstatus)
    error = assert_raises(Minitest::Assertion) {start("manager.maintained { }\nbogus\n")}
    assert_match(/bogus/, error.message)
    assert_equal(0, ended_on_its_own?.exitstatus)
  end
end
