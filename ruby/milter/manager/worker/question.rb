require "milter/manager/worker/asked"
require "milter/manager/worker/checker_context"
require "milter/manager/worker/text"
require "milter/socket_address"

module Milter
  module Manager
    module Worker
      # What the daemon asks at one event: the facts, and the blocks to be asked in order. What one block changed,
      # the next one sees.
      class Question
        Item = Struct.new(:block, :child, :macros)

        FAMILIES = {
          "inet" => ->(it) {SocketAddress::IPv4.new(it["address"], it["port"])},
          "inet6" => ->(it) {SocketAddress::IPv6.new(it["address"], it["port"])},
          "unix" => ->(it) {SocketAddress::Unix.new(Text.read(it["path"]))},
        }.freeze

        attr_reader :items, :macros, :shelf, :states, :sessions

        # json: the object of a frame. loop: for hooks that want one.
        def initialize(json, loop = nil)
          @json = json
          @loop = loop
          @items = json.fetch("items").map {|one| Item.new(one.fetch("block"), one["child"].to_s, texts(one["macros"]))}
          @macros = texts(json["macros"])
          @shelf = (json["shelf"] || {}).dup
          @states = (json["children"] || []).to_h {|one| [one.fetch("name"), one]}
          @sessions = json["sessions"].to_i
          @set = Hash.new {|all, child| all[child] = {}}
        end

        def earlier_answered?
          @json["earlier_answered"] != false
        end

        # The item while it is asked.
        def asked(item)
          Asked.new(self, item.child, item.macros.merge(@set[item.child]))
        end

        # What blocks are called with (Blocks::ARGUMENTS).
        def known(kind, asked)
          context = kind == "connection_checker" ? checker_context : asked.context
          {context: context, address: address("client"), host: Text.read(@json.dig("client", "host")),
           fqdn: text("helo"), from: text("sender"), recipient: text("recipient"), name: text("header_name"),
           value: text("header_value"), chunk: text("chunk"), loop: @loop}
        end

        # What was changed is seen by the items that follow.
        def keep(asked)
          @set[asked.child].update(asked.macros)
          @shelf = asked.shelf.texts
        end

        private

        def text(key)
          Text.read(@json[key])
        end

        def texts(macros)
          (macros || {}).transform_values {|value| Text.read(value)}
        end

        # nil when nothing is known of it.
        def address(key)
          said = @json[key]
          said && FAMILIES.fetch(said["family"], ->(_) {SocketAddress::Unknown.new}).call(said)
        end

        def checker_context
          CheckerContext.new(address("client"), address("server"), @macros)
        end
      end
    end
  end
end
