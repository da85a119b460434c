require "milter/manager/matcher_list"

module Milter
  module Manager
    # Selective SMTP Rejection: which hosts look like a customer's own machine (configuration 8.1). The lists are in
    # applicable-conditions/s25r.conf and in the administrator's files.
    class S25R
      attr_accessor :only_check_ipv4

      # loader: the top level of the configuration.
      def initialize(loader)
        @only_check_ipv4 = true
        @white = MatcherList.new("host", loader.blocks)
        @black = MatcherList.new("host", loader.blocks)
      end

      alias only_check_ipv4? only_check_ipv4
      alias check_only_ipv4 only_check_ipv4
      alias check_only_ipv4? only_check_ipv4
      alias check_only_ipv4= only_check_ipv4=

      def add_whitelist(matcher = nil, &block)
        @white.add(matcher, &block)
        self
      end

      def add_blacklist(matcher = nil, &block)
        @black.add(matcher, &block)
        self
      end

      def white?(host, address)
        (only_check_ipv4? && !address.ipv4?) || @white.match?(host)
      end

      def black?(host, _address = nil)
        @black.match?(host)
      end

      # Black, and not white.
      def to_expression
        ipv4 = only_check_ipv4? ? [{"client_family" => "inet"}] : []
        Expression.all([*ipv4, *not_white, @black.to_expression])
      end

      private

      def not_white
        white = @white.to_expression
        white == Expression::NEVER ? [] : [Expression.negate(white)]
      end
    end
  end
end
