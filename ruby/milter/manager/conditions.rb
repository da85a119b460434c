require "milter/manager/condition"

module Milter
  module Manager
    # The conditions of a load, in order of definition. A redefined one goes to the end; the milters that hold the
    # earlier one keep it (configuration 6.1).
    class Conditions
      include Enumerable

      def initialize(loader)
        @loader = loader
        @all = []
      end

      def each(&block)
        @all.reject(&:replaced).each(&block)
      end

      def names
        map(&:name)
      end

      def [](name)
        find {|one| one.name == name}
      end

      # The block fills it; if it raises, nothing has happened.
      def define(name, defined_at = Complaints.location)
        earlier = self[name]
        condition = Condition.new(name, @loader, earlier, defined_at)
        yield(condition)
        earlier.replaced = true if earlier
        @all << condition
        condition
      end

      # used: those that milters hold. Gives [the conditions to write, in order].
      def written(used)
        @all.select {|one| !one.replaced || used.include?(one)}
      end
    end
  end
end
