module Milter
  module Manager
    module Detect
      # Whether the service manager starts a service, and how that is known.
      ServiceState = Struct.new(:enabled, :why)

      # What one kind of service file says about a candidate. A nil attribute: it does not say.
      # config: the milter's own file, parsed; socket: a Found; why_no_socket: what to say when there is none; warning:
      # when that is a failure.
      Service = Struct.new(:description, :state, :command, :command_options, :socket, :why_no_socket, :warning,
                           :config, keyword_init: true) do
        # Of rspamd, config knows more than whether there is a socket.
        def self.of(config, **others)
          return new(config: config, **others) unless config.is_a?(Rspamd)
          new(config: config, why_no_socket: config.why_none, warning: config.warning, **others)
        end
      end
    end
  end
end
