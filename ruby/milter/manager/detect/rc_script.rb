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
          @defaults = ShellVariables.new(tree)
          @conf = ShellVariables.new(tree, ShellVariables::ANY)
          @lines = tree.file?(path) ? tree.lines(path) : []
          return unless found?
          @lines.each {|line| script_line(ShellVariables.uncommented(line.text), line.where)}
          @name = @defaults.text("name") || File.basename(path)
          ["/etc/rc.conf", "/etc/rc.conf.local"].each {|file| @conf.read(file)}
          folders.each {|folder| read_folder("#{folder}/rc.conf.d/#{@name}")}
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

        # A line can have both, e.g. ": ${x_flags:="-p ${x_socket}"}".
        def script_line(text, where)
          text.scan(DEFAULT) {|name, value| @defaults.assign(name, value, where) unless @defaults[name]}
          @defaults.assign($1, $2, where) if text =~ ASSIGNMENT && !text.include?("=${#{$1}")
        end

        # A file, or a directory of files.
        def read_folder(path)
          @conf.read(path) if @tree.names(path).empty?
          @tree.names(path).each {|name| @conf.read("#{path}/#{name}")}
        end
      end
    end
  end
end
