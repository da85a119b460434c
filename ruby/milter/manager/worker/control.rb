require "json"
require "socket"

module Milter
  module Manager
    module Worker
      # The line to the daemon: a JSON object a line, both ways, and descriptors that come with it. Read without
      # looking ahead by other means: a descriptor is lost when the byte it travels with is read as mere text.
      class Control
        PIECE = 65_536
        DESCRIPTORS = 1024 # bytes of control data

        # What `input` reads from; nothing that is started later gets it.
        def self.taken_from(input)
          copy = input.dup
          return new(copy) unless copy.stat.socket?
          copy.autoclose = false
          new(UNIXSocket.for_fd(copy.fileno))
        end

        attr_reader :io

        def initialize(io)
          @io = io
          @io.close_on_exec = true
          @text = String.new
          @descriptors = []
        end

        # Whether a whole line is here already, so that waiting for `io` would be wrong.
        def line?
          skip_carriers
          @text.include?("\n")
        end

        # The next line; nil at the end. The last one may lack its line end.
        def line
          until line?
            next if receive
            rest = @text.slice!(0..)
            return rest.empty? ? nil : rest
          end
          @text.slice!(0..@text.index("\n")).chomp
        end

        # The descriptor that follows the last line, as a socket; nil at the end. Raises when it was lost on the way,
        # as happens to a process that has no more room for one.
        def descriptor
          while @descriptors.empty? && @text.empty?
            return nil unless receive
          end
          @text.slice!(/\A[^{]/n)
          @descriptors.shift or raise ArgumentError, "no descriptor came"
        end

        # False when nobody listens any more.
        def say(object)
          @io.write("#{JSON.generate(object)}\n")
          true
        rescue Errno::EPIPE, Errno::ECONNRESET
          false
        end

        def close
          @descriptors.each(&:close)
          @io.close
        end

        private

        # Each descriptor travels with a byte of its own, which says nothing. Lines are objects.
        def skip_carriers
          @text.slice!(/\A[^{]+/n)
        end

        def receive
          piece, _, _, *controls = @io.is_a?(BasicSocket) ? @io.recvmsg(PIECE, 0, DESCRIPTORS, scm_rights: true) : @io.readpartial(PIECE)
          controls.each {|one| @descriptors.concat(one.unix_rights || [])}
          return false if piece.nil? || piece.empty?
          @text << piece
          true
        rescue EOFError, Errno::ECONNRESET
          false
        end
      end
    end
  end
end
