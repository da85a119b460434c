// The sockets that the process listens on: where one comes from (the service manager, the program that this
// one replaces, or bind), what a reload does to it, and whose its file is. Never accepts anybody, and never
// removes a file that is not its own.
#pragma once

#include "config/complaint.hpp"
#include "config/snapshot.hpp"
#include "io/descriptor.hpp"
#include "observe/log.hpp"
#include "wire/endpoint.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace milter::daemon {

enum class origin { service_manager, predecessor, bound };

struct listening_socket {
    wire::endpoint where;
    io::descriptor descriptor; // non-blocking, close-on-exec
    origin from = origin::bound;
    bool file_is_ours = false; // of a unix socket: bound by this program or the one that it replaces
};

// Sockets that the process did not open. What nobody takes is closed.
class inherited_sockets {
public:
    // Takes what LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES say out of the environment. Before anything is
    // started that could inherit it. What is no listening stream socket is left alone.
    static inherited_sockets of_service_manager();

    void add(std::string name, listening_socket one);
    // The one to use for `name` ("milter"): from a service manager one of that name, the only one, or one
    // with this address; from a predecessor only one with this address.
    std::optional<listening_socket> take(std::string_view name, wire::endpoint const& where);
    // What nobody has taken, as text.
    std::vector<std::string> unused() const;

private:
    struct entry {
        std::string name;
        listening_socket socket;
    };
    std::vector<entry> all_;
};

// Whether the socket is bound to that address, however it is written.
bool is_bound_to(int descriptor, wire::endpoint const& where);

// One place where the process listens, or does not: a section of the configuration. On the main thread.
class listening_place {
public:
    // name: as the service manager and a successor call it, "milter". section: of its settings, "manager".
    listening_place(std::string name, std::string section, observe::log& log);
    ~listening_place(); // end()
    listening_place(listening_place const&) = delete;
    listening_place& operator=(listening_place const&) = delete;

    // help: removes the file that it has opened at the start, where our user may not; 0, or the error number.
    void remove_with(std::function<int()> help) { help_ = std::move(help); }

    // At the start. The error is for the operator.
    tl::expected<void, std::string> open(config::listening const& wanted, inherited_sockets& given);
    // It is a running predecessor's; until own() its file is left alone.
    bool is_taken_over() const { return socket_ && socket_->from == origin::predecessor; }
    void own();

    // At a reload: does what can fail, without any effect for clients. commit() or roll_back() must follow.
    tl::expected<void, config::complaint> prepare(config::listening const& wanted,
                                                  config::locations const& places);
    // True: the socket is another one now, or none. Who accepts on the former one does so until nobody waits.
    bool commit();
    void roll_back();

    // Nobody can connect any more, once those who accept have closed theirs.
    void close();
    // Closes the socket, and removes its file when that is ours and the configuration wants it.
    void end();
    // Another program has it: nothing is removed here any more.
    void leave_to_successor();

    std::string const& name() const { return name_; }
    listening_socket const* socket() const { return socket_ ? &*socket_ : nullptr; }
    // A descriptor for one more to accept with, owned by the caller; -1 when there is no socket.
    int duplicate() const;

private:
    struct access { // of a unix socket's file
        unsigned mode;
        unsigned group;
    };
    tl::expected<void, config::complaint> prepare_access(config::listening const& wanted,
                                                         config::locations const& places);
    void remove_file(listening_socket const& of, bool wanted) const;

    std::string name_;
    std::string section_;
    observe::log& log_;
    config::listening wanted_;
    std::optional<listening_socket> socket_;
    bool file_will_be_ours_ = false;
    std::function<int()> help_;

    bool is_prepared_ = false;
    bool replaces_ = false;
    config::listening next_wanted_;
    std::optional<listening_socket> next_;
    std::optional<access> former_access_;
};

} // namespace milter::daemon
