require "milter/manager/detect/flags"
require "milter/manager/detect/tree"

module Milter
  module Manager
    module Detect
      # Which defaults/NAME.conf is for this system.
      module Platform
        # ID or a word of ID_LIKE of os-release => platform; "redhat" gets a number behind it.
        SYSTEMS = {"debian" => "debian", "ubuntu" => "debian", "rhel" => "redhat", "centos" => "redhat",
                   "fedora" => "redhat", "amzn" => "redhat", "suse" => "redhat", "opensuse" => "redhat",
                   "freebsd" => "freebsd", "netbsd" => "pkgsrc", "dragonfly" => "pkgsrc"}.freeze
        # What people and packages also call the platforms.
        ALIASES = /\A(?:centos|rhel|fedora|amazon|amzn|opensuse|suse|rocky|almalinux|oracle)/

        # The NAMEs to try, best first. platform: of the package; nil means that nothing is wanted.
        def self.names(platform, root = ENV.fetch("MILTER_MANAGER_DETECTION_ROOT", "/"))
          return [] if platform.nil?
          platform = recognized(Tree.new(root)) || "unknown" if platform == "unknown"
          [platform, family(platform)].compact.uniq
        end

        # "debian", "redhat9", "freebsd", "pkgsrc"; nil when the system is none of these.
        def self.recognized(tree)
          by_os_release(tree) || by_files(tree) || (SYSTEMS[RbConfig::CONFIG["host_os"][/\A[a-z]+/]] if tree.running?)
        end

        def self.family(platform)
          case platform
          when "ubuntu" then "debian"
          when /\Aredhat\d+\z/, ALIASES then "redhat"
          when /\A(?:netbsd|dragonfly)/ then "pkgsrc"
          end
        end

        def self.by_os_release(tree)
          said = os_release(tree)
          words = [said["ID"], *said["ID_LIKE"].to_s.split].compact.map {|word| word[/\A[a-z]+/]}
          platform = words.filter_map {|word| SYSTEMS[word]}.first
          numbered = platform == "redhat" && words.include?("rhel") && said["ID"] != "amzn"
          numbered ? "redhat#{said["VERSION_ID"].to_s[/\A\d+/]}" : platform
        end

        def self.os_release(tree)
          lines = tree.lines("/etc/os-release") || tree.lines("/usr/lib/os-release") || []
          lines.to_h do |line|
            name, value = line.text.split("=", 2)
            [name, Flags.words(value.to_s).join(" ")]
          end
        rescue Unusable
          {}
        end

        def self.by_files(tree)
          return "debian" if tree.exist?("/etc/debian_version") || tree.program?("/usr/bin/dpkg")
          if tree.exist?("/etc/redhat-release")
            return "redhat#{tree.lines("/etc/redhat-release").to_a.first&.text.to_s[/release (\d+)/, 1]}"
          end
          return "freebsd" if tree.exist?("/etc/freebsd-update.conf") || tree.exist?("/usr/local/etc/rc.d")
          tree.exist?("/usr/pkg/etc") ? "pkgsrc" : nil
        end
        private_class_method :by_os_release, :os_release, :by_files
      end
    end
  end
end
