// What the control socket is made of besides its text: children left out, sessions gathered, the place of the
// custom file, values as JSON.
#include "daemon/control/custom_file.hpp"
#include "daemon/control/left_out.hpp"
#include "daemon/control/roll_call.hpp"
#include "daemon/control/status.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>

namespace milter::daemon::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LeftOut, only_the_named_children_get_the_condition_and_before_their_own) {
    core::policy all;
    all.conditions.push_back({"own", "f:1", {}});
    all.children.resize(3);
    for (auto& one : all.children) {
        one.conditions = {0};
        one.pool_size = 2;
    }
    all.children[0].name = "a";
    all.children[1].name = "b";
    all.children[2].name = "c";
    auto const fewer = without(all, {"b", "unknown"});
    EXPECT_THAT(fewer.children[0].conditions, ElementsAre(0));
    EXPECT_THAT(fewer.children[1].conditions, ElementsAre(1, 0));
    EXPECT_EQ(fewer.children[1].pool_size, 0U);
    EXPECT_EQ(fewer.children[2].pool_size, 2U);
    ASSERT_EQ(fewer.conditions.size(), 2U);
    EXPECT_EQ(fewer.conditions[1].name, "disabled by the operator");
    ASSERT_EQ(fewer.conditions[1].rules.size(), 1U);
    EXPECT_EQ(fewer.conditions[1].rules[0].at, core::stage::connect);
    EXPECT_TRUE(fewer.conditions[1].rules[0].stops);
    EXPECT_THAT(all.children[1].conditions, ElementsAre(0));
}

proxy::sight session(std::uint64_t number) {
    proxy::sight one;
    one.session = number;
    return one;
}

class RollCall : public testing::Test {
protected:
    std::shared_ptr<roll_call> make(std::size_t workers, std::size_t most) {
        return std::make_shared<roll_call>(context, workers, most, [this](roll_call::result all) {
            ++told;
            silent = all.silent;
            for (auto const& one : all.sessions)
                numbers.push_back(one.session);
        });
    }
    boost::asio::io_context context{1};
    int told = 0;
    std::size_t silent = 99;
    std::vector<std::uint64_t> numbers;
};

TEST_F(RollCall, the_oldest_of_all_workers_in_order) {
    auto const call = make(2, 3);
    call->begin(std::chrono::hours(1));
    call->answered({session(4), session(9)});
    EXPECT_EQ(told, 0);
    call->answered({session(2), session(7)});
    context.run(); // its deadline is over too
    EXPECT_EQ(told, 1);
    EXPECT_EQ(silent, 0U);
    EXPECT_THAT(numbers, ElementsAre(2, 4, 7));
}

TEST_F(RollCall, a_silent_worker_is_counted_and_its_late_answer_has_no_effect) {
    auto const call = make(2, 3);
    call->begin(std::chrono::milliseconds(1));
    call->answered({session(4)});
    context.run();
    EXPECT_EQ(told, 1);
    EXPECT_EQ(silent, 1U);
    call->answered({session(2)});
    EXPECT_THAT(numbers, ElementsAre(4));
    EXPECT_EQ(told, 1);
}

class CustomFile : public testing::Test {
protected:
    void SetUp() override {
        auto name = (std::filesystem::temp_directory_path() / "control_parts_XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
        std::filesystem::create_directory(folder + "/a");
        std::filesystem::create_directory(folder + "/b");
    }
    void TearDown() override { std::filesystem::remove_all(folder); }
    std::string folder;
};

TEST_F(CustomFile, the_first_directory_that_can_be_written_to) {
    EXPECT_EQ(custom_file_place({folder + "/none", folder + "/a", folder + "/b"}).value(),
              folder + "/a/milter-manager.custom.conf");
}

TEST_F(CustomFile, the_directory_of_the_user_is_made) {
    EXPECT_EQ(custom_file_place({folder + "/none", folder + "/user"}).value(),
              folder + "/user/milter-manager.custom.conf");
    EXPECT_TRUE(std::filesystem::is_directory(folder + "/user"));
}

TEST_F(CustomFile, no_place_is_an_error) {
    auto const none = custom_file_place({folder + "/none", folder + "/none/deeper"});
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error(), HasSubstr("manager.custom_configuration_directory"));
}

TEST_F(CustomFile, one_that_is_read_first_and_cannot_be_replaced_is_an_error) {
    std::ofstream(folder + "/a/milter-manager.custom.conf") << "<configuration/>";
    std::filesystem::permissions(folder + "/a",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    auto const place = custom_file_place({folder + "/a", folder + "/b"});
    std::filesystem::permissions(folder + "/a", std::filesystem::perms::owner_all);
    if (::geteuid() == 0) { // nothing stops root
        EXPECT_EQ(place.value(), folder + "/a/milter-manager.custom.conf");
        return;
    }
    ASSERT_FALSE(place);
    EXPECT_THAT(place.error(), HasSubstr("cannot be replaced"));
}

TEST(StatusJson, what_a_peer_said_is_valid_and_cut) {
    auto one = session(1);
    one.sender = "<a\r\n\xFF>";
    one.host = std::string(100'000, 'h');
    auto const text = boost::json::serialize(as_json(std::vector{one}));
    EXPECT_THAT(text, HasSubstr(R"("sender":"<a\\r\\n\\xFF>")"));
    EXPECT_LT(text.size(), 1000U);
}

TEST(StatusJson, a_child_with_what_has_occurred) {
    observe::child_figures figures;
    figures.verdicts = {{"pass", 3}, {"reject", 0}};
    figures.failures = {{"late", 2}};
    figures.skips = {{"Remote Network", 1}};
    figures.answers = 3;
    figures.p50 = std::chrono::microseconds(1'250);
    auto const all =
        as_json({}, {{"a", "inet:1@h", "left_alone", true, figures}, {"b", "", "ok", false, {}}});
    auto const& child = all.at("children").at(0).as_object();
    EXPECT_EQ(child.at("state"), "left_alone");
    EXPECT_EQ(boost::json::serialize(child.at("verdicts")), R"({"pass":3})");
    EXPECT_EQ(boost::json::serialize(child.at("failures")), R"({"late":2})");
    EXPECT_EQ(boost::json::serialize(child.at("skips")), R"({"Remote Network":1})");
    EXPECT_EQ(child.at("latency_ms").at("p50").as_double(), 1.25);
    EXPECT_FALSE(all.at("children").at(1).as_object().contains("verdicts"));
}

} // namespace
} // namespace milter::daemon::control
