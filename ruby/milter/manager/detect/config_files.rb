module Milter
  module Manager
    module Detect
      # A milter's own file of "Name value" lines, later ones win: clamav-milter, opendkim, opendmarc, openarc,
      # dkimpy-milter, and with "Name = value" pyspf-milter.
      class NamedValues
        LINE = /\A(\w+)(?:(?:\s*=\s*|\s+)(\S.*))?\z/

        # key: the name of the socket's line. comments: is what follows " #" none of the value?
        def initialize(lines, key:, comments:)
          @values = {}
          lines.each do |line|
            text = comments ? line.text.sub(/(?:\A|\s)#.*\z/, "") : line.text
            @values[$1] = Found.new($2.to_s, line.where) if text.strip =~ LINE
          end
          @key = key
        end

        # A Found, or nil.
        def socket
          @values[@key]
        end

        # "FILE:LINE is ...", for a file that its program refuses to run with; or nil.
        def unconfigured
          example = @values["Example"]
          example && "#{example.where} says \"Example\": not configured yet"
        end

        # Seconds that its answers may take longer than those of others.
        def extra_seconds
          0
        end
      end

      # clamav-milter's own kind: "#" only at the start of a line.
      class ClamavConfig < NamedValues
        def initialize(lines)
          super(lines, key: "MilterSocket", comments: false)
        end
      end

      # opendkim and its relatives.
      class SocketConfig < NamedValues
        def initialize(lines)
          super(lines, key: "Socket", comments: true)
        end

        def unconfigured
          nil
        end
      end

      # milter-greylist's greylist.conf.
      class GreylistConfig
        SECONDS = {nil => 1, "s" => 1, "m" => 60, "h" => 3600, "d" => 86_400, "w" => 604_800}.freeze

        attr_reader :socket, :extra_seconds

        def initialize(lines)
          @extra_seconds = 0
          statements(lines) do |text, where|
            case text
            when /\A(?:racl|acl)\s/ then tarpit(text)
            when /\Asocket\s+"([^"]*)"/, /\Asocket\s+(\S+)/ then @socket = Found.new($1, where)
            end
          end
        end

        def unconfigured
          nil
        end

        private

        # A "\" at the end continues.
        def statements(lines)
          begun = nil
          lines.each do |line|
            text = line.text.strip
            next if text.start_with?("#")
            begun = begun ? begun.with("#{begun.text} #{text}"[0, Tree::LONGEST_LINE]) : line.with(text)
            next begun.text = begun.text.chomp("\\").rstrip if begun.text.end_with?("\\")
            yield(begun.text, begun.where)
            begun = nil
          end
          yield(begun.text, begun.where) if begun
        end

        def tarpit(text)
          text.scan(/\btarpit\s+(\d+)([smhdw])?/) do |number, unit|
            @extra_seconds = [@extra_seconds, number.to_i * SECONDS[unit]].max
          end
        end
      end

      # enma.conf: "milter.socket: inet:10025@127.0.0.1".
      class EnmaConfig
        attr_reader :socket

        def initialize(lines)
          lines.each do |line|
            @socket = Found.new($1, line.where) if line.text =~ /\A\s*milter\.socket\s*:\s*(\S+)/
          end
        end

        def unconfigured
          nil
        end

        def extra_seconds
          0
        end
      end
    end
  end
end
