#include "daemon/control/custom_file.hpp"

#include "daemon/load.hpp"
#include "io/descriptor.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace milter::daemon::control {

namespace {

using config::complaint;
using rejected = tl::unexpected<std::vector<complaint>>;

constexpr std::string_view file_name = "milter-manager.custom.conf";

std::string reason() {
    return std::generic_category().message(errno);
}

// Beside the place of the file, with the content; gone again unless it becomes the file.
class draft {
public:
    static tl::expected<draft, std::string> write(std::string const& place, std::string_view text) {
        draft made;
        made.place_ = place;
        auto const slash = place.rfind('/') + 1;
        made.path_ = place.substr(0, slash) + "." + place.substr(slash) + ".XXXXXX";
        io::descriptor const file(::mkostemp(made.path_.data(), O_CLOEXEC));
        if (!file) return tl::unexpected(made.path_ + ": " + reason());
        made.exists_ = true;
        struct stat old {};
        mode_t const mode = ::stat(place.c_str(), &old) == 0 ? old.st_mode & 0777 : 0640;
        bool written = ::fchmod(file.number(), mode) == 0;
        while (written && !text.empty()) {
            auto const size = ::write(file.number(), text.data(), text.size());
            written = size > 0;
            if (written) text.remove_prefix(static_cast<std::size_t>(size));
        }
        if (!written || ::fsync(file.number()) != 0) return tl::unexpected(made.path_ + ": " + reason());
        return made;
    }
    draft(draft&& other) noexcept
        : place_(std::move(other.place_)), path_(std::move(other.path_)),
          exists_(std::exchange(other.exists_, false)) {}
    draft& operator=(draft&&) = delete;
    ~draft() {
        if (exists_) ::unlink(path_.c_str());
    }

    std::string const& path() const { return path_; }
    // "" or why not.
    std::string become_the_file() {
        if (::rename(path_.c_str(), place_.c_str()) != 0) return place_ + ": " + reason();
        exists_ = false;
        io::descriptor const directory(
            ::open(place_.substr(0, place_.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (directory) ::fsync(directory.number());
        return {};
    }

private:
    draft() = default;
    std::string place_;
    std::string path_;
    bool exists_ = false;
};

// As the evaluation finds it (ruby/milter/manager/configuration_loader.rb).
std::optional<std::string> directory_of_user(config::snapshot const& running) {
    if (auto const& told = running.live.custom_configuration_directory) return told;
    passwd entry{};
    passwd* found = nullptr;
    std::string room(16'384, '\0');
    ::getpwuid_r(::geteuid(), &entry, room.data(), room.size(), &found);
    if (!found) return std::nullopt;
    return std::string(entry.pw_dir) + "/.milter-manager";
}

// The file is XML if its first line begins so; else it would not be looked at, without a word.
bool begins_as_xml(std::string_view text) {
    auto const first = text.substr(0, text.find('\n'));
    auto const begin = first.find_first_not_of(" \t\v\f\r");
    return begin != std::string_view::npos && first[begin] == '<';
}

std::vector<complaint> about(std::string const& place, std::string const& drafted,
                             std::vector<complaint> all) {
    for (auto& one : all)
        if (one.where.starts_with(drafted)) one.where.replace(0, drafted.size(), place);
    return all;
}

} // namespace

tl::expected<std::string, std::string> custom_file_place(std::vector<std::string> const& directories) {
    for (auto const& one : directories) {
        auto const path = one + "/" + std::string(file_name);
        std::error_code ec;
        bool const there = std::filesystem::exists(path, ec);
        bool const last = &one == &directories.back();
        if (last && !there && !std::filesystem::exists(one, ec) && ::mkdir(one.c_str(), 0750) == 0)
            return path;
        if (::access(one.c_str(), W_OK | X_OK) == 0 && (!there || ::access(path.c_str(), W_OK) == 0))
            return path;
        if (there)
            return tl::unexpected(path + " is the one that is read, and cannot be replaced by this user; let "
                                         "the user write to it and to its directory");
    }
    return tl::unexpected(
        std::string("no directory of the load path can be written to by this user; give it one "
                    "by manager.custom_configuration_directory"));
}

tl::expected<std::string, std::vector<complaint>> save_custom_file(std::string const& xml, options const& by,
                                                                   config::snapshot const& running,
                                                                   std::stop_token stop) {
    auto const refuse = [](std::string what) {
        return rejected(std::vector{complaint{std::string(file_name), std::move(what)}});
    };
    if (by.config_file) return refuse("is not read: the configuration is " + *by.config_file);
    if (!begins_as_xml(xml)) return refuse("its first line must begin with \"<\"; else it is not read");
    auto directories = load_path(by);
    if (auto user = directory_of_user(running)) directories.push_back(std::move(*user));
    auto const place = custom_file_place(directories);
    if (!place) return refuse(place.error());
    auto drafted = draft::write(std::filesystem::absolute(*place).string(), xml);
    if (!drafted) return refuse(drafted.error());
    auto judging = by;
    judging.task = task::check_config; // without the workers of a process that serves
    auto const read = load(judging, std::move(stop), drafted->path());
    if (!read.result) return rejected(about(*place, drafted->path(), read.result.error()));
    if (!read.result->sockets.manager.where)
        return rejected(std::vector{
            complaint{"manager.connection_spec", "is nil; to serve, a socket for the MTA is needed"}});
    if (auto const why = drafted->become_the_file(); !why.empty()) return refuse(why);
    return *place;
}

} // namespace milter::daemon::control
