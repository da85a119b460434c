module Milter
  module Manager
    module Detect
      # How sockets are written in files of milters, as a connection_spec.
      module SocketSpec
        LONGEST_PATH = 107 # bytes

        # "" means none: nil.
        def self.normal(value)
          spec = value.to_s.strip
          spec = "unix:#{spec}" if spec.start_with?("/")
          spec = spec.sub(/\A(?:(?:unix|local):\s*)+(?=(?:unix|local):)/, "")
          spec.empty? ? nil : spec
        end

        # What is wrong with a normal spec, or nil.
        def self.problem(spec)
          protocol, address = spec.split(":", 2)
          return "has no \":\"" unless address
          case protocol
          when "unix", "local" then path_problem(address)
          when "inet", "inet6" then port_problem(*address.split("@", 2))
          else "does not begin with \"unix:\", \"local:\", \"inet:\", \"inet6:\" or \"/\""
          end
        end

        def self.path_problem(path)
          return "has no absolute path" unless path.start_with?("/")
          return "has a path of more than #{LONGEST_PATH} bytes" if path.bytesize > LONGEST_PATH
          path.match?(/[\s$`\0]/) ? "has a path with blanks or variables" : nil
        end

        def self.port_problem(port, host = nil)
          return "has the port \"#{port}\", which is no number from 1 to 65535" unless
            port.to_s.match?(/\A\d{1,5}\z/) && port.to_i.between?(1, 65_535)
          host.nil? || host.match?(/\A(?:\[[\h.:]+(?:%\w+)?\]|[\w.:-]+)\z/) ? nil : "has no valid host"
        end
        private_class_method :path_problem, :port_problem
      end
    end
  end
end
