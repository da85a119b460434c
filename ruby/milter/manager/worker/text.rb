module Milter
  module Manager
    module Worker
      # Texts of a mail in JSON: a string, or {"bytes": STRING} with a character a byte for what is no UTF-8.
      module Text
        module_function

        # Tagged UTF-8, or binary for what is none; nil stays nil.
        def read(json)
          return json unless json.is_a?(Hash)
          json.fetch("bytes").encode(Encoding::ISO_8859_1).force_encoding(Encoding::BINARY)
        end

        def write(text)
          text = text.encode(Encoding::UTF_8) unless text.encoding.ascii_compatible?
          utf_8 = text.dup.force_encoding(Encoding::UTF_8)
          return utf_8 if utf_8.valid_encoding?
          {"bytes" => text.dup.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)}
        end

        # For where JSON has no place for bytes.
        def plain(text)
          text.to_s.dup.force_encoding(Encoding::UTF_8).scrub("?")
        end
      end
    end
  end
end
