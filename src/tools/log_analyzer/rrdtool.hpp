// The program rrdtool, kept running behind two pipes (`rrdtool -`): one command, one answer. No shell, and no
// text of a log in a command but milters' names, of which only letters, digits and "-_." are left.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include <sys/types.h>

#include <tl/expected.hpp>

namespace milter::tools::log_analyzer {

class rrdtool {
public:
    // directory: where it works. The error says what to install.
    static tl::expected<std::unique_ptr<rrdtool>, std::string> start(std::string const& directory);
    ~rrdtool();
    rrdtool(rrdtool const&) = delete;
    rrdtool& operator=(rrdtool const&) = delete;

    // What it printed before its "OK"; the error is its own text, behind the command's first words.
    tl::expected<std::string, std::string> run(std::string const& command);

private:
    rrdtool(pid_t process, int to, int from);

    pid_t process_;
    std::FILE* to_;
    std::FILE* from_;
};

} // namespace milter::tools::log_analyzer
