require "json"

module Milter
  module Manager
    module Detect
      # The milter socket of rspamd: asked of rspamadm, as its files include each other.
      class Rspamd
        TRUE = [true, 1, "true", "yes", "on"].freeze
        EVERYWHERE = {"*" => "localhost", "0.0.0.0" => "localhost", "*v4" => "127.0.0.1", "*v6" => "[::1]",
                      "[::]" => "[::1]"}.freeze

        # socket: a Found, or nil; why_none: what is missing then. warning: the same, when it is a failure and not
        # just how rspamd is used here.
        attr_reader :socket, :why_none, :warning

        # program: the path of rspamadm, or nil when this system has none.
        def initialize(programs, program)
          return @why_none = "rspamadm, which knows the socket, is not there or is not of this system" unless program
          answer = programs.run(program, "configdump", "--json")
          return failed(answer.error) if answer.error
          read(answer.text, "#{program} configdump --json")
        end

        def unconfigured
          nil
        end

        def extra_seconds
          0
        end

        # "HOST:PORT", "*:PORT", "[ADDRESS]:PORT", "/PATH mode=0660": as a connection_spec, or nil.
        def self.spec(text)
          text = text.to_s.strip
          case text[/\A[^\s,]+/].to_s
          when /\Asystemd:/ then nil # a descriptor that systemd passes: rspamd does not know where it is
          when %r{\A(?:unix:)?(/.+)\z} then "unix:#{$1}"
          when /\A(\[[\w:.%]+\]|[^:\s]+):(\d+)\z/
            host = EVERYWHERE.fetch($1, $1)
            "#{host.start_with?("[") ? "inet6" : "inet"}:#{$2}@#{host}"
          end
        end

        private

        def failed(why)
          @why_none = @warning = why
        end

        def read(text, where)
          worker = proxies(JSON.parse(text)["worker"]).first
          return @why_none = "#{where} has no worker rspamd_proxy with milter = yes" unless worker
          written = [worker["bind_socket"]].flatten.compact
          spec = written.filter_map {|one| Rspamd.spec(one)}.first
          failed("#{where} has no bind_socket that is understood: #{written.inspect}") unless spec
          @socket = spec && Found.new(spec, where)
        rescue JSON::ParserError, TypeError, NoMethodError
          failed("#{where} printed something else than expected")
        end

        # Of a list of {kind: settings}, or one such object; the settings can be a list too.
        def proxies(workers)
          [workers].flatten.compact.flat_map {|one| [one["rspamd_proxy"]].flatten.compact}.select do |one|
            TRUE.include?(one["milter"]) && (!one.key?("enabled") || TRUE.include?(one["enabled"]))
          end
        end
      end
    end
  end
end
