require "milter/manager/macro_name"
require "milter/manager/terms"

module Milter
  module Manager
    # What a block of define_applicable_condition gets (configuration 6): rules, each of which stops a milter at a
    # stage or sets macros for it. All conditions of a milter must let it through.
    class Condition
      STOPPERS = {
        "connect" => "connect", "helo" => "helo", "envelope_from" => "mail", "envelope_recipient" => "rcpt",
        "data" => "data", "header" => "header", "end_of_header" => "end_of_headers", "body" => "body",
        "end_of_message" => "end_of_message",
      }.freeze
      STAGES = STOPPERS.merge(STOPPERS.values.to_h {|stage| [stage, stage]}).freeze

      attr_reader :name, :description, :defined_at
      attr_accessor :data, :replaced

      # earlier: the condition of that name that it takes the place of, or nil.
      def initialize(name, loader, earlier = nil, defined_at = Complaints.location)
        @name = name
        @loader = loader
        @defined_at = defined_at
        @description = earlier&.description
        @data = earlier&.data
        @locations = earlier ? earlier.locations.dup : {}
        @rules = []
        @replaced = false
      end

      def inspect
        "#<#{self.class} #{@name.inspect}>"
      end

      def description=(text)
        unless text.nil? || text.is_a?(String)
          return complain("condition.description is #{text.inspect}; a text, or nil is allowed")
        end
        @description = text && Recorder.text(text)
        text ? @locations["description"] = Complaints.location || @defined_at : @locations.delete("description")
      end

      # define_connect_stopper {|context, host, address| ... } and the others: a true value stops the milter.
      STOPPERS.each do |name, stage|
        define_method(:"define_#{name}_stopper") do |callable = nil, &block|
          code = callable || block
          next complain("define_#{name}_stopper needs a block or an object with call") unless code.respond_to?(:call)
          rule("at" => stage, "stop" => @loader.blocks.ask("#{name}_stopper", code))
        end
      end

      # The milter gets the mail only when all of this holds.
      def apply_when(*objects, at: nil, **words)
        declare("apply_when", objects, words, at) do |expression|
          [{"stop" => Expression.negate(expression)}]
        end
      end

      # The milter does not get the mail when all of this holds.
      def skip_when(*objects, at: nil, **words)
        declare("skip_when", objects, words, at) do |expression|
          # What the client announced is enough to stop early; what has come is known at the end.
          early = at.nil? && words.key?(:larger_than)
          [early ? {"at" => "mail", "stop" => expression} : nil, {"stop" => expression}].compact
        end
      end

      # Macros that the milter gets (and no other) when all of `when` holds; a value {macro: NAME} is another macro's.
      # only_unset: leaves what the MTA has sent.
      def set_macros(macros, at: nil, only_unset: false, when: {})
        given = binding.local_variable_get(:when)
        objects, words = given.is_a?(Hash) ? [[], given] : [Array(given), {}]
        always = objects.empty? && words.empty?
        declare("set_macros", objects, words, at, always ? {"always" => true} : nil) do |expression|
          [{"set" => macros.to_h {|name, value| [MacroName.bare(name), macro_value(value)]},
            "when" => expression, **(only_unset ? {"unset_only" => true} : {})}]
        end
      end

      # For conditions that are made of ready expressions.
      def stop_when(expression, at:)
        rule("at" => at, "stop" => expression)
      end

      def set_macros_when(expression, macros, at:)
        rule("at" => at, "set" => macros, "when" => expression)
      end

      def snapshot
        {"name" => Recorder.text(@name), "description" => @description, "location" => @defined_at,
         "locations" => @locations, "replaced" => @replaced, "rules" => Expression.resolve(@rules)}
      end

      protected

      attr_reader :locations

      private

      def declare(called, objects, words, at, expression = nil)
        expression ||= @loader.terms.expression(objects, words)
        stage = at && (STAGES[at.to_s.tr("-", "_")] or
          raise Values::Refused, "at is #{at.inspect}; one of #{STAGES.values.uniq.join(", ")} is allowed")
        yield(expression).each {|one| rule({**(stage ? {"at" => stage} : {}), **one})}
      rescue Values::Refused => refused
        complain("condition.#{called}: #{refused.message}")
      end

      def rule(parts)
        @rules << parts.merge("location" => Complaints.location || @defined_at)
      end

      def macro_value(value)
        value.is_a?(Hash) && value.keys == [:macro] ? {"macro" => value[:macro].to_s} : value.to_s
      end

      def complain(what)
        @loader.complain("define_applicable_condition(#{@name.inspect}): #{what}")
      end
    end
  end
end
