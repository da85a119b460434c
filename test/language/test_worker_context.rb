require "worker_test"

# What blocks are given: the arguments of every kind, and the context (configuration 6, 7, 7.1).
class TestWorkerContext < WorkerTest
  FACTS = {client: {"host" => "mx.example.com", "family" => "inet", "address" => "192.0.2.1", "port" => 25},
           helo: "h.example.com", sender: "<s@d>", recipient: "<r@d>", header_name: "Subject", header_value: "v", chunk: "body\r\n",
           recipients: ["<r@d>"], sessions: 3, macros: {"v" => "Postfix 3.7", "x" => "1"}}.freeze

  # What the expression is in a block.
  def seen(expression, item: {}, **facts)
    one = @seen ||= serve("condition.define_connect_stopper {|context, host, address| raise eval(context['code'] || '').inspect}")
    facts[:macros] = (facts[:macros] || {}).merge("code" => expression)
    told(ask(one, {"block" => 0, "child" => "mine"}.merge(item), **facts))
  end

  def test_each_stage_has_its_arguments
    given = {"connect" => %w[Context mx.example.com inet:25@[192.0.2.1]], "helo" => %w[Context h.example.com],
             "envelope_from" => %w[Context <s@d>], "envelope_recipient" => %w[Context <r@d>], "data" => %w[Context],
             "header" => %w[Context Subject v], "end_of_header" => %w[Context], "body" => ["Context", "body\r\n"],
             "end_of_message" => %w[Context]}
    one = serve(*given.keys.map {|name| "condition.define_#{name}_stopper {|*all| raise all.map {|one| one.to_s[/Worker::Context/] ? 'Context' : one.to_s}.inspect}"})
    given.each_with_index {|(name, texts), index| assert_equal(texts.inspect, told(ask(one, index, **FACTS)), name)}
  end

  def test_blocks_take_fewer_and_more_parameters
    one = serve("condition.define_header_stopper {|context| raise context.name}",
                "condition.define_header_stopper { raise 'none' }",
                "condition.define_helo_stopper {|context, fqdn, more| raise [fqdn, more].inspect}",
                "o = Object.new", "def o.call(context, from) = raise(from)", "condition.define_envelope_from_stopper(o)")
    assert_equal(["mine", "none", '["h.example.com", nil]', "<s@d>"], ask_all(one, [0, 1, 2, 3], **FACTS).map {|answer| told(answer)})
  end

  def test_code_in_lists_gets_bare_values
    one = serve(*%w[host helo sender sender_domain recipient client].map {|word| "condition.skip_when(#{word}: ->(one) {raise one.to_s})"})
    assert_equal(["mx.example.com", "h.example.com", "s@d", "d", "r@d", "inet:25@[192.0.2.1]"],
                 ask_all(one, (0..5).to_a, **FACTS).map {|answer| told(answer)})
  end

  def test_any_truth_stops_and_any_other_does_not
    one = serve(*%w[true 1 'no' [] BasicObject.new nil false].map {|value| "condition.define_data_stopper { #{value} }"})
    answers = ask_all(one, (0..6).to_a)
    assert_equal(%w[yes] * 5 + %w[no] * 2, answers.map {|answer| answer["says"]})
    assert_equal([{"macros" => {}, "shelf" => {}}], answers.map {|answer| answer.except("says")}.uniq)
  end

  def test_addresses_are_objects
    show = "[address.class.name, address.to_s, address.local?, address.ipv4?, address.ipv6?, address.unix?, address.unknown?, address.to_ip_address.to_s]"
    inet = {"family" => "inet", "address" => "10.1.2.3", "port" => 4000}
    assert_equal(["Milter::SocketAddress::IPv4", "inet:4000@[10.1.2.3]", true, true, false, false, false, "10.1.2.3"].inspect, seen(show, client: inet))
    assert_equal('["10.1.2.3", 4000]', seen("[address.address, address.port]", client: inet))
    assert_equal(["Milter::SocketAddress::IPv6", "inet6:25@[2001:db8::1]", false, false, true, false, false, "2001:db8::1"].inspect,
                 seen(show, client: {"family" => "inet6", "address" => "2001:db8::1", "port" => 25}))
    assert_equal(["Milter::SocketAddress::Unix", "unix:/x", true, false, false, true, false, ""].inspect,
                 seen(show, client: {"family" => "unix", "path" => "/x"}))
    assert_equal(["Milter::SocketAddress::Unknown", "unknown", false, false, false, false, true, ""].inspect,
                 seen(show, client: {"family" => "unknown"}))
    assert_equal("[nil, nil]", seen("[host, address]"))
    assert_equal("[false, true]", seen("[:local, :remote].map {|one| Milter::Manager::AddressMatcher.new.public_send(\"\#{one}_address?\", address)}",
                                       client: {"family" => "inet", "address" => "192.0.2.1", "port" => 25}))
  end

  def test_macros_have_names_with_or_without_braces
    assert_equal('["1", "1", nil]', seen("[context['x'], context['{x}'], context['nothing']]", macros: {"x" => "1"}))
    assert_equal('["own", "own"]', seen("[context['x'], context['{x}']]", macros: {"x" => "1"}, item: {"macros" => {"x" => "own"}}))
  end

  def test_who_has_logged_in_and_who_asks
    assert_equal(%w[false true true], [{}, {"auth_type" => "LOGIN"}, {"auth_authen" => "bob"}].map {|macros| seen("context.authenticated?", macros: macros)})
    versions = [{}, {"v" => "Postfix 3.7"}, {"v" => "postfix"}, {"v" => "8.17/Sendmail"}, {"v" => "NotPostfixed"}]
    assert_equal(%w[false true true false false], versions.map {|macros| seen("context.postfix?", macros: macros)})
  end

  def test_name_and_sessions
    assert_equal('["a milter", 3]', seen("[context.name, context.n_processing_sessions]", item: {"child" => "a milter"}, sessions: 3))
  end

  def test_children_have_names_results_and_the_macros_of_the_mta
    children = [%w[early reject], %w[soft temporary-failure], %w[glad accept], %w[away discard], %w[none failed], ["mine", ""]].map do |name, said|
      {"name" => name, "said" => said, "quitted" => name == "away"}
    end
    show = "context.children.to_h {|name, one| [name, [one.name == name, one.reject?, one.temporary_failure?, one.accept?, one.discard?, one.quitted?]]}"
    expected = {"early" => [true, true, false, false, false, false], "soft" => [true, false, true, false, false, false],
                "glad" => [true, false, false, true, false, false], "away" => [true, false, false, false, true, true],
                "none" => [true, false, false, false, false, false], "mine" => [true, false, false, false, false, false]}
    assert_equal(expected.inspect, seen(show, children: children, earlier_answered: true))
    assert_equal('["own", "1", nil, true]', seen("[context['x'], context.children['early']['x'], context.children['nobody'], context.children['mine'].equal?(context)]",
                                           children: children, macros: {"x" => "1"}, item: {"macros" => {"x" => "own"}}))
    assert_equal('["mine"]', seen("context.children.keys"))
  end

  def test_a_result_that_is_not_there_yet_is_waited_for
    one = serve("condition.define_data_stopper {|context| context['m'] = '1'; context.mail_transaction_shelf['s'] = 1; context.children['other'].reject?; raise 'went on' }",
                "condition.define_data_stopper {|context| [context['m'], context.mail_transaction_shelf['s']].any? }",
                "condition.define_data_stopper {|context| context.reject? || context.children['mine'].accept? || context.children['other'].quitted? }")
    children = [{"name" => "other", "said" => "", "quitted" => false}, {"name" => "mine", "said" => "", "quitted" => false}]
    waits, *others = ask_all(one, [0, 1, 2], children: children, earlier_answered: false)
    assert_equal({"says" => "no", "macros" => {}, "shelf" => {}, "wants_results" => true}, waits)
    assert_equal([{"says" => "no", "macros" => {}, "shelf" => {}}] * 2, others)
    assert_equal("went on", told(ask(one, 0, children: children, earlier_answered: true)))
    assert_equal("went on", told(ask(one, 0, children: children)))
  end

  def test_a_block_is_left_where_it_looks_at_what_is_not_there_yet
    one = serve("condition.define_data_stopper {|context| puts 'before'; begin; context.children['other'].accept?; rescue Exception; end; puts 'behind' }")
    children = [{"name" => "other", "said" => "", "quitted" => false}]
    [false, true].each {|answered| ask(one, children: children, earlier_answered: answered)}
    assert_equal(%W[before\n before\n behind\n], Array.new(3) {printed})
  end

  def test_every_result_of_another_milter_is_waited_for
    words = %w[reject? accept? temporary_failure? discard?]
    one = serve(*words.map {|word| "condition.define_data_stopper {|context| begin; context.children['other'].#{word}; rescue Exception; false; end }"})
    answers = ask_all(one, (0..3).to_a, children: [{"name" => "other", "said" => "", "quitted" => false}], earlier_answered: false)
    assert_equal([true] * 4, answers.map {|answer| answer["wants_results"]})
  end

  def test_a_macro_that_is_set_is_answered_and_seen_by_later_blocks_of_the_same_milter
    one = serve("condition.define_data_stopper {|context| context['{x}'] = 'new'; context['n'] = 3; context['nil'] = nil; false }",
                "condition.define_data_stopper {|context| raise [context['x'], context['n'], context['y'], context['nil']].inspect }")
    first, second, third = ask_all(one, [{"block" => 0, "child" => "mine"}, {"block" => 1, "child" => "mine", "macros" => {"y" => "before"}}, {"block" => 1, "child" => "another"}],
                                   macros: {"x" => "old", "nil" => "kept"})
    assert_equal([{"x" => "new", "n" => "3"}, "no"], first.values_at("macros", "says"))
    assert_equal(['["new", "3", "before", "kept"]', {}], [told(second), second["macros"]])
    assert_equal('["old", nil, nil, "kept"]', told(third))
  end

  def test_macros_of_another_milter_cannot_be_set
    one = serve("condition.define_data_stopper {|context| context.children['other']['x'] = '1' }")
    question(one, 0, children: [{"name" => "other", "said" => "", "quitted" => false}])
    assert_equal(["L", {"level" => "warning", "text" => 'c/milter-manager.conf:2: the macro "x" is not set: a condition of "mine" cannot set macros of "other"'}], frame(one))
    assert_equal({}, frame(one).last["macros"])
  end

  def test_a_macro_needs_a_name_and_has_no_nul
    one = serve("condition.define_data_stopper {|context| context['x'] = \"a\\0b\" }", "condition.define_data_stopper {|context| context['{}'] = '1' }")
    assert_equal(["ArgumentError: a macro cannot hold a NUL (c/milter-manager.conf:2)", "ArgumentError: a macro needs a name (c/milter-manager.conf:3)"],
                 ask_all(one, [0, 1]).map {|answer| answer["error"]})
  end

  def test_what_was_set_before_a_block_failed_counts
    one = serve("condition.define_data_stopper {|context| context['x'] = '1'; context.mail_transaction_shelf['s'] = 1; raise 'then' }")
    answer = ask(one)
    assert_equal([{"x" => "1"}, {"s" => "--- 1\n"}, "then"], [answer["macros"], answer["shelf"], told(answer)])
  end

  def test_bytes_that_are_no_utf_8_come_and_go_whole
    one = serve("condition.define_header_stopper {|context, name, value| context['x'] = value; raise [value.encoding, value.bytes, name.encoding].inspect }")
    value = "a\xFF\xE4\x80".b
    answer = ask(one, header_name: "Größe", header_value: {"bytes" => "a\u00FF\u00E4\u0080"})
    assert_equal([Encoding::BINARY, value.bytes, Encoding::UTF_8].inspect, told(answer))
    assert_equal({"x" => {"bytes" => "a\u00FF\u00E4\u0080"}}, answer["macros"])
    assert_equal({"x" => "ä"}, ask(one, header_name: "N", header_value: "ä")["macros"])
    assert_equal([Encoding::UTF_8, "ä".bytes, Encoding::UTF_8].inspect, told(ask(one, header_name: "N", header_value: "ä")))
    assert_equal([Encoding::BINARY, [255], Encoding::UTF_8].inspect, told(ask(one, header_name: "N", header_value: {"bytes" => "\u00FF"})))
  end

  def test_a_large_piece_of_body_arrives_whole
    one = serve("condition.define_body_stopper {|context, chunk| raise [chunk.bytesize, chunk.sum].inspect }")
    chunk = Random.new(1).bytes(65_535)
    assert_equal([chunk.bytesize, chunk.sum].inspect, told(ask(one, chunk: Milter::Manager::Worker::Text.write(chunk))))
  end
end

# mail_transaction_shelf (configuration 7): the daemon carries it from question to question.
class TestWorkerShelf < WorkerTest
  def blocks(*texts)
    serve(*texts.map {|text| "condition.define_data_stopper {|context| shelf = context.mail_transaction_shelf; #{text} }"})
  end

  # Asks, and keeps what the answer changes in `shelf`, as the daemon does.
  def carry(one, item, shelf)
    answer = ask(one, item, shelf: shelf.dup)
    answer["shelf"].each {|key, text| text ? shelf[key] = text : shelf.delete(key)}
    answer
  end

  def test_it_keeps_copies_of_values_from_question_to_question
    one = blocks("shelf['a'] = {list: [1, 'two', nil, 3.5, true]}; false", "raise shelf['a'].inspect", "shelf['a'][:list] << 6; raise shelf['a'].inspect")
    shelf = {}
    assert_equal("no", carry(one, 0, shelf)["says"])
    assert_equal(["a"], shelf.keys)
    kept = {list: [1, "two", nil, 3.5, true]}.inspect
    assert_equal([kept, kept], [told(carry(one, 1, shelf)), told(carry(one, 2, shelf))])
    assert_equal("nil", told(ask(one, 1)))
  end

  def test_only_changes_are_answered
    one = blocks("shelf['new'] = 1; shelf.delete('old'); shelf.delete('never'); shelf['read']; false", "raise shelf.to_a.inspect")
    first, second = ask_all(one, [0, 1], shelf: {"old" => "--- 2\n", "read" => "--- 3\n"})
    assert_equal({"new" => "--- 1\n", "old" => nil}, first["shelf"])
    assert_equal({}, second["shelf"])
    assert_equal('[["read", 3], ["new", 1]]', told(second))
  end

  def test_it_is_enumerable
    one = blocks("raise [shelf.each {|key, value| key}.equal?(shelf), shelf.map {|key, value| [value, key]}, shelf.count, shelf.include?(['b', 2]), shelf['c']].inspect")
    assert_equal('[true, [[1, "a"], [2, "b"]], 2, true, nil]', told(ask(one, 0, shelf: {"a" => "--- 1\n", "b" => "--- 2\n"})))
  end

  def test_binary_texts_times_and_the_same_value_twice_come_back
    one = blocks('s = "x\xFF".b; t = [1]; shelf["v"] = [s, t, t, :sym, Time.at(0).utc, 10**30]; false', "raise shelf['v'].inspect")
    shelf = {}
    carry(one, 0, shelf)
    t = [1]
    assert_equal(["x\xFF".b, t, t, :sym, Time.at(0).utc, 10**30].inspect, told(carry(one, 1, shelf)))
  end

  def test_objects_do_not_come_back
    one = blocks("shelf['o'] = Struct.new(:a); false", "shelf['o']", "Thing = Class.new; shelf['o'] = Thing.new; false")
    assert_match(/\ATypeError: can't dump anonymous class/, ask(one, 0)["error"])
    shelf = {}
    carry(one, 2, shelf)
    assert_match(/\APsych::DisallowedClass: Tried to load unspecified class: .*Thing/, carry(one, 1, shelf)["error"])
  end
end
