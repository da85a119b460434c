// The header of one message as the MTA will have it after the edits so far (chain IV.5): what the next child
// must be shown, and which number the MTA gives to a field that a child means.
#pragma once

#include "core/edits.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::core {

class header_list {
public:
    struct field {
        std::string name;
        std::string value;   // raw: what stands behind the colon, leading blank included
        bool hidden = false; // the MTA's own, never shown to filters
        bool alive = true;
        bool died_now = false; // deleted by the child whose edits are being applied
        std::uint32_t id = 0;  // of the MTA's own 0; the same in every copy of this list
    };

    // The rules of Postfix also serve an MTA that is not known.
    explicit header_list(mta_kind profile);

    // A field that the MTA has sent. The value is raw.
    void add(std::string_view name, std::string_view value);

    // Every field, those included that a child must not see: skip what is not shown().
    std::size_t size() const { return fields_.size(); }
    field const& at(std::size_t i) const { return fields_[i]; }
    bool shown(std::size_t i) const { return fields_[i].alive && !fields_[i].hidden; }
    std::size_t held() const { return held_; } // bytes of names and values

    // Applies one header edit of a child as the MTA will, and gives it back with the index that the MTA
    // understands. Edits of other kinds come back unchanged.
    edit apply(edit const& change);
    // The same for a child that was shown another state of this list, `shown`, and means fields of that one
    // (chain V.4). Both lists are changed. Nothing: it deletes what is deleted already.
    std::optional<edit> apply(edit const& change, header_list& shown);
    // The edits of one child are complete: what it deleted is gone for the next.
    void next_child();

private:
    using position = std::vector<field>::iterator;
    void add_as_mta_would(edit const& change);
    void insert(edit const& change);
    field* meant_by(edit const& wanted);
    field* with_id(std::uint32_t id);
    std::uint32_t number_of(std::string_view name, field const* target) const;
    edit change(edit const& wanted, field* target);
    void put(position before, edit const& what);

    bool sendmail_;
    std::vector<field> fields_;
    std::size_t held_ = 0;
    std::uint32_t next_id_ = 1;
};

} // namespace milter::core
