require "did_you_mean"

require "milter/manager/dnsbl"
require "milter/manager/macro_name"
require "milter/manager/values"

module Milter
  module Manager
    # The words of apply_when and skip_when -> one expression; all words of a call must hold. What is wrong raises
    # Values::Refused.
    class Terms
      Refused = Values::Refused

      MACROS = %w[daemon_name daemon_port daemon_addr if_name if_addr auth_type auth_authen tls_version].freeze
      FAMILIES = {"ipv4" => "inet", "inet" => "inet", "ipv6" => "inet6", "inet6" => "inet6", "unix" => "unix",
                  "unknown" => "unknown"}.freeze
      DAYS = %w[mon tue wed thu fri sat sun].freeze
      SIZES = {"" => 1, "k" => 1024, "m" => 1024**2, "g" => 1024**3}.freeze

      NESTING = %w[any all none].freeze
      WORDS = %w[client client_family host helo sender sender_domain recipient any_recipient all_recipients
                 sender_or_recipient authenticated postfix macro header larger_than time days sessions_at_least result
                 listed_by any all none].concat(MACROS).freeze

      def initialize(loader)
        @values = Values.new(loader)
        @blocks = loader.blocks
      end

      # objects: have to_expression, like s25r.
      def expression(objects, words)
        parts = objects.map {|one| object(one)}
        words = words.to_h {|word, value| [word.to_s, value]}
        parts << time(words.delete("time"), words.delete("days")) if words.key?("time") || words.key?("days")
        parts.concat(words.map {|word, value| part(word, value)})
        raise Refused, "says nothing; words like client: or recipient: are needed" if parts.empty?
        Expression.all(parts)
      end

      private

      def object(one)
        return expression([], one) if one.is_a?(Hash)
        return one if one.respond_to?(:to_expression)
        raise Refused, "#{one.inspect}; words like client: \"192.0.2.0/24\", or an object like s25r is allowed"
      end

      def part(word, value)
        return of_macro(word => value) if MACROS.include?(word)
        unless WORDS.include?(word)
          guess = DidYouMean::SpellChecker.new(dictionary: WORDS).correct(word).first
          raise Refused, "unknown word #{word}:; #{guess ? "the nearest known one is #{guess}:" : "one of #{WORDS.join(", ")} is allowed"}"
        end
        send(:"of_#{word}", value)
      rescue Refused => refused
        raise refused if refused.message.start_with?("unknown word") || NESTING.include?(word)
        raise Refused, "#{word} is #{refused.message}"
      end

      %w[client host helo sender sender_domain recipient].each do |kind|
        define_method(:"of_#{kind}") {|value| @values.expression(kind, value)}
      end

      def of_client_family(value)
        family = FAMILIES[value.to_s.downcase]
        raise Refused, "#{value.inspect}; :ipv4, :ipv6, :unix or :unknown is allowed" unless family
        {"client_family" => family}
      end

      def of_any_recipient(value)
        {"recipients" => "any", "is" => @values.patterns("recipient", value)}
      end

      def of_all_recipients(value)
        {"recipients" => "all", "is" => @values.patterns("recipient", value)}
      end

      def of_sender_or_recipient(value)
        Expression.any([of_sender(value), of_any_recipient(value)])
      end

      def of_authenticated(value) = yes_or_no({"authenticated" => true}, value)
      def of_postfix(value) = yes_or_no({"postfix" => true}, value)

      def of_macro(value)
        pairs(value) {|name, one| {"macro" => MacroName.bare(name), **is(one)}}
      end

      def of_header(value)
        anything = [{"regexp" => "", "options" => ""}]
        pairs(value) {|name, one| {"header" => name, "is" => anything, **is(one)}}
      end

      # {NAME => VALUE, ...}: each must hold; true: there is one, false: there is none.
      def pairs(value)
        raise Refused, "#{value.inspect}; {\"NAME\" => VALUE} is allowed" unless value.is_a?(Hash) && !value.empty?
        Expression.all(value.map do |name, one|
          found = yield(name.to_s, one)
          one ? found : Expression.negate(found)
        end)
      end

      def is(value)
        [true, false, nil].include?(value) ? {} : {"is" => @values.patterns("text", value)}
      end

      def of_larger_than(value)
        number, unit = value.to_s.match(/\A(\d+)\s*([kmg]?)(?:i?b)?\z/i)&.captures
        raise Refused, "#{value.inspect}; a number of bytes, or a text like \"10M\" is allowed" unless number
        {"size_over" => number.to_i * SIZES.fetch(unit.downcase)}
      end

      def of_sessions_at_least(value)
        raise Refused, "#{value.inspect}; an integer from 1 is allowed" unless value.is_a?(Integer) && value.positive?
        {"sessions_at_least" => value}
      end

      # {"NAME of an earlier milter" => RESULTS}
      def of_result(value)
        raise Refused, "#{value.inspect}; {\"MILTER\" => :reject} is allowed" unless value.is_a?(Hash) && !value.empty?
        Expression.all(value.map do |name, words|
          {"child" => name.to_s, "said" => Array(words).map {|word| word.to_s.downcase.tr("_", "-")}}
        end)
      end

      # A service, or {SERVICE => ANSWER that counts}, or an array of these.
      def of_listed_by(value)
        list = DNSBlocklist.new
        [value].flatten.each do |one|
          one.is_a?(Hash) ? one.each {|domain, expected| list.add_service(domain, expected)} : list.add_service(one)
        end
        list.to_expression
      rescue IPAddr::Error => error
        raise Refused, "#{value.inspect}: #{error.message}; {\"SERVICE\" => \"127.0.0.2\"} is allowed"
      end

      def of_any(value) = Expression.any(nested(value))
      def of_all(value) = Expression.all(nested(value))
      def of_none(value) = Expression.negate(of_any(value))

      # A Hash of words, or an array of them and of objects.
      def nested(value)
        return value.map {|word, one| expression([], {word => one})} if value.is_a?(Hash) && !value.empty?
        return value.map {|one| object(one)} if value.is_a?(Array) && !value.empty?
        raise Refused, "any:, all: or none: is #{value.inspect}; {WORD: VALUE, ...} or an array of these is allowed"
      end

      def yes_or_no(expression, value)
        raise Refused, "#{value.inspect}; true or false is allowed" unless [true, false].include?(value)
        value ? expression : Expression.negate(expression)
      end

      # "22:00-06:00" or "22:00".."06:00"; "mon-fri", :sat, %w[sat sun].
      def time(hours, days)
        from, to = hours.nil? ? %w[00:00 24:00] : hours.is_a?(Range) ? [hours.begin.to_s, hours.end.to_s] : hours.to_s.split("-", 2)
        [from, to].each do |one|
          next if one.to_s.match?(/\A(?:[01]?\d|2[0-3]):[0-5]\d\z|\A24:00\z/)
          raise Refused, "time is #{hours.inspect}; a text like \"22:00-06:00\" is allowed"
        end
        of_days = days.nil? ? {} : {"days" => [days].flatten.flat_map {|one| days_of(one)}.uniq}
        {"time" => {"from" => from, "to" => to, **of_days}}
      end

      def days_of(text)
        first, last = text.to_s.downcase.split("-", 2).map {|day| DAYS.index(day[0, 3])}
        last = first if last.nil? && !text.to_s.include?("-")
        raise Refused, "days is #{text.inspect}; names of days (\"mon\"), \"mon-fri\" or an array is allowed" unless first && last
        DAYS.rotate(first).first((last - first) % 7 + 1)
      end
    end
  end
end
