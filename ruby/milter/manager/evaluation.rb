require "timeout"

require "milter/manager/configuration_loader"

module Milter
  module Manager
    # The configuration took longer than it may. Not a StandardError: a `rescue` in a configuration must not hold it.
    class DeadlinePassed < Exception # rubocop:disable Lint/InheritException
    end

    # One load: a request (load path, defaults, limits) in, a snapshot (plain hashes) out.
    class Evaluation
      MAIN_FILE = "milter-manager.conf".freeze
      CUSTOM_FILE = "milter-manager.custom.conf".freeze

      # The top level after the load: its blocks have the numbers that the snapshot names.
      attr_reader :loader

      def initialize(request)
        @seconds = request["time_limit"]
        @custom_file = request["custom_file"] || CUSTOM_FILE
        @loader = ConfigurationLoader.new(request)
      end

      def run
        begin
          Timeout.timeout(@seconds, DeadlinePassed, "the configuration was not evaluated within #{@seconds} s") do
            @loader.load_main(MAIN_FILE)
            @loader.load_custom(@custom_file)
            @loader.finish
            @snapshot = @loader.snapshot
          end
        rescue DeadlinePassed
          nil # is among the complaints, with the line that was reached
        end
        @snapshot || @loader.snapshot
      end
    end
  end
end
