require "milter/manager/expression"
require "milter/manager/pattern"

module Milter
  module Manager
    # A list that a configuration adds to: objects with `call`, or anything that is compared by `===`, or a block.
    # What only Ruby can compare is asked of a worker, in its place of the list.
    class MatcherList
      # kind: what is compared, as a key of expressions and a kind of blocks ("host", "sender_domain").
      def initialize(kind, blocks)
        @kind = kind
        @blocks = blocks
        clear
      end

      def clear
        @matchers = []
        @parts = []
      end

      def add(matcher = nil, pattern: nil, &block)
        matcher = block if matcher.nil? && block
        raise ArgumentError, "nothing to compare with; a text, a regular expression, an object with call or a block" if matcher.nil?
        code = matcher.respond_to?(:call) ? matcher : matcher.method(:===)
        @matchers << code
        pattern ||= matcher.respond_to?(:call) ? nil : Pattern.strict(matcher)
        @parts << (pattern ? {@kind => [pattern]} : @blocks.ask(@kind, code))
        self
      end

      # Asked by Ruby code itself.
      def match?(text)
        @matchers.any? {|code| code.call(text)}
      end

      def to_expression
        Expression.any(Expression.merge(@parts))
      end
    end
  end
end
