require "milter/manager/pattern"

module Milter
  module Manager
    # Conditions for certain recipients (configuration 8.7): the milter is told of those, and of a message only when
    # all its recipients are among them. A file gets the methods by `extend RestrictAccounts`.
    module RestrictAccounts
      DESCRIPTION = "Restrict milters to specified accounts".freeze
      MARK = "have-not-restricted-account".freeze

      # Each account: a text, a regular expression, an object with call, or anything compared by ===.
      def restrict_accounts_by_list(*accounts, condition_name: nil, milters: defined_milters)
        name = condition_name || "Restrict Accounts by List: #{accounts.inspect}"
        patterns = accounts.flatten.map {|one| one.respond_to?(:call) ? nil : Pattern.strict(one)}
        return restrict_to(name, milters, &by_ruby(accounts.flatten)) unless patterns.all?
        define_applicable_condition(name) do |condition|
          condition.description = DESCRIPTION
          condition.stop_when({"not" => {"recipient" => patterns}}, at: "rcpt")
          condition.stop_when({"not" => {"recipients" => "all", "is" => patterns}}, at: "data")
        end
        apply_to(name, milters)
      end

      # {|context, recipient| true for one that the milters are for}; the recipient is without angle brackets.
      def restrict_accounts_generic(options = {}, **more, &block)
        options = options.merge(more)
        raise ArgumentError, "restrict_accounts_generic needs a block" unless block
        restrict_to(options[:condition_name] || "Restrict Accounts", options[:milters] || defined_milters, &block)
      end

      private

      def restrict_to(name, milters, &block)
        wanted = blocks.ask("account", block)
        define_applicable_condition(name) do |condition|
          condition.description = DESCRIPTION
          condition.set_macros_when({"not" => wanted}, {MARK => "true"}, at: "rcpt")
          condition.stop_when({"not" => wanted}, at: "rcpt")
          condition.stop_when({"macro" => MARK, "is" => [{"text" => "true", "exact" => true}]}, at: "data")
        end
        apply_to(name, milters)
      end

      def by_ruby(accounts)
        lambda do |_context, recipient|
          accounts.any? {|one| one.respond_to?(:call) ? one.call(recipient) : one === recipient}
        end
      end

      def apply_to(name, milters)
        milters.each do |milter_name|
          define_milter(milter_name) {|milter| milter.applicable_conditions += [name]}
        end
      end
    end
  end
end
