require "milter/manager/recorder"

module Milter
  module Manager
    # What a text is compared with, as the snapshot's JSON has it (docs/configuration-json.md).
    module Pattern
      OPTIONS = {"i" => Regexp::IGNORECASE, "m" => Regexp::MULTILINE, "x" => Regexp::EXTENDED}.freeze

      module_function

      # As `matcher === text` would say; nil when only Ruby can say that.
      def strict(matcher)
        case matcher
        when String then {"text" => Recorder.text(matcher), "exact" => true}
        when Regexp then regexp(matcher)
        end
      end

      def regexp(regexp)
        options = OPTIONS.filter_map {|letter, bit| letter if regexp.options.anybits?(bit)}.join
        {"regexp" => Recorder.text(regexp.source), "options" => options}
      end

      # A name: ASCII case ignored; ".example.com" is example.com and every name below it.
      def name(text)
        return {"domain" => Recorder.text(text[1..])} if text.size > 1 && text.start_with?(".")
        Recorder.text(text)
      end

      # An address without angle brackets: "user@example.com", "@example.com" (that domain), "@.example.com" (it and
      # every name below it), "user@" (at any domain); a text without "@" is a whole address without a domain.
      def address(text)
        text = Recorder.text(text)
        local, domain = text.match(/\A(.*)@([^@]*)\z/m)&.captures
        return text unless domain && (local.empty? || domain.empty?)
        return starting_with("#{local}@") if domain.empty?
        return ending_with("[@.]", domain[1..]) if domain.start_with?(".")
        ending_with("@", domain)
      end

      def as_hash(pattern)
        pattern.is_a?(Hash) ? pattern : {"text" => pattern}
      end

      # Neighbouring texts of a long list become one entry.
      def compact(list)
        list.chunk_while {|a, b| a.is_a?(String) && b.is_a?(String)}.flat_map do |group|
          group.size < 8 ? group : [{"texts" => group}]
        end
      end

      def starting_with(text)
        {"regexp" => "\\A#{Regexp.escape(text)}", "options" => "i"}
      end

      def ending_with(before, text)
        {"regexp" => "#{before}#{Regexp.escape(text)}\\z", "options" => "i"}
      end
    end
  end
end
