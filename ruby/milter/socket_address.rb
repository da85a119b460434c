require "ipaddr"
require "socket"

module Milter
  # Addresses as condition code gets them (configuration 7.1). Values: equal when they say the same.
  module SocketAddress
    class Base
      def local? = false
      def ipv4? = false
      def ipv6? = false
      def unix? = false
      def unknown? = false

      # An IPAddr; nil for what has none.
      def to_ip_address = nil

      def ==(other)
        other.instance_of?(self.class) && other.to_s == to_s
      end
      alias eql? ==

      def hash
        [self.class, to_s].hash
      end
    end

    class Internet < Base
      attr_reader :address, :port

      def initialize(address, port)
        super()
        @address = address
        @port = port
      end

      def to_ip_address
        IPAddr.new(@address)
      end

      def pack
        Socket.sockaddr_in(@port, @address)
      end

      def local?
        self.class::LOCAL.any? {|network| network.include?(to_ip_address)}
      end
    end

    class IPv4 < Internet
      LOCAL = %w[127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16].map {|text| IPAddr.new(text)}.freeze

      def ipv4? = true
      def to_s = "inet:#{@port}@[#{@address}]"
    end

    class IPv6 < Internet
      LOCAL = %w[::1 fe80::/10].map {|text| IPAddr.new(text)}.freeze

      def ipv6? = true
      def to_s = "inet6:#{@port}@[#{@address}]"
    end

    class Unix < Base
      attr_reader :path

      def initialize(path)
        super()
        @path = path
      end

      def local? = true
      def unix? = true
      def to_s = "unix:#{@path}"
      def pack = Socket.sockaddr_un(@path)
    end

    class Unknown < Base
      def unknown? = true
      def to_s = "unknown"
      def pack = nil
    end
  end
end
