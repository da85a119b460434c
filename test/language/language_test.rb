require "fileutils"
require "json"
require "minitest/autorun"
require "tmpdir"

require "milter/manager/evaluation"

# Evaluates configurations of a test in a folder of its own, in this process; the defaults are those of the program.
class LanguageTest < Minitest::Test
  SHIPPED = File.expand_path("../../conf", __dir__)

  # What milter-manager asks its Ruby half for, noted by a half that only notes.
  def self.request
    @@request ||= Dir.mktmpdir do |folder|
      File.write("#{folder}/evaluate.rb", 'File.write("#{__dir__}/request", $stdin.gets); IO.for_fd(3, "w").write("{}")')
      ran = system({"MILTER_MANAGER_RUBYLIB" => folder}, ENV.fetch("MILTER_MANAGER"), "--show-config", out: File::NULL)
      raise "milter-manager does not run" unless ran
      JSON.parse(File.read("#{folder}/request"))
    end
  end

  def setup
    @folder = Dir.mktmpdir
    @before = Dir.pwd
    Dir.chdir(@folder)
  end

  def teardown
    Dir.chdir(@before)
    FileUtils.remove_entry(@folder)
    Milter::Logger.sink = Milter::Logger.wanted = nil
  end

  def write(text, name = "c/milter-manager.conf")
    FileUtils.mkdir_p(File.dirname(name))
    File.write(name, text)
  end

  # The snapshot of `text` as milter-manager.conf; @loader is what it was made by.
  def evaluate(text = nil)
    write(text) if text
    request = self.class.request.merge("load_path" => ["c", SHIPPED], "effective_user" => nil)
    evaluation = Milter::Manager::Evaluation.new(request)
    @loader = evaluation.loader
    keep(JSON.generate(evaluation.run))
  end

  # For the test of the schema, which collects what these tests evaluate.
  def keep(json)
    folder = ENV.fetch("MILTER_KEEP_SNAPSHOTS", nil)
    File.write("#{folder}/#{$$}-#{@@kept = (@@kept ||= 0) + 1}.json", json) if folder
    JSON.parse(json)
  end

  # The same, when nothing must be wrong.
  def snapshot(text = nil)
    evaluate(text).tap {|result| assert_equal([], result["complaints"])}
  end

  # ["FILE:LINE: what", ...]
  def complaints(text = nil)
    evaluate(text)["complaints"].map {|one| one.values_at("where", "what").join(": ")}
  end

  def condition(result, name)
    result["conditions"].reverse.find {|one| one["name"] == name} or flunk("no condition #{name}")
  end

  # The rules without their places.
  def rules(result, name)
    bare(condition(result, name)["rules"])
  end

  # The one rule of a condition whose block is `text`: [stage, expression], nil where the stage is left open.
  def rule_of(text)
    result = snapshot("define_applicable_condition('C') {|condition| #{text} }\n")
    found = rules(result, "C")
    assert_equal(1, found.size, found.inspect)
    found.first
  end

  def bare(part)
    case part
    when Array then part.map {|one| bare(one)}
    when Hash then part.reject {|name, _| name == "location"}.transform_values {|one| bare(one)}
    else part
    end
  end
end
