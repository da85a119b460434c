module Milter
  module Manager
    module Detect
      # Runs a program of the system for its answer: no shell, a time limit, nothing of our environment but where
      # programs are.
      class Programs
        SECONDS = 10
        LONGEST = 8 << 20 # bytes of an answer
        # rspamadm looks up names before it answers: without a name server, each would cost it ten seconds.
        ENVIRONMENT = {"LC_ALL" => "C", "RES_OPTIONS" => "timeout:1 attempts:1"}.freeze

        # What a program printed; error is nil when it ended well.
        Answer = Struct.new(:text, :error)

        # A program that did not answer in time is not waited for again: candidates are many, a load's time is not.
        def initialize(seconds = SECONDS)
          @seconds = seconds
          @silent = {}
        end

        def run(*words)
          return Answer.new("", @silent[words.first]) if @silent.key?(words.first)
          ask(words)
        rescue SystemCallError => error
          Answer.new("", "#{words.first} cannot be run: #{error.class.name[/\w+\z/]}")
        end

        private

        def ask(words)
          ours, theirs = IO.pipe
          pid = Process.spawn({"PATH" => ENV.fetch("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), **ENVIRONMENT},
                              [words.first, words.first], *words.drop(1),
                              in: File::NULL, out: theirs, err: File::NULL, unsetenv_others: true)
          theirs.close
          deadline = now + @seconds
          text, problem = read(ours, deadline, words)
          status = problem ? nil : wait(pid, deadline)
          problem ||= problem_of(status, words)
          Answer.new(text.force_encoding(Encoding::UTF_8).scrub("?"), problem)
        ensure
          [ours, theirs].each {|one| one&.close}
          kill(pid) if pid && !status
        end

        # Stays in our process group: what it leaves behind ends with the evaluation.
        def kill(pid)
          Process.kill(:KILL, pid)
          Process.wait(pid)
        end

        def read(from, deadline, words)
          text = String.new
          loop do
            return [text, too_late(words)] unless IO.select([from], nil, nil, [deadline - now, 0].max)
            text << from.readpartial(65_536)
            return [text, "#{words.join(" ")} printed more than #{LONGEST} bytes"] if text.bytesize > LONGEST
          rescue EOFError
            return [text, nil]
          end
        end

        # Its output has ended; it itself may not have.
        def wait(pid, deadline)
          until (ended = Process.wait2(pid, Process::WNOHANG))
            return if now > deadline
            sleep(0.005)
          end
          ended.last
        end

        def problem_of(status, words)
          return too_late(words) unless status
          status.success? ? nil : "#{words.join(" ")} ended with #{status.exitstatus || "signal #{status.termsig}"}"
        end

        def too_late(words)
          @silent[words.first] = "#{words.join(" ")} did not answer within #{@seconds} s"
        end

        def now
          Process.clock_gettime(Process::CLOCK_MONOTONIC)
        end
      end
    end
  end
end
