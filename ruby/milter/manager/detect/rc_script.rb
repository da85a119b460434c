require "milter/manager/detect/service_state"
require "milter/manager/detect/shell_variables"

module Milter
  module Manager
    module Detect
      # An rc.d script of FreeBSD or NetBSD with the variables of its service: defaults in the script, and what
      # rc.conf and its relatives say.
      class RcScript
        TRUE = /\A(?:yes|true|on|1)\z/i # as rc.subr's checkyesno
        DEFAULT = /\$\{(\w+)(?::?[-=])("[^"]*"|'[^']*'|[^}"']*)\}/
        ASSIGNMENT = /\A\s*(?:export\s+)?(\w+)=(".*?"|'.*?'|\S*)/

        # name: of the service in rc.conf. folders: directories that have an rc.conf.d.
        attr_reader :path, :name

        def initialize(tree, path, folders)
          @tree = tree
          @path = path
          @lines = tree.file?(path) ? tree.lines(path) : []
          return unless found?
          @name = read_script(ShellVariables.new(tree)).text("name") || File.basename(path)
          @conf = read_conf(folders)
          @defaults = read_script(@conf.dup)
        end

        def found?
          !@lines.empty?
        end

        # PREFIX_NAME for the service's prefix, as rc.conf says, or the script; a Found, or nil.
        def variable(name, prefix = @name)
          @conf["#{prefix}_#{name}"] || @defaults["#{prefix}_#{name}"]
        end

        # The script's own variable.
        def own(name)
          @defaults[name]
        end

        # Of variables as rc.conf names them; the first that is set decides.
        def state(*switches)
          switches.each do |switch|
            found = @conf[switch] || @defaults[switch] or next
            return ServiceState.new(found.value.match?(TRUE), "#{found.where} says #{switch}=#{found.value}")
          end
          ServiceState.new(false, "#{@tree.outside("/etc/rc.conf")} does not say #{switches.first}=YES")
        end

        private

        # into: what is set before; returned.
        def read_script(into)
          @lines.each {|line| script_line(into, ShellVariables.uncommented(line.text), line.where)}
          into
        end

        # A line can have both, e.g. ": ${x_flags:="-p ${x_socket}"}".
        def script_line(into, text, where)
          text.scan(DEFAULT) {|name, value| into.assign(name, value, where) unless into[name]}
          into.assign($1, $2, where) if text =~ ASSIGNMENT && !text.include?("=${#{$1}")
        end

        def read_conf(folders)
          conf = ShellVariables.new(@tree, ShellVariables::ANY)
          ["/etc/rc.conf", "/etc/rc.conf.local"].each {|file| conf.read(file)}
          folders.each do |folder| # a file, or a directory of files
            path = "#{folder}/rc.conf.d/#{@name}"
            inside = @tree.names(path)
            inside.empty? ? conf.read(path) : inside.each {|name| conf.read("#{path}/#{name}")}
          end
          conf
        end
      end
    end
  end
end
