require "language_test"

require "milter/manager/worker/context"
require "milter/manager/worker/shelf"

# What docs/manual/conditions.md shows is right.
class TestManual < LanguageTest
  PAGE = File.read(File.expand_path("../../docs/manual/conditions.md", __dir__), encoding: "UTF-8")
  BLOCKS = PAGE.scan(/^```ruby\n(.*?)^```$/m).flatten
  WORDS = PAGE[/^\| word \|.*?\n\n/m].lines.drop(2).grep(/^\|/).map {|line| line.scan(/`([^`]+)`/).flatten}

  def setup
    super
    write("192.0.2.0/24 ok\n", "c/lists/own-networks.cidr")
    write("a@b ok\n", "c/lists/senders")
    write("/x/ ok\n", "c/lists/senders.pcre")
  end

  def test_its_examples_are_a_configuration
    assert_operator(BLOCKS.size, :>, 5)
    result = snapshot("load('applicable-conditions/*.conf')\n#{BLOCKS.join("\n")}")
    assert_equal(["customers-filter"], result["milters"].map {|one| one["name"]})
    assert_equal(["Remote Network", "Customers", "Testers", "Volunteers", "Policy"], result["milters"].first["applicable_conditions"].map {|one| one["name"]})
  end

  def test_it_has_every_word_with_an_example
    described = WORDS.flat_map {|codes| codes.grep(/\A\w+:\z/)}.map {|code| code.chomp(":")}.uniq
    assert_equal((Milter::Manager::Terms::WORDS + ["at"]).sort, described.sort)
    WORDS.each do |codes|
      example = codes.last
      assert_match(/\A\w+: ./, example)
      rest = example.start_with?("at:") ? ', host: "x"' : ""
      snapshot("define_applicable_condition('C') {|condition| condition.skip_when(#{example}#{rest}) }\n")
    end
  end

  def table(first)
    PAGE.gsub("\\|", "\u0001")[/^\| #{first} \|.*?\n\n/m].lines.drop(2).grep(/^\|/).map {|line| line.tr("\u0001", "|").split(" | ")}
  end

  def test_the_values_of_its_words_are_taken
    words = {"a name" => "host", "an address" => "sender", "a client" => "client", "a macro or header" => "daemon_port"}
    rows = table("a text for")
    assert_equal(words.size, rows.size)
    rows.each do |cells|
      word = words.fetch(cells.first[/\A\| (a[^(]*?)(?: \(|\z)/, 1])
      examples = cells.last.scan(/`([^`]+)`/).flatten
      refute_empty(examples)
      examples.each {|example| rule_of("condition.skip_when(#{word}: #{example})")}
    end
    PAGE.scan(/`(->\(.*?)`/).flatten.each {|code| rule_of("condition.skip_when(host: #{code.sub("...", "true")})")}
  end

  def test_the_lines_of_its_tables_are_taken
    words = {"everything but `client`" => "sender", "everything" => "sender", "`client`" => "client"}
    tried = 0
    table("type").each do |types, line, for_what|
      word = words.fetch(for_what.chomp.delete_suffix(" |"))
      entries = line.split(":").first.split(";").first.scan(/`([^`]+)`/).flatten
      entries = ["bob@example.com", "/bob/"] if types.include?("`file:`")
      types.scan(/`(\w+):`/).flatten.product(entries) do |type, entry|
        write("#{entry}\n", "c/list")
        rule_of("condition.skip_when(#{entry.start_with?("192") ? "client" : word}: '#{type}:list')")
        tried += 1
      end
    end
    assert_operator(tried, :>, 25)
  end

  def test_the_objects_of_shipped_conditions_take_what_it_says
    stands_for = {"DOMAIN" => '"example.com"', "ANSWER" => '"127.0.0.2"', "ADDRESS" => '"192.0.2.53"', "NETWORK" => '"192.0.2.0/24"', "NUMBER" => "7",
                  "NAME" => '"mail.example.com"', "FILE" => '"domains"'}
    write("example.com\n", "c/domains")
    calls = PAGE[/^## Shipped conditions.*?^###/m].lines.grep(/^\| /).flat_map {|line| line.scan(/`([a-z0-9_]+\.[^`]+)`/).flatten}
    assert_operator(calls.size, :>, 9)
    code = calls.map {|call| call.gsub(/[A-Z]{4,}/, stands_for)}
    inline = PAGE.scan(/`(condition\.\w+\([^`.]*\))`/).flatten
    assert_operator(inline.size, :>, 1)
    snapshot("load('applicable-conditions/*.conf')\n#{code.join("\n")}\ndefine_applicable_condition('C') {|condition| #{inline.join("; ")} }\n")
  end

  def test_it_has_every_shipped_condition
    shipped = PAGE[/^## Shipped conditions.*?^###/m].scan(/^\| `([^`]+)`/).flatten
    assert_equal(shipped, snapshot("load('applicable-conditions/*.conf')\n")["conditions"].map {|one| one["name"]})
  end

  def test_it_has_every_stopper_with_its_arguments
    PAGE.scan(/^\| `define_(\w+)_stopper` \| ([^|]+) \|/).each do |name, arguments|
      assert_equal(Milter::Manager::Blocks::ARGUMENTS.fetch("#{name}_stopper").map(&:to_s), arguments.gsub(/ \(.*?\)/, "").split(", "))
    end
    assert_equal(9, PAGE.scan(/^\| `define_\w+_stopper`/).size)
  end

  def test_it_has_everything_of_the_context_and_of_the_shelf
    table = PAGE[/^The \*context\*:\n\n.*?\n\n/m].lines.grep(/^\| `/)
    described = table.flat_map {|line| line[/^\| (.*?) \|/, 1].scan(/`([^`]+)`/).flatten}
    methods = Milter::Manager::Worker::Context.public_instance_methods(false) - [:inspect]
    assert_equal(methods.sort, described.map {|call| call.sub(/\A\[NAME\] = VALUE\z/, "[]=").sub("[NAME]", "[]").to_sym}.sort)
    shelf = table.grep(/mail_transaction_shelf/).first
    ["`[KEY]`", "`[KEY] = VALUE`", "`delete(KEY)`", "`each`"].each {|call| assert_includes(shelf, call)}
    assert_equal(%i[[] []= delete each], Milter::Manager::Worker::Shelf.public_instance_methods(false).sort - %i[changes inspect texts])
  end
end
