#include "daemon/places.hpp"

#include <cstdlib>
#include <filesystem>

namespace milter::daemon {

namespace {

namespace fs = std::filesystem;

// Of the running program; empty when the system does not say.
fs::path program_directory() {
    std::error_code unknown;
    auto const program = fs::read_symlink("/proc/self/exe", unknown);
    return unknown ? fs::path{} : program.parent_path();
}

} // namespace

std::string configuration_directory() {
    return MILTER_CONFIG_DIRECTORY;
}

std::string ruby_library() {
    if (char const* given = std::getenv("MILTER_MANAGER_RUBYLIB"); given && *given) return given;
    auto const here = program_directory();
    std::error_code unreadable;
    for (auto const& candidate : {here / "milter-manager.ruby", here / MILTER_RUBY_FROM_PROGRAM}) {
        if (!here.empty() && fs::exists(candidate / "evaluate.rb", unreadable))
            return candidate.lexically_normal();
    }
    return MILTER_RUBY_DIRECTORY;
}

} // namespace milter::daemon
