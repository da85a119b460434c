#include "library/transport.hpp"

#include "filter/conversation.hpp"
#include "library/session_link.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

namespace milter::library {

namespace {

using failure = tl::unexpected<std::string>;

// What other threads want to be done by the one that drives.
class inbox {
public:
    void put(loop::task what) {
        {
            std::lock_guard const lock(mutex_);
            waiting_.push_back(std::move(what));
        }
        arrived_.notify_one();
    }
    // Nothing after the time-out.
    loop::task take(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        if (!arrived_.wait_for(lock, timeout, [this] { return !waiting_.empty(); })) return {};
        auto one = std::move(waiting_.front());
        waiting_.pop_front();
        return one;
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<loop::task> waiting_;
};

class in_memory final : public transport {
public:
    in_memory(maker make, std::chrono::milliseconds timeout)
        : timeout_(timeout),
          loop_(std::make_shared<loop>([this](loop::task what) { inbox_.put(std::move(what)); })),
          to_milter_(largest_answer), to_mta_(largest_answer),
          talk_(sessions_of(std::move(make), loop_, {}), said_, [] {}) {}
    ~in_memory() override {
        loop_->close();
        talk_.lost();
    }

    tl::expected<void, std::string> send(std::string_view bytes) override {
        if (talk_.closed()) return failure("the milter closed the connection");
        fill(to_milter_, bytes);
        while (true) {
            auto const next = to_milter_.next();
            if (!next) return failure(std::string(wire::describe(next.error())));
            if (!*next) return {};
            talk_.handle(**next);
        }
    }

    tl::expected<packet, std::string> receive() override {
        while (true) {
            if (!said_.empty()) fill(to_mta_, std::exchange(said_, {}));
            auto const next = to_mta_.next();
            if (!next) return failure(std::string(wire::describe(next.error())));
            if (*next) return packet{(*next)->code, std::string((*next)->payload)};
            if (talk_.closed()) return failure("the milter closed the connection");
            auto const task = inbox_.take(timeout_);
            if (!task) return failure("the time-out is over");
            task();
        }
    }

private:
    static void fill(wire::frame_reader& reader, std::string_view bytes) {
        while (!bytes.empty()) {
            auto const space = reader.space(bytes.size());
            auto const some = bytes.substr(0, space.size());
            some.copy(space.data(), some.size());
            reader.filled(some.size());
            bytes.remove_prefix(some.size());
        }
    }

    std::chrono::milliseconds timeout_;
    inbox inbox_;
    std::shared_ptr<loop> loop_;
    wire::frame_reader to_milter_, to_mta_;
    std::string said_;
    milter::filter::conversation talk_;
};

} // namespace

std::unique_ptr<transport> in_this_process(maker make, std::chrono::milliseconds timeout) {
    return std::make_unique<in_memory>(std::move(make), timeout);
}

} // namespace milter::library
