require "milter/manager/postfix_table"

module Milter
  module Manager
    # A table of Postfix's types regexp and pcre (configuration 7.3): /PATTERN/FLAGS ACTION. Case does not matter
    # unless the flag i switches that. Patterns are Regexp.
    class PostfixRegexpTable < PostfixTable
      FLAGS = {"i" => Regexp::IGNORECASE, "m" => 0, "s" => Regexp::MULTILINE, "x" => Regexp::EXTENDED, "A" => 0,
               "E" => 0, "X" => 0}.freeze

      private

      # "." matches a line break, as in Postfix.
      def split(text)
        delimiter = text[0]
        invalid_format unless delimiter&.match?(/[[:punct:]]/)
        source, flags, rest = text.match(/\A#{Regexp.escape(delimiter)}((?:\\.|(?!#{Regexp.escape(delimiter)}).)*)
                                          #{Regexp.escape(delimiter)}(\w*)(?:\s+(.*))?\z/mx)&.captures
        invalid_format unless source
        [regexp(source, flags), rest.to_s]
      end

      def regexp(source, flags)
        options = Regexp::IGNORECASE | Regexp::MULTILINE
        flags.each_char {|flag| options ^= FLAGS.fetch(flag) {invalid_value("unknown flag", flag)} unless flag == "x"}
        options |= Regexp::EXTENDED if flags.include?("x") && pcre?
        Regexp.new(flags.include?("A") ? "\\A(?:#{source})" : source, options)
      rescue RegexpError => error
        invalid_value(error.message.sub(%r{: /.*\z}m, ""), source)
      end

      # In a table of type regexp, "x" switches between basic and extended syntax; only the latter is known.
      def pcre? = false

      def match_pattern(pattern, subject)
        pattern.match(subject.to_s)
      end

      # $1, ${1}, $(1) and $$.
      def action_of(entry, found)
        return entry.action unless found.is_a?(MatchData)
        entry.action.gsub(/\$(?:(\$)|(\d+)|\{(\d+)\}|\((\d+)\))/) do
          $1 || found[($2 || $3 || $4).to_i].to_s
        end
      end
    end

    # The same with Perl's flags.
    class PostfixPCRETable < PostfixRegexpTable
      private

      def pcre? = true
    end
  end
end
