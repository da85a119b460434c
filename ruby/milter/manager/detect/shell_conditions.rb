module Milter
  module Manager
    module Detect
      # Which lines of a shell script count: those in an `if` that surely does not apply do not. Understands tests
      # for files and for variables, and grep -q; anything else may apply.
      class ShellConditions
        # Of one `if`: does the branch at hand count, and has an earlier one surely been taken?
        Branch = Struct.new(:counts, :decided)

        FILE_TEST = /\A(?:\[|test)\s+-([efrsxd])\s+["']?([^\s"']+)["']?\s*\]?\z/
        TEXT_TEST = /\A(?:\[|test)\s+-([nz])\s+"?\$\{?(\w+)\}?"?\s*\]?\z/
        GREP = /\A[ef]?grep\s+(?:-q|-qE|-Eq)\s+(?:"([^"]*)"|'([^']*)'|(\S+))\s+["']?([^\s"']+)["']?\z/

        def initialize(tree, variables)
          @tree = tree
          @variables = variables
          @open = []
        end

        # Takes the next line; true when what it assigns counts.
        def counts?(line)
          case line
          when /\A\s*if\s+(.*?)(?:;\s*then\b(.*))?\z/ then return open_if($1, $2)
          when /\A\s*elif\s+(.*?)(?:;\s*then\b.*)?\z/ then next_branch(true?($1))
          when /\A\s*else\b/ then next_branch(true)
          when /\A\s*fi\b/ then @open.pop
          end
          @open.all?(&:counts)
        end

        private

        def open_if(condition, behind)
          answer = true?(condition)
          return answer != false && @open.all?(&:counts) if behind&.match?(/\bfi\s*;?\s*\z/)
          @open << Branch.new(answer != false, answer == true)
          @open.all?(&:counts)
        end

        def next_branch(answer)
          branch = @open.last or return
          branch.counts = !branch.decided && answer != false
          branch.decided ||= answer == true
        end

        # true, false, or nil: who knows.
        def true?(condition)
          return if condition.match?(/\|\||;|\A\s*!/)
          answers = condition.split("&&").map {|one| single(one.strip)}
          return false if answers.include?(false)
          answers.all?(true) ? true : nil
        end

        def single(test)
          case test
          when FILE_TEST then file($1, @variables.expand($2))
          when TEXT_TEST then (known = @variables[$2]) && (known.value.empty? == ($1 == "z"))
          when GREP then grep($1 || $2 || $3, @variables.expand($4))
          end
        end

        def file(letter, path)
          return unless path.start_with?("/")
          letter == "x" ? @tree.executable?(path) : @tree.exist?(path)
        end

        def grep(pattern, path)
          return unless path.start_with?("/")
          pattern = Regexp.new(pattern)
          @tree.lines(path).to_a.any? {|line| line.text.match?(pattern)}
        rescue RegexpError, Unusable
          nil
        end
      end
    end
  end
end
