module Milter
  module Manager
    module Detect
      # A file exists and cannot be understood, or a value in it is wrong: one candidate is skipped. The message
      # begins with the file.
      class Unusable < StandardError
      end

      # A value and the FILE:LINE that said it.
      Found = Struct.new(:value, :where)

      # One line of a file, without its end.
      Line = Struct.new(:text, :path, :number) do
        def where
          "#{path}:#{number}"
        end

        # The same place with another text.
        def with(text)
          self.class.new(text, path, number)
        end
      end

      # The files of a system below a root directory, "/" for the running one. Links are followed inside the root.
      # Remembers what was looked for. Paths are given as the system itself would name them.
      class Tree
        LONGEST = 1 << 20 # bytes of one file
        MOST_LINES = 50_000
        LONGEST_LINE = 4096 # characters; what is behind them does not count
        MOST_LINKS = 40

        # PATH => was it there; in the order of the first look.
        attr_reader :looked_at

        def initialize(root = "/")
          @root = root.chomp("/")
          @looked_at = {}
        end

        # The running system, and not a copy of one: its programs can be asked.
        def running?
          @root.empty?
        end

        # As it is named outside: what an administrator can open.
        def outside(path)
          @root + path
        end

        # The lines of a file; nil when there is none. Raises Unusable when it is there and cannot be read.
        def lines(path)
          real = noted(path) {|one| there?(path, one)}
          return unless real
          texts = text(path, real).lines(chomp: true)
          raise Unusable, "#{outside(path)} has more than #{MOST_LINES} lines" if texts.size > MOST_LINES
          texts.map.with_index(1) {|one, number| Line.new(one[0, LONGEST_LINE].chomp("\r"), outside(path), number)}
        end

        def file?(path)
          !!noted(path) {|real| File.file?(real)}
        end

        def executable?(path)
          !!noted(path) {|real| File.file?(real) && File.executable?(real)}
        end

        # Without remembering it: a detail, not a place where a milter is described.
        def exist?(path)
          real = real(path)
          !!real && File.exist?(real)
        end

        # The same, for a program that is not looked for because of a milter.
        def program?(path)
          real = real(path)
          !!real && File.file?(real) && File.executable?(real)
        end

        # Where a link leads, as written in it; nil for what is none.
        def link(path)
          folder = real(File.dirname(path))
          own = folder && File.join(folder, File.basename(path))
          own && File.symlink?(own) ? File.readlink(own) : nil
        end

        # The names in a directory, sorted; [] when there is none.
        def names(path)
          real = real(path)
          real && File.directory?(real) ? Dir.children(real).sort : []
        rescue SystemCallError
          []
        end

        private

        def noted(path)
          real = real(path)
          there = !!real && yield(real)
          @looked_at[outside(path)] = there unless @looked_at[outside(path)]
          there ? real : nil
        end

        # Not to be confused: what is not there, and what may not be looked at.
        def there?(path, real)
          File.stat(real)
          true
        rescue Errno::ENOENT, Errno::ENOTDIR, Errno::ELOOP
          false
        rescue SystemCallError => error
          raise Unusable, "#{outside(path)} cannot be read: #{error.class.name[/\w+\z/]}"
        end

        def text(path, real)
          raise Unusable, "#{outside(path)} is no regular file" unless File.file?(real)
          raise Unusable, "#{outside(path)} is larger than #{LONGEST} bytes" if File.size(real) > LONGEST
          File.binread(real).force_encoding(Encoding::UTF_8).scrub("?")
        rescue SystemCallError => error
          raise Unusable, "#{outside(path)} cannot be read: #{error.class.name[/\w+\z/]}"
        end

        # Where the path really is; nil for a ring of links.
        def real(path)
          return path if @root.empty?
          rest = parts(path)
          inside = []
          links = 0
          until rest.empty?
            name = rest.shift
            next inside.pop if name == ".."
            own = File.join(@root, *inside, name)
            next inside << name unless File.symlink?(own)
            return if (links += 1) > MOST_LINKS
            target = File.readlink(own)
            inside = [] if target.start_with?("/")
            rest = parts(target) + rest
          end
          File.join(@root, *inside)
        end

        def parts(path)
          path.split("/").reject {|name| name.empty? || name == "."}
        end
      end
    end
  end
end
