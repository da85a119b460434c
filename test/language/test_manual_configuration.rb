require "language_test"

# What docs/manual/configuration.md shows is right. (Its first example and the settings: test/cli/test_show_config.py.)
class TestManualConfiguration < LanguageTest
  PAGE = File.read(File.expand_path("../../docs/manual/configuration.md", __dir__), encoding: "UTF-8")
  RUBY_BLOCKS = PAGE.scan(/^```ruby\n(.*?)^```$/m).flatten
  # A line of a table: its first cell, and the code in it and behind it.
  ROWS = PAGE.gsub("\\|", "\u0001").lines.grep(/^\| /).map {|line| line.split(" | ", 2).map {|cell| cell.scan(/`([^`]+)`/).flatten.map {|code| code.tr("\u0001", "|")}}}

  def row(first)
    ROWS.find {|cells| cells.first.any? {|code| code.start_with?(first)}} or flunk("no line about #{first}")
  end

  def values_of(type)
    PAGE[/^\| #{type} \| (.*)$/, 1].gsub("\\|", "|").scan(/`([^`]+)`/).flatten
  end

  def test_its_milters_are_a_configuration
    milters = RUBY_BLOCKS.grep(/define_milter/).map {|block| snapshot(block)["milters"]}
    assert_equal([[%w[clamav temporary-failure], ["rspamd", nil]], [["clamav", nil], ["rspamd", nil]]],
                 milters.map {|all| all.map {|one| one.values_at("name", "fallback_status")}})
    assert_equal(%w[scanners scanners], milters.last.map {|one| one["parallel_group"]})
  end

  def test_its_connection_checker_needs_no_ruby
    (block,) = RUBY_BLOCKS.grep(/connection_checker/)
    result = snapshot(block)
    assert_equal([5, ["native"]], [result["manager"]["connection_check_interval"], result["hooks"]["connection_checkers"].map {|one| one["kind"]}])
  end

  def test_its_database_can_be_asked
    block = RUBY_BLOCKS.grep(/database\.setup/)
    assert_equal([1, RUBY_BLOCKS.size], [block.size, 4])
    write("class Account < ActiveRecord::Base; end\n", "c/models/account.rb")
    text = block.first.sub("/var/lib/mail/accounts.sqlite3", "#{@folder}/accounts.sqlite3")
    refute_equal(block.first, text)
    tables = ["create table accounts (address text)", "insert into accounts values ('bob@example.com')"]
    result = snapshot(text.sub("database.setup\n") {|setup| setup + tables.map {|one| "ActiveRecord::Base.connection.execute(#{one.inspect})\n"}.join})
    assert_equal([{"stop" => {"not" => {"recipients" => "any", "is" => ["bob@example.com"]}}}], rules(result, "Our accounts"))
  end

  def test_the_examples_about_detection_are_a_configuration
    page = File.read(File.expand_path("../../docs/manual/detection.md", __dir__), encoding: "UTF-8")
    blocks = page.scan(/^```ruby\n(.*?)^```$/m).flatten
    assert_equal(3, blocks.size)
    sockets = %w[clamav-milter spamass-milter opendmarc rspamd].map {|name| "define_milter('#{name}') {|milter| milter.connection_spec = 'unix:/x' }\n"}
    result = snapshot("define_applicable_condition('Remote Network') {|condition| }\n#{sockets.join}#{blocks.join}")
    milters = result["milters"].to_h {|one| [one["name"], one]}
    assert_equal([false, true, nil], %w[spamass-milter opendmarc rspamd].map {|name| milters[name]&.fetch("enabled")})
    assert_includes(result["detection"].map {|one| one["name"]}, "amavisd")
  end

  def test_its_custom_file_changes_what_it_says
    write(PAGE[/^```xml\n(.*?)^```$/m, 1], "c/milter-manager.custom.conf")
    result = snapshot("define_applicable_condition('Remote Network') {|condition| }\ndefine_milter('rspamd') {|milter| milter.enabled = false }\n")
    assert_equal("100", result["manager"]["max_connections"].to_s)
    milter = result["milters"].first
    assert_equal([true, ["Remote Network"]], [milter["enabled"], milter["applicable_conditions"].map {|one| one["name"]}])
  end

  def test_a_custom_file_may_have_every_name_that_it_lists
    listed = PAGE[/and of milters (.*?) \(a milter without them/m, 1].scan(/`([^`]+)`/).flatten
    write("define_milter('m') {|milter| milter.connection_spec = 'unix:/m' }\n")
    assert_operator(listed.size, :>, 7)
    (listed - %w[name applicable-conditions]).each do |name|
      value = {"enabled" => "true", "connection-spec" => "unix:/n", "fallback-status" => "reject", "evaluation-mode" => "true"}.fetch(name, "x")
      write("<configuration><milters><milter><name>m</name><#{name}>#{value}</#{name}></milter></milters></configuration>", "c/milter-manager.custom.conf")
      assert_equal(value, snapshot["milters"].first[name.tr("-", "_")].to_s)
    end
  end

  def test_every_call_of_its_tables_can_be_called
    write("192.0.2.0/24 ok\n", "c/FILE")
    calls = PAGE[/^## Code that is called besides.*?\n\n(\| call .*?)\n\n/m, 1].lines.grep(/^\| `/)
                .flat_map {|line| line.split(" | ").first.gsub("\\|", "|").scan(/`([^`]+)`/).flatten}
    assert_operator(calls.size, :>, 10)
    Milter::Logger.sink = ->(*) {}
    calls.each do |call|
      call = "Milter::Logger.#{call}('x')" if call.match?(/\A\w+\z/) && Milter::Logger.respond_to?(call)
      code = call.gsub("...", "nil").gsub("SECONDS = 5", "5").gsub("VALUE", '"192.0.2.1"').gsub(/NAME|TEXT/, '"x"')
      snapshot("#{code}\n")
    end
  end

  def test_loops_have_the_calls_that_it_lists
    block = row("manager.event_loop_created").last.grep(/\Aloop\./)
    assert_equal(3, block.size)
    snapshot("manager.event_loop_created {|loop| #{block.first.sub("...", "nil").sub("SECONDS", "1")} }\n")
  end

  def test_the_values_of_its_types_are_taken
    sockets = values_of("socket").grep(/\A"/).map {|one| one.sub("PATH", "/x").sub("PORT", "25").sub("HOST", "localhost").sub("ADDRESS", "127.0.0.1")}
    assert_equal(7, sockets.size)
    levels = values_of("log level").reject {|one| %w[| + -].include?(one)}.map {|one| one.start_with?('"') ? one : one.inspect}
    assert_operator(levels.size, :>, 12)
    lines = sockets.reject {|one| one.include?("...")}.map {|one| "manager.connection_spec = #{one}"} + levels.map {|one| "log.level = #{one}"} +
            values_of("mode").grep(/\A0/).map {|one| "manager.unix_socket_mode = #{one}"} + ["manager.fallback_status = :Temporary_Failure"] +
            values_of("macros").grep(/\A[a-z_]+\z/).map {|stage| "define_milter('m') {|milter| milter.connection_spec = 'unix:/m'; milter.extra_macros = {#{stage.inspect} => 'i j'} }"}
    lines.each {|line| judge(line)}
  end

  def test_the_stages_of_extra_macros_are_taken
    stages = PAGE[/^`extra_macros`: the stages are (.*?);/m, 1].scan(/`([^`]+)`/).flatten
    assert_equal(7, stages.size)
    stages.each {|stage| judge("define_milter('m') {|milter| milter.connection_spec = 'unix:/m'; milter.extra_macros = {#{stage.inspect} => ['{i}']} }")}
  end

  # Values are judged by the program.
  def judge(line)
    write("#{line}\n")
    out = IO.popen([ENV.fetch("MILTER_MANAGER"), "-c", "c", "--show-config", {err: %i[child out]}], &:read)
    assert_predicate($?, :success?, "#{line}: #{out[0, 200]}")
  end
end
