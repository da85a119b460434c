require "language_test"

# What users have in their files, unchanged: each means what it meant (configuration 0).
class TestIdioms < LanguageTest
  DETECTED = <<~RUBY.freeze
    load("applicable-conditions/*.conf")
    %w[milter-greylist clamav-milter spamass-milter].each do |name|
      define_milter(name) do |milter|
        milter.connection_spec = "unix:/run/\#{name}.sock"
        milter.fallback_status = "temporary-failure"
        milter.applicable_conditions = ["Remote Network", "Unauthenticated"]
      end
    end
  RUBY

  # What a worker gives to blocks.
  Context = Struct.new(:macros, :children, :mail_transaction_shelf, :status, keyword_init: true) do
    def [](name) = macros[name]
    def reject? = status == :reject
    def accept? = status == :accept
  end

  def milters(result)
    result["milters"].to_h {|one| [one["name"], one.merge("applicable_conditions" => one["applicable_conditions"].map {|item| item["name"]})]}
  end

  # Calls the blocks of a condition, each with what is known.
  def answers(result, name, known)
    condition(result, name)["rules"].to_h {|rule| [rule["at"], @loader.blocks.fetch(rule["stop"]["ask"]).call(known)]}
  end

  def test_a_detected_milter_is_changed_by_defining_it_again
    result = snapshot(<<~RUBY)
      #{DETECTED}define_milter("clamav-milter") do |milter|
        milter.connection_spec = "inet:10026@localhost"
        milter.applicable_conditions -= milter.applicable_conditions
        milter.reading_timeout = 60
      end
    RUBY
    changed = milters(result)["clamav-milter"]
    assert_equal(["inet:10026@localhost", [], 60, "temporary-failure"], changed.values_at("connection_spec", "applicable_conditions", "reading_timeout", "fallback_status"))
    assert_equal(%w[milter-greylist spamass-milter clamav-milter], milters(result).keys)
  end

  def test_milters_are_removed_and_disabled_in_a_loop
    result = snapshot(<<~RUBY)
      #{DETECTED}["clamav-milter", "unknown"].each {|name| remove_milter(name)}
      defined_milters.each do |name|
        define_milter(name) {|milter| milter.enabled = false}
      end
    RUBY
    assert_equal({"milter-greylist" => false, "spamass-milter" => false}, milters(result).transform_values {|one| one["enabled"]})
  end

  def test_milters_are_removed_while_one_walks_through_them
    assert_equal([], snapshot("#{DETECTED}defined_milters.each {|name| remove_milter(name)}\n")["milters"])
  end

  def test_a_condition_is_added_to_all_milters
    result = snapshot(<<~RUBY)
      #{DETECTED}defined_milters.each do |name|
        define_milter(name) {|milter| milter.applicable_conditions += ["No Stress"]}
      end
    RUBY
    assert_equal([["Remote Network", "Unauthenticated", "No Stress"]], milters(result).values.map {|one| one["applicable_conditions"]}.uniq)
    assert_equal(%w[milter-greylist clamav-milter spamass-milter], milters(result).keys)
  end

  def test_a_local_file_with_lists_and_networks
    write("example.com\n/\\.example\\.net\\z/\n", "c/trusted.list")
    write(<<~'RUBY', "c/milter-manager.local.conf")
      s25r.add_whitelist(/\.our\.example\.com\z/)
      s25r.add_blacklist(/\A.*\.evil\.example\z/)
      ["203.0.113.0/24", "2001:db8::/32"].each {|network| remote_network.add_local_address(network)}
      trust.load_envelope_from_domains("trusted.list")
      stress.threshold_n_connections = 100
    RUBY
    result = snapshot("#{DETECTED}load_if_exist('milter-manager.local.conf')\n")
    text = JSON.generate(result["conditions"])
    ["our", "evil", "203.0.113.0/24", "2001:db8::/32", "example.com", '"sessions_at_least":100'].each {|one| assert_includes(text, one)}
    refute_includes(text, '"ask"')
  end

  def test_a_condition_that_looks_at_another_milters_result
    result = snapshot(<<~RUBY)
      define_applicable_condition("Clean") do |condition|
        condition.description = "Only for mail that the virus scanner accepts"
        condition.define_end_of_message_stopper do |context|
          scanner = context.children["clamav-milter"]
          scanner && scanner.reject?
        end
      end
    RUBY
    known = ->(status) {{context: Context.new(children: {"clamav-milter" => Context.new(status: status)})}}
    assert_equal([true, false], %i[reject accept].map {|status| answers(result, "Clean", known.call(status))["end_of_message"]})
    assert_nil(answers(result, "Clean", {context: Context.new(children: {})})["end_of_message"])
  end

  def test_a_condition_that_remembers_across_stages
    result = snapshot(<<~RUBY)
      define_applicable_condition("Remember") do |condition|
        condition.define_envelope_from_stopper do |context, from|
          context.mail_transaction_shelf["from"] = from
          false
        end
        condition.define_header_stopper do |context, name, value|
          name == "Sender" && value != context.mail_transaction_shelf["from"]
        end
      end
    RUBY
    shelf = {}
    known = {context: Context.new(mail_transaction_shelf: shelf), from: "<a@b>", name: "Sender", value: "<x@y>"}
    assert_equal({"mail" => false, "header" => true}, answers(result, "Remember", known))
    assert_equal({"from" => "<a@b>"}, shelf)
  end

  def test_a_condition_with_a_matcher_and_a_table_and_the_log
    write("/@example\\.com$/ skip\n", "c/senders.regexp")
    result = snapshot(<<~RUBY)
      senders = Milter::Manager::PostfixRegexpTable.new
      File.open(File.join(File.dirname(__FILE__), "senders.regexp")) {|file| senders.parse(file)}
      matcher = AddressMatcher.new
      matcher.add_local_address("203.0.113.0/24")
      define_applicable_condition("Mine") do |condition|
        condition.define_connect_stopper do |context, host, address|
          Milter::Logger.info("[mine] \#{host} \#{address}")
          matcher.local_address?(address)
        end
        condition.define_envelope_from_stopper {|context, from| senders.find(from[1..-2]) == "skip"}
      end
    RUBY
    lines = []
    Milter::Logger.wanted = ->(_) {true}
    Milter::Logger.sink = ->(*line) {lines << line}
    known = {address: Milter::SocketAddress::IPv4.new("203.0.113.7", 4000), host: "h", from: "<bob@example.com>"}
    assert_equal({"connect" => true, "mail" => true}, answers(result, "Mine", known))
    assert_equal([[:info, "[mine] h inet:4000@[203.0.113.7]"]], lines)
  end

  def test_an_older_copy_of_a_built_in_condition
    result = snapshot(<<~'RUBY')
      def mine
        @mine ||= {:local => AddressMatcher.new, :configuration => @configuration}
      end
      mine[:local].add_remote_address("10.0.0.0/8")
      define_applicable_condition("Remote Network") do |condition|
        condition.description = "Mine"
        condition.define_connect_stopper do |context, host, address|
          !mine[:local].remote_address?(address)
        end
      end
      raise unless mine[:configuration].package.platform
    RUBY
    assert_equal([true, false], %w[127.0.0.1 10.0.0.1].map do |ip|
      answers(result, "Remote Network", {address: Milter::SocketAddress::IPv4.new(ip, 1)})["connect"]
    end)
  end

  def test_the_standard_library_and_the_environment_are_there
    snapshot("require 'resolv'\nrequire 'time'\nrequire 'open-uri'\nraise unless `echo x` == \"x\\n\" && ENV['PATH'] && Time.now\n")
  end
end

# The worker loads the same files, and must find the same blocks under the same numbers.
class TestNumbers < LanguageTest
  def test_a_second_load_gives_the_same_numbers
    text = <<~RUBY
      load("applicable-conditions/*.conf")
      s25r.add_whitelist {|host| host == "a"}
      manager.maintained { }
      define_milter("m") {|milter| milter.connection_spec = "unix:/m"; milter.add_applicable_condition("S25R") }
      restrict_accounts_generic {|context, recipient| true }
      define_applicable_condition("C") do |condition|
        condition.skip_when(host: ["a", ->(host) {true}])
        condition.define_data_stopper { true }
      end
      begin
        define_applicable_condition("Broken") {|condition| condition.define_helo_stopper { }; raise "no" }
      rescue RuntimeError
      end
      define_policy("p") {|policy| policy.host = ->(host) {true} ; policy.milters = ["m"] }
    RUBY
    first = snapshot(text)
    blocks = @loader.blocks.all.map {|one| one.to_a.values_at(0, 1, 3)}
    assert_equal(first, snapshot)
    assert_equal(blocks, @loader.blocks.all.map {|one| one.to_a.values_at(0, 1, 3)})
    asked = JSON.generate(first).scan(/"ask":(\d+)/).flatten.map(&:to_i).uniq.sort
    assert_equal([0, 1, 2, 3, 4, 6], asked) # 5 belongs to the definition that failed
    assert_equal(%w[host maintained account host data_stopper helo_stopper host], blocks.map {|one| one[1]})
  end
end
