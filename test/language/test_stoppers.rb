require "language_test"

# define_applicable_condition and its nine stoppers (configuration 6).
class TestStoppers < LanguageTest
  STAGES = {"connect" => "connect", "helo" => "helo", "envelope_from" => "mail", "envelope_recipient" => "rcpt",
            "data" => "data", "header" => "header", "end_of_header" => "end_of_headers", "body" => "body",
            "end_of_message" => "end_of_message"}.freeze
  KNOWN = {context: :c, host: "h", address: :a, fqdn: "f", from: "<s@d>", recipient: "<r@d>", name: "n", value: "v",
           chunk: "b"}.freeze
  ARGUMENTS = {"connect" => [:c, "h", :a], "helo" => [:c, "f"], "envelope_from" => [:c, "<s@d>"],
               "envelope_recipient" => [:c, "<r@d>"], "data" => [:c], "header" => [:c, "n", "v"],
               "end_of_header" => [:c], "body" => [:c, "b"], "end_of_message" => [:c]}.freeze

  def test_each_stopper_is_a_question_at_its_stage
    STAGES.each do |name, stage|
      result = snapshot("define_applicable_condition('C') do |condition|\n  condition.define_#{name}_stopper {|*all| all}\nend\n")
      assert_equal([{"at" => stage, "stop" => {"ask" => 0, "location" => "c/milter-manager.conf:2"},
                     "location" => "c/milter-manager.conf:2"}], condition(result, "C")["rules"])
      assert_equal(ARGUMENTS[name], @loader.blocks.fetch(0).call(KNOWN))
    end
  end

  def test_blocks_take_fewer_arguments_and_objects_with_call_are_fine
    snapshot(<<~RUBY)
      one = Object.new
      def one.call(context, host, address) = [address, host]
      define_applicable_condition("C") do |condition|
        condition.define_header_stopper {|context| [context]}
        condition.define_connect_stopper(one)
      end
    RUBY
    assert_equal([[:c], [:a, "h"]], @loader.blocks.all.map {|block| block.call(KNOWN)})
  end

  def test_code_in_lists_gets_bare_values
    text = %w[host helo sender sender_domain recipient client].map {|word| "condition.skip_when(#{word}: ->(one) {one})"}.join("\n")
    snapshot("define_applicable_condition('C') do |condition|\n#{text}\nend\n")
    assert_equal(["h", "f", "S@d.E", "d.e", "r@d", :a], @loader.blocks.all.map {|block| block.call(KNOWN.merge(from: "<S@d.E>"))})
    assert_equal(["", ""], @loader.blocks.all.values_at(2, 3).map {|block| block.call(from: "<>")})
  end

  def test_several_stoppers_are_rules_in_order
    result = snapshot(<<~RUBY)
      define_applicable_condition("C") do |condition|
        condition.define_helo_stopper { 1 }
        condition.define_connect_stopper { 2 }
        condition.define_connect_stopper { 3 }
      end
    RUBY
    assert_equal([["helo", 1], ["connect", 2], ["connect", 3]], condition(result, "C")["rules"].map do |rule|
      [rule["at"], @loader.blocks.fetch(rule["stop"]["ask"]).call(KNOWN)]
    end)
  end

  def test_a_stopper_needs_code
    assert_equal(['c/milter-manager.conf:2: define_applicable_condition("C"): define_data_stopper needs a block or an ' \
                  "object with call"], complaints("define_applicable_condition('C') do |condition|\n  condition.define_data_stopper\nend\n"))
  end

  def test_name_description_and_data
    result = snapshot(<<~RUBY)
      define_applicable_condition("C") do |condition|
        raise unless condition.name == "C" && condition.description.nil? && condition.data.nil?
        condition.description = "what it is for"
        condition.data = "mine"
        raise unless condition.description == "what it is for" && condition.data == "mine"
      end
    RUBY
    assert_equal({"name" => "C", "description" => "what it is for", "location" => "c/milter-manager.conf:1",
                  "locations" => {"description" => "c/milter-manager.conf:3"}, "replaced" => false, "rules" => []},
                 condition(result, "C"))
  end

  def test_a_description_is_a_text
    assert_equal(['c/milter-manager.conf:1: define_applicable_condition("C"): condition.description is 3; a text, or nil ' \
                  "is allowed"], complaints("define_applicable_condition('C') {|condition| condition.description = 3}\n"))
  end

  def test_a_redefinition_keeps_description_and_data_but_no_stopper_and_goes_to_the_end
    result = snapshot(<<~RUBY)
      define_applicable_condition("A") do |condition|
        condition.description = "first"
        condition.data = "mine"
        condition.define_connect_stopper { true }
      end
      define_applicable_condition("B") {|condition| }
      define_applicable_condition("A") do |condition|
        raise unless condition.description == "first" && condition.data == "mine"
        condition.define_data_stopper { true }
      end
    RUBY
    assert_equal(%w[B A], result["conditions"].map {|one| one["name"]})
    assert_equal("c/milter-manager.conf:7", condition(result, "A")["location"])
    assert_equal({"description" => "c/milter-manager.conf:2"}, condition(result, "A")["locations"])
    assert_equal(%w[data], condition(result, "A")["rules"].map {|rule| rule["at"]})
  end

  def test_milters_keep_the_definition_that_they_were_given
    result = snapshot(<<~RUBY)
      define_applicable_condition("A") {|condition| condition.define_connect_stopper { 1 } }
      define_milter("old") {|milter| milter.add_applicable_condition("A") }
      define_applicable_condition("A") {|condition| condition.define_connect_stopper { 2 } }
      define_milter("new") {|milter| milter.applicable_conditions = ["A"] }
      define_milter("both") {|milter| milter.applicable_conditions = ["A", "A"] }
    RUBY
    assert_equal([true, false], result["conditions"].map {|one| one["replaced"]})
    assert_equal({"old" => [[0, "c/milter-manager.conf:2"]], "new" => [[1, nil]], "both" => [[1, nil], [1, nil]]},
                 result["milters"].to_h {|one| [one["name"], one["applicable_conditions"].map {|item| item.values_at("condition", "location")}]})
  end

  def test_a_block_that_raises_leaves_nothing_of_its_definition
    result = snapshot(<<~RUBY)
      define_applicable_condition("A") {|condition| condition.description = "kept" }
      begin
        define_applicable_condition("A") {|condition| condition.description = "lost"; raise "no" }
      rescue RuntimeError
      end
    RUBY
    assert_equal(["kept"], result["conditions"].map {|one| one["description"]})
  end

  def test_an_unknown_attribute_is_an_error_with_its_line
    lines = complaints("define_applicable_condition('A') do |condition|\n  condition.bogus = 1\nend\nmanager.n_workers = 1\n")
    assert_equal(1, lines.size)
    assert_match(%r{\Ac/milter-manager\.conf:2: NoMethodError: undefined method `bogus='}, lines.first)
  end
end

# milter.applicable_conditions (configuration 5).
class TestApplicableConditions < LanguageTest
  CONDITIONS = %w[A B].map {|name| "define_applicable_condition('#{name}') {|condition| }\n"}.join

  def applied(text)
    snapshot(CONDITIONS + text)["milters"].last["applicable_conditions"].map {|one| one.values_at("name", "location")}
  end

  def test_by_assignment_and_by_adding
    assert_equal([["A", nil], ["B", "c/milter-manager.conf:5"], ["B", "c/milter-manager.conf:6"]], applied(<<~RUBY))
      define_milter("m") do |milter|
        milter.applicable_conditions = ["A"]
        milter.add_applicable_condition("B")
        milter.add_applicable_condition("B")
      end
    RUBY
  end

  def test_the_reader_gives_conditions_so_that_they_can_be_added_to_and_filtered
    assert_equal([["A", nil], ["B", nil]], applied(<<~RUBY))
      define_milter("m") {|milter| milter.applicable_conditions += ["A"] }
      define_milter("m") do |milter|
        raise unless milter.applicable_conditions.map(&:name) == ["A"]
        milter.applicable_conditions += [:B]
      end
    RUBY
    assert_equal([["B", nil]], applied(<<~RUBY))
      define_milter("m") do |milter|
        milter.applicable_conditions = ["A", "B"]
        milter.applicable_conditions = milter.applicable_conditions.reject {|condition| condition.name == "A"}
      end
    RUBY
    assert_equal([["A", nil]], applied(<<~RUBY))
      define_milter("m") do |milter|
        milter.applicable_conditions = ["A", "B"]
        milter.remove_applicable_condition("B")
      end
    RUBY
    assert_equal([["B", nil]], applied(<<~RUBY))
      define_milter("m") do |milter|
        milter.applicable_conditions = ["A", "B"]
        milter.applicable_conditions -= ["A"]
      end
    RUBY
    assert_equal([], applied("define_milter('m') {|milter| milter.applicable_conditions = ['A']; milter.applicable_conditions = nil }\n"))
  end

  def test_what_is_no_condition_is_told_with_those_that_are
    assert_equal([
      'c/milter-manager.conf:4: define_milter("m"): milter.applicable_conditions names "C"; a condition that was defined ' \
      'before is allowed: ["A", "B"]',
      'c/milter-manager.conf:5: define_milter("m"): milter.applicable_conditions names "D"; a condition that was defined ' \
      'before is allowed: ["A", "B"]',
      'c/milter-manager.conf:6: define_milter("m"): milter.applicable_conditions is "A"; an array of names of conditions ' \
      "is allowed",
    ], complaints(<<~RUBY))
      #{CONDITIONS}define_milter("m") do |milter|
        milter.applicable_conditions = ["A", "C"]
        milter.add_applicable_condition("D")
        milter.applicable_conditions = "A"
      end
      define_applicable_condition("C") {|condition| }
    RUBY
  end
end
