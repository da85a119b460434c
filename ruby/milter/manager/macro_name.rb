module Milter
  module Manager
    # Macros are written with braces or without; they are known without.
    module MacroName
      def self.bare(name)
        name.to_s.delete_prefix("{").delete_suffix("}")
      end
    end
  end
end
