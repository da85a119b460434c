#include "tools/test_server/address.hpp"

#include <optional>

namespace milter::tools::test_server {

namespace {

bool is_blank(char one) {
    return one == ' ' || one == '\t' || one == '\r' || one == '\n';
}

class reader {
public:
    explicit reader(std::string_view text) : text_(text) {}

    std::vector<std::string> all() {
        while (at_ < text_.size()) {
            char const one = text_[at_];
            if (one == '"') {
                words_ += delimited('"');
            } else if (one == '(') {
                comment();
                words_ += ' ';
            } else if (one == '[') {
                words_ += delimited(']');
            } else if (one == '<') {
                angle_ = angle();
            } else if (one == ',' || one == ';') {
                ++at_;
                finish();
            } else if (one == ':') { // the name of a group
                ++at_;
                words_.clear();
            } else {
                words_ += one;
                ++at_;
            }
        }
        finish();
        return std::move(found_);
    }

private:
    // A quoted string or a domain literal with its delimiters.
    std::string delimited(char end) {
        auto const begin = at_++;
        while (at_ < text_.size() && text_[at_] != end)
            at_ += text_[at_] == '\\' ? 2u : 1u;
        at_ = std::min(at_ + 1, text_.size());
        return std::string(text_.substr(begin, at_ - begin));
    }

    void comment() {
        int depth = 0;
        for (; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\\')
                ++at_;
            else if (text_[at_] == '(')
                ++depth;
            else if (text_[at_] == ')' && --depth == 0)
                break;
        }
        at_ = std::min(at_ + 1, text_.size());
    }

    std::string angle() {
        std::string address;
        for (++at_; at_ < text_.size() && text_[at_] != '>';) {
            char const one = text_[at_];
            if (one == '"') {
                address += delimited('"');
                continue;
            }
            if (one == '[') {
                address += delimited(']');
                continue;
            }
            ++at_;
            if (one == ':')
                address.clear(); // a source route
            else if (!is_blank(one))
                address += one;
        }
        at_ = std::min(at_ + 1, text_.size());
        return address;
    }

    // Without "@" the first word is meant, else blanks around "@" and "." say nothing.
    static std::string bare(std::string_view words) {
        std::string address;
        bool const has_domain = words.find('@') != std::string_view::npos;
        for (std::size_t at = 0; at < words.size(); ++at) {
            if (words[at] == '"') {
                do
                    address += words[at];
                while (++at < words.size() && (words[at] != '"' || words[at - 1] == '\\'));
                address += '"';
            } else if (!is_blank(words[at])) {
                address += words[at];
            } else if (!has_domain && !address.empty()) {
                break;
            }
        }
        return address;
    }

    void finish() {
        auto address = angle_ ? *angle_ : bare(words_);
        if (angle_ || !address.empty()) found_.push_back(std::move(address));
        angle_.reset();
        words_.clear();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string words_;
    std::optional<std::string> angle_;
    std::vector<std::string> found_;
};

} // namespace

std::vector<std::string> addresses_of(std::string_view field) {
    return reader(field).all();
}

} // namespace milter::tools::test_server
