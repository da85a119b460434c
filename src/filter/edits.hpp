// Changes to a message: handed to a filter at the end of the message, the only place where the protocol has
// them (protocol 10). Sends nothing that was not agreed on, and keeps the pieces of a new body together.
#pragma once

#include "filter/answer.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace milter::filter {

// Every change returns false, and nothing is sent, when the MTA did not agree to changes of this kind or when
// the values cannot be: a NUL anywhere, a header name that is empty or has a colon, a blank or a control
// character, an empty reason. Header values: folded lines are separated by LF; with the step leading_space
// they begin with the blank behind the colon.
class edits {
public:
    // flush: writes what was sent so far; agreed and out must outlive the edits.
    edits(agreement const& agreed, std::string& out, std::function<void()> const& flush);

    bool add_header(std::string_view name, std::string_view value);
    // index: 0 = before everything; beyond the end = at the end.
    bool insert_header(std::uint32_t index, std::string_view name, std::string_view value);
    // The index-th field of this name, from 1; adds one when there is none. An empty value deletes.
    bool change_header(std::uint32_t index, std::string_view name, std::string_view value);
    bool delete_header(std::uint32_t index, std::string_view name);
    // The first call drops the old body, each appends to the new one. Lines end in CRLF.
    bool replace_body(std::string_view bytes);
    // arguments: ESMTP parameters separated by blanks.
    bool add_recipient(std::string_view address, std::optional<std::string_view> arguments = {});
    bool delete_recipient(std::string_view address);
    bool change_sender(std::string_view address, std::optional<std::string_view> arguments = {});
    bool quarantine(std::string_view reason);
    // Tells the MTA at once that the filter is still at work.
    void progress();

    // For the conversation: what had to wait for the other changes. Nothing may be changed afterwards.
    void finish();

private:
    bool may(wire::action what) const { return agreed_.actions.has(what); }

    agreement const& agreed_;
    std::string& out_;
    std::function<void()> const& flush_;
    std::string body_; // packets: all behind one another, after the other changes (protocol 10.5)
};

} // namespace milter::filter
