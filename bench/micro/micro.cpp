// What wire and core cost alone, without sockets and threads: ns a packet, us and allocations a session
// (Google Benchmark; `allocations` and `allocated` are of one iteration, the latter in bytes).
#include "micro/stage.hpp"

#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include <benchmark/benchmark.h>

namespace {

std::atomic<std::uint64_t> allocations{0};
std::atomic<std::uint64_t> allocated{0};

void* counted(std::size_t size) {
    ++allocations;
    allocated += size;
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new[](std::size_t size) {
    return counted(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace milter::bench {
namespace {

constexpr std::size_t usual_body = 2048;
constexpr std::size_t large_body = 5'000'000;

// Of the iterations between its birth and report().
class allocation_count {
public:
    void report(benchmark::State& state) const {
        auto const each = benchmark::Counter::kAvgIterations;
        state.counters["allocations"] = {static_cast<double>(allocations - allocations_), each};
        state.counters["allocated"] = {static_cast<double>(allocated - allocated_), each};
    }

private:
    std::uint64_t allocations_ = allocations;
    std::uint64_t allocated_ = allocated;
};

std::size_t iterations_of(benchmark::State const& state) {
    return static_cast<std::size_t>(state.iterations());
}

std::string stream_of(packets const& said) {
    std::string bytes;
    for (std::size_t i = 0; i < said.all.size(); ++i)
        wire::append_frame(bytes, said.at(i).code, said.at(i).payload);
    return bytes;
}

// From bytes to frames to commands.
void decode_commands(benchmark::State& state) {
    packets const said(plan_of(usual_body));
    auto const bytes = stream_of(said);
    wire::frame_reader reader(1 << 20);
    std::size_t found = 0;
    auto const read = [&] {
        auto const room = reader.space(bytes.size());
        std::copy(bytes.begin(), bytes.end(), room.begin());
        reader.filled(bytes.size());
        for (auto next = reader.next(); next && *next; next = reader.next()) {
            benchmark::DoNotOptimize(wire::decode_command(**next));
            ++found;
        }
    };
    read(); // its buffer is there
    found = 0;
    allocation_count const count;
    for (auto _ : state)
        read();
    count.report(state);
    if (found != said.all.size() * iterations_of(state)) state.SkipWithError("not every packet was found");
    state.SetItemsProcessed(static_cast<std::int64_t>(found));
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size() * iterations_of(state)));
}

void encode_replies(benchmark::State& state) {
    wire::reply const replies[] = {wire::decision{wire::answer::go_on},
                                   wire::add_header{"X-Spam-Status", "No, score=-1.9"},
                                   wire::add_recipient{"<archive@example.org>"}, wire::progress{}};
    std::string out;
    out.reserve(4096);
    allocation_count const count;
    for (auto _ : state) {
        out.clear();
        for (auto const& one : replies)
            wire::encode(out, one);
        benchmark::DoNotOptimize(out.data());
    }
    count.report(state);
    state.SetItemsProcessed(static_cast<std::int64_t>(std::size(replies) * iterations_of(state)));
}

void decode_replies(benchmark::State& state) {
    std::string out;
    wire::encode(out, wire::reply(wire::add_header{"X-Spam-Status", "No, score=-1.9"}));
    wire::frame const edit{out[4], std::string_view(out).substr(5)};
    allocation_count const count;
    for (auto _ : state) {
        benchmark::DoNotOptimize(wire::decode_reply({'c', ""}));
        benchmark::DoNotOptimize(wire::decode_reply(edit));
    }
    count.report(state);
    state.SetItemsProcessed(static_cast<std::int64_t>(2 * iterations_of(state)));
}

core::policy of_children(std::int64_t children) {
    core::policy rules;
    for (std::int64_t i = 0; i < children; ++i) {
        core::child_policy one;
        one.name = "child" + std::to_string(i);
        rules.children.push_back(std::move(one));
    }
    return rules;
}

// A whole session, of so many children (range 0) and such a body (range 1).
void session(benchmark::State& state) {
    auto const rules = of_children(state.range(0));
    packets const said(plan_of(static_cast<std::size_t>(state.range(1))));
    stage outside;
    auto const calls = outside.play(rules, said); // warm
    std::size_t played = 0;
    allocation_count const count;
    for (auto _ : state)
        played += outside.play(rules, said);
    count.report(state);
    if (calls == 0 || played != calls * iterations_of(state)) state.SkipWithError("a session did not end");
    state.counters["events"] = static_cast<double>(calls);
}

BENCHMARK(decode_commands);
BENCHMARK(encode_replies);
BENCHMARK(decode_replies);
BENCHMARK(session)->ArgNames({"children", "body"})->ArgsProduct({{0, 1, 3}, {usual_body}});
BENCHMARK(session)->ArgNames({"children", "body"})->Args({1, large_body});

} // namespace
} // namespace milter::bench

BENCHMARK_MAIN();
