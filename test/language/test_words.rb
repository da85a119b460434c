require "language_test"

# The words of apply_when and skip_when, as expressions.
class TestWords < LanguageTest
  EXPRESSIONS = {
    'client: "192.0.2.1"' => {"client_in" => ["192.0.2.1"]},
    'client: "192.0.2.77/24"' => {"client_in" => ["192.0.2.0/24"]},
    'client: ["192.0.2.0/24", "2001:db8::/32", IPAddr.new("198.51.100.0/24")]' =>
      {"client_in" => %w[192.0.2.0/24 2001:db8::/32 198.51.100.0/24]},
    "client: :local" => {"client" => "local", "local" => [], "remote" => []},
    'client: [:remote, "10.1.0.0/16"]' =>
      {"any" => [{"client" => "remote", "local" => [], "remote" => []}, {"client_in" => ["10.1.0.0/16"]}]},
    "client: ->(address) {address.unix?}" => {"ask" => 0},
    "host: ->(host) {true}" => {"ask" => 0},
    "sender: ->(sender) {true}" => {"all" => [{"sender" => [{"regexp" => "", "options" => ""}]}, {"ask" => 0}]},
    "client_family: :ipv6" => {"client_family" => "inet6"},
    'client_family: "unix"' => {"client_family" => "unix"},
    'host: "mail.example.com"' => {"host" => ["mail.example.com"]},
    'host: ".example.com"' => {"host" => [{"domain" => "example.com"}]},
    'host: [/\Adsl\d/i, "unknown"]' => {"host" => [{"regexp" => '\Adsl\d', "options" => "i"}, "unknown"]},
    "helo: /^\\[/mx" => {"helo" => [{"regexp" => '^\[', "options" => "mx"}]},
    'sender: "alice@example.com"' => {"sender" => ["alice@example.com"]},
    'sender: "@example.com"' => {"sender" => [{"regexp" => '@example\.com\z', "options" => "i"}]},
    'sender: "@.example.com"' => {"sender" => [{"regexp" => '[@.]example\.com\z', "options" => "i"}]},
    'sender: "alice@"' => {"sender" => [{"regexp" => '\Aalice@', "options" => "i"}]},
    'sender: ""' => {"sender" => [""]},
    'sender_domain: ["example.com", ".example.net"]' => {"sender_domain" => ["example.com", {"domain" => "example.net"}]},
    "recipient: :postmaster" => {"recipient" => ["postmaster"]},
    'any_recipient: "@example.com"' => {"recipients" => "any", "is" => [{"regexp" => '@example\.com\z', "options" => "i"}]},
    'all_recipients: "a@b"' => {"recipients" => "all", "is" => ["a@b"]},
    'sender_or_recipient: "a@b"' => {"any" => [{"sender" => ["a@b"]}, {"recipients" => "any", "is" => ["a@b"]}]},
    "authenticated: true" => {"authenticated" => true},
    "authenticated: false" => {"not" => {"authenticated" => true}},
    "postfix: true" => {"postfix" => true},
    "daemon_port: 587" => {"macro" => "daemon_port", "is" => ["587"]},
    'daemon_name: "ORIGINATING"' => {"macro" => "daemon_name", "is" => ["ORIGINATING"]},
    'auth_type: ["PLAIN", "LOGIN"]' => {"macro" => "auth_type", "is" => %w[PLAIN LOGIN]},
    "auth_authen: /@example/" => {"macro" => "auth_authen", "is" => [{"regexp" => "@example", "options" => ""}]},
    "tls_version: true" => {"macro" => "tls_version"},
    "tls_version: false" => {"not" => {"macro" => "tls_version"}},
    'macro: {"{client_ptr}" => "x", cipher_bits: true}' =>
      {"all" => [{"macro" => "client_ptr", "is" => ["x"]}, {"macro" => "cipher_bits"}]},
    'header: {"X-Spam-Flag" => "YES"}' => {"header" => "X-Spam-Flag", "is" => ["YES"]},
    'header: {"List-Id" => true}' => {"header" => "List-Id", "is" => [{"regexp" => "", "options" => ""}]},
    'header: {"List-Id" => false}' => {"not" => {"header" => "List-Id", "is" => [{"regexp" => "", "options" => ""}]}},
    "at: :mail, larger_than: 1000" => {"size_over" => 1000},
    'at: :mail, larger_than: "10M"' => {"size_over" => 10 * 1024 * 1024},
    'at: :mail, larger_than: "2 kB"' => {"size_over" => 2048},
    'time: "22:00-06:00"' => {"time" => {"from" => "22:00", "to" => "06:00"}},
    'time: "08:30".."17:00", days: "mon-fri"' =>
      {"time" => {"from" => "08:30", "to" => "17:00", "days" => %w[mon tue wed thu fri]}},
    "days: [:saturday, \"Sun\"]" => {"time" => {"from" => "00:00", "to" => "24:00", "days" => %w[sat sun]}},
    'days: "sat-mon"' => {"time" => {"from" => "00:00", "to" => "24:00", "days" => %w[sat sun mon]}},
    "sessions_at_least: 100" => {"sessions_at_least" => 100},
    'result: {"clamav" => :reject}' => {"child" => "clamav", "said" => ["reject"]},
    'result: {"clamav" => ["reject", :temporary_failure]}' => {"child" => "clamav", "said" => %w[reject temporary-failure]},
    'listed_by: {"dnsbl.example.org" => "127.0.0.2"}' =>
      {"dnsbl" => {"services" => [{"domain" => "dnsbl.example.org", "expected" => "127.0.0.2"}], "name_servers" => [],
                   "timeout" => 5}},
    'host: "a", helo: "b"' => {"all" => [{"host" => ["a"]}, {"helo" => ["b"]}]},
    'any: {host: "a", helo: "b"}' => {"any" => [{"host" => ["a"]}, {"helo" => ["b"]}]},
    'any: [{host: "a", helo: "b"}, {postfix: true}]' =>
      {"any" => [{"all" => [{"host" => ["a"]}, {"helo" => ["b"]}]}, {"postfix" => true}]},
    'none: {host: "a", helo: "b"}' => {"not" => {"any" => [{"host" => ["a"]}, {"helo" => ["b"]}]}},
    'all: [{host: "a"}, {none: {host: "b"}}]' => {"all" => [{"host" => ["a"]}, {"not" => {"host" => ["b"]}}]},
  }.freeze

  def test_each_word
    EXPRESSIONS.each do |words, expression|
      assert_equal({"stop" => expression}, rule_of("condition.skip_when(#{words})").except("at"), words)
    end
  end

  def test_every_word_has_an_example
    used = EXPRESSIONS.keys.join(" ").scan(/(\w+):\s/).flatten
    assert_equal([], Milter::Manager::Terms::WORDS - used - %w[daemon_addr if_name if_addr])
  end

  def test_apply_when_stops_the_milter_unless_it_holds
    assert_equal({"stop" => {"not" => {"host" => ["a"]}}}, rule_of('condition.apply_when(host: "a")'))
    assert_equal({"stop" => {"authenticated" => true}}, rule_of("condition.apply_when(authenticated: false)"))
  end

  def test_the_stage_can_be_chosen
    assert_equal({"at" => "mail", "stop" => {"host" => ["a"]}}, rule_of('condition.skip_when(host: "a", at: :mail)'))
    assert_equal("rcpt", rule_of('condition.skip_when(host: "a", at: "envelope-recipient")')["at"])
  end

  def test_a_large_mail_is_skipped_when_it_is_announced_and_when_it_has_come
    result = snapshot("define_applicable_condition('C') {|condition| condition.skip_when(larger_than: 5) }\n")
    assert_equal([{"at" => "mail", "stop" => {"size_over" => 5}}, {"stop" => {"size_over" => 5}}], rules(result, "C"))
  end

  def test_macros_are_set_for_the_milter
    assert_equal({"at" => "connect", "set" => {"x" => "yes", "y" => {"macro" => "j"}}, "when" => {"postfix" => true},
                  "unset_only" => true},
                 rule_of('condition.set_macros({"{x}" => :yes, y: {macro: "j"}}, at: :connect, when: {postfix: true}, only_unset: true)'))
    assert_equal({"set" => {"x" => "1"}, "when" => {"always" => true}}, rule_of('condition.set_macros({"x" => 1})'))
  end

  REFUSED = {
    "bogus: 1" => "unknown word bogus:; one of",
    "clinet: 1" => "unknown word clinet:; the nearest known one is client:",
    'client: "foo"' => 'client is "foo"; an address, a network ("192.0.2.0/24"), :local, :remote, a table ("cidr:FILE")',
    "client: []" => "client is an empty list; an address",
    "host: 3.5" => 'host is 3.5; a text ("mail.example.com", ".example.com"), a regular expression',
    "client_family: :ipx" => "client_family is :ipx; :ipv4, :ipv6, :unix or :unknown is allowed",
    "authenticated: 1" => "authenticated is 1; true or false is allowed",
    'macro: "x"' => 'macro is "x"; {"NAME" => VALUE} is allowed',
    'larger_than: "big"' => 'larger_than is "big"; a number of bytes, or a text like "10M" is allowed',
    'time: "25:00-26:00"' => 'time is "25:00-26:00"; a text like "22:00-06:00" is allowed',
    'days: "moonday-x"' => 'days is "moonday-x"; names of days ("mon")',
    "sessions_at_least: 0" => "sessions_at_least is 0; an integer from 1 is allowed",
    'result: "x"' => 'result is "x"; {"MILTER" => :reject} is allowed',
    'listed_by: {"x" => "y"}' => "listed_by is",
    "any: {}" => "any:, all: or none: is {}; {WORD: VALUE, ...} or an array of these is allowed",
    "any: {hots: 1}" => "unknown word hots:; the nearest known one is host:",
    "" => "says nothing; words like client: or recipient: are needed",
    "5" => "5; words like client:",
    'host: "a", at: :bogus' => "at is :bogus; one of connect, helo, mail, rcpt, data, header, end_of_headers, body, " \
                               "end_of_message is allowed",
    'host: "hash:missing"' => 'host is "hash:missing": missing doesn\'t exist.',
    "any_recipient: ->(address) {true}" => "any_recipient is",
  }.freeze

  def test_what_is_wrong_is_told_with_its_line_and_what_is_allowed
    REFUSED.each do |words, expected|
      lines = complaints("define_applicable_condition('C') do |condition|\n  condition.skip_when(#{words})\nend\n")
      assert_equal(1, lines.size, words)
      prefix = 'c/milter-manager.conf:2: define_applicable_condition("C"): condition.skip_when: '
      assert(lines.first.start_with?(prefix + expected), "#{words}: #{lines.first}")
    end
  end

  def test_all_that_is_wrong_is_told_at_once
    assert_equal(2, complaints(<<~RUBY).size)
      define_applicable_condition("C") do |condition|
        condition.skip_when(bogus: 1)
        condition.apply_when(hots: 1)
      end
    RUBY
  end
end
