#include "tools/test_server/json.hpp"

#include "tools/test_server/difference.hpp"
#include "tools/utf8.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace milter::tools::test_server {

namespace js = boost::json;

namespace {

std::string_view word_of(char how, std::string_view kept, std::string_view removed, std::string_view added) {
    return how == '-' ? removed : how == '+' ? added : kept;
}

js::object object_of(message const& mail) {
    js::object all{{"sender", as_utf8(mail.new_sender.value_or(mail.sender))},
                   {"sender_changed", mail.new_sender && *mail.new_sender != mail.sender}};
    js::array recipients;
    for (auto const& one : mail.recipients) {
        char const how = one.is == recipient::fate::kept      ? ' '
                         : one.is == recipient::fate::removed ? '-'
                                                              : '+';
        recipients.push_back(
            js::object{{"address", as_utf8(one.address)}, {"is", word_of(how, "kept", "removed", "added")}});
    }
    all["recipients"] = std::move(recipients);
    js::array headers;
    for (auto const& one : difference(mail.original_headers, mail.headers))
        headers.push_back(
            js::object{{"name", as_utf8(one.field.name)},
                       {"value", as_utf8(one.field.value)},
                       {"is", word_of(static_cast<char>(one.how), "kept", "removed", "added")}});
    all["headers"] = std::move(headers);
    all["body_replaced"] = mail.new_body.has_value();
    if (mail.new_body) all["body"] = as_utf8(*mail.new_body);
    return all;
}

} // namespace

std::string json_of(result const& of) {
    js::object all;
    if (!of.failure.empty()) {
        all["failure"] = as_utf8(of.failure);
        return js::serialize(all) + "\n";
    }
    all["status"] = of.status;
    if (!of.reply.empty()) all["reply"] = as_utf8(of.reply);
    if (of.mail.quarantine_reason) all["quarantine_reason"] = as_utf8(*of.mail.quarantine_reason);
    all["elapsed_s"] = of.seconds;
    all["message"] = object_of(of.mail);
    return js::serialize(all) + "\n";
}

std::string json_of(script::outcome const& of, std::string const& name) {
    using kind = script::outcome::kind;
    js::object all{{"script", as_utf8(name)},
                   {"result", of.is == kind::as_expected ? "as-expected"
                              : of.is == kind::otherwise ? "otherwise"
                                                         : "no-talk"},
                   {"answers", of.answers},
                   {"compared", of.compared}};
    if (!of.complaint.empty()) all["complaint"] = as_utf8(of.complaint);
    return js::serialize(all) + "\n";
}

} // namespace milter::tools::test_server
