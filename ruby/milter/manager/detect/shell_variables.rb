require "milter/manager/detect/shell_conditions"

module Milter
  module Manager
    module Detect
      # The variables that scripts and files of NAME=VALUE lines assign; later ones win. Nothing is executed.
      class ShellVariables
        UPPER = /\b([A-Z\d_]+)=(".*?"|'.*?'|\S*)/
        ANY = /\b([A-Za-z\d_]+)=(".*?"|'.*?'|\S*)/
        LONGEST_VALUE = 4096 # bytes
        COMMENT = /\A((?:[^#"']|"[^"]*"|'[^']*'|(?<=\S)#)*?)(?:(?<=\s)|\A)#.*\z/
        VARIABLE = /\$(?:\{(\w+)(?::?[-=]([^}]*))?\}|(\w+))/

        def initialize(tree, pattern = UPPER)
          @tree = tree
          @pattern = pattern
          @values = {}
        end

        def self.uncommented(line)
          line.sub(COMMENT, '\1')
        end

        def initialize_copy(other)
          super
          @values = @values.dup
        end

        # False when there is no such file.
        def read(path)
          lines = @tree.lines(path) or return false
          conditions = ShellConditions.new(@tree, self)
          lines.each do |line|
            text = ShellVariables.uncommented(line.text)
            next unless conditions.counts?(text) && text =~ @pattern
            assign($1, $2, line.where)
          end
          true
        end

        # value: as written, maybe quoted.
        def assign(name, value, where)
          quoted = value.match(/\A(["'])(.*)\1\z/m)
          value = quoted ? quoted[2] : value.chomp(";")
          return if value.match?(/\A\$(?:\d+|[@*])\z/)
          value = expand(value) unless quoted && quoted[1] == "'"
          @values[name] = Found.new(value, where)
        end

        # A Found, or nil.
        def [](name)
          @values[name]
        end

        # Its value, or nil when it is not set or empty.
        def text(name)
          value = @values[name]&.value
          value && !value.empty? ? value : nil
        end

        # The first of these that is set and not empty; a Found, or nil.
        def first(*names)
          names.each {|name| return @values[name] if text(name)}
          nil
        end

        # Unknown variables stay as they are, and all of them when the text would become too long.
        def expand(text)
          expanded = text.gsub(VARIABLE) do |written|
            known = @values[$1 || $3]
            known ? known.value : $2 || written
          end
          expanded.bytesize > LONGEST_VALUE ? text : expanded
        end
      end
    end
  end
end
