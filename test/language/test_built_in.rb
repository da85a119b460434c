require "language_test"
require "naive_truth"

# The conditions of conf/applicable-conditions and their objects (configuration 8).
class TestBuiltIn < LanguageTest
  LOAD = "load('applicable-conditions/*.conf')\n".freeze
  DESCRIPTIONS = {
    "Authenticated" => "Apply a milter only when sender is authorized",
    "Unauthenticated" => "Apply a milter only when sender is not authorized",
    "DNSBL Listed" => "Apply a milter only when connected host is listed in DNS-based Blackhole List",
    "Not DNSBL Listed" => "Apply a milter only when connected host is not listed in DNS-based Blackhole List",
    "Remote Network" => "Apply milter only if connected from remote network",
    "S25R" => "Selective SMTP Rejection",
    "Sendmail Compatible" => "Make a milter depends on Sendmail workable with Postfix",
    "Stress Notify" => "Define stress=yes macro when stress situation",
    "No Stress" => "Apply milter only when normal condition",
    "Trust" => "Set {trusted_*}=yes macros for trusted session",
  }.freeze
  IPV4 = Milter::SocketAddress::IPv4.new("192.0.2.1", 25)
  IPV6 = Milter::SocketAddress::IPv6.new("2001:db8::1", 25)

  def stop_of(text, name)
    rules(snapshot(LOAD + text), name).first["stop"]
  end

  def stopped?(expression, **facts)
    NaiveTruth.new(facts).holds?(expression)
  end

  def test_all_are_there_in_their_order_and_need_no_ruby_later
    result = snapshot(LOAD)
    assert_equal(DESCRIPTIONS, result["conditions"].to_h {|one| one.values_at("name", "description")})
    assert_equal(DESCRIPTIONS.keys, result["conditions"].map {|one| one["name"]})
    assert_equal([], @loader.blocks.all)
    refute_includes(JSON.generate(result["conditions"]), '"ask"')
  end

  def test_authenticated_and_unauthenticated
    assert_equal({"not" => {"authenticated" => true}}, stop_of("", "Authenticated"))
    assert_equal({"authenticated" => true}, stop_of("", "Unauthenticated"))
  end

  HOSTS = {
    "mail.example.com" => false, "unknown" => true, "[192.0.2.1]" => true, "220-139-165-188.dynamic.example.net" => true,
    "yh123456.example.com" => true, "398pkj.cm.chello.example.no" => true, "wbar9.chi1-4-11-085-222.dsl.example.net" => true,
    "m226.net81-66-158.example.net" => true, "d5.g194.example.co.uk" => true, "dhcp0339.example.jp" => true,
    "adsl-1415.example.net" => true, "mx1.example.org" => false, "smtp2-1.example.org" => true,
    "mail-wm0-12345.google.com" => false, "o1.1-2-3.sendgrid.net" => false, "a1-2.notgoogle.com" => true,
  }.freeze

  def test_s25r_stops_milters_for_hosts_that_look_like_mail_servers
    stop = stop_of("", "S25R")
    HOSTS.each do |host, suspect|
      assert_equal(!suspect, stopped?(stop, host: host, address: "192.0.2.1"), host)
      assert(stopped?(stop, host: host, address: "2001:db8::1"), host)
    end
  end

  def test_s25r_lists_can_be_added_to_in_every_form
    stop = stop_of(<<~'RUBY', "S25R")
      s25r.add_whitelist(/\.example\.net\z/)
      s25r.add_whitelist("adsl-1.example.org")
      s25r.add_blacklist("odd.example.com")
      s25r.only_check_ipv4 = false
      raise unless s25r.only_check_ipv4? == false
    RUBY
    {"adsl-1.example.net" => false, "adsl-1.example.org" => false, "odd.example.com" => true, "adsl-1.example.com" => true}.each do |host, suspect|
      assert_equal(!suspect, stopped?(stop, host: host, address: "2001:db8::1"), host)
    end
  end

  def test_s25r_asks_ruby_for_code_in_its_lists_and_for_nothing_else
    stop = stop_of(<<~RUBY, "S25R")
      s25r.add_whitelist {|host| host == "one"}
      s25r.add_blacklist(->(host) {host == "two"})
      s25r.check_only_ipv4 = false
    RUBY
    text = JSON.generate(stop)
    assert_equal([0, 1], text.scan(/"ask":(\d+)/).flatten.map(&:to_i))
    assert_includes(text, "sendgrid")
    assert_equal([true, false], %w[one two].map {|host| @loader.blocks.fetch(0).call(host: host)})
    assert_equal([false, true], %w[one two].map {|host| @loader.blocks.fetch(1).call(host: host)})
  end

  def test_s25r_for_code
    snapshot(LOAD)
    s25r = @loader.s25r
    assert_equal([true, false, true], [s25r.white?("x.google.com", IPV4), s25r.white?("x", IPV4), s25r.white?("x", IPV6)])
    assert_equal([true, false], [s25r.black?("unknown", IPV4), s25r.black?("mail.example.com", IPV4)])
  end

  def test_what_cannot_be_compared_is_told
    assert_match(/\Ac\/milter-manager\.conf:2: ArgumentError: nothing to compare with/, complaints("#{LOAD}s25r.add_whitelist\n").first)
  end

  def test_remote_network
    stop = stop_of('remote_network.add_local_address("203.0.113.0/24")
                    remote_network.add_remote_address(IPAddr.new("192.168.9.0/24"))', "Remote Network")
    assert_equal({"not" => {"client" => "remote", "local" => ["203.0.113.0/24"], "remote" => ["192.168.9.0/24"]}}, stop)
    {"127.0.0.1" => true, "10.1.1.1" => true, "203.0.113.9" => true, "192.168.8.1" => true, "192.168.9.1" => false,
     "8.8.8.8" => false, "fe80::1" => true, "2001:db8::1" => false, nil => true}.each do |address, stopped|
      assert_equal(stopped, stopped?(stop, address: address), address.inspect)
    end
    line = complaints("#{LOAD}remote_network.add_local_address('mail.example.com')\n").first
    assert_match(/\Ac\/milter-manager\.conf:2: IPAddr::InvalidAddressError: invalid address: "mail\.example\.com"; an address/, line)
  end

  def test_stress
    assert_equal({"sessions_at_least" => 75}, stop_of("stress.threshold_n_connections = 75", "No Stress"))
    assert_equal({"always" => false}, stop_of("stress.threshold_n_connections = 0", "No Stress"))
    result = snapshot("#{LOAD}stress.threshold_n_connections = 5\n")
    assert_equal([{"at" => "connect", "set" => {"stress" => "yes"}, "when" => {"sessions_at_least" => 5}}], rules(result, "Stress Notify"))
  end

  def test_trust
    write("# mine\n\nExample.COM\n/\\.example\\.net\\z/\n", "c/trusted")
    result = snapshot(<<~RUBY)
      #{LOAD}trust.load_envelope_from_domains("trusted")
      trust.add_envelope_from_domain("Example.org")
      trust.add_envelope_from_domain(/\\.example\\.jp\\z/)
      raise "1" unless trust.trusted_envelope_from_domain?("<a@example.ORG>")
      raise "2" if trust.trusted_envelope_from_domain?("<a@example.de>") || trust.trusted_envelope_from_domain?("<>")
    RUBY
    rule = rules(result, "Trust").first
    assert_equal(["mail", {"trusted_domain" => "yes"}], rule.values_at("at", "set"))
    {"a@gmail.com" => true, "a@clear-code.com" => true, "a@EXAMPLE.com" => true, "a@x.example.net" => true, "a@example.net" => false,
     "a@example.org" => true, "a@b.example.jp" => true, "a@mail.gmail.com" => false, "" => false}.each do |sender, trusted|
      assert_equal(trusted, NaiveTruth.new(sender: sender).holds?(rule["when"]), sender)
    end
  end

  def test_trust_can_begin_with_nothing_and_take_code
    result = snapshot("#{LOAD}trust.clear\n")
    assert_equal({"always" => false}, rules(result, "Trust").first["when"])
    result = snapshot("#{LOAD}trust.clear\ntrust.add_envelope_from_domain {|domain| domain == \"x\"}\n")
    assert_equal({"ask" => 0}, rules(result, "Trust").first["when"])
    assert(@loader.blocks.fetch(0).call(from: "<a@X>"))
  end

  def test_trust_tells_what_is_wrong_in_its_file
    write("a\n/(/\n", "c/trusted")
    assert_match(%r{\Ac/trusted:2: end pattern with unmatched parenthesis}, complaints("#{LOAD}trust.load_envelope_from_domains('trusted')\n").first)
    assert_match(/NonexistentPath: missing doesn't exist/, complaints("#{LOAD}trust.load_envelope_from_domains('missing')\n").first)
  end

  def test_dnsbl
    stop = stop_of(<<~RUBY, "Not DNSBL Listed")
      dnsbl.add_service("dnsbl.example.net")
      dnsbl.add_service("dnsbl.example.org", "127.0.0.4")
      dnsbl.name_server = "192.0.2.53"
      dnsbl.name_servers = ["192.0.2.54", "192.0.2.55:5353"]
    RUBY
    services = stop["dnsbl"]["services"].map {|one| one.values_at("domain", "expected")}
    assert_equal([["zen.spamhaus.org", "127.0.0.10/31"], ["dnsbl.sorbs.net", "127.0.0.10"], ["bl.spamcop.net", "127.0.0.2"],
                  ["b.barracudacentral.org", "127.0.0.2"], ["dnsbl.example.net", nil], ["dnsbl.example.org", "127.0.0.4"]], services)
    assert_equal(["192.0.2.53", "192.0.2.54", "192.0.2.55:5353"], stop["dnsbl"]["name_servers"])
    assert_equal({"not" => stop}, stop_of("dnsbl.add_service('dnsbl.example.net')
      dnsbl.add_service('dnsbl.example.org', '127.0.0.4')
      dnsbl.name_servers = ['192.0.2.53', '192.0.2.54', '192.0.2.55:5353']", "DNSBL Listed"))
  end

  def test_sendmail_compatible_sets_what_postfix_does_not_send
    assert_equal([{"at" => "connect", "set" => {"if_addr" => {"macro" => "daemon_addr"}, "if_name" => {"macro" => "j"}},
                   "when" => {"postfix" => true}, "unset_only" => true},
                  {"at" => "mail", "set" => {"i" => "dummy-id"}, "when" => {"postfix" => true}, "unset_only" => true}],
                 rules(snapshot(LOAD), "Sendmail Compatible"))
  end

  def test_the_objects_exist_only_when_their_file_was_loaded
    %w[s25r remote_network stress trust dnsbl].each do |name|
      assert_match(/NameError: undefined local variable or method `#{name}'/, complaints("#{name}\n").first)
    end
  end

  def test_lists_may_be_changed_after_milters_were_defined
    result = snapshot(<<~RUBY)
      #{LOAD}define_milter("m") {|milter| milter.add_applicable_condition("Trust") }
      trust.clear
      trust.add_envelope_from_domain("late.example.com")
    RUBY
    assert_equal([{"sender_domain" => ["late.example.com"]}], rules(result, "Trust").map {|rule| rule["when"]})
  end
end

class TestRestrictAccounts < LanguageTest
  LOAD = TestBuiltIn::LOAD + %w[a b c].map {|name| "define_milter('#{name}') {|milter| milter.enabled = false; milter.fallback_status = 'reject' }\n"}.join

  def test_by_list_is_evaluated_without_ruby
    result = snapshot("#{LOAD}restrict_accounts_by_list('Bob@example.com', /@test\\.example\\.com\\z/, condition_name: 'Testers', milters: ['b'])\n")
    each, whole = rules(result, "Testers")
    assert_equal(%w[rcpt data], [each["at"], whole["at"]])
    assert_equal("Restrict milters to specified accounts", condition(result, "Testers")["description"])
    {%w[Bob@example.com] => false, %w[bob@example.com] => true, %w[x@test.example.com Bob@example.com] => false,
     %w[x@test.example.com x@example.com] => true}.each do |recipients, stopped|
      assert_equal(stopped, NaiveTruth.new(recipients: recipients).holds?(whole["stop"]), recipients.inspect)
      assert_equal(stopped, recipients.any? {|one| NaiveTruth.new(recipient: one).holds?(each["stop"])})
    end
    assert_equal([%w[a c b], "reject"], [result["milters"].map {|one| one["name"]}, result["milters"].last["fallback_status"]])
    assert_equal(["Testers"], result["milters"].last["applicable_conditions"].map {|one| one["name"]})
  end

  def test_the_name_has_a_default_and_all_milters_are_meant
    result = snapshot("#{LOAD}restrict_accounts_by_list('bob@example.com')\n")
    name = 'Restrict Accounts by List: ["bob@example.com"]'
    assert_equal([[name], [name], [name]], result["milters"].map {|one| one["applicable_conditions"].map {|item| item["name"]}})
  end

  def test_a_list_with_code_asks_ruby
    result = snapshot("#{LOAD}restrict_accounts_by_list('bob@example.com', ->(recipient) {recipient == 'x'}, condition_name: 'C')\n")
    assert_includes(JSON.generate(rules(result, "C")), '"ask":0')
    assert_equal([true, true, false], %w[bob@example.com x y].map {|one| @loader.blocks.fetch(0).call(context: nil, recipient: "<#{one}>")})
  end

  def test_a_block_decides_for_each_recipient_and_marks_the_message
    result = snapshot("#{LOAD}restrict_accounts_generic(condition_name: 'C', milters: ['a']) {|context, recipient| recipient == context }\n")
    assert_equal([{"at" => "rcpt", "set" => {"have-not-restricted-account" => "true"}, "when" => {"not" => {"ask" => 0}}},
                  {"at" => "rcpt", "stop" => {"not" => {"ask" => 0}}},
                  {"at" => "data", "stop" => {"macro" => "have-not-restricted-account", "is" => [{"text" => "true", "exact" => true}]}}],
                 rules(result, "C"))
    assert_equal([true, false], %w[x y].map {|one| @loader.blocks.fetch(0).call(context: "x", recipient: "<#{one}>")})
  end

  def test_options_may_be_missing_or_an_old_hash
    result = snapshot("#{LOAD}restrict_accounts_generic {|context, recipient| true }\n" \
                      "restrict_accounts_generic({:condition_name => 'H', :milters => ['c']}) {|context, recipient| true }\n")
    assert_equal([["a", ["Restrict Accounts"]], ["b", ["Restrict Accounts"]], ["c", ["Restrict Accounts", "H"]]],
                 result["milters"].map {|one| [one["name"], one["applicable_conditions"].map {|item| item["name"]}]})
    assert_match(/ArgumentError: restrict_accounts_generic needs a block/, complaints("#{LOAD}restrict_accounts_generic\n").first)
  end
end
