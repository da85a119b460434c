require "milter/logger"
require "milter/socket_address"
require "milter/status"

require "milter/manager/address_matcher"
require "milter/manager/blocks"
require "milter/manager/breaker"
require "milter/manager/complaints"
require "milter/manager/conditions"
require "milter/manager/configuration"
require "milter/manager/custom_file"
require "milter/manager/database_section"
require "milter/manager/detect"
require "milter/manager/dnsbl"
require "milter/manager/hooks"
require "milter/manager/load_path"
require "milter/manager/milter_definition"
require "milter/manager/policies"
require "milter/manager/remote_network"
require "milter/manager/restrict_accounts"
require "milter/manager/s25r"
require "milter/manager/sections"
require "milter/manager/tables"
require "milter/manager/terms"
require "milter/manager/trust"

module Milter
  module Manager
    # The top level of a configuration file: `self` there is the one object of this class that a load has.
    class ConfigurationLoader
      class Error < StandardError
      end

      class NonexistentPath < Error
        attr_reader :path

        def initialize(path, directories)
          @path = path
          super("#{path} doesn't exist. (load path: #{directories.inspect})")
        end
      end

      class RecursiveLoad < Error
      end

      # For the objects of the language, not for configurations.
      attr_reader :blocks, :conditions, :terms, :values

      # What became of each candidate of detection: a list of Detect::Decision.
      attr_reader :detection

      def initialize(request)
        @complaints = Complaints.new
        @defaults = request["defaults"]
        @blocks = Blocks.new
        @hooks = Hooks.new(@blocks)
        @conditions = Conditions.new(self)
        @policies = Policies.new(self)
        @values = Values.new(self)
        @terms = Terms.new(self)
        make_sections
        @configuration = Configuration.new(self)
        @effective_user = request["effective_user"]
        @load_path = LoadPath.new(request["load_path"]) {user_directory}
        @milters = {}
        @files = []
        @detection = []
        @loading = []
        Logger.wanted = ->(level) {Logger.level_wanted?(log.read("level"), level)}
      end

      undef_method :trust if method_defined?(:trust) # of old versions of Ruby; ours is defined in trust.conf

      attr_reader :package, :security, :log, :manager, :controller, :metrics, :database, :configuration

      def inspect
        "#<#{self.class}>"
      end

      # The paths that were loaded. Raises NonexistentPath when there is none.
      def load(path)
        full_paths = find_files(path)
        again = full_paths & @loading
        raise RecursiveLoad, "#{again.first} is being loaded already" unless again.empty?
        full_paths.each {|full| load_file(full)}
      end

      # False when there is no such file.
      def load_if_exist(path)
        return false if @load_path.resolve(File.path(path)).empty?
        load(path)
        true
      end

      # Loads the first defaults/PLATFORM.conf that there is for package.platform: finds the system's milters.
      def load_default
        Detect::Platform.names(package.platform).any? {|name| load_if_exist("defaults/#{name}.conf")}
      end

      # The files that `load` would load. missing: given back when there is none; without it that is an error.
      def find_files(path, missing: :raise)
        path = File.path(path)
        found = @load_path.resolve(path)
        return found unless found.empty?
        missing == :raise ? raise(NonexistentPath.new(path, @load_path.directories)) : []
      end

      # A list in a file, for code: table("cidr:/etc/postfix/clients").find(address).
      def table(name)
        raise ArgumentError, "#{name.inspect} is no table; \"cidr:FILE\" is one" unless Tables.named?(name)
        Tables.open(name, method(:find_files))
      end

      def define_milter(name)
        name = name.to_s
        milter = @milters[name]&.dup || MilterDefinition.new(name, @defaults.fetch("milter"), self)
        milter.defined_at = Complaints.location
        yield(milter)
        @milters.delete(name) # so that a redefined one becomes the last
        @milters[name] = milter
      end

      def remove_milter(name)
        @milters.delete(name.to_s)
      end

      def defined_milters
        @milters.keys
      end

      def milter_definitions
        @milters.values
      end

      def define_applicable_condition(name, &block)
        raise ArgumentError, "define_applicable_condition needs a block" unless block
        @conditions.define(name.to_s, &block)
      end

      def define_policy(name, &block)
        raise ArgumentError, "define_policy needs a block" unless block
        @policies.define(name.to_s, &block)
      end

      def complain(what, where = Complaints.location)
        @complaints.add(where, what)
      end

      def load_main(name)
        path = @load_path.first_file(name)
        return load_file(path) if path
        @complaints.add(name, "path #{name} doesn't exist in load path (#{@load_path.directories.inspect}); " \
                              "--config-dir names the directory where it is")
      end

      # The file that other programs write: XML, or it is not looked at.
      def load_custom(name)
        path = @load_path.first_file(name)
        return unless path && CustomFile.xml?(path)
        @files << path
        CustomFile.new(path, self, @defaults).load
      end

      def finish
        @policies.apply
      end

      def snapshot
        written = @conditions.written(@milters.values.flat_map(&:applicable_conditions))
        indexes = written.each_with_index.to_h
        hooks = @hooks.snapshot
        {"files" => @files,
         **sections.transform_values {|section| Recorder.plain(section.values)},
         "conditions" => written.map(&:snapshot),
         "milters" => @milters.values.map {|one| one.snapshot(indexes)},
         "detection" => @detection.map(&:snapshot),
         "locations" => locations,
         **(hooks ? {"hooks" => hooks} : {}),
         "complaints" => @complaints.all}
      end

      private

      def make_sections
        @package = PackageSection.new(@defaults.fetch("package"), @complaints)
        @security = Section.new(@defaults.fetch("security"), @complaints)
        @log = Section.new(@defaults.fetch("log"), @complaints)
        @manager = ManagerSection.new(@defaults.fetch("manager"), @complaints, @hooks)
        @controller = Section.new(@defaults.fetch("controller"), @complaints)
        @metrics = Section.new(@defaults.fetch("metrics"), @complaints)
        @database = DatabaseSection.new(@defaults.fetch("database"), @complaints, self)
      end

      def sections
        {"package" => package, "security" => security, "log" => log, "manager" => manager,
         "controller" => controller, "metrics" => metrics, "database" => database}
      end

      def locations
        sections.each_with_object({}) do |(section, recorder), all|
          recorder.locations.each {|name, location| all["#{section}.#{name}"] = location}
        end
      end

      # An exception ends this file only; the end of the time ends all.
      def load_file(full_path)
        @loading.push(full_path)
        @files << full_path unless @files.include?(full_path)
        evaluate_text(File.read(full_path, encoding: "UTF-8"), full_path)
      rescue DeadlinePassed => passed
        @complaints.add_exception(full_path, passed) unless @ended
        @ended = true
        raise
      rescue Exception => error # rubocop:disable Lint/RescueException: also of exit and of syntax errors
        @complaints.add_exception(full_path, error)
      ensure
        @loading.pop
      end

      # Nothing but the arguments is a local variable here: the file would see it.
      def evaluate_text(_text, _path)
        instance_eval(_text, _path)
      end

      def user_directory
        directory = manager.read("custom_configuration_directory")
        return directory if directory.is_a?(String)
        user = @effective_user || security.read("effective_user")
        entry = user.is_a?(String) ? Etc.getpwnam(user) : Etc.getpwuid
        entry && File.join(entry.dir, ".milter-manager")
      rescue ArgumentError # no such user: said when it is switched to
        nil
      end
    end
  end

  module Client
    # The older program's name of it.
    ConfigurationLoader = Manager::ConfigurationLoader
  end
end
