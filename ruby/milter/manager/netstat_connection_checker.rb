require "open3"

require "milter/logger"

module Milter
  module Manager
    # Says whether the client of a mail server on this host is still there, by the system's table of connections
    # (configuration 9). When it cannot know, it says yes.
    class NetstatConnectionChecker
      COMMANDS = [%w[netstat -n -W], %w[netstat -n]].freeze

      attr_accessor :database_lifetime

      # run: gives what a command prints, nil when it fails; tests put their own. now: a clock, in seconds.
      def initialize(run: method(:output_of), now: -> {Process.clock_gettime(Process::CLOCK_MONOTONIC)})
        @run = run
        @now = now
        @database_lifetime = 5
        @read_at = nil
      end

      # context: has smtp_client_address and smtp_server_address.
      def connected?(context)
        client = context.smtp_client_address
        return true unless context.smtp_server_address&.local? && (client&.ipv4? || client&.ipv6?)
        if client.port.to_i.zero?
          Logger.warning("[netstat][warning] can't detect disconnected connection because SMTP client port address " \
                         "is unknown: <#{client}>")
          return true
        end
        states = database
        return true if states.nil?
        state = states[[client.address, client.port]]
        !(state.nil? || state == "CLOSE_WAIT")
      end
      alias call connected?

      private

      # {[address, port] => state} of the foreign ends; nil when nobody can say.
      def database
        now = @now.call
        if @read_at.nil? || now - @read_at > @database_lifetime
          @states = read
          @read_at = now
        end
        @states
      end

      def read
        text = COMMANDS.lazy.filter_map {|command| @run.call(command)}.first
        Logger.error("[netstat][not-available] #{COMMANDS.map {|one| "<#{one.join(" ")}>"}.join(" ")}") unless text
        text && parse(text)
      end

      def parse(text)
        text.lines.grep(/\Atcp/).to_h do |line|
          protocol, _, _, _, foreign, state = line.split
          parts = foreign.split(/[.:]/, -1)
          [[parts[0...-1].join(protocol.include?("6") ? ":" : "."), parts.last.to_i], state]
        end
      end

      def output_of(command)
        text, _, status = Open3.capture3({"LC_ALL" => "C"}, *command)
        status.success? ? text : nil
      rescue SystemCallError
        nil
      end
    end
  end
end
