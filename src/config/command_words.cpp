#include "config/command_words.hpp"

#include <utility>

namespace milter::config {

namespace {

constexpr std::string_view blanks = " \t\n";

class splitting {
public:
    explicit splitting(std::string_view text) : rest_(text) {}

    tl::expected<std::vector<std::string>, std::string> words() {
        while (!rest_.empty()) {
            char const c = take();
            bool closed = true;
            if (c == '\'')
                closed = quoted();
            else if (c == '"')
                closed = double_quoted();
            else if (c == '\\')
                closed = escaped();
            else if (blanks.find(c) != std::string_view::npos)
                end_word();
            else
                add(c);
            if (!closed) {
                return tl::unexpected(std::string(c == '\\' ? "ends with \\; there is nothing to quote"
                                                            : "has a quote that is not closed"));
            }
        }
        end_word();
        return std::move(words_);
    }

private:
    char take() {
        char const c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    void add(char c) {
        word_ += c;
        in_word_ = true;
    }

    void end_word() {
        if (std::exchange(in_word_, false)) words_.push_back(std::exchange(word_, {}));
    }

    bool quoted() {
        auto const end = rest_.find('\'');
        if (end == std::string_view::npos) return false;
        word_ += rest_.substr(0, end);
        in_word_ = true;
        rest_.remove_prefix(end + 1);
        return true;
    }

    bool double_quoted() {
        in_word_ = true;
        while (!rest_.empty()) {
            char const c = take();
            if (c == '"') return true;
            bool const quotes = c == '\\' && !rest_.empty() &&
                                std::string_view("$`\"\\\n").find(rest_.front()) != std::string_view::npos;
            if (!quotes) {
                word_ += c;
            } else if (char const meant = take(); meant != '\n') {
                word_ += meant;
            }
        }
        return false;
    }

    bool escaped() {
        if (rest_.empty()) return false;
        if (char const c = take(); c != '\n') add(c);
        return true;
    }

    std::string_view rest_;
    std::string word_;
    bool in_word_ = false; // also of an empty one: ''
    std::vector<std::string> words_;
};

} // namespace

tl::expected<std::vector<std::string>, std::string> command_words(std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
        return tl::unexpected(std::string("has a NUL; it cannot be in a command line"));
    return splitting(text).words();
}

} // namespace milter::config
