require "milter/logger"
require "milter/manager/complaints"
require "milter/manager/macro_name"

module Milter
  module Manager
    module Worker
      # The first argument of a stopper (configuration 7): a milter as its conditions see it. One that comes from
      # `children` has the name and state of that milter, and the macros of the MTA.
      class Context
        RESULTS = {reject?: "reject", temporary_failure?: "temporary-failure", accept?: "accept", discard?: "discard"}.freeze

        attr_reader :name

        # asked: the Asked that is being answered.
        def initialize(name, asked)
          @name = name
          @asked = asked
        end

        # A macro's value or nil; with or without braces.
        def [](name)
          @asked.macro(MacroName.bare(name), mine?)
        end

        # For this milter alone. nil changes nothing.
        def []=(name, value)
          return if value.nil?
          texts = [MacroName.bare(name), value.to_s]
          raise ArgumentError, "a macro cannot hold a NUL" if texts.any? {|one| one.b.include?("\0")}
          raise ArgumentError, "a macro needs a name" if texts.first.empty?
          return @asked.set_macro(*texts) if mine?
          Logger.warning("#{Complaints.location}: the macro #{texts.first.inspect} is not set: a condition of " \
                         "#{@asked.child.inspect} cannot set macros of #{@name.inspect}")
        end

        RESULTS.each do |called, word|
          define_method(called) {@asked.result_of(@name) == word}
        end

        def quitted?
          @asked.quitted?(@name)
        end

        # {name => context}, also of this milter itself.
        def children
          @asked.children
        end

        def n_processing_sessions
          @asked.sessions
        end

        def mail_transaction_shelf
          @asked.shelf
        end

        def authenticated?
          %w[auth_type auth_authen].any? {|name| self[name]}
        end

        def postfix?
          (self["v"] || "").match?(/\bPostfix\b/i)
        end

        def inspect
          "#<#{self.class} #{@name.inspect}>"
        end

        private

        def mine?
          @name == @asked.child
        end
      end
    end
  end
end
