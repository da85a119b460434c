require "ipaddr"

require "milter/manager/address_matcher"
require "milter/manager/expression"
require "milter/manager/pattern"
require "milter/manager/tables"

module Milter
  module Manager
    # What the words of apply_when and skip_when may be compared with, as expressions. Wrong values raise Refused.
    class Values
      class Refused < StandardError
      end

      ADDRESSES = %w[sender recipient].freeze
      NAMES = %w[host helo sender_domain].freeze
      ALLOWED = {
        "client" => 'an address, a network ("192.0.2.0/24"), :local, :remote, a table ("cidr:FILE"), code, or an array of these',
        "address" => 'a text ("user@example.com", "@example.com", "@.example.com", "user@"), a regular expression, a table ' \
                     '("hash:FILE"), code, or an array of these',
        "name" => 'a text ("mail.example.com", ".example.com"), a regular expression, a table ("regexp:FILE"), code, or an ' \
                  "array of these",
        "text" => 'a text, true for any, false for none, a regular expression, a table ("regexp:FILE"), or an array of these',
      }.freeze

      # loader: finds the files of tables and keeps the blocks.
      def initialize(loader)
        @loader = loader
      end

      # kind: "client", one of ADDRESSES or of NAMES.
      def expression(kind, given)
        Expression.first_of(choices(kind, given))
      end

      # The patterns of one comparison without code: of a recipient, or of any "text" (of a macro or header).
      def patterns(kind, given)
        list = choices(kind, given).map do |expression, result|
          pattern = expression.size == 1 && expression[kind]&.first
          raise Refused, "#{inspect(given)}; #{allowed(kind).sub(" code,", "")} is allowed" unless pattern
          result ? pattern : Pattern.as_hash(pattern).merge("result" => false)
        end
        Pattern.compact(list)
      end

      private

      # [[expression, true or false], ...], the first that holds decides.
      def choices(kind, given)
        Array(given.is_a?(Hash) ? [given] : given).flatten.flat_map {|one| choices_of(kind, one)}.tap do |all|
          raise Refused, "an empty list; #{allowed(kind)} is allowed" if all.empty?
        end
      end

      def choices_of(kind, one)
        return table(kind, Tables.open(one, @loader.method(:find_files))) if Tables.named?(one)
        return [[code(kind, one), true]] if one.respond_to?(:call)
        [[kind == "client" ? client(one) : {kind => [pattern(kind, one)]}, true]]
      rescue SystemCallError, PostfixTable::Error, ConfigurationLoader::Error => error
        raise Refused, "#{inspect(one)}: #{error.message}"
      end

      # A question says nothing of when it can be answered; what it is about does.
      def code(kind, one)
        asked = @loader.blocks.ask(kind, one)
        %w[client host].include?(kind) ? asked : {"all" => [{kind => [Pattern.regexp(//)]}, asked]}
      end

      def pattern(kind, one)
        case one
        when Regexp then Pattern.regexp(one)
        when Symbol, Integer then one.to_s
        when String then text_pattern(kind, one)
        else refuse(kind, one)
        end
      end

      def text_pattern(kind, text)
        return Pattern.address(text) if ADDRESSES.include?(kind)
        NAMES.include?(kind) ? Pattern.name(text) : Recorder.text(text)
      end

      def client(one)
        return {"client" => one.to_s, "local" => [], "remote" => []} if %i[local remote].include?(one)
        return {"client_in" => [AddressMatcher.cidr(one)]} if one.is_a?(IPAddr)
        refuse("client", one) unless one.is_a?(String)
        {"client_in" => [AddressMatcher.cidr(IPAddr.new(one))]}
      rescue IPAddr::Error
        refuse("client", one)
      end

      def table(kind, table)
        entries = table.is_a?(PostfixHashTable) ? by_precedence(kind, table.entries) : table.entries
        entries.map do |entry|
          tests = [*entry.guards, entry].map {|one| test(kind, table, one)}
          [Expression.all(tests), !Tables.exception?(entry)]
        end
      end

      def test(kind, table, entry)
        found = case table
                when PostfixHashTable then of_key(kind, entry.pattern)
                when ListFile then kind == "client" ? client(entry.pattern) : {kind => [of_line(kind, entry.pattern)]}
                when PostfixCIDRTable then kind == "client" ? {"client_in" => [AddressMatcher.cidr(entry.pattern)]} : refuse_table(kind)
                else kind == "client" ? refuse_table(kind) : {kind => [Pattern.regexp(entry.pattern).merge("location" => entry.location)]}
                end
        return found unless entry.negated
        kind == "client" ? Expression.negate(found) : {kind => [found[kind].first.merge("negate" => true)]}
      end

      # /regular expression/ or what may be written in a configuration.
      def of_line(kind, text)
        source = text[%r{\A/(.*)/\z}m, 1]
        pattern(kind, source ? Regexp.new(source, Regexp::IGNORECASE) : text)
      rescue RegexpError => error
        raise Refused, "#{inspect(text)}: #{error.message}"
      end

      # As access(5) looks keys up: "user@domain", "domain" with what is below it, "user@"; "192.0.2" is a network.
      def of_key(kind, key)
        return {"client_in" => [network_of(key)]} if kind == "client"
        return {kind => [Pattern.address(key)]} if ADDRESSES.include?(kind) && (key.include?("@") || key == "<>")
        return {kind => [Pattern.address("@.#{key.delete_prefix(".")}")]} if ADDRESSES.include?(kind)
        {kind => [NAMES.include?(kind) ? {"domain" => key.delete_prefix(".")} : key]}
      end

      def network_of(key)
        parts = key.split(".")
        return AddressMatcher.cidr(IPAddr.new(key)) unless key.match?(/\A[\d.]+\z/) && parts.size < 4
        "#{(parts + %w[0 0 0]).first(4).join(".")}/#{parts.size * 8}"
      rescue IPAddr::Error
        refuse("client", key)
      end

      # A hash has no order: whole addresses first, then longer names before shorter ones, then "user@".
      def by_precedence(kind, entries)
        entries.sort_by.with_index do |entry, n|
          key = entry.pattern
          rank = !ADDRESSES.include?(kind) || !key.include?("@") ? 1 : key.end_with?("@") ? 2 : 0
          [rank, -key.count(kind == "client" ? ".:" : "."), -key.size, n]
        end
      end

      def refuse_table(kind)
        raise Refused, kind == "client" ? "a table of texts; a table of type cidr or hash is allowed" : "a table of networks; hash, regexp, pcre or file is allowed"
      end

      def refuse(kind, one)
        raise Refused, "#{inspect(one)}; #{allowed(kind)} is allowed"
      end

      def allowed(kind)
        ALLOWED[kind] || ALLOWED[ADDRESSES.include?(kind) ? "address" : "name"]
      end

      def inspect(value)
        text = value.inspect
        text.size > 100 ? "#{text[0, 97]}..." : text
      end
    end
  end
end
