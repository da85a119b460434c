module Milter
  module Manager
    # What was wrong with a load, each with its FILE:LINE.
    class Complaints
      LIBRARY = File.expand_path("../..", __dir__) + "/"

      LOAD = File.expand_path("evaluation.rb", __dir__).freeze

      # FILE:LINE of the configuration code that is calling us: the first line that is not of this library; nil when
      # none is.
      def self.location
        caller_locations(2).each do |at|
          return nil if at.absolute_path == LOAD
          next if at.absolute_path&.start_with?(LIBRARY) || at.path.start_with?("<internal:")
          return "#{at.path}:#{at.lineno}"
        end
        nil
      end

      attr_reader :all

      def initialize
        @all = []
      end

      def add(where, what)
        @all << {"where" => where, "what" => what}
      end

      # path: the file whose load the exception ended.
      def add_exception(path, exception)
        what = plain(exception.message)
        where = line_of(path, exception)
        if exception.is_a?(SyntaxError) && what =~ /\A#{Regexp.escape(path)}:(\d+): /
          where = "#{path}:#{$1}"
          what = $'
        end
        add(where, "#{exception.class}: #{what}; the rest of this file was not evaluated")
      end

      private

      def plain(message)
        message = message.dup.force_encoding(Encoding::UTF_8).scrub("?")
        message.lines.map(&:strip).reject(&:empty?).join(" ")
      end

      def line_of(path, exception)
        at = exception.backtrace_locations&.find {|one| one.path == path}
        return "#{path}:#{at.lineno}" if at
        text = exception.backtrace&.find {|line| line.start_with?("#{path}:")}
        text ? text[/\A#{Regexp.escape(path)}:\d+/] : path
      end
    end
  end
end
