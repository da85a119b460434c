#include "io/readiness.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace milter::io {

namespace asio = boost::asio;

namespace {

epoll_event event_for(readiness::watcher& whom, bool writing) {
    epoll_event made{};
    made.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (writing ? unsigned{EPOLLOUT} : 0U);
    made.data.ptr = &whom;
    return made;
}

} // namespace

asio::execution_context::id readiness::id;

readiness& readiness::of(asio::io_context& context) {
    return asio::use_service<readiness>(static_cast<asio::execution_context&>(context));
}

readiness::readiness(asio::execution_context& context)
    : service(context), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    below_ = std::make_unique<asio::posix::stream_descriptor>(static_cast<asio::io_context&>(context),
                                                              epoll_.number());
}

readiness::~readiness() {
    shutdown();
}

// Before Asio's own services go.
void readiness::shutdown() {
    if (below_) below_->release(); // epoll_ closes it
    below_.reset();
}

bool readiness::add(int descriptor, watcher& whom, bool writing) {
    auto event = event_for(whom, writing);
    if (::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, descriptor, &event) < 0) return false;
    ++watched_;
    wait();
    return true;
}

void readiness::change(int descriptor, watcher& whom, bool writing) {
    auto event = event_for(whom, writing);
    ::epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, descriptor, &event);
}

void readiness::remove(int descriptor, watcher const& whom) {
    ::epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, descriptor, nullptr);
    for (auto i = told_; i < found_; ++i)
        if (ready_[i].data.ptr == &whom) ready_[i].data.ptr = nullptr;
    if (--watched_ == 0 && below_) below_->cancel(); // nothing keeps run() any more
}

void readiness::wait() {
    if (waiting_ || watched_ == 0 || !below_) return;
    waiting_ = true;
    below_->async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
        if (ec && !below_) return; // the context ends
        waiting_ = false;
        if (!ec) tell();
        wait();
    });
}

void readiness::tell() {
    int const found = ::epoll_wait(epoll_.number(), ready_.data(), static_cast<int>(ready_.size()), 0);
    found_ = static_cast<std::size_t>(std::max(found, 0));
    for (told_ = 0; told_ < found_;) {
        auto const& next = ready_[told_++];
        auto* const whom = static_cast<watcher*>(next.data.ptr);
        if (whom == nullptr) continue; // removed meanwhile
        auto const has = [&](unsigned bits) { return (next.events & bits) != 0; };
        bool const over = has(EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        whom->on_ready({has(EPOLLIN) || over, has(EPOLLOUT) || over, over});
    }
}

} // namespace milter::io
