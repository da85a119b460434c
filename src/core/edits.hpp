// What children change in a message (protocol 10): one ledger of owned, checked edits. What a child sends is
// unchecked until it has been through check(); nothing else reaches the MTA (chain P40, P66).
#pragma once

#include "core/negotiation.hpp"
#include "wire/reply.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::core {

struct edit {
    enum class kind {
        add_header,
        insert_header,
        change_header, // an empty value deletes
        add_recipient,
        add_recipient_with_args,
        delete_recipient,
        change_sender,
        quarantine,
    };
    edit::kind what = edit::kind::add_header;
    std::uint32_t index = 0; // insert, change
    std::string name;        // of a header; or the address; or the reason
    std::string value;       // of a header, raw: with the text's leading blank; or the arguments
    bool has_arguments = false;

    bool is_of_header() const { return what <= edit::kind::change_header; }
    bool deletes_header() const { return what == edit::kind::change_header && value.empty(); }
    std::size_t held() const { return sizeof(edit) + name.size() + value.size(); }
    friend bool operator==(edit const&, edit const&) = default;
};

// Whether `said` is an edit other than a new body (which is not kept here).
bool is_edit(wire::reply const& said);

// Owns what a child asked for. by: its agreement (leading blanks, chain P33; declared actions, P40); mta:
// what the MTA takes. The error says why the edit must be dropped.
tl::expected<edit, std::string> check(wire::reply const& said, child_agreement const& by,
                                      mta_agreement const& mta);

// Appends the packet for the MTA. leading_space: whether the MTA takes values with their leading blank.
void encode(std::string& out, edit const& what, bool leading_space);

} // namespace milter::core
