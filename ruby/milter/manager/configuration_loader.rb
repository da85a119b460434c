require "milter/manager/complaints"
require "milter/manager/detect"
require "milter/manager/evaluation"
require "milter/manager/load_path"
require "milter/manager/milter_definition"
require "milter/manager/sections"

module Milter
  module Manager
    # The top level of a configuration file: `self` there is the one object of this class that a load has.
    class ConfigurationLoader
      extend Unsupported

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

      SECTIONS = {"package" => PackageSection, "security" => Section, "log" => Section, "manager" => ManagerSection,
                  "controller" => Section, "database" => DatabaseSection}.freeze

      SECTIONS.each_key do |name|
        define_method(name) {@sections[name]}
      end

      unsupported "", :define_policy, :s25r, :remote_network, :stress, :trust, :dnsbl,
                  :restrict_accounts_by_list, :restrict_accounts_generic

      # What became of each candidate of detection: a list of Detect::Decision.
      attr_reader :detection

      def initialize(request)
        @complaints = Complaints.new
        @defaults = request["defaults"]
        @sections = SECTIONS.to_h {|name, section| [name, section.new(@defaults.fetch(name), @complaints)]}
        @effective_user = request["effective_user"]
        @load_path = LoadPath.new(request["load_path"]) {user_directory}
        @milters = {}
        @conditions = []
        @files = []
        @detection = []
        @loading = []
      end

      def inspect
        "#<#{self.class}>"
      end

      # The paths that were loaded. Raises NonexistentPath when there is none.
      def load(path)
        path = File.path(path)
        full_paths = @load_path.resolve(path)
        raise NonexistentPath.new(path, @load_path.directories) if full_paths.empty?
        again = full_paths & @loading
        raise RecursiveLoad, "#{again.first} is being loaded already" unless again.empty?
        full_paths.each {|full| load_file(full)}
      end

      # For the detectors of the files that it loads; has the sections.
      def configuration
        self
      end

      # Loads the first defaults/PLATFORM.conf that there is for package.platform.
      def load_default
        Detect::Platform.names(package.platform).any? {|name| load_if_exist("defaults/#{name}.conf")}
      end

      # False when there is no such file.
      def load_if_exist(path)
        return false if @load_path.resolve(File.path(path)).empty?
        load(path)
        true
      end

      def define_milter(name)
        name = name.to_s
        milter = @milters[name]&.dup || MilterDefinition.new(name, @defaults.fetch("milter"))
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

      def define_applicable_condition(name)
        @conditions << {"name" => Recorder.text(name.to_s), "location" => Complaints.location}
      end

      def load_main(name)
        path = @load_path.first_file(name)
        return load_file(path) if path
        @complaints.add(name, "path #{name} doesn't exist in load path (#{@load_path.directories.inspect}); " \
                              "--config-dir names the directory where it is")
      end

      # The file that a program of the older version wrote: XML, or nothing.
      def check_custom(name)
        path = @load_path.first_file(name)
        return unless path && File.foreach(path).first.to_s.lstrip.start_with?("<")
        @complaints.add("#{path}:1", "a configuration in XML is not supported by this version yet; " \
                                     "move its settings to milter-manager.conf")
      end

      def snapshot
        locations = {}
        @sections.each do |section, recorder|
          recorder.locations.each {|name, location| locations["#{section}.#{name}"] = location}
        end
        {"files" => @files,
         **@sections.transform_values {|section| Recorder.plain(section.values)},
         "conditions" => @conditions,
         "milters" => @milters.values.map(&:snapshot),
         "detection" => @detection.map(&:snapshot),
         "locations" => locations,
         "complaints" => @complaints.all}
      end

      private

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
