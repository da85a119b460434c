require "strscan"

module Milter
  module Manager
    # Reads the XML that milter-manager.custom.conf may have: elements, text, comments, the standard entities.
    # No document types, so nothing expands; each element knows its line.
    class SmallXML
      class Error < StandardError
        attr_reader :line

        def initialize(line, text)
          @line = line
          super(text)
        end
      end

      Element = Struct.new(:name, :line, :children, :text)

      DEEPEST = 20
      ENTITIES = {"lt" => "<", "gt" => ">", "amp" => "&", "quot" => '"', "apos" => "'"}.freeze

      # The root element.
      def self.parse(text)
        new(text).parse
      end

      def initialize(text)
        @scanner = StringScanner.new(text)
      end

      def parse
        skip_other
        root = element(0)
        skip_other
        refuse("text behind the end of <#{root.name}>") unless @scanner.eos?
        root
      end

      private

      def skip_other
        nil while @scanner.skip(/\s+|<!--.*?-->|<\?.*?\?>/m)
        refuse("a document type; only elements are allowed") if @scanner.check(/<!DOCTYPE/i)
      end

      def element(depth)
        refuse("elements deeper than #{DEEPEST}") if depth > DEEPEST
        line = self.line
        @scanner.scan(/<([\w:.-]+)(?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(\/)?>/) or refuse("an element was expected")
        made = Element.new(@scanner[1], line, [], +"")
        content(made, depth) unless @scanner[2]
        made
      end

      def content(of, depth)
        until @scanner.skip(%r{</#{Regexp.escape(of.name)}\s*>})
          if @scanner.skip(/<!--.*?-->|<\?.*?\?>/m)
            next
          elsif @scanner.scan(/<!\[CDATA\[(.*?)\]\]>/m)
            of.text << @scanner[1]
          elsif @scanner.check(/<[^\/]/)
            of.children << element(depth + 1)
          elsif (found = @scanner.scan(/[^<]+/))
            of.text << plain(found)
          else
            refuse("</#{of.name}> was expected for line #{of.line}")
          end
        end
      end

      def plain(text)
        text.gsub(/&(?:#x(\h+)|#(\d+)|(\w+))?;?/) do |found|
          next [$1 ? $1.hex : $2.to_i].pack("U") if $1 || $2
          ENTITIES.fetch($3) {refuse("unknown entity #{found}")}
        end
      end

      def line
        @scanner.string.byteslice(0, @scanner.pos).count("\n") + 1
      end

      def refuse(what)
        raise Error.new(line, what)
      end
    end
  end
end
