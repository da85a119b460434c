require "milter/manager/blocks"
require "milter/manager/complaints"
require "milter/manager/netstat_connection_checker"

module Milter
  module Manager
    # What a configuration wants to have called besides conditions: recorded here, called in a worker.
    class Hooks
      # The daemon itself looks into the system's table of connections; no worker is asked.
      NATIVE = {"kind" => "native"}.freeze

      def initialize(blocks)
        @blocks = blocks
        @checkers = {}
        @maintained = []
        @loop_created = []
      end

      # The same name takes the place of an earlier one.
      def define_connection_checker(name, code)
        @checkers[name] = native?(code) ? NATIVE.merge("location" => Complaints.location) : @blocks.ask("connection_checker", code)
      end

      def maintained(code)
        @maintained << @blocks.ask("maintained", code)
      end

      def event_loop_created(code)
        @loop_created << @blocks.ask("event_loop_created", code)
      end

      # nil when there is none.
      def snapshot
        all = {"connection_checkers" => @checkers.map {|name, one| {"name" => name, **one}},
               "maintained" => @maintained, "event_loop_created" => @loop_created}
        all unless all.values.all?(&:empty?)
      end

      private

      # As it comes, without methods of the user's own.
      def native?(code)
        code.instance_of?(NetstatConnectionChecker) && code.singleton_methods.empty?
      end
    end
  end
end
