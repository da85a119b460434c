require "ipaddr"

# What an expression says about known facts, naively; a second opinion beside the one of milter manager itself.
class NaiveTruth
  LOCAL = %w[127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1 fe80::/10].map {|one| IPAddr.new(one)}

  # facts: :address, :host, :helo, :sender, :recipient, :recipients, :macros.
  def initialize(facts)
    @facts = facts
  end

  def holds?(expression)
    key = expression.keys.first
    value = expression[key]
    case key
    when "always" then value
    when "not" then !holds?(value)
    when "all" then value.all? {|one| holds?(one)}
    when "any" then value.any? {|one| holds?(one)}
    when "client_in" then value.any? {|one| ip && IPAddr.new(one).include?(ip)}
    when "client_family" then value == (ip.nil? ? "unknown" : ip.ipv4? ? "inet" : "inet6")
    when "client" then value == side(expression)
    when "sender_domain" then matches?(value, @facts[:sender].to_s[/\A.+@(.+)\z/, 1].to_s.downcase)
    when "host", "helo", "sender", "recipient" then matches?(value, @facts.fetch(key.to_sym))
    when "recipients" then @facts.fetch(:recipients).public_send("#{value}?") {|one| matches?(expression["is"], one)}
    when "macro" then of_macro(expression)
    else raise "no opinion about #{key}"
    end
  end

  def matches?(list, text)
    found = list.find {|one| matches_one?(one.is_a?(String) ? {"text" => one} : one, text)}
    !found.nil? && !(found.is_a?(Hash) && found["result"] == false)
  end

  private

  def ip
    @facts[:address] && IPAddr.new(@facts[:address])
  end

  def side(matcher)
    return nil unless ip
    inside = ->(list) {list.any? {|one| one.family == ip.family && one.include?(ip)}}
    return "remote" if inside.call(matcher["remote"].map {|one| IPAddr.new(one)})
    inside.call(LOCAL) || inside.call(matcher["local"].map {|one| IPAddr.new(one)}) ? "local" : "remote"
  end

  def of_macro(expression)
    value = @facts.fetch(:macros, {})[expression["macro"]].to_s
    expression["is"] ? matches?(expression["is"], value) : !value.empty?
  end

  def matches_one?(one, text)
    found =
      if one.key?("texts") then one["texts"].any? {|each| each.casecmp?(text)}
      elsif one.key?("text") then one["exact"] ? one["text"] == text : one["text"].casecmp?(text)
      elsif one.key?("domain") then text.downcase == one["domain"].downcase || text.downcase.end_with?(".#{one["domain"].downcase}")
      else Regexp.new(one.fetch("regexp"), one["options"].to_s.each_char.sum {|c| {"i" => 1, "x" => 2, "m" => 4}.fetch(c)}).match?(text)
      end
    found != (one["negate"] || false)
  end
end
