require "milter/manager/complaints"
require "milter/manager/detect/decision"
require "milter/manager/detect/known_milters"
require "milter/manager/detect/programs"
require "milter/manager/detect/rspamd"
require "milter/manager/detect/service_state"
require "milter/manager/detect/socket_spec"
require "milter/manager/detect/tree"

module Milter
  module Manager
    module Detect
      # What the detectors of all platforms share: what the system's files say about a candidate in, a definition of
      # a milter out. A subclass has `services` (below). Whatever the files say, detecting raises nothing.
      class Detector
        # A milter that was found. socket: a Found with a connection_spec, or nil.
        Child = Struct.new(:name, :service, :socket, :enabled, :why, :warning, keyword_init: true)

        ROOT = "MILTER_MANAGER_DETECTION_ROOT".freeze
        NOT_FOUND = "it is not installed: nothing that describes its service is there".freeze

        # Shared, so that a program that does not answer is waited for once in a load.
        def self.shared_programs
          @@shared_programs ||= Programs.new
        end

        attr_reader :name

        # configuration: has package.options.
        # on_request: what is found stays disabled until a define_milter of the configuration enables it.
        # root, programs: of tests; programs of another root than "/" are not run.
        # The block gets the detector and the connection_spec that was found (or nil); what it returns is used
        # instead, if it is not blank.
        def initialize(configuration, name, on_request: false, root: nil, programs: nil, &spec_detector)
          @configuration = configuration
          @name = name
          @on_request = on_request
          @tree = Tree.new(root || ENV.fetch(ROOT, "/"))
          @programs = programs || (Detector.shared_programs if @tree.running?)
          @spec_detector = spec_detector
        end

        def detect
          @children = []
          @skipped = {}
          guarded(@name) {children_services}.to_a.each do |name, services|
            child = guarded(name) {child(name, services)} or next
            replace_socket(child) if @spec_detector
            @children << child if guarded(name) {judge(child)}
          end
          nil
        end

        # Defines what was found. The block gets each definition.
        def apply(loader, &block)
          detect unless @children
          loader.detection << decision(@name, "not found", NOT_FOUND) if @children.empty? && @skipped.empty?
          @skipped.each do |name, warning|
            loader.detection << decision(name, "skipped", warning)
          end
          @children.each {|child| define(child, loader, &block)}
        end

        # What was found, of the first child.

        def enabled?
          !!first&.enabled
        end

        def connection_spec
          first&.socket&.value
        end

        def description
          first&.service&.description
        end

        def command
          first&.service&.command
        end

        def command_options
          first&.service&.command_options
        end

        private

        # A subclass's: the Services that the system has under the candidate's name, the one that decides whether it
        # runs first; [] when it is not installed.
        def services
          []
        end

        # [[NAME OF THE CHILD, SERVICES], ...]
        def children_services
          found = services
          found.empty? ? [] : [[@name, found]]
        end

        # What the block returns, or nil and the reason in @skipped: a mistake of ours must not cost the start either.
        def guarded(name)
          yield
        rescue Unusable => unusable
          skip(name, unusable.message)
        rescue StandardError => error
          place = error.backtrace_locations&.first
          skip(name, "#{@tree.looked_at.keys.last}: #{error.class} (#{error.message[0, 100]}) at #{place&.path}:#{place&.lineno}")
        end

        def skip(name, why)
          @skipped[name] = why
          nil
        end

        def child(name, services)
          service = services.first.dup
          %i[description command command_options config why_no_socket warning].each do |what|
            service[what] = services.filter_map(&what).first
          end
          Child.new(name: name, service: service, socket: normal(services.filter_map(&:socket)))
        end

        # The block is the configuration's own code: its mistakes are told as such, so not guarded.
        def replace_socket(child)
          other = SocketSpec.normal(@spec_detector.call(self, child.socket&.value))
          child.socket = Found.new(other, Complaints.location) if other
        end

        # Raises Unusable when a value is wrong.
        def judge(child)
          problem = child.socket && SocketSpec.problem(child.socket.value)
          raise Unusable, "#{child.socket.where}: the socket \"#{child.socket.value}\" #{problem}" if problem
          against = reasons_against(child)
          child.enabled = against.empty?
          child.why = against.empty? ? child.service.state.why : against.join("; ")
          child.warning = child.service.warning if child.service.state.enabled && !@on_request
          child
        end

        # The first that is not empty.
        def normal(sockets)
          sockets.each do |socket|
            spec = SocketSpec.normal(socket.value)
            return Found.new(spec, socket.where) if spec
          end
          nil
        end

        def reasons_against(child)
          service = child.service
          [("it takes part only on request: #{request(child.name)}" if @on_request),
           (service.state.why unless service.state.enabled),
           service.config&.unconfigured,
           (service.why_no_socket || "no file says its socket" unless child.socket)].compact
        end

        def request(name)
          "define_milter(\"#{name}\") {|milter| milter.enabled = true}"
        end

        def define(child, loader)
          loader.define_milter(child.name) do |milter|
            describe(milter, child)
            yield(milter) if block_given?
          end
          found = decision(child.name, child.enabled ? "enabled" : "disabled", child.why)
          found.spec = child.socket
          found.warning = child.warning
          loader.detection << found
        end

        def describe(milter, child)
          service = child.service
          milter.enabled = child.enabled
          milter.description = service.description
          milter.command = service.command
          milter.command_options = service.command_options
          milter.record("connection_spec", child.socket.value, child.socket.where) if child.socket
          extra = service.config&.extra_seconds.to_i
          return if extra.zero?
          milter.reading_timeout += extra
          milter.writing_timeout += extra
        end

        def decision(name, outcome, why)
          made = Decision.new(name, self.class.name[/\w+\z/], @tree.looked_at)
          made.outcome = outcome
          made.why = why
          made.warning = @skipped[name]
          made.location = Complaints.location
          made
        end

        def first
          detect unless @children
          @children.first
        end
      end
    end
  end
end
