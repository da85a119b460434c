module Milter
  # A milter's answer as a value, where a configuration uses one instead of its name.
  class Status
    attr_reader :nick

    def initialize(nick)
      @nick = nick
      freeze
    end

    alias to_s nick
    alias name nick

    def inspect = "#<Milter::Status #{@nick}>"

    ALL = %w[default not-change continue reject discard accept temporary-failure no-reply skip all-options
             quarantine shutdown progress abort error stop].to_h {|nick| [nick, new(nick)]}.freeze
    ALL.each {|nick, status| const_set(nick.tr("-", "_").upcase, status)}
  end
end
