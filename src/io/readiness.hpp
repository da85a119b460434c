// Which sockets of a thread can be read or written: an epoll of its own below that of the thread's
// io_context, because waiting through Asio costs a system call each time, and here once for all that is ready
// together. Tells each change once (epoll(7), edge-triggered): whoever is told goes on until there is no
// more. Of one thread; keeps io_context::run() running as long as it watches something.
#pragma once

#include "io/descriptor.hpp"

#include <array>
#include <cstddef>
#include <memory>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/epoll.h>

namespace milter::io {

class readiness final : public boost::asio::execution_context::service {
public:
    using key_type = readiness;
    static boost::asio::execution_context::id id;

    struct news {
        bool readable;
        bool writable;
        bool over; // the peer has closed, or the connection is broken
    };
    class watcher {
    public:
        // May remove any watcher, itself too.
        virtual void on_ready(news const& what) = 0;

    protected:
        ~watcher() = default;
    };

    // The one of the thread that runs this context.
    static readiness& of(boost::asio::io_context& context);
    // For use_service() only.
    explicit readiness(boost::asio::execution_context& context);
    ~readiness() override;

    // False with errno. What is there already is told, too. whom: until remove().
    bool add(int descriptor, watcher& whom, bool writing);
    // Whether it is told when it can be written.
    void change(int descriptor, watcher& whom, bool writing);
    // Before the descriptor is closed; nothing more is told.
    void remove(int descriptor, watcher const& whom);

private:
    void shutdown() override;
    void wait();
    void tell();

    descriptor epoll_;
    std::unique_ptr<boost::asio::posix::stream_descriptor> below_; // the same, as Asio has it
    std::array<epoll_event, 64> ready_{};
    std::size_t told_ = 0; // of ready_
    std::size_t found_ = 0;
    std::size_t watched_ = 0;
    bool waiting_ = false;
};

} // namespace milter::io
