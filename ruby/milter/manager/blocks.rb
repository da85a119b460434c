require "milter/manager/complaints"

module Milter
  module Manager
    # Code of a configuration that is run later, by a worker that has loaded the same files: so a block has the
    # same number there, in order of registration. Says what each kind of block is called with; never calls one
    # by itself.
    class Blocks
      ARGUMENTS = {
        "connect_stopper" => %i[context host address],
        "helo_stopper" => %i[context fqdn],
        "envelope_from_stopper" => %i[context from],
        "envelope_recipient_stopper" => %i[context recipient],
        "data_stopper" => %i[context],
        "header_stopper" => %i[context name value],
        "end_of_header_stopper" => %i[context],
        "body_stopper" => %i[context chunk],
        "end_of_message_stopper" => %i[context],
        # One bare value: a matcher in a list. "recipient" and "sender" are without angle brackets here.
        "host" => %i[host],
        "helo" => %i[fqdn],
        "sender" => %i[bare_from],
        "sender_domain" => %i[from_domain],
        "recipient" => %i[bare_recipient],
        "client" => %i[address],
        "bracketed_sender" => %i[from],
        "bracketed_recipient" => %i[recipient],
        "account" => %i[context bare_recipient],
        # Not about a mail.
        "connection_checker" => %i[context],
        "maintained" => [],
        "event_loop_created" => %i[loop],
      }.freeze

      # What follows from what a worker knows.
      DERIVED = {
        bare_from: ->(known) {Blocks.bare(known[:from])},
        bare_recipient: ->(known) {Blocks.bare(known[:recipient])},
        from_domain: ->(known) {Blocks.bare(known[:from]).to_s[/\A.+?@(.+)\z/m, 1].to_s.downcase},
      }.freeze

      Block = Struct.new(:id, :kind, :code, :location) do
        # known: context, host, address, fqdn, from ("<a@b>"), recipient ("<a@b>"), name, value, chunk, loop, as far as
        # the kind needs them. A Proc takes fewer arguments, too.
        def call(known)
          code.call(*ARGUMENTS.fetch(kind).map {|name| DERIVED.key?(name) ? DERIVED[name].call(known) : known[name]})
        end
      end

      # An address without angle brackets.
      def self.bare(address)
        address&.delete_prefix("<")&.delete_suffix(">")
      end

      attr_reader :all

      def initialize
        @all = []
      end

      # code: anything with `call`. Returns the number.
      def register(kind, code, location = Complaints.location)
        @all << Block.new(@all.size, kind, code, location)
        @all.last.id
      end

      def fetch(id)
        @all.fetch(id)
      end

      # The expression that asks the block.
      def ask(kind, code, location = Complaints.location)
        {"ask" => register(kind, code, location), "location" => location}
      end
    end
  end
end
