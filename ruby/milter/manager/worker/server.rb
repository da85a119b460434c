require "milter/logger"
require "milter/manager/worker/event_loop"
require "milter/manager/worker/frames"
require "milter/manager/worker/guard"
require "milter/manager/worker/question"

module Milter
  module Manager
    module Worker
      # A worker: answers questions until its socket ends. Made in the copy that it runs in.
      class Server
        def initialize(socket, blocks)
          @frames = Frames.new(socket)
          @blocks = blocks
          @guard = Guard.new
          @loop = EventLoop.new(method(:call_task))
        end

        # Raises what is wrong with the socket or with a question.
        def run
          Logger.sink = method(:log)
          forget_connections
          greet_loop
          while (frame = next_frame)
            code, json = frame
            raise Frames::Broken, "a frame of kind #{code.inspect}" unless code == "Q"
            answer_all(Question.new(json, @loop))
          end
        rescue Errno::EPIPE, Errno::ECONNRESET
          nil # the daemon has no use for it any more
        end

        private

        def next_frame
          @loop.run_due until IO.select([@frames.socket], nil, nil, @loop.pause)
          @frames.read
        end

        def answer_all(question)
          question.items.each do |item|
            answer, fatal = answer(question, item)
            @frames.write("A", answer)
            exit!(1) if fatal
          end
        end

        # [answer, whether this process must end then]
        def answer(question, item)
          asked = question.asked(item)
          outcome = ask(question, item, asked)
          return [{"says" => "no", "macros" => {}, "shelf" => {}, "wants_results" => true}, outcome.fatal] if asked.wants_results?
          question.keep(asked)
          says = outcome.error ? "failed" : (outcome.value ? "yes" : "no")
          answer = {"says" => says, "macros" => texts(asked.macros), "shelf" => asked.shelf.changes.transform_keys {|key| Text.plain(key)}}
          answer["error"] = outcome.error if outcome.error
          [answer, outcome.fatal]
        end

        def ask(question, item, asked)
          block = @blocks.all[item.block] if item.block.is_a?(Integer) && !item.block.negative?
          return Guard::Outcome.new(nil, "there is no block #{item.block.inspect}") unless block
          @guard.run(block.location) do
            known = question.known(block.kind, asked)
            asked.run {block.call(known)}
          end
        end

        def texts(macros)
          macros.to_h {|name, value| [Text.plain(name), Text.write(value)]}
        end

        # A line of Milter::Logger. A copy of this process must not write to the socket.
        def log(level, line)
          return $stderr.puts("[#{level}] #{line}") unless @guard.here?
          @frames.write("L", {"level" => level.to_s, "text" => Text.plain(line)})
        end

        def greet_loop
          @blocks.all.each do |block|
            call_hook(block.location) {block.call(loop: @loop)} if block.kind == "event_loop_created"
          end
        end

        def call_task(code)
          call_hook(code.source_location&.join(":")) {code.call}
        end

        def call_hook(location, &code)
          outcome = @guard.run(location, &code)
          log(:warning, outcome.error) if outcome.error
          exit!(1) if outcome.fatal
          outcome.value
        end

        # Connections of the load belong to the parent; each worker makes its own when a block wants one.
        def forget_connections
          ActiveSupport::ForkTracker.check! if defined?(ActiveSupport::ForkTracker) && ActiveSupport::ForkTracker.respond_to?(:check!)
        end
      end
    end
  end
end
