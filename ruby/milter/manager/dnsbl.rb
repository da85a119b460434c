require "ipaddr"
require "resolv"

require "milter/manager/address_matcher"

module Milter
  module Manager
    # Lists of addresses that are kept in the DNS (configuration 8.5); holds for a client that one of them has.
    # Only IPv4 clients are looked up.
    class DNSBlocklist
      TIMEOUT = 5 # seconds, for all services together: they are asked at once

      Service = Struct.new(:domain, :expected)

      attr_reader :name_servers

      def initialize
        @services = []
        @name_servers = []
      end

      # expected: the answers that count, an address or a network; nil: any.
      def add_service(domain, expected = nil)
        expected = IPAddr.new(expected) if expected && !expected.is_a?(IPAddr)
        @services << Service.new(domain.to_s, expected)
        self
      end

      def name_server=(address)
        @name_servers = [address]
      end

      # Adds to the earlier ones.
      def name_servers=(addresses)
        @name_servers += addresses
      end

      # Asked by Ruby code itself; waits for the answers.
      def listed?(address)
        return false unless address.respond_to?(:ipv4?) && address.ipv4?
        reversed = address.to_ip_address.to_s.split(".").reverse.join(".")
        answers = Queue.new
        threads = @services.map {|one| Thread.new {answers << has?(one, reversed)}}
        threads.each.any? {answers.pop}
      ensure
        threads&.each(&:kill)
      end

      def to_expression
        services = @services.map do |one|
          {"domain" => one.domain, "expected" => one.expected && AddressMatcher.cidr(one.expected)}
        end
        {"dnsbl" => {"services" => services, "name_servers" => @name_servers.map(&:to_s), "timeout" => TIMEOUT}}
      end

      private

      def has?(service, reversed)
        Resolv::DNS.open(*configuration) do |dns|
          dns.timeouts = TIMEOUT
          dns.getaddresses("#{reversed}.#{service.domain}").any? do |found|
            service.expected.nil? || service.expected.include?(IPAddr.new(found.to_s))
          end
        end
      rescue StandardError # no answer is no listing
        false
      end

      def configuration
        return [] if @name_servers.empty?
        [{nameserver_port: @name_servers.map {|one| host_and_port(one.to_s)}}]
      end

      def host_and_port(text)
        host, port = text.match(/\A\[?([^\]]*?)\]?(?::(\d+))?\z/).captures
        text.count(":") > 1 && !text.start_with?("[") ? [text, 53] : [host, (port || 53).to_i]
      end
    end
  end
end
