require "milter/manager/worker/control"
require "milter/manager/worker/privileges"
require "milter/manager/worker/server"

module Milter
  module Manager
    module Worker
      # The process that has evaluated the configuration: makes copies of itself that run its blocks, on the daemon's
      # word, and says when one has ended. Never runs a block, never outlives the daemon, and leaves no copy behind.
      class Parent
        # The signals that Ruby itself would make exceptions of.
        SIGNALS = %w[HUP INT QUIT ALRM TERM USR1 USR2].freeze

        def initialize(control, blocks)
          @control = control
          @blocks = blocks
          @workers = {}
          @pid = Process.pid
        end

        # Until the daemon closes its end.
        def run
          @ended, @ends = IO.pipe
          @life, @alive = IO.pipe
          trap("CHLD") {@ends.write_nonblock(".", exception: false)}
          nil while serve
        ensure
          kill_all if Process.pid == @pid
        end

        private

        def serve
          unless @control.line?
            ready, = IO.select([@control.io, @ended])
            reap if ready.include?(@ended)
            return true unless ready.include?(@control.io)
          end
          line = @control.line
          return false unless line
          obey(line)
        end

        # False when this process has to end.
        def obey(line)
          words = JSON.parse(line)
          case words.keys
          when %w[become] then become(words["become"])
          when %w[start] then start(words["start"])
          when %w[end] then kill(words["end"])
          else raise ArgumentError, "what is #{line.inspect}?"
          end
        rescue JSON::ParserError, ArgumentError, TypeError, NoMethodError => error
          refuse(error.message)
        end

        def become(who)
          raise ArgumentError, "there are workers already" if @workers.any?
          Privileges.drop(who.fetch("uid"), who.fetch("gid"), who.fetch("groups"))
          true
        rescue StandardError => error
          refuse("cannot become #{who.inspect}: #{error.message}")
          exit!(1) if @workers.empty?
          true
        end

        def start(number)
          socket = @control.descriptor
          return false unless socket
          raise ArgumentError, "worker #{number.inspect} is there already" if @workers.key?(number)
          pid = fork {work(socket)}
          lead(pid)
          @workers[number] = pid
          @control.say("started" => number, "pid" => pid)
        rescue SystemCallError, NoMemoryError => error
          refuse("worker #{number.inspect} cannot be started: #{error.message}")
        ensure
          socket&.close
        end

        # In the copy, which never comes back from here.
        def work(socket)
          Process.setpgid(0, 0)
          SIGNALS.each {|name| trap(name, "SYSTEM_DEFAULT")}
          trap("CHLD", "DEFAULT")
          [@ended, @ends, @alive].each(&:close)
          @control.close
          $stdout.reopen($stderr)
          end_with_parent
          Server.new(socket, @blocks).run
          exit!(0)
        rescue Exception => error # rubocop:disable Lint/RescueException: a copy of the parent must end here
          $stderr.puts("the Ruby worker ends: #{error.full_message(highlight: false)}")
        ensure
          exit!(1)
        end

        # Also when nobody has the time to tell us, and also in the middle of a block.
        def end_with_parent
          Thread.new do
            @life.read
            Process.kill(:KILL, 0)
          end
        end

        # Both sides do it, so that it is done before either goes on.
        def lead(pid)
          Process.setpgid(pid, pid)
        rescue Errno::EACCES, Errno::ESRCH
          nil # it has ended, or does it itself
        end

        # Of one that has ended meanwhile there is nothing to do.
        def kill(number)
          kill_group(@workers[number]) if @workers.key?(number)
          true
        end

        def kill_group(pid)
          Process.kill(:KILL, -pid)
        rescue Errno::ESRCH, Errno::EPERM
          nil
        end

        def reap
          @ended.read_nonblock(4096, exception: false)
          @workers.to_a.each do |number, pid|
            _, status = Process.wait2(pid, Process::WNOHANG)
            next unless status
            @workers.delete(number)
            kill_group(pid)
            @control.say("ended" => number, "status" => status.signaled? ? "signal #{status.termsig}" : "status #{status.exitstatus}")
          end
        end

        def refuse(why)
          @control.say("refused" => why)
        end

        def kill_all
          @workers.each_value {|pid| kill_group(pid)}
          @workers.each_value {|pid| Process.wait(pid)}
        end
      end
    end
  end
end
