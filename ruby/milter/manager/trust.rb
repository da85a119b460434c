require "milter/manager/matcher_list"

module Milter
  module Manager
    # Domains whose senders are trusted (configuration 8.4).
    class Trust
      # loader: the top level of the configuration.
      def initialize(loader)
        @loader = loader
        @domains = MatcherList.new("sender_domain", loader.blocks)
      end

      def clear
        @domains.clear
      end

      # A domain, a regular expression, an object with call, or a block; each gets the domain in lower case.
      def add_envelope_from_domain(matcher = nil, &block)
        if matcher.is_a?(String)
          domain = matcher.downcase
          @domains.add(domain, pattern: Recorder.text(domain))
        else
          @domains.add(matcher, &block)
        end
        self
      end

      # A file with a domain or a /regular expression/ a line; "#" begins a comment line. Found as `load` finds.
      def load_envelope_from_domains(path)
        @loader.find_files(path).each do |file|
          File.foreach(file, encoding: "UTF-8").with_index(1) do |line, number|
            add_line(line.scrub("?").strip, file, number)
          end
        end
      end

      def trusted_envelope_from_domain?(from)
        domain = from.to_s[/\A<(.+?)@(.+?)>\z/, 2]
        !domain.nil? && @domains.match?(domain.downcase)
      end

      def to_expression
        @domains.to_expression
      end

      private

      def add_line(line, file, number)
        case line
        when "", /\A#/ then nil
        when %r{\A/(.*)/\z} then add_envelope_from_domain(Regexp.new($1, Regexp::IGNORECASE))
        else add_envelope_from_domain(line)
        end
      rescue RegexpError => error
        @loader.complain("#{error.message}; a domain or a /regular expression/ is allowed", "#{file}:#{number}")
      end
    end
  end
end
