require "milter/manager/detect/linux_detector"
require "milter/manager/detect/upstart_event"

module Milter
  module Manager
    # RHEL, CentOS, Fedora, Amazon Linux, openSUSE: units, else jobs of Upstart, else init scripts with
    # /etc/sysconfig (detection 6).
    class RedHatDetector < Detect::LinuxDetector
      CONFIGS = {
        "clamav-milter" => "/etc/mail/clamav-milter.conf", "milter-greylist" => "/etc/mail/greylist.conf",
        "enma" => "/etc/enma.conf", "opendkim" => "/etc/opendkim.conf", "opendmarc" => "/etc/opendmarc.conf",
        "openarc" => "/etc/openarc.conf", "dkimpy-milter" => "/etc/dkimpy-milter/dkimpy-milter.conf",
        "pyspf-milter" => "/etc/pyspf-milter/pyspf-milter.conf"
      }.freeze
      # Before systemd.
      OLD_CONFIGS = CONFIGS.merge("clamav-milter" => "/etc/clamav-milter.conf").freeze
      # Variables of an init script that name the file.
      CONFIG_VARIABLES = {"enma" => "CONF_FILE", "opendkim" => "CONFIG"}.freeze

      private

      def services
        [unit_service(CONFIGS), upstart_service, init_service].compact
      end

      def upstart_service
        event = Detect::UpstartEvent.new(@tree, @name)
        return unless event.found?
        config = upstart_config(event)
        service = Detect::LinuxDetector::SERVICE.any? {|path| @tree.program?(path)}
        Detect::Service.of(config, description: event.description, state: event.state, command: "/sbin/start",
                           command_options: service ? "#{@name} start" : @name, socket: config&.socket)
      end

      def upstart_config(event)
        return unless %w[clamav-milter milter-greylist].include?(@name)
        own_config([Detect::KnownMilters.named_in(@name, event.exec&.value), OLD_CONFIGS[@name]])
      end

      def init_service
        script = init_script(Detect::ShellVariables::ANY, "/etc/sysconfig/#{@name}") or return
        config = init_config(script)
        Detect::Service.of(config, description: script.header["description"] || script.lsb["Description"],
                           state: init_state(script), command: script.path, command_options: "start",
                           socket: init_socket(script, config))
      end

      # Of before 0.95, clamav-milter has a variable SOCKET_ADDRESS instead of a file.
      def init_config(script)
        variables = script.variables
        return if @name == "clamav-milter" && variables["SOCKET_ADDRESS"]
        named = Detect::KnownMilters.named_in(@name, variables.text("CLAMAV_FLAGS"), variables.text("OPTIONS"))
        header = script.header["config"] if @name == "milter-greylist"
        own_config([named, variables.text(CONFIG_VARIABLES.fetch(@name, "")), header, OLD_CONFIGS[@name]])
      end

      def init_socket(script, config)
        variables = script.variables
        own = config&.socket
        (own unless @name == "milter-greylist") ||
          variables.first("SOCKET", "SOCKET_ADDRESS", "MILTER_SOCKET", "CONNECTION_SPEC", "MILTERSOCKET") ||
          option_in(variables, "-p", "OPTIONS") || own
      end
    end
  end
end
