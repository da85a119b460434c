// A message inside an MTA and how Postfix and Sendmail apply edits to it (protocol 10.2 to 10.4, chain IV.5).
// Shares nothing with the code that it judges; must not look at who asks for an edit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace milter::oracle {

class mail_model {
public:
    struct field {
        std::string name;
        std::string value;    // raw
        bool own = false;     // the MTA's; no filter is shown it
        bool deleted = false; // Sendmail keeps those
        bool counted = true;  // by a change, even if deleted
    };

    explicit mail_model(bool sendmail);

    void receive(std::string_view name, std::string_view raw_value);
    void receive_body(std::string_view bytes) { body_ += bytes; }
    // It is shown to a filter: from now on Sendmail does not count what was deleted before.
    std::vector<std::pair<std::string, std::string>> show();
    std::string const& body() const { return body_; }

    void add(std::string_view name, std::string_view raw_value);
    void insert(std::uint32_t index, std::string_view name, std::string_view raw_value);
    void change(std::uint32_t index, std::string_view name, std::string_view raw_value);
    void replace_body(std::string bytes) { body_ = std::move(bytes); }
    // An edit of the envelope, as it was told; or a quarantine.
    void note(std::string what) { others_.push_back(std::move(what)); }

    // Everything that would be delivered, in a form to compare and to read.
    std::string whole() const;

private:
    bool sendmail_;
    std::vector<field> list_;
    std::string body_;
    std::vector<std::string> others_;
};

} // namespace milter::oracle
