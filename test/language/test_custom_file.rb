require "language_test"

# milter-manager.custom.conf (configuration 11).
class TestCustomFile < LanguageTest
  FILE = "c/milter-manager.custom.conf".freeze
  MAIN = <<~RUBY.freeze
    define_applicable_condition("A") {|condition| }
    define_milter("a") do |milter|
      milter.connection_spec = "unix:/a"
      milter.description = "old"
      milter.add_applicable_condition("A")
    end
    define_milter("b") {|milter| milter.connection_spec = "unix:/b" }
  RUBY

  def custom(xml, main = MAIN)
    write(xml, FILE)
    write(main)
  end

  def test_every_section_and_milter
    custom(<<~XML)
      <?xml version="1.0"?>
      <!-- written by
           a program -->
      <configuration>
        <security><privilege-mode>true</privilege-mode></security>
        <controller><connection_spec>unix:/c</connection_spec></controller>
        <manager>
          <max-connections>100</max-connections>
          <daemon>false</daemon>
          <progress-interval>2.5</progress-interval>
          <pid-file></pid-file>
        </manager>
        <milters>
          <milter>
            <name>a</name>
            <enabled>true</enabled>
            <description>a &amp; &#98; <![CDATA[<c>]]></description>
            <connection-spec/>
            <fallback-status>reject</fallback-status>
            <evaluation-mode>true</evaluation-mode>
            <command>/bin/a</command>
            <command-options>start</command-options>
          </milter>
          <milter>
            <name>b</name>
            <enabled>no</enabled>
            <applicable-conditions>
              <applicable-condition>A</applicable-condition>
            </applicable-conditions>
          </milter>
          <milter><name>new</name><connection_spec>inet:1@localhost</connection_spec></milter>
        </milters>
      </configuration>
    XML
    result = snapshot
    assert_equal(["c/milter-manager.conf", FILE], result["files"])
    assert_equal({"max_connections" => 100, "daemon" => false, "progress_interval" => 2.5, "pid_file" => nil}, result["manager"])
    assert_equal([{"privilege_mode" => true}, {"connection_spec" => "unix:/c"}], result.values_at("security", "controller"))
    assert_equal("#{FILE}:8", result["locations"]["manager.max_connections"])
    a, b, new = result["milters"]
    assert_equal({"name" => "a", "connection_spec" => "unix:/a", "description" => "a & b <c>", "enabled" => true, "fallback_status" => "reject",
                  "evaluation_mode" => true, "command" => "/bin/a", "command_options" => "start", "applicable_conditions" => []}, a.except("locations"))
    assert_equal(["#{FILE}:14", "#{FILE}:17", "c/milter-manager.conf:3"], a["locations"].values_at("define_milter", "description", "connection_spec"))
    assert_equal([false, [{"name" => "A", "condition" => 0, "location" => "#{FILE}:28"}]], b.values_at("enabled", "applicable_conditions"))
    assert_equal(%w[new inet:1@localhost], new.values_at("name", "connection_spec"))
  end

  def test_what_is_no_xml_is_not_looked_at
    ["raise 'no'\n", "", "# <configuration>\n"].each do |text|
      custom(text)
      assert_equal(["c/milter-manager.conf"], snapshot["files"])
    end
  end

  REFUSED = {
    "<other/>" => "1: root element must be <configuration>",
    "<configuration>\n<bogus/></configuration>" => "2: unexpected element: /configuration/bogus; security,",
    "<configuration><milters>\n<child/></milters></configuration>" => "2: unexpected element: /configuration/milters/child; milter is allowed",
    "<configuration><milters><milter><name>x</name>\n<port>1</port></milter></milters></configuration>" =>
      "2: unexpected element: /configuration/milters/milter/port: available elements: [",
    "<configuration><milters><milter/></milters></configuration>" => "1: a <milter> without a <name>",
    "<configuration>\n\n<manager></configuration>" => "3: not XML that is understood: </manager> was expected for line 3",
    "<configuration>\n&bogus;</configuration>" => "2: not XML that is understood: unknown entity &bogus;",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>\n<configuration/>" => "1: not XML that is understood: a document type",
    "<configuration/>\nmore" => "2: not XML that is understood: text behind the end of <configuration>",
    "<a>" * 100 => "1: not XML that is understood: elements deeper than 20",
    "<configuration>\xff</configuration>" => "1: not XML that is understood: not UTF-8",
    "<configuration><milters><milter><name>a</name><applicable-conditions>\n<applicable-condition>B</applicable-condition>" \
    "</applicable-conditions></milter></milters></configuration>" => "2",
  }.freeze

  def test_what_is_wrong_is_told_with_its_line
    REFUSED.each do |xml, expected|
      custom(xml)
      lines = complaints
      assert_equal(1, lines.size, lines.inspect)
      assert(lines.first.start_with?("#{FILE}:#{expected}"), lines.first) unless expected == "2"
    end
  end
end
