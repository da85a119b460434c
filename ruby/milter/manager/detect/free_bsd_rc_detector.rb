require "milter/manager/detect/detector"
require "milter/manager/detect/rc_script"

module Milter
  module Manager
    # FreeBSD: scripts of ports and the variables of rc.conf (detection 7).
    class FreeBSDRCDetector < Detect::Detector
      RC_D = "/usr/local/etc/rc.d".freeze
      FOLDERS = %w[/etc /usr/local/etc].freeze
      RSPAMADM = %w[/usr/local/bin/rspamadm /usr/bin/rspamadm].freeze
      # NAME => the variable of rc.conf that names its own file, and where that is by default.
      CONFIGS = {
        "milter-greylist" => ["cfgfile", "/usr/local/etc/mail/greylist.conf"],
        "milter-enma" => ["cfgfile", "/usr/local/etc/enma.conf"],
        "clamav-milter" => ["conf_file", "/usr/local/etc/clamav-milter.conf"],
        "milter-opendkim" => ["cfgfile", "/usr/local/etc/opendkim.conf"],
        "opendmarc" => ["cfgfile", "/usr/local/etc/mail/opendmarc.conf"],
        "openarc" => ["cfgfile", "/usr/local/etc/mail/openarc.conf"]
      }.freeze
      NEW_CONFIGS = {"milter-opendkim" => "/usr/local/etc/mail/opendkim.conf"}.freeze
      SOCKETS = %w[socket sockfile connection_spec].freeze

      private

      def children_services
        script = Detect::RcScript.new(@tree, "#{RC_D}/#{@name}", FOLDERS)
        return [] unless script.found?
        profiles = script.variable("profiles")&.value.to_s.split
        return [[@name, [service(script, script.name, "start")]]] if profiles.empty?
        profiles.map do |profile|
          ["#{@name}-#{profile}", [service(script, "#{script.name}_#{profile}", "start #{profile}")]]
        end
      end

      # prefix: of the variables; a profile has its own.
      def service(script, prefix, options)
        config = own_config(script, prefix)
        Detect::Service.of(config, state: script.state(*switches(script, prefix)), command: script.path,
                           command_options: options, socket: socket(script, prefix, config))
      end

      def switches(script, prefix)
        named = script.own("rcvar")&.value.to_s
        base = named.match?(/\A\w+\z/) ? named : "#{script.name}_enable"
        ["#{prefix}_enable", base].uniq.then {|all| prefix == script.name ? [base, *all].uniq : all}
      end

      # What a profile does not say is as in the service itself.
      def setting(script, name, prefix)
        script.variable(name, prefix) || script.variable(name)
      end

      def socket(script, prefix, config)
        own = config&.socket
        (own unless @name == "milter-greylist") || first_of(script, prefix, SOCKETS) ||
          option(setting(script, "flags", prefix)) || option(script.own("command_args")) || own
      end

      def first_of(script, prefix, names)
        names.each do |name|
          found = setting(script, name, prefix)
          return found if found && !found.value.empty?
        end
        nil
      end

      def option(found)
        value = found && Detect::Flags.value(found.value, "-p")
        value && Detect::Found.new(value, found.where)
      end

      # The milter's own file, parsed; of rspamd, what rspamadm says.
      def own_config(script, prefix)
        return rspamd if @name == "rspamd"
        variable, default = CONFIGS[@name]
        return unless variable
        Detect::KnownMilters.config(@tree, @name, [
          setting(script, variable, prefix)&.value,
          Detect::KnownMilters.named_in(@name, setting(script, "flags", prefix)&.value,
                                        script.own("command_args")&.value),
          *[default, NEW_CONFIGS[@name]].compact.select {|path| @tree.file?(path)}.first(1)
        ])
      end

      def rspamd
        @rspamd ||= Detect::Rspamd.new(@programs, @programs && RSPAMADM.find {|path| @tree.executable?(path)})
      end
    end
  end
end
