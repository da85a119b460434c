// milter-test-client: a milter that prints what an MTA sends and answers as it is told.
#include "filter/serve.hpp"
#include "tools/test_client/client.hpp"
#include "tools/test_client/settings.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace {

using namespace milter;

bool write_pid(std::string const& path) {
    if (path.empty()) return true;
    std::ofstream file(path);
    file << ::getpid() << '\n';
    file.close();
    if (!file) fmt::print(stderr, "failed to create PID file: {}: {}\n", path, std::strerror(errno));
    return bool(file);
}

int run(tools::test_client::settings const& told) {
    boost::asio::io_context context(1);
    filter::serve_options options;
    options.listen = told.listen;
    options.max_payload = 64 * 1024 * 1024;
    options.on_trouble = [](std::string const& why) { fmt::print(stderr, "cannot accept: {}\n", why); };
    filter::server server(
        context,
        [&](filter::conversation& talk) -> std::unique_ptr<filter::filter> {
            return std::make_unique<tools::test_client::client>(told, context, talk);
        },
        options);
    // The first signal ends politely, the second at once; from before anybody can connect.
    boost::asio::signal_set signals(context, SIGTERM, SIGINT);
    if (auto const listening = server.listen(told.where); !listening) {
        fmt::print(stderr, "{}\n", listening.error());
        return 1;
    }
    if (!write_pid(told.pid_file)) return 1;
    signals.async_wait([&](boost::system::error_code ec, int) {
        if (ec) return;
        signals.clear();
        server.stop();
    });
    context.run();
    if (!told.pid_file.empty()) ::unlink(told.pid_file.c_str());
    return 0;
}

} // namespace

int main(int count, char** words) {
    auto const told = tools::test_client::parse(count, words);
    return told.status ? *told.status : run(told.values);
}
