// Adds a header field that says who delivered the mail: add_header inet:10025@127.0.0.1
#include <milter/milter.hpp>

#include <string>

class stamp : public milter::handler {
    milter::connect_answer on_connect(milter::client const& who) override {
        client_ = std::string(who.host) + " (" + std::string(who.address) + ")";
        return milter::go_on{};
    }
    milter::answer on_end_of_message(milter::edits& message) override {
        auto const id = macro("i").value_or("unknown");
        message.add_header("X-Delivered-By", client_ + "; id=" + std::string(id));
        return milter::go_on{};
    }
    std::string client_;
};

int main(int count, char** words) {
    return milter::serve<stamp>(count > 1 ? words[1] : "inet:10025@127.0.0.1");
}
