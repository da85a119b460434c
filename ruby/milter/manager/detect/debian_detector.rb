require "milter/manager/detect/linux_detector"

module Milter
  module Manager
    # Debian and its family: units, else init scripts with /etc/default (detection 5).
    class DebianDetector < Detect::LinuxDetector
      CONFIGS = {
        "clamav-milter" => "/etc/clamav/clamav-milter.conf", "milter-greylist" => "/etc/milter-greylist/greylist.conf",
        "opendkim" => "/etc/opendkim.conf", "opendmarc" => "/etc/opendmarc.conf", "openarc" => "/etc/openarc.conf",
        "dkimpy-milter" => "/etc/dkimpy-milter/dkimpy-milter.conf",
        "pyspf-milter" => "/etc/pyspf-milter/pyspf-milter.conf"
      }.freeze

      # Where a milter is that is told no socket.
      BUILT_IN_SOCKETS = {"amavisd-milter" => "/var/lib/amavis/amavisd-milter.sock"}.freeze

      private

      # systemd does not start an init script whose name a unit has; without systemd, units say nothing.
      def services
        all = [unit_service(CONFIGS), init_service].compact
        system_v? ? all.reverse : all
      end

      def system_v?
        return false if @tree.exist?("/run/systemd/system") || !@tree.exist?("/sbin/init")
        !@tree.link("/sbin/init").to_s.include?("systemd")
      end

      def init_service
        script = init_script(Detect::ShellVariables::UPPER, "/etc/default/#{@name}") or return
        variables = script.variables
        config = own_config(config_paths(variables))
        Detect::Service.of(config, description: script.lsb["Description"] || variables.text("DESC"),
                           state: enabled_by_variable(variables) || init_state(script),
                           command: script.path, command_options: "start",
                           socket: init_socket(script, config))
      end

      # Of before 0.95, clamav-milter has no file of its own, and CLAMAVCONF is clamd's.
      def config_paths(variables)
        return [CONFIGS[@name]] unless %w[clamav-milter milter-greylist].include?(@name)
        return [Detect::Flags.value(variables.text("OPTIONS"), "-f"), CONFIGS[@name]] if @name == "milter-greylist"
        named = variables.text("CLAMAVMILTERCONF")
        clamd = variables.text("CLAMAVCONF")
        named || clamd&.include?("clamav-milter") ? [clamd, named, CONFIGS[@name]] : []
      end

      def enabled_by_variable(variables)
        enabled = variables["ENABLED"]
        return unless enabled&.value == "0"
        Detect::ServiceState.new(false, "#{enabled.where} says ENABLED=0")
      end

      # milter-greylist is told by its script where to listen, and by its file only if not.
      def init_socket(script, config)
        variables = script.variables
        own = config&.socket
        (own unless @name == "milter-greylist") ||
          variables.first("SOCKET", "SOCKFILE", "CONNECTION_SPEC", "MILTERSOCKET") ||
          option_in(variables, "-p", "OPTARGS", "DAEMON_ARGS", "PARAMS") || own || built_in(script)
      end

      def built_in(script)
        path = BUILT_IN_SOCKETS[@name]
        path && Detect::Found.new(path, @tree.outside(script.path))
      end
    end
  end
end
