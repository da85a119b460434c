require "ipaddr"
require "stringio"

require "language_test"
require "naive_truth"

# Lists in files, as Postfix has them (configuration 7.3): asked by code, and compared with by conditions.
class TestTables < LanguageTest
  include Milter::Manager

  CIDR = <<~TEXT
    # ours
    192.0.2.66     no
    192.0.2.0/24   ok and
      so on

    2001:db8::/32  six
    0.0.0.0/0      dunno
  TEXT
  REGEXP = <<~'TEXT'
    /^(.*)@test\.example\.com$/  user $1 ${1} $(1) costs $$
    !/@/                         not an address
    if /example\.net$/
    /^postmaster@/               no
    if !/^a/
    /^b/                         inner
    endif
    /^a/i                        small a
    endif
    |/slash$|                    other
  TEXT

  def truths(expression, facts_list)
    facts_list.map {|facts| NaiveTruth.new(facts).holds?(expression)}
  end

  def test_a_cidr_table_is_found_by_address
    table = PostfixCIDRTable.new.parse(StringIO.new(CIDR))
    assert_equal(["no", "ok and so on", "six", "dunno", nil, nil],
                 ["192.0.2.66", IPAddr.new("192.0.2.1"), Milter::SocketAddress::IPv6.new("2001:db8::1", 25), "8.8.8.8",
                  "2001:db9::1", Milter::SocketAddress::Unknown.new].map {|one| table.find(one)})
  end

  def test_a_regexp_table_is_found_by_text
    table = PostfixRegexpTable.new.parse(StringIO.new(REGEXP))
    {"Bob@TEST.example.com" => "user Bob Bob Bob costs $", "local" => "not an address", "postmaster@example.net" => "no",
     "bob@example.net" => "inner", "ann@example.net" => "small a", "Ann@example.net" => nil, "x@y/slash" => "other",
     "carl@example.net" => nil}.each {|text, action| action ? assert_equal(action, table.find(text), text) : assert_nil(table.find(text), text)}
  end

  def test_case_matters_only_when_the_flag_says_so
    table = PostfixRegexpTable.new.parse(StringIO.new("/one/ 1\n/two/i 2\n"))
    assert_equal(["1", nil, "2"], ["ONE", "TWO", "two"].map {|text| table.find(text)})
  end

  def test_an_inner_condition_and_its_negation
    table = PostfixRegexpTable.new.parse(StringIO.new("if /a/\nif !/b/\n/./ a without b\nendif\n/./ with b\nendif\n"))
    assert_equal(["a without b", "with b", nil], %w[a ab b].map {|text| table.find(text)})
  end

  def test_a_pcre_table_has_perls_flags
    table = PostfixPCRETable.new.parse(StringIO.new("/ a b /x 1\n/c/A 2\n"))
    assert_equal(["1", "2", nil], %w[xabx cx xc].map {|text| table.find(text)})
  end

  def test_a_hash_table_is_found_by_key
    table = PostfixHashTable.new.parse(StringIO.new("Example.com  OK\nb@x   no,\n  really\n"))
    assert_equal(["OK", "no, really", nil], ["EXAMPLE.com", "b@x", "c"].map {|text| table.find(text)})
  end

  def test_what_is_wrong_in_a_table_is_told_with_file_and_line
    {"/open" => "(table):1: invalid format </open>", "/x/" => "(table):1: invalid format </x/>",
     "/x/q y" => "(table):1: unknown flag: <q>: </x/q y>", "\n/(/ x" => "(table):2: end pattern with unmatched parenthesis: <(>: </(/ x>",
     "endif" => "(table):1: endif without if: <endif>: <endif>", "if /x/" => "(table):1: if without endif: <if>: <if>"}.each do |text, message|
      error = assert_raises(PostfixTable::Error, text) {PostfixRegexpTable.new.parse(StringIO.new(text))}
      assert_equal(message, error.message)
    end
    assert_equal("(table):1: invalid address: <foo>: <foo bar>",
                 assert_raises(PostfixTable::InvalidValueError) {PostfixCIDRTable.new.parse(StringIO.new("foo bar"))}.message)
    assert_equal("(table):1: invalid format <192.0.2.1>",
                 assert_raises(PostfixTable::InvalidFormatError) {PostfixCIDRTable.new.parse(StringIO.new("192.0.2.1"))}.message)
  end

  def test_code_can_use_a_table_of_the_load_path
    write(CIDR, "c/clients.cidr")
    snapshot('raise unless table("cidr:clients.cidr").find("192.0.2.66") == "no"')
  end

  def test_clients_of_a_cidr_table_with_exceptions
    write(CIDR.sub("dunno", "no"), "c/clients")
    expression = rule_of('condition.skip_when(client: "cidr:clients")')["stop"]
    assert_equal([false, true, true, false, false], truths(expression, [
      {address: "192.0.2.66"}, {address: "192.0.2.65"}, {address: "2001:db8::5"}, {address: "8.8.8.8"}, {address: "::1"}]))
  end

  def test_what_is_false_in_a_table_ends_the_search
    write("192.0.2.0/28 no\n192.0.2.0/24 ok\n198.51.100.1 dunno\n0.0.0.0/0 ok\n", "c/clients")
    expression = rule_of('condition.skip_when(client: ["192.0.2.3", "cidr:clients"])')["stop"]
    assert_equal([true, false, true, false, true], truths(expression, %w[192.0.2.3 192.0.2.4 192.0.2.200 198.51.100.1 9.9.9.9].map {|one| {address: one}}))
  end

  def test_clients_of_a_hash_table
    write("192.0.2 ok\n192.0.2.9 no\n2001:db8::1 ok\n", "c/clients")
    expression = rule_of('condition.skip_when(client: "hash:clients")')["stop"]
    assert_equal([true, false, true, false], truths(expression, %w[192.0.2.8 192.0.2.9 2001:db8::1 192.0.3.1].map {|one| {address: one}}))
  end

  def test_senders_of_a_hash_table_in_the_order_of_access_5
    write("example.com no\nalice@example.com ok\nroot@ ok\nexample.org ok\nroot@example.org no\n", "c/senders")
    expression = rule_of('condition.skip_when(sender: "hash:senders")')["stop"]
    senders = {"alice@example.com" => true, "bob@example.com" => false, "x@sub.example.org" => true, "root@example.net" => true,
               "root@example.org" => false, "root@example.com" => false, "x@notexample.org" => false}
    assert_equal(senders.values, truths(expression, senders.keys.map {|one| {sender: one}}))
  end

  def test_recipients_of_a_regexp_table_that_has_conditions
    write(REGEXP, "c/recipients")
    expression = rule_of('condition.skip_when(recipient: "regexp:recipients")')["stop"]
    recipients = {"bob@test.example.com" => true, "local" => true, "postmaster@example.net" => false, "bob@example.net" => true,
                  "carl@example.net" => false, "x@y/slash" => true, "x@y" => false}
    assert_equal(recipients.values, truths(expression, recipients.keys.map {|one| {recipient: one}}))
  end

  def test_hosts_of_a_list_and_of_a_hash_table
    write("# one a line\nmail.example.com\n.example.net\n/^dsl\\d/\n", "c/hosts")
    expression = rule_of('condition.skip_when(host: "file:hosts")')["stop"]
    hosts = {"MAIL.example.com" => true, "a.example.net" => true, "example.net" => true, "DSL1.example.org" => true, "adsl1" => false}
    assert_equal(hosts.values, truths(expression, hosts.keys.map {|one| {host: one}}))
    write("example.com ok\nbad.example.com no\n", "c/hosts")
    expression = rule_of('condition.skip_when(host: "hash:hosts")')["stop"]
    assert_equal([true, true, false], truths(expression, %w[example.com a.example.com x.bad.example.com].map {|one| {host: one}}))
  end

  def test_one_list_may_name_files_and_values_together
    write("b@x ok\n", "c/more")
    expression = rule_of('condition.apply_when(any_recipient: ["a@x", "hash:more"])')["stop"]
    assert_equal({"not" => {"recipients" => "any", "is" => ["a@x", "b@x"]}}, expression)
  end

  def test_a_long_list_is_one_pattern
    write((1..1000).map {|n| "user#{n}@example.com ok\n"}.join, "c/users")
    patterns = rule_of('condition.skip_when(sender: "hash:users")')["stop"]["sender"]
    assert_equal([1000], patterns.map {|one| one["texts"].size})
  end

  def test_the_place_of_a_regular_expression_of_a_table_is_kept
    write("# first\n/x/ ok\n", "c/senders")
    result = snapshot('define_applicable_condition("C") {|condition| condition.skip_when(sender: "pcre:senders") }')
    assert_equal("c/senders:2", condition(result, "C")["rules"].first["stop"]["sender"].first["location"])
  end

  def test_a_table_that_does_not_fit_or_is_wrong
    write("/x/ ok\n", "c/texts")
    write("192.0.2.1 ok\n", "c/networks")
    write("/(/ ok\n", "c/wrong")
    {'client: "regexp:texts"' => "a table of texts", 'sender: "cidr:networks"' => "a table of networks",
     'sender: "regexp:wrong"' => "c/wrong:1: end pattern with unmatched parenthesis"}.each do |words, expected|
      lines = complaints("define_applicable_condition('C') {|condition| condition.skip_when(#{words}) }\n")
      assert_equal(1, lines.size)
      assert_includes(lines.first, expected)
    end
  end
end
