require "milter/manager/postfix_table"

module Milter
  module Manager
    # A plain file with one entry a line; "#" begins a comment line. Patterns are the lines' texts.
    class ListFile < PostfixTable
      private

      def add(text)
        @entries << Entry.new(text, false, "ok", [], location)
      end

      def match_pattern(entry, subject)
        entry.casecmp?(subject.to_s) || nil
      end
    end
  end
end
