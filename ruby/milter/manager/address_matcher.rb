require "ipaddr"

module Milter
  module Manager
    # Says which addresses are local and which remote (configuration 7.2): the given ones first, then what
    # addresses are by nature.
    class AddressMatcher
      def initialize
        @local = []
        @remote = []
      end

      # An IPAddr, or a string for one: an address or a network.
      def add_local_address(address)
        @local << ip(address)
      end

      def add_remote_address(address)
        @remote << ip(address)
      end

      def local_address?(address)
        kind(address) == :local
      end

      def remote_address?(address)
        kind(address) == :remote
      end

      def unknown_address?(address)
        kind(address) == :unknown
      end

      def to_expression
        {"client" => "remote", "local" => @local.map {|one| AddressMatcher.cidr(one)},
         "remote" => @remote.map {|one| AddressMatcher.cidr(one)}}
      end

      # "192.0.2.0/24"; of a single address without the bits.
      def self.cidr(ip)
        bits = ip.prefix
        bits == (ip.ipv4? ? 32 : 128) ? ip.to_s : "#{ip}/#{bits}"
      end

      private

      def ip(address)
        address.is_a?(IPAddr) ? address : IPAddr.new(address)
      rescue IPAddr::Error => error # whose text does not always say which
        raise error.class, "invalid address: #{address.inspect}; an address or a network is allowed"
      end

      def kind(address)
        return :unknown if address.unknown?
        found = address.to_ip_address
        return :remote if found && listed?(@remote, found)
        return :local if address.local? || (found && listed?(@local, found))
        :remote
      end

      def listed?(networks, ip)
        networks.any? {|one| one.family == ip.family && one.include?(ip)}
      end
    end
  end
end
