require "milter/manager/detect/detector"
require "milter/manager/detect/rc_script"

module Milter
  module Manager
    # NetBSD, DragonFly and others with pkgsrc: scripts of packages and the variables of rc.conf (detection 8).
    # Options of the package: prefix (of configuration files), rcddir.
    class PkgsrcRCDetector < Detect::Detector
      PREFIX = "/usr/pkg/etc".freeze
      CONFIGS = {"milter-greylist" => "greylist.conf", "enma" => "enma.conf", "opendkim" => "opendkim.conf",
                 "opendmarc" => "opendmarc.conf"}.freeze
      SOCKETS = %w[socket sockfile connection_spec].freeze

      private

      # A script is copied to /etc/rc.d to be in force; what is there wins.
      def services
        script = [rc_d, "/etc/rc.d"].uniq.map {|folder| "#{folder}/#{@name}"}.find {|path| @tree.file?(path)}
        script &&= Detect::RcScript.new(@tree, script, %w[/etc])
        return [] unless script&.found?
        config = own_config(script)
        [Detect::Service.of(config, state: script.state(*switches(script)), command: script.path,
                            command_options: "start", socket: socket(script, config))]
      end

      def options
        @configuration.package.options || {}
      end

      def prefix
        options["prefix"] || PREFIX
      end

      def rc_d
        options["rcddir"] || "#{prefix}/rc.d"
      end

      # "milter_greylist=YES" in rc.conf; DragonFly writes "milter_greylist_enable=YES" too.
      def switches(script)
        named = script.own("rcvar")&.value.to_s
        [named.match?(/\A\w+\z/) ? named : script.name, script.name, "#{script.name}_enable"].uniq
      end

      def own_config(script)
        file = CONFIGS[@name] or return
        named = Detect::KnownMilters.named_in(@name, script.own("command_args")&.value, script.variable("flags")&.value)
        Detect::KnownMilters.config(@tree, @name, [named, "#{prefix}/#{file}"])
      end

      def socket(script, config)
        own = config&.socket
        (own unless @name == "milter-greylist") ||
          SOCKETS.filter_map {|name| script.variable(name)}.find {|found| !found.value.empty?} ||
          option(script.variable("flags")) || option(script.own("command_args")) || own
      end

      def option(found)
        value = found && Detect::Flags.value(found.value, "-p")
        value && Detect::Found.new(value, found.where)
      end
    end
  end
end
