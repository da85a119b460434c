require "shellwords"

require "milter/manager/condition"
require "milter/manager/recorder"

module Milter
  module Manager
    # What a block of define_milter gets (configuration 5).
    class MilterDefinition < Recorder
      Applied = Struct.new(:condition, :location)

      # Conditions, of which some can be taken away by name, too.
      class Applicable < Array
        def -(other)
          names = other.grep_v(Condition).map(&:to_s)
          super.reject {|one| names.include?(one.name)}
        end
      end

      attr_reader :name
      attr_accessor :defined_at

      # loader: knows the conditions; complains.
      def initialize(name, defaults, loader)
        super(defaults)
        @name = name
        @loader = loader
        @applied = []
      end

      def initialize_copy(other)
        super
        @applied = @applied.dup
      end

      # A string, or an array of words.
      def command_options=(value)
        value = Shellwords.join(value.map(&:to_s)) if value.is_a?(Array)
        record("command_options", value == "" ? nil : value)
      end

      # The conditions themselves, so that `+= ["S25R"]` and `-= [...]` work.
      def applicable_conditions
        Applicable.new(@applied.map(&:condition))
      end

      # Names, or conditions; nil for none.
      def applicable_conditions=(list)
        list = [] if list.nil?
        unless list.respond_to?(:to_ary)
          return complain("milter.applicable_conditions is #{list.inspect}; an array of names of conditions is allowed")
        end
        @applied = list.to_ary.filter_map {|one| found = condition(one) and Applied.new(found, nil)}
      end

      def add_applicable_condition(name, location = Complaints.location)
        found = condition(name)
        @applied << Applied.new(found, location) if found
      end

      # Takes a condition away, by name or itself.
      def remove_applicable_condition(name)
        found = condition(name)
        @applied.reject! {|one| one.condition.name == found.name} if found
      end

      # indexes: condition -> its place in the snapshot.
      def snapshot(indexes)
        applied = @applied.map do |one|
          {"name" => Recorder.text(one.condition.name), "condition" => indexes.fetch(one.condition), "location" => one.location}
        end
        locations = {"define_milter" => @defined_at}.merge(@locations)
        {"name" => Recorder.text(@name)}.merge(@values, "locations" => locations, "applicable_conditions" => applied)
      end

      private

      # The condition, or nil after a complaint.
      def condition(given)
        return given if given.is_a?(Condition)
        found = @loader.conditions[given.to_s] if given.is_a?(String) || given.is_a?(Symbol)
        return found if found
        complain("milter.applicable_conditions names #{given.inspect}; a condition that was defined before is allowed: " \
                 "#{@loader.conditions.names.inspect}")
        nil
      end

      def complain(what)
        @loader.complain("define_milter(#{@name.inspect}): #{what}")
      end
    end
  end
end
