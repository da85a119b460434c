# Evaluates milter-manager.conf once. The request comes as JSON on standard input, the snapshot goes as JSON to
# descriptor 3; what the configuration itself prints goes where standard output goes, so it cannot disturb.
$LOAD_PATH.unshift(__dir__)

require "json"
require "milter/manager/evaluation"

report = IO.for_fd(3, "w")
report.close_on_exec = true
request = JSON.parse($stdin.read)
$stdin.reopen(File::NULL)
$stdout.sync = true

[[:AS, request["memory_limit"]], [:CORE, 0]].each do |resource, limit|
  Process.setrlimit(resource, limit, limit) if limit
end

report.write(JSON.generate(Milter::Manager::Evaluation.new(request).run))
report.close
