require "milter/manager/address_matcher"

module Milter
  module Manager
    # Which clients are of the own network (configuration 8.2); holds for a client that is not.
    class RemoteNetwork < AddressMatcher
    end
  end
end
