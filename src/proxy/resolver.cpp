#include "proxy/resolver.hpp"

#include "proxy/answer_cache.hpp"
#include "proxy/dns_channel.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

namespace milter::proxy {

namespace {

namespace asio = boost::asio;
using time_point = std::chrono::steady_clock::time_point;

// One warning a service in that time; a name server that is down would otherwise fill the log.
constexpr std::chrono::seconds between_warnings{60};
// One that nobody uses is made anew after that: /etc/resolv.conf may have changed.
constexpr std::chrono::seconds channel_age{60};

std::string servers_of(core::dns_list const& list) {
    std::string text;
    for (auto const& one : list.name_servers)
        text += (text.empty() ? "" : ",") + core::describe(one);
    return text;
}

std::string name_at(core::dns_list::service const& of, core::ip_address const& address) {
    auto const& b = address.bytes;
    return fmt::format("{}.{}.{}.{}.{}", b[3], b[2], b[1], b[0], of.domain);
}

bool lists(core::dns_list::service const& one, dns_answer const& said) {
    return std::any_of(said.addresses.begin(), said.addresses.end(), [&](core::ip_address const& address) {
        return !one.expected || one.expected->contains(address);
    });
}

} // namespace

class resolver::look_up : public std::enable_shared_from_this<look_up> {
public:
    look_up(std::weak_ptr<state> of, asio::io_context& context, core::dns_list const& list, on_answer told)
        : owner_(std::move(of)), context_(context), list_(list), told_(std::move(told)), deadline_(context),
          open_(list.services.size(), true), left_(list.services.size()) {}
    ~look_up();

    void wait();
    // What the name of that service has led to.
    void take(std::size_t service, dns_answer const& said);
    void finish(bool listed);
    bool done() const { return done_; }
    core::dns_list const& list() const { return list_; }

private:
    void time_is_up();

    std::weak_ptr<state> owner_;
    asio::io_context& context_;
    core::dns_list const& list_;
    on_answer told_;
    asio::steady_timer deadline_;
    std::vector<bool> open_;
    std::size_t left_;
    bool done_ = false;
};

struct resolver::state : std::enable_shared_from_this<state> {
    struct waiting {
        std::weak_ptr<look_up> who;
        std::size_t service;
    };

    struct channel {
        channel(asio::io_context& on, std::span<core::server_address const> servers, time_point when)
            : line(on, servers), made(when) {}
        dns_channel line;
        time_point made;
    };

    state(asio::io_context& on, observe::log& to, clock time, observe::counter* count)
        : context(on), log(to), now(std::move(time)), failures(count) {}

    void begin(std::shared_ptr<look_up> const& who, core::ip_address const& address);
    void ask(std::string const& servers, std::string const& name, core::dns_list const& list, waiting by);
    dns_channel& channel_for(std::string const& servers, core::dns_list const& list);
    void answered(std::string const& servers, std::string const& name, dns_answer const& said);
    void warn(std::string const& servers, std::string const& domain, std::string const& error);
    void stop_if_idle();

    asio::io_context& context;
    observe::log& log;
    clock now;
    observe::counter* failures;
    bool stopping = false;
    std::size_t look_ups = 0;
    answer_cache kept;
    std::map<std::string, channel> channels;                     // by servers; "" is the system's
    std::unordered_map<std::string, std::vector<waiting>> asked; // by servers and name
    std::map<std::string, time_point> warned;                    // by servers and service
};

namespace {

std::string key_of(std::string const& servers, std::string const& name) {
    return servers + " " + name;
}

} // namespace

resolver::look_up::~look_up() {
    if (auto const of = owner_.lock()) {
        --of->look_ups;
        of->stop_if_idle();
    }
}

void resolver::look_up::wait() {
    deadline_.expires_after(list_.timeout);
    deadline_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
        auto const self = weak.lock();
        if (self && !ec) self->time_is_up();
    });
}

void resolver::look_up::take(std::size_t service, dns_answer const& said) {
    if (done_ || !open_[service]) return;
    open_[service] = false;
    --left_;
    if (lists(list_.services[service], said)) return finish(true);
    auto const of = owner_.lock();
    if (said.what == dns_answer::kind::failed && of)
        of->warn(servers_of(list_), list_.services[service].domain, said.error);
    if (left_ == 0) finish(false);
}

void resolver::look_up::time_is_up() {
    if (done_) return;
    auto const of = owner_.lock();
    for (std::size_t i = 0; of && i < open_.size(); ++i)
        if (open_[i])
            of->warn(servers_of(list_), list_.services[i].domain,
                     fmt::format("no answer within {} ms", list_.timeout.count()));
    finish(false);
}

// Not at once: who asks is still busy with it.
void resolver::look_up::finish(bool listed) {
    if (std::exchange(done_, true)) return;
    deadline_.cancel();
    asio::post(context_, [weak = weak_from_this(), listed] {
        if (auto const self = weak.lock()) self->told_(listed);
    });
}

void resolver::state::begin(std::shared_ptr<look_up> const& who, core::ip_address const& address) {
    auto const& list = who->list();
    auto const servers = servers_of(list);
    for (std::size_t i = 0; i < list.services.size() && !who->done(); ++i)
        ask(servers, name_at(list.services[i], address), list, {who, i});
}

void resolver::state::ask(std::string const& servers, std::string const& name, core::dns_list const& list,
                          waiting by) {
    auto const key = key_of(servers, name);
    if (auto const* const known = kept.find(key, now())) return by.who.lock()->take(by.service, *known);
    auto const [place, is_new] = asked.try_emplace(key);
    place->second.push_back(std::move(by));
    if (!is_new) return;
    channel_for(servers, list).ask(name, [this, servers, name](dns_answer const& said) {
        answered(servers, name, said);
    });
}

dns_channel& resolver::state::channel_for(std::string const& servers, core::dns_list const& list) {
    auto const old = channels.find(servers);
    if (old != channels.end() && old->second.line.asked() == 0 && now() - old->second.made > channel_age)
        channels.erase(old);
    return channels.try_emplace(servers, context, list.name_servers, now()).first->second.line;
}

void resolver::state::answered(std::string const& servers, std::string const& name, dns_answer const& said) {
    auto const key = key_of(servers, name);
    kept.store(key, said, now());
    auto const waited = asked.extract(key);
    for (auto const& one : waited.mapped())
        if (auto const who = one.who.lock()) who->take(one.service, said);
}

void resolver::state::warn(std::string const& servers, std::string const& domain, std::string const& error) {
    if (failures) failures->add();
    auto const [last, is_first] = warned.try_emplace(key_of(servers, domain), now());
    if (!is_first && now() - last->second < between_warnings) return;
    last->second = now();
    log.event(
        observe::level::warning, "dns_list_failed",
        {{"service", domain}, {"server", servers.empty() ? "/etc/resolv.conf" : servers}, {"error", error}},
        "the client counts as not listed there; said once a minute");
}

// Not from inside c-ares, and not what begins meanwhile.
void resolver::state::stop_if_idle() {
    if (!stopping || look_ups > 0) return;
    asio::post(context, [weak = weak_from_this()] {
        auto const self = weak.lock();
        if (!self || self->look_ups > 0) return;
        self->channels.clear();
        self->asked.clear();
    });
}

resolver::resolver(asio::io_context& context, observe::log& log, clock now, observe::counter* failures)
    : state_(std::make_shared<state>(context, log, std::move(now), failures)) {}

resolver::~resolver() = default;

std::shared_ptr<resolver::look_up> resolver::ask(core::dns_list const& list, core::ip_address const& address,
                                                 on_answer told) {
    auto made = std::make_shared<look_up>(state_, state_->context, list, std::move(told));
    ++state_->look_ups;
    if (address.v6 || list.services.empty()) {
        made->finish(false);
        return made;
    }
    made->wait();
    state_->begin(made, address);
    return made;
}

void resolver::stop() {
    state_->stopping = true;
    state_->stop_if_idle();
}

std::size_t resolver::asked() const {
    return state_->asked.size();
}

std::size_t resolver::kept() const {
    return state_->kept.size();
}

} // namespace milter::proxy
