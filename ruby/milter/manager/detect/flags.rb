require "shellwords"

module Milter
  module Manager
    module Detect
      # Options in the arguments of a command line.
      module Flags
        # The value of the last "OPTION VALUE", else of a word like OPTION=VALUE or OPTIONVALUE; nil when there is
        # none, or when it is a variable that nobody set.
        def self.value(text, option)
          return unless text
          words = words(text)
          at = words[0...-1].rindex(option)
          found = at ? words[at + 1] : words.find {|word| word.start_with?(option) && word != option}
          found = found.delete_prefix(option).delete_prefix("=") if found && !at
          found.nil? || found.empty? || found.start_with?("$") ? nil : found
        end

        def self.words(text)
          Shellwords.split(text)
        rescue ArgumentError # a quote that does not end
          text.split
        end
      end
    end
  end
end
