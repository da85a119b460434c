require "milter/manager/netstat_connection_checker"
require "milter/manager/recorder"

module Milter
  module Manager
    # What `log`, `security`, `controller` and `metrics` are in a configuration.
    class Section < Recorder
      def initialize(defaults, complaints)
        super(defaults)
        @complaints = complaints
      end
    end

    class ManagerSection < Section
      def initialize(defaults, complaints, hooks)
        super(defaults, complaints)
        @hooks = hooks
      end

      # {|context| true while the client is there}
      def define_connection_checker(name, checker = nil, &block)
        code = code_of("define_connection_checker", checker, block) and
          @hooks.define_connection_checker(name.to_s, code)
      end

      def use_netstat_connection_checker(interval = 5)
        record("connection_check_interval", interval)
        netstat_connection_checker.database_lifetime = interval
        define_connection_checker("netstat", netstat_connection_checker)
      end

      def netstat_connection_checker
        @netstat_connection_checker ||= NetstatConnectionChecker.new
      end

      # Called without arguments at every maintenance.
      def maintained(hook = nil, &block)
        code = code_of("maintained", hook, block) and @hooks.maintained(code)
      end

      # Called with the loop of the worker.
      def event_loop_created(hook = nil, &block)
        code = code_of("event_loop_created", hook, block) and @hooks.event_loop_created(code)
      end

      def report_memory_statistics
        maintained do
          resident = File.read("/proc/self/status")[/^VmRSS:\s*(\d+)/, 1]
          Logger.statistics("[maintain][memory] (#{resident}KB) total:#{ObjectSpace.count_objects[:TOTAL]} " \
                            "Proc:#{ObjectSpace.each_object(Proc).count}")
        end
      end

      private

      def code_of(called, given, block)
        code = given || block
        return code if code.respond_to?(:call)
        @complaints.add(Complaints.location, "manager.#{called} needs a block or an object with call")
        nil
      end
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
  end
end
