require "milter/manager/complaints"
require "milter/manager/small_xml"

module Milter
  module Manager
    # milter-manager.custom.conf (configuration 11), which programs write: XML, or it is not looked at. A value is a
    # text there; it becomes a number or a boolean where the setting is one.
    class CustomFile
      SECTIONS = %w[security controller manager].freeze
      PLAIN = %w[description connection_spec command command_options fallback_status evaluation_mode user_name].freeze
      MILTER = [*%w[name enabled applicable_conditions], *PLAIN].freeze

      def self.xml?(path)
        File.foreach(path, encoding: "BINARY").first.to_s.lstrip.start_with?("<")
      end

      def initialize(path, loader, defaults)
        @path = path
        @loader = loader
        @defaults = defaults
      end

      def load
        text = File.read(@path, encoding: "UTF-8")
        raise SmallXML::Error.new(1, "not UTF-8") unless text.valid_encoding?
        root = SmallXML.parse(text)
        return unexpected(root, "root element must be <configuration>") unless root.name == "configuration"
        root.children.each {|one| part(one)}
      rescue SmallXML::Error => error
        @loader.complain("not XML that is understood: #{error.message}; the rest of this file was not read", "#{@path}:#{error.line}")
      end

      private

      def part(element)
        name = name_of(element)
        return element.children.each {|one| setting(name, one)} if SECTIONS.include?(name)
        return unexpected(element, "unexpected element: /configuration/#{element.name}; security, controller, manager or milters is allowed") unless name == "milters"
        element.children.each do |one|
          next milter(one) if name_of(one) == "milter"
          unexpected(one, "unexpected element: /configuration/milters/#{one.name}; milter is allowed")
        end
      end

      # Whether there is such a setting is judged with all the others.
      def setting(section, element)
        name = name_of(element)
        standard = @defaults.fetch(section)[name]
        @loader.public_send(section).record(name, value(element.text.strip, standard), at(element))
      end

      def milter(element)
        parts = element.children.to_h {|one| [name_of(one), one]}
        element.children.each do |one|
          next if MILTER.include?(name_of(one))
          return unexpected(one, "unexpected element: /configuration/milters/milter/#{one.name}: available elements: #{MILTER.inspect}")
        end
        name = parts["name"]&.text&.strip
        return unexpected(element, "a <milter> without a <name>; a name is needed") if name.to_s.empty?
        define(name, element, parts)
      end

      def define(name, element, parts)
        @loader.define_milter(name) do |milter|
          milter.defined_at = at(element)
          milter.record("enabled", parts["enabled"].text.strip == "true", at(parts["enabled"])) if parts["enabled"]
          PLAIN.each do |attribute|
            found = parts[attribute] or next
            text = found.text.strip
            next if attribute == "connection_spec" && text.empty?
            milter.record(attribute, value(text, @defaults.fetch("milter")[attribute]), at(found))
          end
          milter.applicable_conditions = []
          parts["applicable_conditions"]&.children&.each {|one| milter.add_applicable_condition(one.text.strip, at(one))}
        end
      end

      # standard: the setting's default tells what kind of value it has.
      def value(text, standard)
        case standard
        when true, false then text == "true"
        when Integer then Integer(text, exception: false) || text
        when Float then Float(text, exception: false) || text
        else text.empty? ? nil : text
        end
      end

      def name_of(element)
        element.name.tr("-", "_")
      end

      def at(element)
        "#{@path}:#{element.line}"
      end

      def unexpected(element, what)
        @loader.complain(what, at(element))
      end
    end
  end
end
