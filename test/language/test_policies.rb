require "language_test"

# define_policy (configuration 10).
class TestPolicies < LanguageTest
  MILTERS = %w[a b c].map {|name| "define_milter('#{name}') {|milter| milter.enabled = false }\n"}.join

  # The rules of the condition "Policy" as the milter has it.
  def rules_of(result, name)
    milter = result["milters"].find {|one| one["name"] == name}
    bare(result["conditions"][milter["applicable_conditions"].last["condition"]]["rules"]).map {|rule| rule.values_at("at", "stop")}
  end

  def test_a_milter_is_asked_when_its_policies_fit_and_one_without_a_policy_never
    result = snapshot(<<~RUBY)
      #{MILTERS}define_policy("inside") do |policy|
        policy.milters = ["a", "b"]
        policy.host = /\\.example\\.com\\z/
        policy.address = "192.0.2.0/24"
        policy.fqdn = "mail.example.com"
        policy.from = "<alice@example.com>"
        policy.recipient = /@example\\.com/
      end
      define_policy("second") do |policy|
        policy.milters << "b"
        policy.from = /<.*example/
        policy.address = ->(address) {address.ipv6?}
      end
    RUBY
    first = [["connect", {"not" => {"client_in" => ["192.0.2.0/24"]}}],
             ["connect", {"not" => {"host" => [{"regexp" => '\.example\.com\z', "options" => ""}]}}],
             ["helo", {"not" => {"helo" => [{"text" => "mail.example.com", "exact" => true}]}}],
             ["mail", {"not" => {"sender" => [{"text" => "alice@example.com", "exact" => true}]}}],
             ["rcpt", {"not" => {"recipient" => [{"regexp" => "@example\\.com", "options" => ""}]}}]]
    assert_equal(first, rules_of(result, "a"))
    assert_equal([*first, ["connect", {"not" => {"ask" => 0}}], ["mail", {"not" => {"ask" => 1}}]], rules_of(result, "b"))
    assert_equal([["data", {"always" => true}]], rules_of(result, "c"))
    assert_equal(true, @loader.blocks.fetch(1).call(from: "<x@example.net>"))
  end

  def test_one_condition_is_shown_and_the_order_of_milters_stays
    result = snapshot("#{MILTERS}\ndefine_policy('p') {|policy| policy.milters = ['a'] }\n")
    assert_equal(%w[a b c], result["milters"].map {|one| one["name"]})
    assert_equal(["Policy"], result["conditions"].reject {|one| one["replaced"]}.map {|one| one["name"]})
    assert_equal(["c/milter-manager.conf:5"], result["conditions"].map {|one| one["location"]}.uniq)
    assert_equal([{"description" => "c/milter-manager.conf:5"}], result["conditions"].map {|one| one["locations"]}.uniq)
    assert_equal("c/milter-manager.conf:1", result["milters"].first["locations"]["define_milter"])
  end

  def test_without_a_policy_nothing_is_added
    assert_equal([], snapshot(MILTERS)["conditions"])
  end
end
