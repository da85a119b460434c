// Refuses senders by a list, one a line: user@example.com, or @example.com for all of a domain; "#" begins a
// comment. refuse_by_list LIST SPEC
#include <milter/milter.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>

namespace {

using sender_list = std::set<std::string, std::less<>>;

std::string lower(std::string_view text) {
    std::string small(text);
    std::ranges::transform(small, small.begin(), [](unsigned char one) { return std::tolower(one); });
    return small;
}

std::shared_ptr<sender_list const> read(char const* path) {
    std::ifstream file(path);
    if (!file) return nullptr;
    auto all = std::make_shared<sender_list>();
    for (std::string line; std::getline(file, line);) {
        line.resize(std::min(line.find('#'), line.size()));
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())))
            line.pop_back();
        if (!line.empty()) all->insert(lower(line));
    }
    return file.bad() ? nullptr : all;
}

class by_list : public milter::handler {
public:
    explicit by_list(std::shared_ptr<sender_list const> refused) : refused_(std::move(refused)) {}

private:
    milter::negotiate_answer on_negotiate(milter::agreement const&) override {
        // It changes nothing, and hears of nothing but senders.
        return milter::wish{{},
                            milter::step::no_connect | milter::step::no_helo | milter::step::no_rcpt |
                                milter::step::no_data | milter::step::no_headers |
                                milter::step::no_end_of_headers | milter::step::no_body |
                                milter::step::no_unknown};
    }
    milter::answer on_mail(std::string_view address, milter::arguments) override {
        if (address.starts_with('<') && address.ends_with('>'))
            address = address.substr(1, address.size() - 2);
        auto const sender = lower(address);
        auto const at = sender.rfind('@');
        bool const refused =
            refused_->contains(sender) || (at != std::string::npos && refused_->contains(sender.substr(at)));
        if (!refused) return milter::accept{};
        return milter::smtp_reply(550, "5.7.1", "mail from " + sender + " is not wanted here");
    }

    std::shared_ptr<sender_list const> refused_;
};

} // namespace

int main(int count, char** words) {
    if (count != 3) {
        std::cerr << "Usage: refuse_by_list LIST SPEC\n";
        return 1;
    }
    auto const refused = read(words[1]);
    if (!refused) {
        std::cerr << words[1] << ": cannot be read\n";
        return 1;
    }
    return milter::serve(words[2], [=] { return std::make_unique<by_list>(refused); });
}
