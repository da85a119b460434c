require "milter/manager/worker/context"
require "milter/manager/worker/shelf"

module Milter
  module Manager
    module Worker
      # One item of a question while its block runs: what the block sees, and what it has changed. Nothing of it
      # reaches others before it has been answered.
      class Asked
        attr_reader :child, :shelf, :macros, :context

        # macros: set for this child before.
        def initialize(question, child, macros)
          @question = question
          @child = child
          @before = macros
          @macros = {}
          @shelf = Shelf.new(question.shelf)
          @context = Context.new(child, self)
        end

        # Runs the block. It is left at the first look at a result that is not there yet, so that nothing of it
        # happens twice without need.
        def run(&block)
          catch(self, &block)
        end

        def wants_results?
          @wants_results
        end

        # mine: also what was set for this child, which wins.
        def macro(name, mine)
          return @question.macros[name] unless mine
          @macros[name] || @before[name] || @question.macros[name]
        end

        def set_macro(name, value)
          @macros[name] = value
        end

        # What the child has said, nil if nothing.
        def result_of(name)
          if name != @child && !@question.earlier_answered?
            @wants_results = true
            throw(self)
          end
          @question.states.fetch(name, {})["said"]
        end

        def quitted?(name)
          @question.states.fetch(name, {})["quitted"] == true
        end

        def children
          names = @question.states.keys | [@child]
          names.to_h {|name| [name, name == @child ? @context : Context.new(name, self)]}
        end

        def sessions
          @question.sessions
        end
      end
    end
  end
end
