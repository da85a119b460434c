require "milter/manager/pattern"

module Milter
  module Manager
    # Expressions of conditions as plain hashes (docs/configuration-json.md). An object with `to_expression` can
    # stand for one until the end of the load: lists grow after the condition that uses them was defined.
    module Expression
      NEVER = {"always" => false}.freeze

      module_function

      def any(parts)
        parts = parts.reject {|one| one == NEVER}
        return NEVER if parts.empty?
        parts.size == 1 ? parts.first : {"any" => parts}
      end

      def all(parts)
        parts.size == 1 ? parts.first : {"all" => parts}
      end

      def negate(one)
        return one["not"] if one.is_a?(Hash) && one.key?("not")
        {"not" => one}
      end

      # choices: [[expression, true or false], ...]: the first that holds decides, none is false. Flat: what says
      # true must hold, and nothing before it that says false.
      def first_of(choices)
        exceptions = []
        groups = choices.chunk_while {|a, b| a[1] == b[1]}
        any(groups.filter_map do |group|
          holds = group.map(&:first)
          next exceptions.concat(holds) && nil unless group.first[1]
          merged = any(merge(holds))
          exceptions.empty? ? merged : all([merged, negate(any(merge(exceptions)))])
        end)
      end

      # Neighbours that are lists about the same thing become one list.
      def merge(parts)
        parts.chunk_while {|a, b| mergeable?(a) && mergeable?(b) && a.keys == b.keys}.map do |group|
          kind = group.first.keys.first
          list = group.flat_map {|one| one[kind]} if group.size > 1
          next group.first unless list
          {kind => kind == "client_in" ? list : Pattern.compact(list)}
        end
      end

      def mergeable?(one)
        one.is_a?(Hash) && one.size == 1 && %w[client_in host helo sender sender_domain recipient].include?(one.keys.first)
      end

      # With every object in it replaced by what it stands for now.
      def resolve(part)
        case part
        when Hash then part.transform_values {|one| resolve(one)}
        when Array then part.map {|one| resolve(one)}
        else part.respond_to?(:to_expression) ? resolve(part.to_expression) : part
        end
      end
    end
  end
end
