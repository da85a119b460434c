#include "daemon/explain/run.hpp"

#include "daemon/explain/mta_side.hpp"
#include "daemon/explain/table.hpp"
#include "daemon/in_force.hpp"
#include "daemon/privilege.hpp"
#include "filter/serve.hpp"
#include "proxy/worker.hpp"
#include "tools/console.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::daemon::explain {

namespace {

namespace asio = boost::asio;

int fail(std::string const& why) {
    tools::print_error("milter-manager: --explain: {}\n", why);
    return EXIT_FAILURE;
}

// "", or why it cannot be as the user that serves.
std::string become_who_serves(config::snapshot const& by) {
    auto const who = serving_user(by.fixed);
    if (!who) return who.error();
    return *who && (*who)->uid != 0 ? drop_privileges(**who, std::nullopt) : "";
}

// Where every child of a dry run is: a milter that lets everything pass.
class pretender {
public:
    explicit pretender(asio::io_context& context)
        : server_(context, [](filter::conversation&) { return std::make_unique<filter::filter>(); }) {
        std::error_code failed;
        auto pattern = (std::filesystem::temp_directory_path(failed) / "milter-explain-XXXXXX").string();
        if (failed || !::mkdtemp(pattern.data())) {
            error_ = fmt::format("no temporary directory: {}", std::strerror(errno));
            return;
        }
        folder_ = pattern;
        where_.family = wire::endpoint::kind::unix_socket;
        where_.path = folder_ + "/socket";
        if (auto const open = server_.listen(where_); !open) error_ = open.error();
    }
    ~pretender() {
        std::error_code ignored;
        if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
    }
    pretender(pretender const&) = delete;
    pretender& operator=(pretender const&) = delete;

    std::string const& error() const { return error_; }
    wire::endpoint const& where() const { return where_; }

private:
    filter::server server_;
    std::string folder_;
    wire::endpoint where_;
    std::string error_;
};

// Nobody is connected to an MTA, and nothing comes out of a pool: one session would not find it filled.
proxy::settings settings_for(std::shared_ptr<config::snapshot const> const& by,
                             std::shared_ptr<proxy::ruby_workers> blocks, observe::log& log,
                             pretender const* instead) {
    auto with = settings_of(by, std::move(blocks), log);
    auto rules = *with.rules;
    rules.client_check_interval = core::milliseconds(0);
    for (auto& child : rules.children) {
        child.pool_size = 0;
        if (instead) child.where = instead->where();
    }
    with.checkers.reset();
    with.rules = std::make_shared<core::policy const>(std::move(rules));
    with.accounts = std::make_shared<proxy::recent>(1, true);
    return with;
}

// What a person has to know beside the account.
struct told {
    std::string error;
    std::optional<proxy::account> account;
    heard more;
};

void complete(told& all, mta_side const& mta, request const& what) {
    all.more.recipients = mta.recipients();
    all.more.edits = mta.edits();
    all.error = mta.error();
    if (!all.account || !all.error.empty()) return;
    all.account->client = what.client;
    all.account->host = what.client_name;
    if (all.account->verdict != "aborted" && !all.account->verdict.empty()) return;
    // All recipients were refused: for the chain the message ended without a verdict.
    all.account->verdict = mta.last().said;
    all.account->reply = mta.last().text;
    all.account->stage = core::name_of(mta.at());
}

told run_session(std::shared_ptr<config::snapshot const> const& by,
                 std::shared_ptr<proxy::ruby_workers> blocks, observe::log& log, request const& what,
                 mail const& content) {
    told all;
    auto const context = std::make_shared<asio::io_context>(1);
    std::optional<pretender> instead;
    if (what.dry) instead.emplace(*context);
    if (instead && !instead->error().empty()) return {instead->error(), {}, {}};
    auto const with = settings_for(by, std::move(blocks), log, instead ? &*instead : nullptr);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return {std::strerror(errno), {}, {}};
    io::descriptor socket(ends[0]);
    ::fcntl(socket.number(), F_SETFL, O_NONBLOCK);
    mta_side mta(ends[1], with.rules->mta);
    proxy::pool ready(*context, log);
    proxy::resolver lists(*context, log);
    proxy::health of_children(log);
    auto const session = std::make_shared<proxy::session>(
        std::make_shared<proxy::generation>(proxy::generation{with, {}}), log, 1,
        proxy::surroundings{context, ready, of_children, lists}, [&](proxy::session&) { context->stop(); });
    session->start(std::move(socket), {1, proxy::minute_of_week()});
    std::thread runs([&] { context->run(); });
    mta.talk(what, content);
    mta.hang_up();
    runs.join();
    if (auto accounts = with.accounts->all(); !accounts.empty()) all.account = std::move(accounts.back());
    all.more.dry = what.dry;
    complete(all, mta, what);
    if (instead && all.account)
        for (std::size_t i = 0; i < all.account->children.size(); ++i)
            all.account->children[i].endpoint = by->live.policy.children[i].where.text();
    return all;
}

int print(told const& all, request const& what) {
    if (!all.error.empty()) return fail(all.error);
    if (!all.account) return fail("the session ended without a message and without a verdict");
    auto const text = what.json ? boost::json::serialize(as_json(*all.account, all.more)) + "\n"
                                : table_of(*all.account, all.more);
    auto const printed = tools::print_whole(text);
    return printed ? EXIT_SUCCESS : fail(printed.error());
}

} // namespace

int run(std::shared_ptr<config::snapshot const> const& by, proxy::ruby_process ruby, request const& what) {
    std::signal(SIGPIPE, SIG_IGN);
    auto const content = read_mail(what);
    if (!content) return fail(content.error());
    bool const was_root = ::geteuid() == 0;
    if (auto const why = become_who_serves(*by); !why.empty()) return fail(why);
    observe::log_settings quiet;
    if (auto const levels = observe::levels::parse("critical|error")) quiet.console = *levels;
    auto const log = observe::log::open(quiet);
    if (!log) return fail(log.error());
    asio::thread_pool afterwards(1);
    told all;
    {
        auto blocks = workers_of(*by, std::move(ruby), was_root && ::geteuid() != 0, **log, afterwards);
        all = run_session(by, std::move(blocks), **log, what, *content);
    }
    afterwards.join();
    return print(all, what);
}

} // namespace milter::daemon::explain
