require "shellwords"

require "milter/manager/recorder"

module Milter
  module Manager
    # What a block of define_milter gets.
    class MilterDefinition < Recorder
      attr_reader :name
      attr_accessor :defined_at

      def initialize(name, defaults)
        super(defaults)
        @name = name
      end

      # A string, or an array of words.
      def command_options=(value)
        value = Shellwords.join(value.map(&:to_s)) if value.is_a?(Array)
        record("command_options", value == "" ? nil : value)
      end

      def applicable_conditions
        (read("applicable_conditions") || []).dup
      end

      def add_applicable_condition(name)
        record("applicable_conditions", applicable_conditions << name)
      end

      def snapshot
        locations = {"define_milter" => @defined_at}.merge(@locations)
        {"name" => Recorder.text(@name)}.merge(@values, "locations" => locations)
      end
    end
  end
end
