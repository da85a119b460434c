require "milter/manager/detect/service_state"
require "milter/manager/detect/shell_variables"

module Milter
  module Manager
    module Detect
      # A System V init script: the comments in it that describe it, its variables, and its links.
      class InitScript
        DIRECTORIES = %w[/etc/init.d /etc/rc.d/init.d].freeze
        RUN_LEVELS = (2..5).freeze # those in which a host serves

        # lsb, header: keys as written => text. variables: what the script assigns; more can be read into them.
        attr_reader :path, :lsb, :header, :variables

        # pattern: of ShellVariables.
        def initialize(tree, name, pattern)
          @tree = tree
          @name = name
          @path = DIRECTORIES.map {|folder| "#{folder}/#{name}"}.find {|one| tree.file?(one)}
          @lsb = {}
          @header = {}
          @variables = ShellVariables.new(tree, pattern)
          return unless @path
          @variables.assign("name", name, tree.outside(@path))
          @variables.read(@path)
          read_comments
        end

        def found?
          !@path.nil?
        end

        # By the links that chkconfig and update-rc.d make.
        def state
          RUN_LEVELS.each do |level|
            ["/etc/rc#{level}.d", "/etc/rc.d/rc#{level}.d"].each do |folder|
              link = @tree.names(folder).find {|one| one.match?(/\AS\d\d#{Regexp.escape(@name)}\z/)}
              return ServiceState.new(true, "#{@tree.outside("#{folder}/#{link}")} is there") if link
            end
          end
          ServiceState.new(false, "no start link S??#{@name} is in #{@tree.outside("/etc/rc2.d")} to rc5.d")
        end

        private

        def read_comments
          inside = false
          key = nil
          @tree.lines(@path).each do |line|
            case line.text
            when /\A### BEGIN INIT INFO/ then inside = true
            when /\A### END INIT INFO/ then inside = key = nil
            else key = inside ? lsb_line(line.text, key) : header_line(line.text, key)
            end
          end
        end

        # The key that the next line may continue.
        def lsb_line(text, key)
          case text
          when /\A#\s*([\w-]+):\s*(.*?)\s*\z/
            @lsb[$1] = $2
            $1
          when /\A#(?:\t|  )\s*(\S.*?)\s*\z/
            @lsb[key] = "#{@lsb[key]} #{$1}".strip if key
            key
          end
        end

        # The comments of chkconfig: a "\" at the end continues.
        def header_line(text, key)
          text = text.rstrip
          if key && text =~ /\A#\s*(.*?)(\\?)\z/
            @header[key] = "#{@header[key]} #{$1.strip}".strip
            return $2.empty? ? nil : key
          end
          return unless text =~ /\A#\s*(chkconfig|processname|config|pidfile|probe|description):\s*(.*?)\s*(\\?)\z/
          @header[$1] = $2
          $3.empty? ? nil : $1
        end
      end
    end
  end
end
