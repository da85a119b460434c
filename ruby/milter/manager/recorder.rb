require "milter/manager/complaints"
require "milter/status"

module Milter
  module Manager
    # Settings as the configuration assigns them: any name, any value, with the place of the assignment. Whether a
    # name exists and a value is right is judged later, at one place for all of them, and not here.
    class Recorder
      # A value that JSON can carry; of others, what Ruby prints of them.
      def self.plain(value)
        case value
        when nil, true, false, Integer then value
        when Float then value.finite? ? value : opaque(value)
        when Numeric then plain(value.to_f)
        when String then text(value)
        when Symbol then text(value.to_s)
        when Status then value.nick
        when Array then value.map {|one| plain(one)}
        when Hash then value.to_h {|name, one| [text(name.to_s), plain(one)]}
        else opaque(value)
        end
      end

      def self.text(value)
        utf_8 = value.encoding == Encoding::ASCII_8BIT ? value.dup.force_encoding("UTF-8") : value.encode("UTF-8")
        utf_8.valid_encoding? ? utf_8 : opaque(value)
      rescue EncodingError
        opaque(value)
      end

      def self.opaque(value)
        {"ruby" => value.inspect.encode("UTF-8", invalid: :replace, undef: :replace)}
      end

      attr_reader :values, :locations

      def initialize(defaults)
        @defaults = defaults
        @values = {}
        @locations = {}
      end

      def initialize_copy(other)
        super
        @values = other.values.dup
        @locations = other.locations.dup
      end

      def inspect
        "#<#{self.class}>"
      end

      def record(name, value, location = Complaints.location)
        @values[name] = Recorder.plain(value)
        @locations[name] = location
      end

      def read(name)
        @values.fetch(name) {@defaults[name]}
      end

      # Whether it is a setting's name, maybe with "=" or "?" behind it.
      def known?(name)
        readable?(name.sub(/[=?]\z/, ""))
      end

      private

      # NAME = VALUE, NAME and NAME?: for every NAME when writing, for known ones when reading.
      def method_missing(called, *arguments)
        name = called.to_s
        if name.end_with?("=") && arguments.size == 1
          record(name.chomp("="), arguments.first)
        elsif arguments.empty? && readable?(name.chomp("?"))
          value = read(name.chomp("?"))
          name.end_with?("?") ? value != "false" && !!value : value
        else
          super
        end
      end

      def respond_to_missing?(called, include_private = false)
        name = called.to_s
        name.end_with?("=") || readable?(name.chomp("?")) || super
      end

      def readable?(name)
        @values.key?(name) || @defaults.key?(name)
      end
    end
  end
end
