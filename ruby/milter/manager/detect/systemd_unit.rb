require "milter/manager/detect/flags"
require "milter/manager/detect/service_state"
require "milter/manager/detect/shell_variables"

module Milter
  module Manager
    module Detect
      # A unit file NAME.service with its drop-ins and environment files. Templates and aliases are not followed.
      class SystemdUnit
        DIRECTORIES = %w[/etc/systemd/system /lib/systemd/system /usr/lib/systemd/system].freeze
        LINK_DIRECTORIES = ["/etc/systemd/system", "/run/systemd/system", *DIRECTORIES.drop(1)].freeze
        SYSTEMCTL = "/usr/bin/systemctl".freeze
        # What it says of units whose links it has judged; of others ("static", "indirect") the links decide.
        STATES = {"enabled" => true, "enabled-runtime" => true, "disabled" => false, "masked" => false,
                  "masked-runtime" => false}.freeze

        # exec: the command line as a Found, with the variables replaced.
        attr_reader :description, :exec, :variables

        def initialize(tree, programs, name)
          @tree = tree
          @programs = programs
          @unit = "#{name}.service"
          @variables = ShellVariables.new(tree)
          @environment_files = []
          read
        end

        def found?
          @found
        end

        # Also of a service that has no unit file of its own.
        def self.masked?(tree, name)
          tree.link("/etc/systemd/system/#{name}.service") == "/dev/null"
        end

        def state
          return ServiceState.new(false, "#{@tree.outside("/etc/systemd/system/#{@unit}")} masks it") if masked?
          said_by_systemctl || said_by_links
        end

        private

        def masked?
          SystemdUnit.masked?(@tree, @unit.delete_suffix(".service"))
        end

        def read
          folders = masked? ? DIRECTORIES.drop(1) : DIRECTORIES
          path = folders.map {|folder| "#{folder}/#{@unit}"}.find {|one| @tree.file?(one)}
          @found = !path.nil?
          return unless @found
          [path, *drop_ins].each {|file| parse(file)}
          @environment_files.each {|file| @variables.read(file)}
          @exec &&= Found.new(@variables.expand(@exec.value), @exec.where)
        end

        # By name; of the same name, the one in the first directory.
        def drop_ins
          files = {}
          DIRECTORIES.reverse_each do |folder|
            @tree.names("#{folder}/#{@unit}.d").grep(/\.conf\z/).each do |name|
              files[name] = "#{folder}/#{@unit}.d/#{name}"
            end
          end
          files.sort.map(&:last)
        end

        def parse(path)
          section = nil
          logical_lines(path) do |text, where|
            case text
            when /\A\[(.*)\]\z/ then section = $1
            when /\A(\w+)\s*=\s*(.*)\z/ then set("#{section}.#{$1}", $2, where)
            end
          end
        end

        # Continued lines as one, under the number of the first.
        def logical_lines(path)
          begun = nil
          @tree.lines(path).to_a.each do |line|
            text = line.text.strip
            next if text.empty? || text.start_with?("#", ";")
            begun = begun ? begun.with("#{begun.text} #{text}"[0, Tree::LONGEST_LINE]) : line.with(text)
            next begun.text = begun.text.chomp("\\").rstrip if begun.text.end_with?("\\")
            yield(begun.text, begun.where)
            begun = nil
          end
        end

        def set(key, value, where)
          case key
          when "Unit.Description" then @description = value
          when "Service.ExecStart" then @exec = value.empty? ? nil : Found.new(specified(value), where)
          when "Service.Environment" then environment(value, where)
          when "Service.EnvironmentFile"
            value.empty? ? @environment_files.clear : @environment_files << value.delete_prefix("-")
          end
        end

        def environment(value, where)
          Flags.words(value).each do |word|
            name, text = word.split("=", 2)
            @variables.assign(name, specified(text), where) if text
          end
        end

        # With the specifiers that a socket can have replaced.
        def specified(value)
          value.gsub(/%[%tTnNp]/) do |one|
            {"%%" => "%", "%t" => "/run", "%T" => "/tmp", "%n" => @unit}.fetch(one, @unit.delete_suffix(".service"))
          end
        end

        def said_by_systemctl
          return unless @programs && @tree.exist?(SYSTEMCTL)
          answer = @programs.run(SYSTEMCTL, "is-enabled", @unit)
          word = answer.text.strip
          return unless STATES.key?(word)
          ServiceState.new(STATES[word], "systemctl is-enabled #{@unit} says #{word}")
        end

        def said_by_links
          LINK_DIRECTORIES.each do |folder|
            @tree.names(folder).grep(/\.(?:wants|requires)\z/).each do |wanting|
              path = "#{folder}/#{wanting}/#{@unit}"
              return ServiceState.new(true, "#{@tree.outside(path)} is there") if @tree.exist?(path)
            end
          end
          place = "#{@tree.outside(LINK_DIRECTORIES.first)}/multi-user.target.wants/#{@unit}"
          ServiceState.new(false, "#{place} is not there, and no other unit wants it")
        end
      end
    end
  end
end
