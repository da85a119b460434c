require "milter/manager/detect/config_files"
require "milter/manager/detect/flags"

module Milter
  module Manager
    module Detect
      # What is the same on every platform: which file of a milter says its socket, and which option names the
      # file.
      module KnownMilters
        Known = Struct.new(:options, :reader)

        TABLE = {
          "clamav-milter" => Known.new(%w[--config-file -c], ClamavConfig),
          "milter-greylist" => Known.new(%w[-f], GreylistConfig),
          "enma" => Known.new(%w[-c], EnmaConfig),
          "milter-enma" => Known.new(%w[-c], EnmaConfig),
          "opendkim" => Known.new(%w[-x], SocketConfig),
          "milter-opendkim" => Known.new(%w[-x -C], SocketConfig),
          "opendmarc" => Known.new(%w[-c], SocketConfig),
          "openarc" => Known.new(%w[-c], SocketConfig),
          "dkimpy-milter" => Known.new([], SocketConfig),
          "pyspf-milter" => Known.new([], SocketConfig)
        }.freeze

        # The option with which a milter is told its socket, where it is not -p.
        SOCKET_OPTIONS = {"amavisd-milter" => "-s"}.freeze

        def self.socket_option(name)
          SOCKET_OPTIONS.fetch(name, "-p")
        end

        # The parsed file, or nil when there is none. paths: in order of preference, the ones that are not nil.
        def self.config(tree, name, paths)
          known = TABLE[name] or return
          path = paths.compact.find {|one| one.start_with?("/")} or return
          lines = tree.lines(path)
          lines && known.reader.new(lines)
        end

        # The file that command lines name, the first one first; nil when none does.
        def self.named_in(name, *texts)
          known = TABLE[name] or return
          return argument(texts.compact.first) if known.options.empty?
          texts.each do |text|
            known.options.each {|option| (path = Flags.value(text, option)) && (return path)}
          end
          nil
        end

        # The file that is no option's value.
        def self.argument(text)
          text && Flags.words(text).drop(1).grep(%r{\A/.*\.conf\z}).first
        end
        private_class_method :argument
      end
    end
  end
end
