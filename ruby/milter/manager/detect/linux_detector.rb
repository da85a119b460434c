require "milter/manager/detect/detector"
require "milter/manager/detect/init_script"
require "milter/manager/detect/systemd_unit"

module Milter
  module Manager
    module Detect
      # What Debian and the Red Hat family share: units, and how a service is started.
      class LinuxDetector < Detector
        SYSTEMCTL = "/usr/bin/systemctl".freeze
        SERVICE = %w[/sbin/service /usr/sbin/service].freeze
        RSPAMADM = "/usr/bin/rspamadm".freeze
        # A -p on their command line wins over their own file.
        OPTION_WINS = %w[opendkim opendmarc openarc milter-greylist].freeze
        VARIABLES = %w[SOCKET MILTERSOCKET].freeze

        private

        # What a unit says; nil when there is none. configs: NAME => where its own file is by default.
        def unit_service(configs)
          unit = SystemdUnit.new(@tree, @programs, @name)
          return unless unit.found?
          named = KnownMilters.named_in(@name, unit.exec&.value, unit.variables.text("OPTIONS"))
          config = own_config([named, configs[@name]])
          command, options = start_command
          Service.of(config, description: unit.description, state: unit.state, command: command,
                     command_options: options, socket: unit_socket(unit, config))
        end

        def unit_socket(unit, config)
          said = unit.exec && Flags.value(unit.exec.value, KnownMilters.socket_option(@name))
          option = said && Found.new(said, unit.exec.where)
          return option if option && OPTION_WINS.include?(@name)
          config&.socket || unit.variables.first(*VARIABLES) || option
        end

        # The milter's own file, parsed; of rspamd, what rspamadm says.
        def own_config(paths)
          return KnownMilters.config(@tree, @name, paths) unless @name == "rspamd"
          @rspamd ||= Rspamd.new(@programs, @programs && @tree.executable?(RSPAMADM) ? RSPAMADM : nil)
        end

        # [COMMAND, OPTIONS] of the system; [] when it has none of these.
        def start_command
          return [SYSTEMCTL, "start #{@name}"] if @tree.program?(SYSTEMCTL)
          service = SERVICE.find {|path| @tree.program?(path)}
          service ? [service, "#{@name} start"] : []
        end

        # The init script with the file of variables beside it.
        def init_script(pattern, variables)
          script = InitScript.new(@tree, @name, pattern)
          return unless script.found?
          script.variables.read(variables)
          script
        end

        def init_state(script)
          masked = SystemdUnit.masked?(@tree, @name)
          return script.state unless masked
          ServiceState.new(false, "#{@tree.outside("/etc/systemd/system/#{@name}.service")} masks it")
        end

        # The value of an option in one of these variables; a Found, or nil.
        def option_in(variables, option, *names)
          names.each do |name|
            value = Flags.value(variables.text(name), option)
            return Found.new(value, variables[name].where) if value
          end
          nil
        end
      end
    end
  end
end
