require_relative "support"

# The packages that are installed on this Debian, from their real files, with its real systemctl and rspamadm. What is
# expected is read here in another way.
class ThisDebian < DetectionTest
  def detected(name)
    loader = Loader.new
    Milter::Manager::DebianDetector.new(loader, name).apply(loader)
    milter = loader.milters[name]
    refute_nil(milter, "#{name} must be installed for this test (tool/packages); #{loader.detection.first.snapshot}")
    [milter.values["enabled"], milter.values["connection_spec"], loader.detection.first.snapshot["spec_from"]]
  end

  # The last line of a file that begins with one of these words: its value and FILE:LINE.
  def said(path, *words)
    line, number = File.readlines(path, chomp: true).each.with_index(1).select do |text, _|
      words.include?(text.strip.split(/[\s=]+/).first)
    end.last
    [line.strip.split(/[\s=]+/, 2).last.delete("\"'"), "#{path}:#{number}"]
  end

  # Not every host has systemctl.
  def enabled?(name)
    unless File.executable?("/usr/bin/systemctl")
      return !Dir.glob(["/etc/systemd/system/*.wants/#{name}.service", "/etc/rc[2-5].d/S??#{name}"]).empty?
    end
    `systemctl is-enabled #{name}.service 2>/dev/null`.strip == "enabled"
  end

  %w[opendkim opendmarc].each do |name|
    define_method("test_#{name}") do
      assert_equal([enabled?(name), *said("/etc/#{name}.conf", "Socket")], detected(name))
    end
  end

  def test_clamav_milter
    path, where = said("/etc/clamav/clamav-milter.conf", "MilterSocket")
    assert_equal([enabled?("clamav-milter"), "unix:#{path.delete_prefix("unix:")}", where], detected("clamav-milter"))
  end

  # Its script knows where Postfix wants it.
  def test_spamass_milter
    spec, where = said("/etc/init.d/spamass-milter", "SOCKET")
    configured = File.readlines("/etc/default/spamass-milter").grep(/\A\s*SOCKET=/).any?
    spec, where = said("/etc/default/spamass-milter", "SOCKET") if configured
    assert_path_exists("/usr/sbin/postfix", "the expectation of this test is the one with Postfix")
    assert_equal([enabled?("spamass-milter"), "unix:#{spec}", where], detected("spamass-milter"))
  end

  def test_rspamd
    dumped = `rspamadm configdump 2>/dev/null`
    host, port = dumped[/rspamd_proxy.*?bind_socket\s*=\s*"([^"]+)"/m, 1].split(":")
    assert_equal([enabled?("rspamd"), "inet:#{port}@#{host}", "/usr/bin/rspamadm configdump --json"], detected("rspamd"))
  end

  def test_the_platform
    assert_equal(["debian"], Milter::Manager::Detect::Platform.names("unknown"))
  end
end
