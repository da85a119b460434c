require "ipaddr"

require "milter/manager/postfix_table"

module Milter
  module Manager
    # A table of Postfix's type cidr (configuration 7.3): ADDRESS[/BITS] ACTION. Patterns are IPAddr.
    class PostfixCIDRTable < PostfixTable
      # subject: an address of Milter::SocketAddress, an IPAddr or a string.
      def find(subject)
        ip = ip_of(subject)
        ip && super(ip)
      end

      private

      def ip_of(subject)
        return subject.to_ip_address if subject.respond_to?(:to_ip_address)
        subject.is_a?(IPAddr) ? subject : IPAddr.new(subject)
      rescue IPAddr::Error # a host's name is in no network
        nil
      end

      def split(text)
        network, rest = text.split(/\s+/, 2)
        [IPAddr.new(network), rest.to_s]
      rescue IPAddr::Error => error
        invalid_value(error.message.sub(/: .*\z/m, ""), network)
      end

      def match_pattern(network, ip)
        network.family == ip.family && network.include?(ip) || nil
      end
    end
  end
end
