require "etc"

require "milter/logger"

module Milter
  module Manager
    # Where the files of `load` are looked for: relative to these directories in order, never to the loading file.
    class LoadPath
      # user_directory: a block that says the directory of the user, or nil; asked at each search, because the
      # configuration itself can change it.
      def initialize(directories, &user_directory)
        @directories = directories
        @user_directory = user_directory
      end

      def directories
        user = @user_directory.call
        user && usable?(user) ? @directories + [user] : @directories
      end

      # The first regular file of this name, or nil.
      def first_file(name)
        candidates = File.absolute_path?(name) ? [name] : directories.map {|one| File.join(one, name)}
        candidates.find {|path| File.file?(path)}
      end

      # The files that a `load` of path means, in order; [] when there is none.
      def resolve(path)
        return matches(path) if File.absolute_path?(path)
        collected = []
        directories.each do |directory|
          full = File.join(directory, path)
          found = matches(full)
          return found if File.exist?(full)
          collected.concat(found)
        end
        collected
      end

      private

      # A directory means its files; a file itself; anything else is a pattern.
      def matches(full)
        return files_of(full) if File.directory?(full)
        return [full] if File.exist?(full)
        Dir.glob(full).sort.reject {|path| File.directory?(path)}
      end

      def files_of(directory)
        Dir.children(directory).sort.map {|name| File.join(directory, name)}.reject {|path| File.directory?(path)}
      end

      # Code in a directory that an ordinary user can write to must not run as root.
      def usable?(directory)
        return false unless File.directory?(directory)
        return true if Process.euid != 0 || File.stat(directory).uid.zero?
        warn_of(directory) unless Dir.empty?(directory)
        false
      end

      def warn_of(directory)
        return if @warned == directory
        @warned = directory
        Logger.warning("#{directory}: nothing is loaded from there: root runs no code of a directory that is not root's")
      end
    end
  end
end
