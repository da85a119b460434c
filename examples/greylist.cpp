// Greylisting with SQLite: who sends to somebody for the first time is asked to come again later.
// greylist DATABASE SECONDS SPEC
#include <milter/milter.hpp>

#include <sqlite3.h>

#include <charconv>
#include <ctime>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

class database {
public:
    // On top of an empty one: the destructor closes it also when this throws, as SQLite wants it.
    explicit database(char const* path) : database() {
        if (sqlite3_open(path, &handle_) != SQLITE_OK) fail();
        sqlite3_busy_timeout(handle_, 1000);
        run("CREATE TABLE IF NOT EXISTS seen (client TEXT, sender TEXT, recipient TEXT, first INTEGER,"
            " PRIMARY KEY (client, sender, recipient))");
    }
    database(database const&) = delete;
    database& operator=(database const&) = delete;
    ~database() { sqlite3_close(handle_); }

    // When it was seen first, in seconds; now, if it never was. Throws when the database fails.
    std::time_t first_seen(std::string const& client, std::string const& sender, std::string const& recipient,
                           std::time_t now) {
        statement one(*this,
                      "INSERT INTO seen VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET first = first"
                      " RETURNING first");
        one.bind(1, client);
        one.bind(2, sender);
        one.bind(3, recipient);
        sqlite3_bind_int64(one.it, 4, now);
        if (sqlite3_step(one.it) != SQLITE_ROW) fail();
        std::time_t const first = sqlite3_column_int64(one.it, 0);
        if (sqlite3_step(one.it) != SQLITE_DONE) fail();
        return first;
    }

private:
    database() = default;

    struct statement {
        statement(database& of, char const* text) {
            if (sqlite3_prepare_v2(of.handle_, text, -1, &it, nullptr) != SQLITE_OK) of.fail();
        }
        statement(statement const&) = delete;
        statement& operator=(statement const&) = delete;
        ~statement() { sqlite3_finalize(it); }
        void bind(int index, std::string const& text) const {
            sqlite3_bind_text(it, index, text.data(), static_cast<int>(text.size()), nullptr);
        }
        sqlite3_stmt* it = nullptr;
    };

    void run(char const* text) {
        if (sqlite3_exec(handle_, text, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(handle_)); }

    sqlite3* handle_ = nullptr;
};

class greylist : public milter::handler {
public:
    greylist(database& seen, std::time_t delay) : seen_(seen), delay_(delay) {}

private:
    milter::connect_answer on_connect(milter::client const& who) override {
        client_ = who.address;
        return milter::go_on{};
    }
    milter::answer on_mail(std::string_view address, milter::arguments) override {
        sender_ = address;
        // Who has proved who they are is not asked to come again.
        if (macro("auth_authen").has_value()) return milter::accept{};
        return milter::go_on{};
    }
    // A failing database throws: that is a temp_fail, and a line on stderr (main).
    milter::answer on_rcpt(std::string_view address, milter::arguments) override {
        auto const now = std::time(nullptr);
        auto const left = seen_.first_seen(client_, sender_, std::string(address), now) + delay_ - now;
        if (left <= 0) return milter::go_on{};
        return milter::smtp_reply(451, "4.7.1",
                                  "Greylisted, try again in " + std::to_string(left) + " seconds");
    }

    database& seen_;
    std::time_t delay_;
    std::string client_, sender_;
};

} // namespace

int main(int count, char** words) {
    std::time_t delay = -1;
    if (count == 4) {
        std::string_view const text = words[2];
        auto const [end, wrong] = std::from_chars(text.begin(), text.end(), delay);
        if (wrong != std::errc() || end != text.end()) delay = -1;
    }
    if (delay < 0) {
        std::cerr << "Usage: greylist DATABASE SECONDS SPEC\n";
        return 1;
    }
    try {
        database seen(words[1]);
        milter::serve_options options;
        options.on_trouble = [](std::string const& why) { std::cerr << why << '\n'; };
        return milter::serve(
            words[3], [&] { return std::make_unique<greylist>(seen, delay); }, options);
    } catch (std::exception const& wrong) {
        std::cerr << words[1] << ": " << wrong.what() << '\n';
        return 1;
    }
}
