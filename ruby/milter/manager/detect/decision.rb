module Milter
  module Manager
    module Detect
      # What became of one candidate, for --explain-detection.
      class Decision
        attr_reader :name
        attr_accessor :outcome, :why, :spec, :warning, :location

        # outcome: "enabled", "disabled", "not found" or "skipped".
        def initialize(name, detector, looked_at)
          @name = name
          @detector = detector
          @looked_at = looked_at
        end

        # Plain hashes; docs/configuration-json.md has the names.
        def snapshot
          {"name" => @name, "detector" => @detector, "location" => @location, "outcome" => @outcome, "why" => @why,
           "connection_spec" => @spec&.value, "spec_from" => @spec&.where, "warning" => @warning,
           "looked_at" => @looked_at.map {|path, found| {"path" => path, "found" => found}}}
        end
      end
    end
  end
end
