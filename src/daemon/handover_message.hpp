// What a running program and the one that is to replace it say to each other: one JSON object a packet, with
// listening sockets beside it. Bounded in size; never believes a packet before it has looked at all of it.
#pragma once

#include "daemon/listeners.hpp"
#include "io/descriptor.hpp"

#include <span>
#include <string>
#include <vector>

#include <sys/types.h>
#include <tl/expected.hpp>

namespace milter::daemon {

// A socket on its way to another process.
struct handed_socket {
    std::string name; // "milter"
    wire::endpoint where;
    bool file_is_ours = false;
    int descriptor = -1; // borrowed
};

//   successor -> {"version": 1, "want": "sockets"}
//   running   -> {"version": 1, "sockets": [{"name", "endpoint", "remove"}, ...]}, and as many descriptors
//   successor -> {"version": 1, "serving": ["milter", ...], "pid": N}   what it listens on; the rest goes
//   running   -> {"version": 1, "left": true}                           it takes no more connections
//   either    -> {"version": 1, "error": "why not"}                     instead, and nothing has changed
struct handover_message {
    enum class kind { want, sockets, serving, left, error };

    kind what = kind::error;
    std::vector<std::string> names;        // serving
    pid_t pid = 0;                         // serving
    std::string error;                     // error
    std::vector<handed_socket> sockets;    // sockets; of one that came, the descriptors are in `came`
    std::vector<io::descriptor> came = {}; // in the order of `sockets`
};

// On a socket of type SOCK_SEQPACKET. false: the other side is gone.
bool send_message(int to, handover_message const& what);
// The error says what is wrong with it, or that the other side is gone or silent.
tl::expected<handover_message, std::string> receive_message(int from);

// Whether the process at the other end is root's or `uid`'s.
bool is_of(int peer, uid_t uid);

// Where a running program waits for its successor: beside the pid file, or beside the unix socket of the MTA.
// The error names what to configure.
tl::expected<std::string, std::string> handover_path(config::snapshot const& of);

} // namespace milter::daemon
