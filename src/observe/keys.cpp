#include "observe/keys.hpp"

#include <algorithm>
#include <array>

namespace milter::observe {

namespace {

constexpr std::array words = std::to_array<key_meaning>({
    {"actions", "the edits that were agreed on, by name"},
    {"bytes", "a size in bytes"},
    {"checker", "the name of the connection checker"},
    {"child", "the name of the milter behind us, as configured"},
    {"children",
     "how many; or for each child NAME:SAID:TIME, with `:CONDITION` of a skipped, `:REASON` of a failed one"},
    {"client", "the address of the SMTP client"},
    {"command", "what was run, or the command that was asked for"},
    {"condition", "the name of the applicable condition"},
    {"count", "how many"},
    {"decided_by", "the child whose answer became the outcome"},
    {"descriptors", "file descriptors, how many"},
    {"edits", "changes of the message that a child made, how many"},
    {"elapsed_ms", "how long it took, in milliseconds"},
    {"endpoint", "where a socket is, as unix:, inet: or inet6:"},
    {"error", "what went wrong, in words"},
    {"evaluation_mode", "true: nobody waits for this child and nothing it says counts"},
    {"fallback", "what a child counts as when it does not answer"},
    {"file", "the path of a file"},
    {"group", "a group of the system"},
    {"header", "the name of a header field"},
    {"host", "the name of the SMTP client"},
    {"levels", "a set of log levels"},
    {"limit", "the limit that was met"},
    {"line", "the number of a line in a file"},
    {"listeners", "sockets that clients connect to, how many"},
    {"mode", "the mode of a file, octal"},
    {"path", "where a setting stands in the configuration"},
    {"pause_ms", "how long nothing of it is done, in milliseconds"},
    {"pid", "the number of a process"},
    {"quarantined", "true: the MTA was told to keep the message in its quarantine"},
    {"queue_id", "the MTA's id of the message"},
    {"reason", "why, one word of a fixed set"},
    {"recipient", "an address of the envelope, as the MTA sent it"},
    {"recipients", "recipients that were accepted, how many"},
    {"refused_recipients", "recipients that a child refused, how many"},
    {"reply", "the text of an SMTP reply"},
    {"sender", "the sender of the envelope, as the MTA sent it"},
    {"server", "the address of a name server, or several"},
    {"service", "the domain of a list of the DNS"},
    {"session", "the number of the session"},
    {"setting", "the name of a setting"},
    {"signal", "the name of a signal"},
    {"size", "the size of the body in bytes"},
    {"stage", "the step of the protocol: connect, helo, envelope-from, ..., or of running a command"},
    {"status", "an exit status or the answer of a child"},
    {"steps", "the steps that were agreed on, by name"},
    {"thread", "the number of a worker thread"},
    {"timeout_ms", "the time that was allowed, in milliseconds"},
    {"user", "a user of the system"},
    {"value", "the value of a setting or a header field"},
    {"verdict", "what the MTA was told, or would have been"},
    {"version", "a version of the protocol or of a program"},
    {"worker", "the number of the Ruby worker that was asked"},
});
static_assert(std::ranges::is_sorted(words, {}, &key_meaning::key));

} // namespace

std::span<key_meaning const> dictionary() {
    return words;
}

bool is_key(std::string_view key) {
    return std::ranges::binary_search(words, key, {}, &key_meaning::key);
}

} // namespace milter::observe
