module Milter
  # The log, for code in a configuration: a line for each line of text (configuration 7.4). Where the lines go is
  # the sink's affair; without one they go to standard error.
  module Logger
    LEVELS = %i[critical error warning message info debug trace statistics profile].freeze
    STANDARD = %i[critical error warning message statistics].freeze

    class << self
      # sink: called with a level and one line. wanted: called with a level, says whether it is logged.
      attr_accessor :sink, :wanted

      LEVELS.each do |level|
        define_method(level) do |text = nil, &block|
          log(level, text, &block)
        end
      end

      def log(level, text = nil)
        return unless (wanted || STANDARD.method(:include?)).call(level)
        text = yield if block_given?
        lines_of(text).each {|line| (sink || method(:print)).call(level, line)}
        nil
      end

      # What log.level means: :info => true for "default|info".
      def level_wanted?(setting, level)
        wanted = nil
        setting.to_s.split("|").each do |word|
          sign, name = word.match(/\A([+-]?)(.*)\z/).captures
          wanted ||= sign == "" ? [] : STANDARD.dup
          named = {"default" => STANDARD, "all" => LEVELS, "none" => [], "" => STANDARD}.fetch(name) {[name.to_sym]}
          wanted = sign == "-" ? wanted - named : wanted | named
        end
        (wanted || STANDARD).include?(level)
      end

      private

      def lines_of(text)
        case text
        when String then text.lines(chomp: true)
        when Exception then ["#{text.class}: #{text.message}:", *text.backtrace].flat_map {|line| line.lines(chomp: true)}
        else text.inspect.lines(chomp: true)
        end
      end

      def print(level, line)
        $stderr.puts("[#{level}] #{line}")
      end
    end
  end
end
