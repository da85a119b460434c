// The other side: an MTA that drives a milter, step by step, and tells what it answered. Blocking, with a
// time-out for each answer; one object is one connection and belongs to one thread. Never throws, never
// retries: what went wrong is a verdict.
#pragma once

#include <milter/answer.hpp>
#include <milter/api.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace milter {
inline namespace v3 {

enum class verdict {
    go_on,
    accept,
    reject,
    temp_fail,
    discard,
    reply, // heard::text
    skip,
    shutdown,     // 421 and hang up
    conn_fail,    // the connection is to count as failed
    not_sent,     // the milter does not want to hear of this step
    not_answered, // it was told and does not answer this step, as agreed
    lost,         // no answer: closed, time-out, or no answer of the protocol; heard::text says which
};
MILTERXX_API std::string_view word(verdict what); // "go_on", ...

struct edit {
    enum class kind {
        add_header,
        insert_header,
        change_header, // with an empty value: delete
        replace_body,  // value: one piece
        add_recipient,
        delete_recipient,
        change_sender,
        quarantine,
    };
    kind what = kind::add_header;
    std::uint32_t index = 0; // insert_header, change_header
    std::string name;        // of a header field
    std::string value;       // of a field; an address, a piece of body, a reason
    std::optional<std::string> arguments;
};

// The answer to one step.
struct heard {
    verdict what = verdict::lost;
    std::string text;
    std::vector<edit> edits;
    std::size_t progress = 0; // how often it said that it is still at work
};

struct mta_options {
    agreement offer{6, all_actions, all_steps};
    std::chrono::milliseconds timeout{30'000};
};

using macro_pairs = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class MILTERXX_API mta {
public:
    // Connects and negotiates. spec: as in server::listen().
    explicit mta(std::string_view spec, mta_options options = {});
    mta(mta&&) noexcept;
    mta& operator=(mta&&) noexcept;
    // Closes without a farewell.
    ~mta();

    // Whether it can still be talked to; if not, why.
    explicit operator bool() const;
    std::string const& error() const;
    agreement const& agreed() const;
    // Which macros the milter asked for.
    std::vector<std::pair<macro_stage, std::string>> const& macro_lists() const;

    // Sent at once; belongs to the step that is called next. Names of more than one letter get their braces.
    void macros(macro_stage stage, macro_pairs pairs);
    // address: IPv4, IPv6, a path with "/" in front, or "" for unknown. port in host byte order.
    heard connect(std::string_view host, std::string_view address, std::uint16_t port = 25);
    heard helo(std::string_view name);
    heard mail(std::string_view address, std::initializer_list<std::string_view> parameters = {});
    heard rcpt(std::string_view address, std::initializer_list<std::string_view> parameters = {});
    heard data();
    heard unknown(std::string_view line);
    heard header(std::string_view name, std::string_view value);
    heard end_of_headers();
    // In pieces of 65,535 bytes, up to the first answer that is not go_on; the last answer.
    heard body(std::string_view bytes);
    // The only step with edits.
    heard end_of_message();
    void abort();
    void quit();

    // For the library: over another transport than a socket.
    class machine;
    explicit mta(std::unique_ptr<machine> what);

private:
    std::unique_ptr<machine> machine_;
};

} // namespace v3
} // namespace milter
