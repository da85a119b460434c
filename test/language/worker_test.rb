require "language_test"
require "socket"

require "milter/manager/worker/frames"
require "milter/manager/worker/text"

# Plays the daemon: a real parent and real workers, by the lines and frames of docs/ruby-worker.md.
class WorkerTest < LanguageTest
  EVALUATE = File.expand_path("../../ruby/evaluate.rb", __dir__)
  PATIENCE = 30 # seconds; nothing here is that slow

  Worker = Struct.new(:number, :pid, :socket, :frames)

  def teardown
    finish if @process
    @workers&.each {|one| one.socket.close unless one.socket.closed?}
    super
  end

  # Evaluates `text`; the snapshot. The parent is there then.
  def start(text, **request)
    write(text)
    @workers = []
    @control, theirs = UNIXSocket.pair
    report, reported = IO.pipe
    @printed, prints = IO.pipe
    @process = spawn("ruby", "-EUTF-8", EVALUATE, in: theirs, 3 => reported, out: prints, err: prints, pgroup: true)
    [theirs, reported, prints].each(&:close)
    wanted = self.class.request.merge({"load_path" => ["c", SHIPPED], "effective_user" => nil, "workers" => true}, request.transform_keys(&:to_s))
    @control.write("#{JSON.generate(wanted)}\n")
    text = read_all(report)
    flunk(read_all(@printed)) if text.empty?
    snapshot = JSON.parse(text)
    assert_equal([], snapshot["complaints"])
    snapshot
  end

  # A condition with these blocks, numbered from 0; the first worker.
  def serve(*blocks, **request)
    start("define_applicable_condition('C') do |condition|\n#{blocks.join("\n")}\nend\n", **request)
    worker
  end

  # A new worker.
  def worker
    number = @workers.size + 1
    tell("start" => number)
    ours, theirs = UNIXSocket.pair
    @control.send_io(theirs)
    theirs.close
    said = hear
    assert_equal(["started", "pid"], said.keys, said)
    assert_equal(number, said["started"])
    @workers << Worker.new(number, said["pid"], ours, Milter::Manager::Worker::Frames.new(ours))
    @workers.last
  end

  def tell(object)
    @control.write("#{JSON.generate(object)}\n")
  end

  # The next line of the parent; nil at its end.
  def hear
    wait_for(@control)
    line = @control.gets
    line && JSON.parse(line)
  end

  # Sends a question; items: numbers of blocks, or items.
  def question(who, items, **facts)
    items = Array(items).map {|one| one.is_a?(Hash) ? one : {"block" => one, "child" => "mine"}}
    who.frames.write("Q", {"items" => items}.merge(facts.transform_keys(&:to_s)))
  end

  # [code, object]; nil at the end.
  def frame(who)
    wait_for(who.socket)
    who.frames.read
  end

  # The answers to a question, and nothing but answers.
  def ask_all(who, items, **facts)
    question(who, items, **facts)
    Array(items).map do
      code, answer = frame(who)
      assert_equal("A", code, answer)
      answer
    end
  end

  # The one answer.
  def ask(who, item = 0, **facts)
    ask_all(who, [item], **facts).first
  end

  # What a block says by raising: its condition.define_connect_stopper {raise VALUE.inspect} as a text.
  def told(answer)
    assert_equal("failed", answer["says"], answer)
    answer["error"][/\ARuntimeError: (.*) \([^()]*\)\z/m, 1] or flunk(answer["error"])
  end

  def wait_for(io)
    assert(IO.select([io], nil, nil, PATIENCE), "nothing came")
  end

  def read_all(io)
    text = +""
    loop do
      wait_for(io)
      text << io.readpartial(65_536)
    end
  rescue EOFError
    io.close
    text
  end

  # The next line that the parent or a worker prints.
  def printed
    wait_for(@printed)
    @printed.gets
  end

  def ended_on_its_own?
    wait_until("the parent ends") {Process.wait2(@process, Process::WNOHANG)&.last&.tap {@process = nil}}
  end

  # The daemon is gone: so is the parent, and so is everything of its workers.
  def finish
    @control.close
    status = ended_on_its_own?
    assert_equal(0, status.exitstatus, status.inspect)
    @workers.each {|one| refute(alive?(-one.pid), "the group of worker #{one.number} lives on")}
  end

  # Of processes that are not ours there is nothing else to wait by.
  def wait_until(what)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + PATIENCE
    until (found = yield)
      flunk("in #{PATIENCE} s not: #{what}") if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      IO.select(nil, nil, nil, 0.005)
    end
    found
  end

  # A process, or with a minus a group: something that runs, and is no mere entry of something that has ended.
  def alive?(pid)
    Dir.glob("/proc/[0-9]*/stat").any? do |file|
      id, _, rest = File.read(file).rpartition(")").then {|head, _, tail| [head.to_i, nil, tail.split]}
      state, _, group = rest
      (pid.negative? ? group.to_i == -pid : id == pid) && state != "Z"
    rescue SystemCallError
      false
    end
  end
end
