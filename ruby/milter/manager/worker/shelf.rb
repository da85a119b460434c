require "date"
require "yaml"

module Milter
  module Manager
    module Worker
      # mail_transaction_shelf (configuration 7): notes of all blocks for one message, kept by the daemon as YAML.
      # What is taken out is a copy, of plain values only: a text never becomes an object of any class.
      class Shelf
        include Enumerable

        PLAIN = [Symbol, Date, Time, DateTime].freeze

        # {key => YAML text or nil for what was removed}: what was changed here.
        attr_reader :changes

        # texts: {key => YAML text}
        def initialize(texts)
          @texts = texts
          @changes = {}
        end

        def [](key)
          text = texts[key.to_s]
          text && value_of(text)
        end

        def []=(key, value)
          @changes[key.to_s] = YAML.dump(value)
        end

        # Gives what was there.
        def delete(key)
          value = self[key]
          @changes[key.to_s] = nil if texts.key?(key.to_s)
          value
        end

        def each
          return to_enum unless block_given?
          texts.each {|key, text| yield(key, value_of(text))}
          self
        end

        def inspect
          "#<#{self.class} #{texts.keys.inspect}>"
        end

        # As it is now.
        def texts
          @texts.merge(@changes).compact
        end

        private

        def value_of(text)
          YAML.safe_load(text, permitted_classes: PLAIN, aliases: true)
        end
      end
    end
  end
end
