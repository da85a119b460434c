require "open3"

require "milter/logger"

module Milter
  module Manager
    # Says when there are too many sessions (configuration 8.3): at three quarters of what Postfix can serve at once,
    # unless the configuration gives a number. 0 is never.
    class Breaker
      SHARE = 0.75

      # programs: called with a command line, gives what it prints, nil when it fails; tests put their own.
      def initialize(programs = method(:output_of))
        @programs = programs
      end

      attr_writer :threshold_n_connections

      # Looked for at the first use.
      def threshold_n_connections
        @threshold_n_connections ||= detect
      end

      # n: sessions now in the process.
      def stressing?(n)
        threshold = threshold_n_connections
        threshold != 0 && threshold <= n
      end

      def to_expression
        threshold = threshold_n_connections
        threshold.zero? ? {"always" => false} : {"sessions_at_least" => threshold}
      end

      private

      # Which MTA runs; when none does (yet), which one is installed.
      def detect
        processes = @programs.call(%w[ps ax]).to_s
        postfix = processes.match?(/^(?=.*master)(?=.*postfix)/i)
        return 0 if !postfix && processes.match?(/sendmail: server|sendmail: accepting/)
        settings = @programs.call(%w[postconf])
        return detected(of_postfix(settings)) if settings
        if postfix
          Logger.error("[breaker][detect][error][postfix][postconf] failed to run postconf")
        else
          Logger.info("[breaker][detect][error][threshold] can't detect MTA")
        end
        0
      end

      def detected(threshold)
        Logger.info("[breaker][detect][threshold][postfix] <#{threshold}>")
        threshold
      end

      def of_postfix(settings)
        limit = settings[/^default_process_limit\s*=\s*(\d+)/, 1]
        directory = settings[/^config_directory\s*=\s*(\S+)/, 1]
        ((max_processes(directory) || limit).to_i * SHARE).to_i
      end

      # The limit of the first service "smtp" of master.cf; nil when it has none of its own.
      def max_processes(directory)
        path = directory && File.join(directory, "master.cf")
        return nil unless path && File.readable?(path)
        line = File.foreach(path, encoding: "BINARY").find {|one| one.split.first == "smtp"}
        count = line&.split&.fetch(6, nil)
        count if count&.match?(/\A\d+\z/)
      end

      def output_of(command)
        path = ["/usr/sbin", "/usr/local/sbin", *ENV["PATH"].to_s.split(":")].uniq
        program = path.map {|directory| File.join(directory, command.first)}.find {|file| File.executable?(file)}
        return nil unless program
        text, _, status = Open3.capture3({"LC_ALL" => "C"}, program, *command.drop(1))
        status.success? ? text : nil
      rescue SystemCallError
        nil
      end
    end
  end
end
