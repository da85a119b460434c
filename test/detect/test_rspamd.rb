require_relative "support"

# rspamd's socket, as rspamadm says it (detection 5.4, 10).
class Rspamd < DetectionTest
  DUMP = "/usr/bin/rspamadm configdump --json".freeze

  def setup
    super
    write("/lib/systemd/system/rspamd.service", "[Service]\nExecStart=/usr/bin/rspamd\n")
    wanted("rspamd")
    program("/usr/bin/rspamadm")
  end

  def rspamd(text)
    text = JSON.generate(text) unless text.is_a?(String)
    apply(Milter::Manager::DebianDetector, "rspamd", answers: {DUMP => text})
  end

  def proxy(bind_socket, **more)
    {"worker" => [{"normal" => {"bind_socket" => "localhost:11333"}},
                  {"rspamd_proxy" => {"bind_socket" => bind_socket, "milter" => true}.merge(more.transform_keys(&:to_s))}]}
  end

  def test_bind_sockets
    {"localhost:11332" => "inet:11332@localhost", "*:11332" => "inet:11332@localhost", "0.0.0.0:1" => "inet:1@localhost",
     "127.0.0.1:11332" => "inet:11332@127.0.0.1", "[::1]:11332" => "inet6:11332@[::1]", "[::]:11332" => "inet6:11332@[::1]",
     "*v6:11332" => "inet6:11332@[::1]", "*v4:11332" => "inet:11332@127.0.0.1",
     "/run/rspamd/milter.sock mode=0660 owner=_rspamd" => "unix:/run/rspamd/milter.sock",
     "/run/rspamd/milter.sock,mode=0660" => "unix:/run/rspamd/milter.sock", "unix:/run/r.sock" => "unix:/run/r.sock",
     ["[::1]:11332", "localhost:11332"] => "inet6:11332@[::1]",
     ["systemd:0", "127.0.0.1:11332"] => "inet:11332@127.0.0.1"}.each do |written, spec|
      assert_enabled(spec, rspamd(proxy(written)))
    end
  end

  def test_where_it_is_said
    assert_equal(DUMP, rspamd(proxy("*:11332")).decision["spec_from"])
  end

  def test_no_worker_that_speaks_milter
    [{"worker" => [{"normal" => {}}]}, {"worker" => []}, {}, {"worker" => nil}, proxy("*:1", milter: false),
     proxy("*:1", milter: "no"), proxy("*:1", enabled: false)].each do |dump|
      result = rspamd(dump)
      assert_disabled(/no worker rspamd_proxy with milter = yes/, result)
      assert_nil(result.decision["warning"])
    end
  end

  def test_the_first_worker_that_speaks_milter
    workers = [{"rspamd_proxy" => {"bind_socket" => "*:1"}}, {"rspamd_proxy" => [{"bind_socket" => "*:2", "milter" => "yes"}]}]
    assert_enabled("inet:2@localhost", rspamd("worker" => workers))
    assert_enabled("inet:3@localhost", rspamd("worker" => {"rspamd_proxy" => {"bind_socket" => "*:3", "milter" => true}}))
  end

  def test_sockets_that_nobody_understands
    ["::1:11332", "systemd:0", "localhost", nil, 5, []].each do |written|
      result = rspamd(proxy(written))
      assert_disabled(/no bind_socket that is understood/, result)
      assert_match(/\A#{DUMP} has no bind_socket/, result.decision["warning"])
    end
  end

  def test_what_is_no_dump
    ["", "not json", "[]", "5", "{\"worker\": 5}", "{\"worker\": [[1]]}"].each do |text|
      assert_disabled(/rspamadm configdump --json (printed something else|has no worker)/, rspamd(text))
    end
  end

  def test_a_rspamadm_that_fails_or_is_missing
    failed = apply(Milter::Manager::DebianDetector, "rspamd", answers: {})
    assert_disabled(/rspamadm failed/, failed)
    assert_equal("/usr/bin/rspamadm failed", failed.decision["warning"])
    assert_nil(apply(Milter::Manager::DebianDetector, "rspamd", answers: {}, on_request: true).decision["warning"])
    remove("/usr/bin/rspamadm")
    assert_disabled(/rspamadm.* is not there/, apply(Milter::Manager::DebianDetector, "rspamd", answers: {}))
  end

  def test_a_failing_rspamadm_of_an_rspamd_that_is_off_is_no_warning
    remove("/etc/systemd/system/multi-user.target.wants/rspamd.service")
    assert_nil(apply(Milter::Manager::DebianDetector, "rspamd", answers: {}).decision["warning"])
  end

  def test_rspamd_of_red_hat
    FileUtils.mkdir_p(File.join(@root, "usr/lib"))
    link("/usr/lib/systemd", "/lib/systemd")
    result = apply(Milter::Manager::RedHatDetector, "rspamd", answers: {DUMP => JSON.generate(proxy("*:11332"))})
    assert_enabled("inet:11332@localhost", result)
  end
end
