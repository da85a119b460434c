require "milter/manager/complaints"
require "milter/manager/worker/text"

module Milter
  module Manager
    module Worker
      # Runs code of a configuration so that nothing of it gets out: neither an exception of any kind, nor a copy of
      # this process that would go on as if it were this one.
      class Guard
        # error: what went wrong, nil if nothing did. fatal: this process is not fit for more.
        Outcome = Struct.new(:value, :error, :fatal)

        LONGEST = 2000 # characters of an exception's text

        def initialize
          @pid = Process.pid
        end

        # Whether this process is the one that the guard was made in, and no copy that a block has made.
        def here?
          Process.pid == @pid
        end

        # location: FILE:LINE of the code.
        def run(location)
          Outcome.new(yield)
        rescue Exception => error # rubocop:disable Lint/RescueException: also of exit, and of what Ruby itself gives up at
          Outcome.new(nil, describe(error, location), error.is_a?(NoMemoryError))
        ensure
          leave(location) unless here?
        end

        private

        def describe(error, location)
          at = error.backtrace_locations&.find {|one| foreign?(one)}
          place = "#{at.path}:#{at.lineno}" if at
          place = [place, place == location ? nil : "in the block of #{location}"].compact.join(", ")
          "#{error.class}: #{message(error)} (#{place})"
        end

        def foreign?(place)
          !place.absolute_path&.start_with?(Complaints::LIBRARY) && !place.path.start_with?("<internal:")
        end

        def message(error)
          Text.plain(error.message).lines.map(&:strip).reject(&:empty?).join(" ")[0, LONGEST]
        rescue Exception # rubocop:disable Lint/RescueException: it is the configuration's own class
          "(its text cannot be had)"
        end

        def leave(location)
          $stderr.write("the block of #{location} has forked; the copy (process #{Process.pid}) ends where the block ended\n")
        ensure
          exit!(1)
        end
      end
    end
  end
end
