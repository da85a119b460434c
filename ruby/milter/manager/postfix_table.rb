module Milter
  module Manager
    # What Postfix's cidr, regexp and pcre tables have in common: lines that go on, negation, if and endif; the first
    # entry that matches decides. A subclass says what a pattern is.
    class PostfixTable
      class Error < StandardError
        attr_reader :path, :line

        def initialize(path, line, text)
          @path = path
          @line = line
          super("#{path}:#{line}: #{text}")
        end
      end

      class InvalidFormatError < Error
        def initialize(path, line, text)
          super(path, line, "invalid format <#{text}>")
        end
      end

      class InvalidValueError < Error
        def initialize(path, line, detail, value, text)
          super(path, line, "#{detail}: <#{value}>: <#{text}>")
        end
      end

      # pattern: what the subclass made; guards: the entries of the ifs around it, outermost first.
      Entry = Struct.new(:pattern, :negated, :action, :guards, :location)

      attr_reader :entries

      def initialize
        @entries = []
        @guards = []
      end

      # io: an IO, or anything else with each_line. Adds to what was parsed before. Returns self.
      def parse(io)
        @path = io.respond_to?(:path) && io.path || "(table)"
        logical_lines(io).each do |line, text|
          @line = line
          @text = text
          add(text)
        end
        invalid_value("if without endif", "if", "if") unless @guards.empty?
        self
      end

      # The action of the first entry that matches, nil when none does.
      def find(subject)
        @entries.each do |entry|
          next unless entry.guards.all? {|guard| match(guard, subject)}
          found = match(entry, subject)
          return action_of(entry, found) if found
        end
        nil
      end

      private

      # [[number of its first line, text], ...]
      def logical_lines(io)
        io.each_line.with_index(1).with_object([]) do |(line, number), lines|
          line = line.dup.force_encoding(Encoding::UTF_8).scrub("?").chomp
          next if line.match?(/\A\s*(#|\z)/)
          if line.match?(/\A\s/) && !lines.empty?
            lines.last[1] += " #{line.strip}"
          else
            lines << [number, line.strip]
          end
        end
      end

      def add(text)
        case text
        when /\Aendif\b/i
          invalid_value("endif without if", "endif", text) if @guards.empty?
          @guards.pop
        when /\Aif\s+(\S.*)\z/i
          entry, rest = entry_of($1)
          invalid_format unless rest.empty?
          @guards.push(entry)
        else
          entry, rest = entry_of(text)
          invalid_format if rest.empty?
          entry.action = rest
          @entries << entry
        end
      end

      def entry_of(text)
        negated = text.start_with?("!")
        pattern, rest = split(negated ? text[1..].lstrip : text)
        [Entry.new(pattern, negated, nil, @guards.dup, location), rest]
      end

      # What matched (true or a MatchData), or nil.
      def match(entry, subject)
        found = match_pattern(entry.pattern, subject)
        entry.negated ? !found || nil : found
      end

      def action_of(entry, _found)
        entry.action
      end

      def location
        "#{@path}:#{@line}"
      end

      def invalid_format
        raise InvalidFormatError.new(@path, @line, @text)
      end

      def invalid_value(detail, value, text = @text)
        raise InvalidValueError.new(@path, @line || 0, detail, value, text)
      end
    end
  end
end
