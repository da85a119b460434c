require "milter/manager/postfix_table"

module Milter
  module Manager
    # The source of a table of Postfix's types hash, lmdb, texthash...: KEY ACTION. Patterns are the keys in lower case.
    # The compiled file is not read; nor is `postmap` needed.
    class PostfixHashTable < PostfixTable
      private

      def add(text)
        key, rest = text.split(/\s+/, 2)
        @entries << Entry.new(key.downcase, false, rest.to_s, [], location)
      end

      def match_pattern(key, subject)
        key == subject.to_s.downcase || nil
      end
    end
  end
end
