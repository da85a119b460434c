// The way of other threads to the one thread of a server. Outlives its server in the hands of promises; then
// what is posted is dropped. Never runs anything itself.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

namespace milter::library {

class loop {
public:
    using task = std::function<void()>;

    explicit loop(std::function<void(task)> post) : post_(std::move(post)) {}
    void post(task what) {
        std::lock_guard const lock(mutex_);
        if (post_) post_(std::move(what));
    }
    // Nothing reaches the server any more.
    void close() {
        std::lock_guard const lock(mutex_);
        post_ = nullptr;
    }

private:
    std::mutex mutex_;
    std::function<void(task)> post_;
};

} // namespace milter::library
