require "milter/manager/complaints"

module Milter
  module Manager
    # Parts of the language that this version does not have yet: using one is a complaint, and the load goes on, so
    # that all complaints come together.
    module Unsupported
      # Stands for an object that does not exist yet; takes any call, so that one use is one complaint.
      class Placeholder < BasicObject
        def method_missing(*)
          self
        end
      end

      def self.complain(complaints, what)
        complaints.add(Complaints.location, "#{what} is not supported by this version yet; remove it")
        Placeholder.new
      end

      # Defines methods that complain. The object must have @complaints; prefix: "manager." or "".
      def unsupported(prefix, *names)
        names.each do |name|
          define_method(name) do |*_arguments, **_options, &_block|
            Unsupported.complain(@complaints, "#{prefix}#{name}")
          end
        end
      end
    end
  end
end
