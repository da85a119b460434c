require "milter/manager/condition"

module Milter
  module Manager
    # What a block of define_policy fills in (configuration 10).
    class PolicyDefinition
      attr_reader :name
      attr_accessor :milters, :host, :address, :fqdn, :from, :recipient

      def initialize(name)
        @name = name
        @milters = []
      end
    end

    # The policies of a load: at its end they become the condition "Policy" of every milter. A milter is asked when each
    # policy that names it fits; one that no policy names is not asked at all.
    class Policies
      NAME = "Policy".freeze
      DESCRIPTION = "Apply policies defined by define_policy".freeze
      # Attribute -> stage, key of expressions, kind of block.
      TESTS = {"host" => %w[connect host host], "fqdn" => %w[helo helo helo],
               "from" => %w[mail sender bracketed_sender], "recipient" => %w[rcpt recipient bracketed_recipient]}.freeze

      def initialize(loader)
        @loader = loader
        @all = []
      end

      def define(name)
        policy = PolicyDefinition.new(name)
        yield(policy)
        @location ||= Complaints.location
        @all << policy
      end

      # The condition is made once for each milter: what it says depends on the milter.
      def apply
        return if @all.empty?
        @loader.milter_definitions.each do |milter|
          condition = @loader.conditions.define(NAME, @location) {|one| fill(one, milter.name)}
          milter.add_applicable_condition(condition, @location)
        end
      end

      private

      def fill(condition, milter)
        condition.description = DESCRIPTION
        mine = @all.select {|policy| Array(policy.milters).map(&:to_s).include?(milter)}
        condition.stop_when({"always" => true}, at: "data") if mine.empty?
        mine.each do |policy|
          condition.stop_when({"not" => client(policy.address)}, at: "connect") unless policy.address.nil?
          TESTS.each do |attribute, (stage, key, kind)|
            wanted = policy.public_send(attribute)
            condition.stop_when({"not" => test(wanted, key, kind)}, at: stage) unless wanted.nil?
          end
        end
      end

      def client(wanted)
        cidr = wanted.is_a?(String) || wanted.is_a?(IPAddr)
        cidr ? @loader.values.expression("client", wanted) : ask("client", wanted)
      end

      # Regular expressions about the angle brackets need them.
      def test(wanted, key, kind)
        return ask(kind, wanted) if wanted.respond_to?(:call) || kind != key && wanted.is_a?(Regexp) && wanted.source.match?(/[<>]/)
        wanted = wanted.delete_prefix("<").delete_suffix(">") if wanted.is_a?(String) && kind != key
        pattern = Pattern.strict(wanted)
        pattern ? {key => [pattern]} : ask(kind, wanted)
      end

      def ask(kind, wanted)
        @loader.blocks.ask(kind, wanted.respond_to?(:call) ? wanted : wanted.method(:===), @location)
      end
    end
  end
end
