require "json"

module Milter
  module Manager
    module Worker
      # Frames on a worker's socket: four bytes of length, a code of one byte, a JSON object. A frame is written
      # whole or not at all, from whichever thread.
      class Frames
        LIMIT = 64 * 1024 * 1024

        class Broken < StandardError
        end

        def initialize(socket)
          @socket = socket
          @writing = Mutex.new
        end

        attr_reader :socket

        # [code, object]; nil at the end.
        def read
          length = @socket.read(4)
          return nil unless length&.bytesize == 4
          length = length.unpack1("N")
          raise Broken, "a frame of #{length} bytes" unless length.between?(1, LIMIT)
          frame = @socket.read(length)
          return nil unless frame&.bytesize == length
          [frame[0], JSON.parse(frame[1..].force_encoding(Encoding::UTF_8))]
        end

        def write(code, object)
          text = JSON.generate(object).b
          # A block's Timeout must not cut a frame in two.
          Thread.handle_interrupt(Object => :never) do
            @writing.synchronize do
              @socket.write([text.bytesize + 1].pack("N"), code, text)
              @socket.flush
            end
          end
        end
      end
    end
  end
end
