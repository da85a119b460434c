require_relative "support"

# The files of conf/defaults and which of them is for which system (detection 1, 2).
class Defaults < DetectionTest
  CANDIDATES = {
    "debian" => {"milter-greylist" => G, "spfmilter" => R, "clamav-milter" => [], "dkim-filter" => [], "opendkim" => [],
                 "spamass-milter" => R, "amavisd-new-milter" => [], "rspamd" => R},
    "redhat" => {"milter-greylist" => G, "clamav-milter" => [], "enma" => R, "spamass-milter" => R, "amavisd" => [],
                 "opendkim" => [], "rspamd" => R},
    "freebsd" => {"milter-greylist" => G, "milter-enma" => R, "milter-sid" => R, "clamav-milter" => [], "milter-dkim" => [],
                  "milter-opendkim" => [], "spamass-milter" => R, "amavis-milter" => [], "rspamd" => R},
    "pkgsrc" => {"milter-greylist" => G, "mimedefang" => [], "enma" => R, "dk-milter" => [], "dkim-filter" => [],
                 "spamass-milter" => R, "amavismilter" => [], "milter-regex" => R}
  }.freeze
  SCRIPTS = {"debian" => "/etc/init.d", "redhat" => "/etc/init.d", "freebsd" => "/usr/local/etc/rc.d",
             "pkgsrc" => "/usr/pkg/etc/rc.d"}.freeze
  ON_REQUEST = {"debian" => %w[opendmarc openarc amavisd-milter pyspf-milter dkimpy-milter milter-regex mimedefang],
                "redhat" => %w[opendmarc openarc amavisd-milter pyspf-milter dkimpy-milter milter-regex mimedefang],
                "freebsd" => %w[opendmarc openarc milter-regex], "pkgsrc" => %w[opendkim opendmarc]}.freeze

  # Installs a service that is enabled, with a socket, in the way of the platform.
  def install(platform, name)
    rc_name = name.tr("-", "_")
    write("#{SCRIPTS.fetch(platform)}/#{name}",
          "#!/bin/sh\nname=#{rc_name}\nSOCKET=/run/#{name}\n#{rc_name}_socket=/run/#{name}\n")
    started(name)
    File.write(File.join(@root, "/etc/rc.conf"), "#{rc_name}_enable=YES\n", mode: "a")
  end

  def conditions(milter)
    milter["applicable_conditions"].to_a.map {|one| one.is_a?(Hash) ? one["name"] : one}
  end

  # As milter-manager.conf begins.
  def text
    "load(\"applicable-conditions/*.conf\")\nload_default\n"
  end

  CANDIDATES.each do |platform, candidates|
    define_method("test_the_candidates_of_#{platform}_in_order_with_their_conditions") do
      all = candidates.keys + ON_REQUEST[platform]
      all.each {|name| install(platform, name)}
      snapshot = load(text, platform: platform)
      assert_empty(snapshot["complaints"])
      assert_equal(all, snapshot["milters"].map {|one| one["name"]})
      found = snapshot["milters"].to_h {|one| [one["name"], conditions(one)]}
      assert_equal(candidates, found.slice(*candidates.keys))
      by_default = snapshot["milters"].select {|one| one["enabled"]}.map {|one| one["name"]}
      assert_equal(candidates.keys - %w[rspamd], by_default - %w[rspamd]) # rspamd's socket says rspamadm only
      assert_equal(all, snapshot["detection"].map {|one| one["name"]})
      assert(snapshot["security"]["privilege_mode"])
      assert_match(%r{/defaults/#{platform}.conf:\d+\z}, snapshot["locations"]["security.privilege_mode"])
    end

    define_method("test_a_bare_#{platform}_has_nothing_and_says_so") do
      snapshot = load(text, platform: platform)
      assert_equal([[], []], snapshot.values_at("complaints", "milters"))
      assert_equal(["not found"], snapshot["detection"].map {|one| one["outcome"]}.uniq)
      assert_equal(candidates.keys + ON_REQUEST[platform], snapshot["detection"].map {|one| one["name"]})
    end
  end

  def test_one_wrong_candidate_does_not_cost_the_others_or_the_rest_of_the_file
    install("debian", "spfmilter")
    install("debian", "spamass-milter")
    write("/etc/default/spfmilter", "SOCKET=inet:port@localhost\n")
    snapshot = load("#{text}define_milter(\"mine\") {|milter| milter.connection_spec = \"unix:/mine\"}\n", platform: "debian")
    assert_equal([[], %w[spamass-milter mine]], [snapshot["complaints"], snapshot["milters"].map {|one| one["name"]}])
    skipped = snapshot["detection"].find {|one| one["outcome"] == "skipped"}
    assert_match(%r{/etc/default/spfmilter:1: the socket "inet:port@localhost"}, skipped["warning"])
  end

  def test_a_condition_that_is_not_defined_is_a_mistake_of_the_configuration
    install("debian", "spfmilter")
    complaints = load("load_default\n", platform: "debian")["complaints"]
    refute_empty(complaints)
    assert_match(/Remote Network/, complaints.first.values.join(" "))
  end

  def test_the_options_of_the_package_as_text_as_a_hash_and_as_they_are_built_in
    write("/opt/own/enma", "#!/bin/sh\nname=enma\n")
    write("/opt/etc/enma.conf", "milter.socket: unix:/o\n")
    write("/etc/rc.conf", "enma=YES\n")
    ["package.options = \"prefix=/opt/etc,rcddir=/opt/own\"\n",
     "package.options = {\"prefix\" => \"/opt/etc\", \"rcddir\" => \"/opt/own\"}\n"].each do |options|
      milter = load(options + text, platform: "pkgsrc")["milters"].first
      assert_equal(["enma", true, "unix:/o", "/opt/own/enma"], milter.values_at("name", "enabled", "connection_spec", "command"))
    end
    assert_equal(1, load(text, platform: "pkgsrc", options: "prefix=/opt/etc,rcddir=/opt/own")["milters"].size)
  end

  def test_redefinition_edits_what_was_found
    install("debian", "opendmarc")
    install("debian", "spfmilter")
    snapshot = load("#{text}define_milter(\"opendmarc\") {|milter| milter.enabled = true}\n" \
                    "define_milter(\"spfmilter\") {|milter| milter.enabled = false}\n", platform: "debian")
    assert_equal([["opendmarc", true, "unix:/run/opendmarc"], ["spfmilter", false, "unix:/run/spfmilter"]],
                 snapshot["milters"].map {|one| one.values_at("name", "enabled", "connection_spec")})
  end

  def test_every_version_of_the_red_hat_family_is_known
    install("redhat", "spamass-milter")
    %w[redhat redhat5 redhat6 redhat7 redhat8 redhat9 redhat10 redhat11 centos7 fedora41 amazon opensuse rocky9].each do |platform|
      assert_equal(["spamass-milter"], load(text, platform: platform)["milters"].map {|one| one["name"]}, platform)
    end
  end

  def test_other_names_of_debian_and_pkgsrc
    install("debian", "spamass-milter")
    assert_equal(1, load(text, platform: "ubuntu")["milters"].size)
    install("pkgsrc", "enma")
    assert_equal(1, load(text, platform: "netbsd")["milters"].size)
    assert_equal(1, load(text, platform: "dragonfly")["milters"].size)
  end

  def test_without_a_platform_nothing_is_looked_for
    assert_equal([], load(text, platform: nil)["detection"])
    assert_equal([], load(text, platform: "solaris")["detection"])
  end

  def test_an_unknown_platform_is_recognized
    install("redhat", "spamass-milter")
    write("/etc/os-release", "ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"10.0\"\n")
    assert_equal(["spamass-milter"], load(text, platform: "unknown")["milters"].map {|one| one["name"]})
  end

  OS_RELEASE = {
    "ID=debian\nVERSION_ID=\"12\"" => "debian", "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"" => "debian",
    "ID=linuxmint\nID_LIKE=\"ubuntu debian\"" => "debian", "ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"8.10\"" => "redhat8",
    "ID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"" => "redhat7",
    "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"10.0\"" => "redhat10",
    "ID=fedora\nVERSION_ID=41" => "redhat", "ID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"" => "redhat",
    "ID=\"amzn\"\nID_LIKE=\"centos rhel fedora\"\nVERSION_ID=\"2\"" => "redhat",
    "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"" => "redhat", "ID=\"sles\"\nID_LIKE=\"suse\"" => "redhat",
    "NAME=FreeBSD\nID=freebsd" => "freebsd", "ID=netbsd" => "pkgsrc", "ID=dragonfly" => "pkgsrc"
  }.freeze

  def test_recognizing_by_os_release
    OS_RELEASE.each do |text, platform|
      write("/etc/os-release", "#{text}\n")
      assert_equal(platform, recognized, text)
    end
  end

  def test_recognizing_systems_before_os_release
    assert_nil(recognized)
    write("/etc/redhat-release", "CentOS release 5.11 (Final)\n")
    assert_equal("redhat5", recognized)
    write("/etc/debian_version", "7.0\n")
    assert_equal("debian", recognized)
    remove("/etc/debian_version")
    program("/usr/bin/dpkg")
    assert_equal("debian", recognized)
  end

  def test_recognizing_bsd
    FileUtils.mkdir_p(File.join(@root, "/usr/pkg/etc"))
    assert_equal("pkgsrc", recognized)
    FileUtils.mkdir_p(File.join(@root, "/usr/local/etc/rc.d"))
    assert_equal("freebsd", recognized)
  end

  def recognized
    Milter::Manager::Detect::Platform.recognized(Milter::Manager::Detect::Tree.new(@root))
  end
end
