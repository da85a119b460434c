require "milter/logger"
require "milter/manager/sections"

module Milter
  module Manager
    # A database for code of conditions, by ActiveRecord (configuration 3.6), which is loaded at `setup` only.
    class DatabaseSection < Section
      class MissingValue < StandardError
        def initialize(name)
          super("#{name} should be set")
        end
      end

      MYSQL_SOCKET = "/var/run/mysqld/mysqld.sock".freeze

      # loader: finds files, knows package.options.
      def initialize(defaults, complaints, loader)
        super(defaults, complaints)
        @loader = loader
        @connected = false
      end

      def extra_options
        @values["extra_options"] ||= {}
      end

      # Connects; once in a load.
      def setup
        return if @connected
        raise MissingValue, "database.type" if blank?(type)
        options = connection_options
        require "active_record"
        ActiveRecord::Base.establish_connection(options)
        @connected = true
        shown = options.merge(options[:password] ? {password: "********"} : {})
        Logger.info("[configuration][database][setup] <#{shown.inspect}>")
      end

      # Files with models, found as `load` finds; one that fails is a complaint, and the next is loaded.
      def load_models(path)
        @loader.find_files(path, missing: nil).map {|file| File.expand_path(file)}.each do |file|
          require file
        rescue StandardError, ScriptError => error
          @complaints.add_exception(file, error)
        end
      end

      def connection_options
        common = case type.to_s
                 when "mysql", "mysql2" then mysql
                 when "sqlite3" then {adapter: "sqlite3", database: sqlite_path(name || path)}
                 else {adapter: type.to_s, database: name, host: host, port: port, path: path, username: user, password: password}
                 end
        common.merge(extra_options.transform_keys(&:to_sym))
      end

      private

      def mysql
        raise MissingValue, "database.name" if blank?(name)
        {adapter: type.to_s, database: name, host: host || "localhost", port: port || 3306,
         path: path || (MYSQL_SOCKET if File.exist?(MYSQL_SOCKET)), username: user || "root", password: password}
      end

      def sqlite_path(text)
        raise MissingValue, "database.name" if blank?(text)
        return text if text == ":memory:" || File.absolute_path?(text)
        File.join(@loader.package.options&.fetch("prefix", nil) || "/usr", text)
      end

      def blank?(text)
        text.nil? || text.to_s.empty?
      end
    end
  end
end
