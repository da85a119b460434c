#include "tools/test_server/replay.hpp"

#include "tools/console.hpp"
#include "tools/script/player.hpp"
#include "tools/test_server/crowd.hpp"
#include "tools/test_server/json.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::tools::test_server {

namespace {

namespace fs = std::filesystem;
using script::outcome;

constexpr std::string_view suffix = ".session";

// In the order of their names, which is that of time.
tl::expected<std::vector<std::string>, std::string> files_in(std::string const& directory) {
    std::vector<std::string> found;
    std::error_code failed;
    for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed))
        if (at->path().extension() == suffix) found.push_back(at->path().string());
    if (failed) return tl::unexpected(fmt::format("{}: {}", directory, failed.message()));
    if (found.empty())
        return tl::unexpected(fmt::format("{}: there is no file *{} in it", directory, suffix));
    std::ranges::sort(found);
    return found;
}

class replay {
public:
    replay(settings const& told, std::vector<std::string> files)
        : told_(told), files_(std::move(files)),
          crowd_(context_, {files_.size(), told.concurrency, told.rate},
                 [this](std::size_t number, std::function<void()> over) {
                     return begin(files_[number], std::move(over));
                 }) {}

    int run() {
        crowd_.begin();
        context_.run();
        print(sum());
        return status_;
    }

private:
    // A file is read when its turn comes, and forgotten when it was played.
    struct session {
        script::screenplay what;
        std::unique_ptr<script::player> player;
    };

    std::shared_ptr<void> begin(std::string const& path, std::function<void()> over) {
        auto read = script::read(path);
        if (!read) {
            outcome none;
            none.is = outcome::kind::no_talk;
            none.complaint = read.error();
            ended(path, none);
            boost::asio::post(context_, std::move(over));
            return nullptr;
        }
        auto const one = std::make_shared<session>();
        one->what = std::move(*read);
        one->player = std::make_unique<script::player>(
            context_, one->what, told_.where,
            script::limits{told_.connection_timeout, told_.reading_timeout, told_.end_of_message_timeout},
            [this, path, one = one.get(), over = std::move(over)] {
                ended(path, one->player->result());
                over();
            },
            script::manner{true, told_.ignored});
        one->player->begin();
        return one;
    }

    void ended(std::string const& path, outcome const& came) {
        ++counts_[static_cast<std::size_t>(came.is)];
        if (came.is == outcome::kind::no_talk)
            status_ = could_not_talk;
        else if (came.is == outcome::kind::otherwise && status_ == 0)
            status_ = unexpected_answer;
        if (told_.json)
            print(json_of(came, path));
        else if (!came.complaint.empty())
            print(came.complaint + "\n");
    }

    std::string sum() const {
        auto const [same, otherwise, unplayed] = counts_;
        if (told_.json)
            return boost::json::serialize(boost::json::object{{"sessions", files_.size()},
                                                              {"as_recorded", same},
                                                              {"otherwise", otherwise},
                                                              {"not_played", unplayed}}) +
                   "\n";
        return fmt::format("{} sessions: {} as recorded, {} otherwise, {} could not be played\n",
                           files_.size(), same, otherwise, unplayed);
    }

    void print(std::string const& text) {
        auto const printed = print_whole(text);
        if (printed) return;
        if (status_ != could_not_talk) print_error("{}\n", printed.error());
        status_ = could_not_talk;
    }

    settings const& told_;
    std::vector<std::string> files_;
    boost::asio::io_context context_{1};
    crowd crowd_;
    std::array<std::size_t, 3> counts_{}; // by outcome::kind
    int status_ = 0;
};

} // namespace

int run_replay(settings const& told) {
    auto files = files_in(told.replay);
    if (!files) {
        print_error("{}\n", files.error());
        return could_not_talk;
    }
    return replay(told, std::move(*files)).run();
}

} // namespace milter::tools::test_server
