// The expressions of conditions: JSON → core::expression, with every complaint and its place. Reads only;
// what an expression means is core's business.
#pragma once

#include "config/complaint.hpp"
#include "core/policy.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace milter::config {

class expression_reader {
public:
    // Questions that expressions ask are added to `questions`; both must outlive the reader.
    expression_reader(std::vector<core::question_source>& questions, std::vector<complaint>& complaints)
        : questions_(questions), complaints_(complaints) {}

    // where: the place of the rule. What cannot be read is complained of and is "never".
    core::expression read(boost::json::value const& given, std::string const& where);

    // The earliest stage at which all that it looks at is known.
    static core::stage known_at(core::expression const& what);

    // What it asks outside: positions in policy::questions.
    static std::vector<std::uint32_t> questions_of(core::expression const& what);

private:
    using object = boost::json::object;
    core::expression read_object(object const& given);
    std::vector<core::expression> read_all(boost::json::value const& list);
    core::pattern_list patterns(boost::json::value const* list);
    std::optional<core::pattern> pattern(boost::json::value const& given);
    std::optional<core::pattern> pattern_object(object const& given);
    std::vector<core::network> networks(boost::json::value const* list);
    core::expression client_family(boost::json::value const& given);
    core::expression client_is(object const& given);
    core::expression time_between(boost::json::value const& given);
    core::expression child_said(object const& given);
    core::expression asks_dns(boost::json::value const& given);
    std::uint32_t add_question(core::question_source source);
    std::string text(boost::json::value const& given, std::string_view what);
    bool flag(boost::json::value const& given, std::string_view what);
    std::string quantity(boost::json::value const& given);
    std::uint64_t number(boost::json::value const& given, std::string_view what);
    void complain(std::string what) { complaints_.push_back({where_, std::move(what)}); }

    std::vector<core::question_source>& questions_;
    std::vector<complaint>& complaints_;
    std::string where_;
};

} // namespace milter::config
