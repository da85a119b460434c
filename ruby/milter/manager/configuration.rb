module Milter
  module Manager
    # What `configuration` is: everything of a load in one object, for files of defaults and for detectors.
    # Settings can also be named in one word: configuration.package_platform, configuration.manager_n_workers.
    class Configuration
      SECTIONS = %i[package security log manager controller metrics database].freeze

      def initialize(loader)
        @loader = loader
      end

      SECTIONS.each do |name|
        define_method(name) {@loader.public_send(name)}
      end

      def milters
        @loader.milter_definitions
      end

      def applicable_conditions
        @loader.conditions.to_a
      end

      def find_applicable_condition(name)
        @loader.conditions[name]
      end

      def inspect
        "#<#{self.class}>"
      end

      private

      # SECTION_NAME, and what stands in manager or security by its bare name.
      def method_missing(called, *arguments)
        target, name = target_of(called.to_s)
        target ? target.public_send(name, *arguments) : super
      end

      def respond_to_missing?(called, include_private = false)
        !target_of(called.to_s).nil? || super
      end

      def target_of(called)
        SECTIONS.each do |section|
          name = called.delete_prefix("#{section}_")
          target = public_send(section)
          return [target, name] if name != called && target.known?(name)
        end
        target = [manager, security].find {|one| one.known?(called)}
        target && [target, called]
      end
    end
  end
end
