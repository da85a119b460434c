require "milter/manager/detect/service_state"

module Milter
  module Manager
    module Detect
      # A job of Upstart as Fedora 9 to 14 and RHEL 6 had them: /etc/event.d/NAME.
      class UpstartEvent
        # exec: the command line as a Found.
        attr_reader :description, :exec

        def initialize(tree, name)
          @tree = tree
          @path = "/etc/event.d/#{name}"
          @lines = tree.file?(@path) ? tree.lines(@path) : nil
          return unless @lines
          @description = first_comment
          line = @lines.reverse.find {|one| one.text.match?(/\A\s*exec\s/)}
          @exec = line && Found.new(line.text.strip.delete_prefix("exec").strip, line.where)
        end

        def found?
          !@lines.nil?
        end

        def state
          start = @lines.find {|line| line.text.start_with?("start on ")}
          return ServiceState.new(true, "#{start.where} says \"#{start.text.strip}\"") if start
          ServiceState.new(false, "#{@tree.outside(@path)} has no line \"start on\"")
        end

        private

        def first_comment
          block = @lines.drop_while {|line| line.text !~ /\A#\s*[^\s!]/}.take_while {|line| line.text.start_with?("#")}
          text = block.map {|line| line.text.delete_prefix("#").strip}.reject(&:empty?).join(" ")
          text.empty? ? nil : text
        end
      end
    end
  end
end
