require "language_test"

# database.setup and database.load_models (configuration 3.6); ActiveRecord and SQLite are those of Debian.
class TestDatabase < LanguageTest
  def options(text)
    snapshot(text)
    @loader.database.connection_options
  end

  def test_what_each_kind_of_database_is_connected_with
    mysql = options("database.type = 'mysql2'\ndatabase.name = 'mail'\ndatabase.password = 'x'\ndatabase.extra_options[:reconnect] = true\n")
    assert_equal({adapter: "mysql2", database: "mail", host: "localhost", port: 3306, username: "root", password: "x", reconnect: true}, mysql.except(:path))
    assert_equal({adapter: "sqlite3", database: ":memory:"}, options("database.type = 'sqlite3'\ndatabase.name = ':memory:'\n"))
    assert_equal({adapter: "sqlite3", database: "/x/y.db"}, options("database.type = 'sqlite3'\ndatabase.path = '/x/y.db'\n"))
    assert_equal({adapter: "sqlite3", database: "/usr/pkg/y.db"},
                 options("package.options = 'prefix=/usr/pkg'\ndatabase.type = 'sqlite3'\ndatabase.name = 'y.db'\n"))
    assert_equal({adapter: "postgresql", database: "mail", host: "db", port: 5432, path: nil, username: "u", password: nil},
                 options("database.type = 'postgresql'\ndatabase.name = 'mail'\ndatabase.host = 'db'\ndatabase.port = 5432\ndatabase.user = 'u'\n"))
  end

  def test_what_is_missing_is_told
    assert_match(/:1: .*MissingValue: database\.type should be set/, complaints("database.setup\n").first)
    assert_match(/:2: .*MissingValue: database\.name should be set/, complaints("database.type = 'mysql2'\ndatabase.setup\n").first)
  end

  def test_a_configuration_can_look_things_up
    write("class TestDatabaseAccount < ActiveRecord::Base\n  self.table_name = 'accounts'\nend\n", "c/models/account.rb")
    write("raise 'broken model'\n", "c/models/broken.rb")
    Milter::Logger.wanted = ->(_) {true}
    lines = []
    Milter::Logger.sink = ->(_, line) {lines << line}
    result = evaluate(<<~RUBY)
      log.level = "all"
      database.type = "sqlite3"
      database.name = "#{@folder}/mail.db"
      database.password = "secret"
      database.setup
      database.setup
      ActiveRecord::Base.connection.execute("create table accounts (address text)")
      ActiveRecord::Base.connection.execute("insert into accounts values ('bob@example.com')")
      database.load_models("models/*.rb")
      database.load_models("nothing/*.rb")
      define_applicable_condition("Known") do |condition|
        condition.apply_when(any_recipient: TestDatabaseAccount.pluck(:address))
      end
    RUBY
    assert_equal([["#{@folder}/c/models/broken.rb:1", "RuntimeError: broken model; the rest of this file was not evaluated"]],
                 result["complaints"].map(&:values))
    assert_equal([{"stop" => {"not" => {"recipients" => "any", "is" => ["bob@example.com"]}}}], rules(result, "Known"))
    assert_equal(1, lines.grep(/\A\[configuration\]\[database\]\[setup\]/).size)
    refute_includes(lines.join, "secret")
  end
end
