// One mail over one connection: performs what an smtp_client asks for, with a time-out for each reply.
// Decides nothing about SMTP. Everything on the thread of its io_context.
#pragma once

#include "tools/performance_check/mail.hpp"
#include "tools/performance_check/smtp_client.hpp"

#include <chrono>
#include <cstdint>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>

namespace milter::tools::performance_check {

struct server {
    std::string host = "localhost";
    std::uint16_t port = 25;
    std::chrono::milliseconds reading_timeout{60'000}; // for each reply, and each write
};

// All arguments outlive it. Never throws: what goes wrong is an outcome. The server's certificate is not
// verified: this measures a server of one's own.
boost::asio::awaitable<outcome> deliver(server const& to, manners const& with, mail const& what,
                                        boost::asio::ssl::context& tls);

} // namespace milter::tools::performance_check
