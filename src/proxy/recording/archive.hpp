// Where the recorded sessions of a process go: a private directory of bounded size, one file a session, the
// oldest ones removed first. Written by a thread of its own; sessions never wait for it.
#pragma once

#include "observe/log.hpp"
#include "proxy/recording/recorder.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include <boost/asio/thread_pool.hpp>
#include <tl/expected.hpp>

namespace milter::proxy {

struct record_wish {
    std::string directory;
    double sample = 1; // of the sessions, from 0 to 1
    record_masks masks;
    std::uint64_t max_bytes = 100 * 1024 * 1024; // of the files together
};

class archive {
public:
    // Makes the directory, 0700, if there is none. The error says why it cannot be used: it must belong to
    // this user, and nobody else may enter it.
    static tl::expected<std::shared_ptr<archive>, std::string> open(record_wish what, observe::log& log);
    // Waits until everything is written.
    ~archive();
    archive(archive const&) = delete;
    archive& operator=(archive const&) = delete;

    // Nothing: this session is not one of the sample. From any thread; it must not outlive the archive.
    std::unique_ptr<recorder> begin(std::uint64_t session);

    static constexpr std::size_t most_of_a_session = 16 * 1024 * 1024; // bytes of its text
    static constexpr std::size_t most_held = 64 * 1024 * 1024;         // of all that are not written yet

private:
    struct file {
        std::string name;
        std::uint64_t size;
    };
    archive(record_wish what, int directory, observe::log& log);
    void find_older_files();
    void keep(std::uint64_t session, std::string const& text);
    bool is_written(std::string const& name, std::string const& text);
    void make_room(std::uint64_t for_bytes);
    void failed(std::string const& what);

    record_wish what_;
    int directory_; // descriptor
    observe::log& log_;
    std::atomic<std::uint64_t> begun_{0};
    std::atomic<std::size_t> held_{0};
    // Of the writing thread.
    std::deque<file> files_; // the oldest first
    std::uint64_t bytes_ = 0;
    bool is_failing_ = false;
    boost::asio::thread_pool writing_{1};
};

} // namespace milter::proxy
