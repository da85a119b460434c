require_relative "support"

# Programs of the system are asked without a shell, and not waited for for ever (detection 10).
class Programs < DetectionTest
  def script(text)
    write("/bin/asked", "#!/bin/sh\n#{text}\n", mode: 0o755)
  end

  def programs(seconds = 20)
    Milter::Manager::Detect::Programs.new(seconds)
  end

  def test_what_it_prints
    answer = programs.run(script("echo \"$1|$2\"; echo hidden >&2"), "a b", "$(id);c")
    assert_equal(["a b|$(id);c\n", nil], answer.to_a)
  end

  def test_a_failure_is_told_and_what_was_printed_kept
    answer = programs.run(script("echo disabled; exit 3"), "x")
    assert_equal("disabled\n", answer.text)
    assert_match(/asked x ended with 3\z/, answer.error)
    assert_match(/ended with signal 9\z/, programs.run(script("kill -9 $$")).error)
  end

  def test_a_program_that_is_not_there
    assert_match(/cannot be run: ENOENT/, programs.run(File.join(@root, "none")).error)
  end

  def test_it_gets_no_input_and_no_environment_of_ours
    ENV["DETECTION_SECRET"] = "x"
    assert_equal("[]\n", programs.run(script("cat; echo \"[$DETECTION_SECRET]\"")).text)
  ensure
    ENV.delete("DETECTION_SECRET")
  end

  # test/e2e/test_detected_chain.py shows what it is for.
  def test_it_is_told_not_to_wait_long_for_name_servers
    assert_equal("timeout:1 attempts:1\n", programs.run(script("echo \"$RES_OPTIONS\"")).text)
  end

  # The scripts wait for a pipe that nobody writes to, so nothing but the limit ends them.
  def test_a_program_that_hangs_is_ended_and_not_asked_again
    File.mkfifo(File.join(@root, "never"))
    hanging = script("echo $$ > #{@root}/pid; echo begun; exec < #{@root}/never")
    limited = programs(0.3)
    assert_match(/did not answer within 0.3 s/, limited.run(hanging).error)
    pid = File.read(File.join(@root, "pid")).to_i
    assert_raises(Errno::ESRCH) {Process.kill(0, pid)}
    File.unlink(File.join(@root, "pid"))
    assert_match(/did not answer within 0.3 s/, limited.run(hanging, "again").error)
    refute_path_exists(File.join(@root, "pid"))
  end

  def test_a_program_that_closes_its_output_and_hangs
    File.mkfifo(File.join(@root, "never"))
    assert_match(/did not answer/, programs(0.3).run(script("exec >&-; exec < #{@root}/never")).error)
  end

  def test_a_program_that_prints_without_end
    assert_match(/printed more than \d+ bytes/, programs.run(script("exec yes")).error)
  end
end
