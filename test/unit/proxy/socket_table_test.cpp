#include "proxy/socket_table.hpp"

#include "unit/observe/temporary.hpp"

#include <chrono>
#include <future>
#include <map>

#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

io::far_end client(std::uint16_t port) {
    io::far_end made;
    made.port = port;
    return made;
}

class the_table_of_connections : public testing::Test { // configuration 9
protected:
    the_table_of_connections() {
        observe::log_settings settings;
        settings.path = folder / "log";
        log = std::move(observe::log::open(settings).value());
    }
    void keep(milliseconds time) {
        table = std::make_unique<socket_table>(
            time, *log,
            [this](
                io::far_end const* only) -> tl::expected<std::vector<io::tcp_connection>, std::error_code> {
                ++(only ? looks_at_one : looks_at_all);
                if (failed) return tl::unexpected(failed);
                std::vector<io::tcp_connection> found;
                for (auto const& [port, left] : only ? now : (stale ? *stale : now))
                    if (!only || only->port == port) found.push_back({client(port), left});
                return found;
            });
    }
    bool is_gone(std::uint16_t port) {
        std::optional<bool> said;
        context->restart();
        table->ask(client(port), asker, context, [&](bool gone) { said = gone; });
        // Its thread posts here.
        auto const busy = boost::asio::make_work_guard(*context);
        while (!said && context->run_one_for(std::chrono::seconds(60)) == 1) {
        }
        EXPECT_TRUE(said);
        return said.value_or(false);
    }
    std::vector<std::string> logged() const { return milter::test::lines_of(folder / "log"); }

    milter::test::temporary_folder folder;
    std::unique_ptr<observe::log> log;
    std::shared_ptr<boost::asio::io_context> context = std::make_shared<boost::asio::io_context>(1);
    std::shared_ptr<int> asker = std::make_shared<int>(1);
    // Port -> has left.
    std::map<std::uint16_t, bool> now{{1, false}, {2, true}};
    std::optional<std::map<std::uint16_t, bool>> stale; // a look at all says this
    std::error_code failed;
    int looks_at_all = 0, looks_at_one = 0;
    std::unique_ptr<socket_table> table;
};

TEST_F(the_table_of_connections, misses_who_has_left_and_who_is_not_there) {
    keep(hours(1));
    EXPECT_FALSE(is_gone(1));
    EXPECT_TRUE(is_gone(2));
    EXPECT_TRUE(is_gone(3));
    EXPECT_THAT(logged(), IsEmpty());
}

TEST_F(the_table_of_connections, is_read_once_an_interval_for_all) {
    keep(hours(1));
    for (int i = 0; i < 100; ++i)
        EXPECT_FALSE(is_gone(1));
    EXPECT_EQ(looks_at_all, 1);
    EXPECT_EQ(looks_at_one, 0);
    keep(milliseconds(0));
    EXPECT_FALSE(is_gone(1));
    EXPECT_FALSE(is_gone(1));
    EXPECT_EQ(looks_at_all, 3);
}

TEST_F(the_table_of_connections, is_looked_at_again_before_somebody_is_missed) {
    stale.emplace();
    keep(hours(1));
    EXPECT_FALSE(is_gone(1)); // has come since, or was passed over
    EXPECT_EQ(looks_at_one, 1);
}

TEST_F(the_table_of_connections, believes_one_connection_of_several) {
    stale.emplace();
    table = std::make_unique<socket_table>(hours(1), *log, [](io::far_end const*) {
        return std::vector<io::tcp_connection>{{client(7), true}, {client(7), false}};
    });
    EXPECT_FALSE(is_gone(7));
}

TEST_F(the_table_of_connections, misses_nobody_where_it_has_never_seen_a_client) {
    now.clear();
    keep(milliseconds(0));
    EXPECT_FALSE(is_gone(3));
    EXPECT_FALSE(is_gone(3));
    EXPECT_THAT(logged(), ElementsAre(HasSubstr("warning clients_not_seen: no client of the MTA")));
    now[1] = false;
    EXPECT_FALSE(is_gone(1));
    EXPECT_TRUE(is_gone(3));
}

TEST_F(the_table_of_connections, that_cannot_be_read_is_one_warning_and_misses_nobody) {
    keep(milliseconds(0));
    EXPECT_TRUE(is_gone(2));
    failed = std::make_error_code(std::errc::operation_not_permitted);
    EXPECT_FALSE(is_gone(2));
    EXPECT_FALSE(is_gone(3));
    EXPECT_THAT(logged(),
                ElementsAre(HasSubstr("warning socket_table_unavailable error=\"Operation not permitted\"")));
}

TEST_F(the_table_of_connections, does_not_answer_who_has_gone) {
    keep(hours(1));
    bool told = false;
    table->ask(client(2), asker, context, [&](bool) { told = true; });
    asker.reset();
    asker = std::make_shared<int>(2);
    EXPECT_TRUE(is_gone(2)); // behind it
    context->poll();
    EXPECT_FALSE(told);
}

} // namespace
} // namespace milter::proxy::test
