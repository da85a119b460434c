require "milter/manager/macro_name"

module Milter
  module Manager
    module Worker
      # What a connection checker gets (configuration 9).
      class CheckerContext
        attr_reader :smtp_client_address, :smtp_server_address

        # Addresses: Milter::SocketAddress; server: the MTA's on the milter socket. macros: {name => value}
        def initialize(client, server, macros)
          @smtp_client_address = client
          @smtp_server_address = server
          @macros = macros
        end

        def [](name)
          @macros[MacroName.bare(name)]
        end

        def smtp_server_name
          self["v"]
        end
      end
    end
  end
end
