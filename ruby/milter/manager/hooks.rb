require "milter/manager/blocks"

module Milter
  module Manager
    # What a configuration wants to have called besides conditions: recorded here, called in a worker.
    class Hooks
      def initialize(blocks)
        @blocks = blocks
        @checkers = {}
        @maintained = []
        @loop_created = []
      end

      # The same name takes the place of an earlier one.
      def define_connection_checker(name, code)
        @checkers[name] = @blocks.ask("connection_checker", code)
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
    end
  end
end
