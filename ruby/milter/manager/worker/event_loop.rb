module Milter
  module Manager
    module Worker
      # What event_loop_created hooks get (configuration 3.4): things to do between questions, in the worker.
      class EventLoop
        IDLE_PAUSE = 0.1 # seconds between two calls of the same idle block

        Task = Struct.new(:id, :at, :every, :code)

        # run: called with code of the configuration, gives what it says, or nil when it went wrong. now: seconds.
        def initialize(run, now = -> {Process.clock_gettime(Process::CLOCK_MONOTONIC)})
          @run = run
          @now = now
          @tasks = {}
          @last = 0
        end

        # Calls the block after so many seconds, and again as long as it says true. Gives a number for `remove`.
        def add_timeout(seconds, &code)
          add(Float(seconds), Float(seconds), code)
        end

        # Calls the block when nothing is asked, and again as long as it says true.
        def add_idle(&code)
          add(0.0, IDLE_PAUSE, code)
        end

        # Whether there was one.
        def remove(id)
          !@tasks.delete(id).nil?
        end

        # Seconds until something is to be done; nil: never.
        def pause
          at = @tasks.each_value.map(&:at).min
          at && [at - @now.call, 0].max
        end

        # Each at most once, in order of time.
        def run_due
          now = @now.call
          @tasks.values.select {|task| task.at <= now}.sort_by {|task| [task.at, task.id]}.each do |task|
            next unless @tasks.key?(task.id)
            again = @run.call(task.code)
            @tasks.delete(task.id) unless again
            task.at = @now.call + task.every
          end
        end

        def inspect
          "#<#{self.class}>"
        end

        private

        def add(seconds, every, code)
          raise ArgumentError, "there is no block" unless code
          raise ArgumentError, "#{seconds} seconds" unless seconds.finite? && !seconds.negative?
          @last += 1
          @tasks[@last] = Task.new(@last, @now.call + seconds, every, code)
          @last
        end
      end
    end
  end
end
