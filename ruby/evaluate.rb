# Evaluates milter-manager.conf once. The request comes as a line of JSON on standard input, the snapshot goes as JSON
# to descriptor 3; what the configuration itself prints goes where standard output goes, so it cannot disturb.
# When the request wants workers and the configuration has blocks, this process then stays as their parent.
$LOAD_PATH.unshift(__dir__)

require "json"
require "milter/manager/evaluation"
require "milter/manager/worker/control"

report = IO.for_fd(3, "w")
report.close_on_exec = true
control = Milter::Manager::Worker::Control.taken_from($stdin)
request = JSON.parse(control.line)
$stdin.reopen(File::NULL)
$stdout.sync = true

[[:AS, request["memory_limit"]], [:CORE, 0]].each do |resource, limit|
  Process.setrlimit(resource, limit, limit) if limit
end

evaluation = Milter::Manager::Evaluation.new(request)
snapshot = evaluation.run
report.write(JSON.generate(snapshot))
report.close

if request["workers"] && snapshot["complaints"].empty? && evaluation.loader.blocks.all.any?
  require "milter/manager/worker/parent"
  Milter::Manager::Worker::Parent.new(control, evaluation.loader.blocks).run
end
