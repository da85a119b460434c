require "milter/manager/recorder"
require "milter/manager/unsupported"

module Milter
  module Manager
    # What `manager`, `log`, `security` and `controller` are in a configuration.
    class Section < Recorder
      extend Unsupported

      def initialize(defaults, complaints)
        super(defaults)
        @complaints = complaints
      end
    end

    class ManagerSection < Section
      unsupported "manager.", :define_connection_checker, :use_netstat_connection_checker,
                  :netstat_connection_checker, :report_memory_statistics, :maintained, :event_loop_created
    end

    class PackageSection < Section
      # "name=value,name=value" or a Hash.
      def options=(value)
        value = value.map {|name, one| "#{name}=#{one}"}.join(",") if value.is_a?(Hash)
        record("options", value)
      end

      # A Hash, or nil.
      def options
        text = read("options")
        text&.split(/\s*,\s*/)&.to_h {|pair| pair.split(/\s*=\s*/, 2).values_at(0, 1)}
      end
    end

    # For code of conditions; kept and shown, nothing connects.
    class DatabaseSection < Section
      unsupported "database.", :setup, :load_models

      def extra_options
        @values["extra_options"] ||= {}
      end

      def extra_options=(value)
        record("extra_options", value)
      end
    end
  end
end
