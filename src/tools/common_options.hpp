// The options that all milters made with the older library have (tools E): socket, user, log, background,
// workers. Values only, checked; who has them acts.
#pragma once

#include "io/listener.hpp"
#include "tools/arguments.hpp"
#include "tools/log.hpp"
#include "wire/endpoint.hpp"

#include <optional>
#include <string>

namespace milter::tools {

struct common_options {
    wire::endpoint where{
        .family = wire::endpoint::kind::inet, .path = {}, .port = 10025, .host = "127.0.0.1"};
    bool default_place = true; // no place was given
    io::listen_options listen;
    std::optional<std::string> user, group; // a name or a number
    std::string pid_file;
    bool background = false;
    unsigned workers = 0;
    log_settings log;
    bool old_group_name = false; // --socket-group-name was used
};

// Adds them; `into` must outlive the parsing. words: as main() gets them, for how an option was written.
void add_common_options(arguments& line, common_options& into, int count, char const* const* words);

} // namespace milter::tools
