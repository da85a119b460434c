# A system's files in a temporary directory, and what the detectors make of them.
require "fileutils"
require "json"
require "minitest/autorun"
require "tmpdir"

$LOAD_PATH.unshift(File.expand_path("../../ruby", __dir__))
require "milter/manager/evaluation"

class DetectionTest < Minitest::Test
  CONF = File.expand_path("../../conf", __dir__)
  G = ["Sendmail Compatible", "Stress Notify", "Trust", "Remote Network", "S25R", "Unauthenticated"].freeze
  R = ["Remote Network", "Unauthenticated", "No Stress"].freeze

  # Answers in the place of a system's programs, by the words of the call.
  class Answers
    attr_reader :asked

    def initialize(answers)
      @answers = answers
      @asked = []
    end

    def run(*words)
      @asked << words
      text = @answers.fetch(words.join(" ")) {return Milter::Manager::Detect::Programs::Answer.new("", "#{words.first} failed")}
      Milter::Manager::Detect::Programs::Answer.new(text, nil)
    end
  end

  # What a block of define_milter gets, as far as detectors use it.
  class Definition < Milter::Manager::Recorder
    def add_applicable_condition(name)
      values["applicable_conditions"] = [*values["applicable_conditions"], name]
    end
  end

  # What `configuration` is in a configuration file, and the loader that `apply` gets.
  class Loader
    Package = Struct.new(:platform, :options)
    attr_reader :package, :detection, :milters

    def initialize(options = nil)
      @package = Package.new("unknown", options)
      @detection = []
      @milters = {}
    end

    def define_milter(name)
      milter = Definition.new("reading_timeout" => 7.0, "writing_timeout" => 7.0)
      yield(milter)
      @milters[name] = milter
    end
  end

  def setup
    @root = Dir.mktmpdir("detection")
  end

  def teardown
    FileUtils.rm_rf(@root)
  end

  def write(path, text = "", mode: nil)
    full = File.join(@root, path)
    FileUtils.mkdir_p(File.dirname(full))
    File.binwrite(full, text)
    File.chmod(mode, full) if mode
    full
  end

  def program(path)
    write(path, "#!/bin/false\n", mode: 0o755)
  end

  # A link as the system would write it, with its own idea of "/".
  def link(path, target)
    full = File.join(@root, path)
    FileUtils.mkdir_p(File.dirname(full))
    File.symlink(target, full)
  end

  def remove(path)
    Dir.glob(File.join(@root, path)).each {|one| File.unlink(one)}
  end

  def wanted(name, unit_directory = "/lib/systemd/system")
    link("/etc/systemd/system/multi-user.target.wants/#{name}.service", "#{unit_directory}/#{name}.service")
  end

  # The links of an init script that chkconfig or update-rc.d make when it is on.
  def started(name, base = "/etc")
    [2, 3, 4, 5].each {|level| link("#{base}/rc#{level}.d/S80#{name}", "../init.d/#{name}")}
    [0, 1, 6].each {|level| link("#{base}/rc#{level}.d/K20#{name}", "../init.d/#{name}")}
  end

  # A Found of a detection: the definitions by name, and the decisions as they are printed.
  Result = Struct.new(:milters, :decisions) do
    def milter
      milters.values.first
    end

    def decision
      decisions.first
    end
  end

  def apply(detector_class, name, answers: nil, options: nil, **more, &block)
    loader = Loader.new(options)
    detector = detector_class.new(loader, name, root: @root, programs: answers && Answers.new(answers), **more, &block)
    detector.detect
    detector.apply(loader)
    decisions = loader.detection.map {|one| JSON.parse(JSON.generate(one.snapshot))}
    Result.new(loader.milters.transform_values(&:values), decisions)
  end

  def assert_enabled(spec, result, where: nil)
    refute_empty(result.milters, result.decisions.inspect)
    assert_equal([true, spec], result.milter.values_at("enabled", "connection_spec"), result.decision.inspect)
    assert_equal("enabled", result.decision["outcome"])
    assert_from(where, result) if where
  end

  def assert_disabled(why, result, spec: nil)
    refute_empty(result.milters, result.decisions.inspect)
    assert_equal([false, spec], result.milter.values_at("enabled", "connection_spec"), result.decision.inspect)
    assert_equal("disabled", result.decision["outcome"])
    assert_match(why, result.decision["why"])
  end

  def assert_from(where, result)
    assert_equal(File.join(@root, where), result.decision["spec_from"])
  end

  # Nothing is defined, and one warning names the file.
  def assert_skipped(where, result)
    assert_empty(result.milters)
    assert_equal(["skipped"], result.decisions.map {|one| one["outcome"]})
    assert_match(/\A#{Regexp.escape(File.join(@root, where))}/, result.decision["warning"])
  end

  def assert_not_found(result)
    assert_empty(result.milters)
    assert_equal(["not found", nil], result.decision.values_at("outcome", "warning"))
  end

  # A whole load with a conf directory of the project; environment: the tree.
  def load(text, platform:, options: nil)
    Dir.mktmpdir("conf") do |folder|
      %w[applicable-conditions defaults].each {|one| FileUtils.cp_r(File.join(CONF, one), folder)}
      File.write(File.join(folder, "milter-manager.conf"), text)
      ENV["MILTER_MANAGER_DETECTION_ROOT"] = @root
      request = {"load_path" => [folder], "time_limit" => 60, "defaults" => defaults(platform, options)}
      JSON.parse(JSON.generate(Milter::Manager::Evaluation.new(request).run))
    end
  ensure
    ENV.delete("MILTER_MANAGER_DETECTION_ROOT")
  end

  def defaults(platform, options)
    sections = %w[security log manager controller metrics database].to_h {|name| [name, {}]}
    sections.merge("package" => {"platform" => platform, "options" => options},
                   "milter" => {"reading_timeout" => 7.0, "writing_timeout" => 7.0, "enabled" => true,
                                "applicable_conditions" => []})
  end
end
