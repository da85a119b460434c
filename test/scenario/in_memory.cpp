// Runs scenario files against core::session in memory: in_memory [--rewrite] FILE... Fails when what comes is
// not what stands in the file, or an invariant is broken; then again with each step of each child failed in
// turn, when only the invariants count. --rewrite puts what came into the files, to be read before it is
// believed.
#include "support/memory_stage.hpp"
#include "support/words.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using namespace milter;
using test::memory_stage;

std::string read_file(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void show(std::string_view head, std::vector<std::string> const& lines) {
    std::printf("%s\n", std::string(head).c_str());
    for (auto const& line : lines)
        std::printf("    %s\n", line.c_str());
}

// The complaints.
int run(std::string const& path, bool rewrite) {
    auto blocks = test::read_blocks(read_file(path));
    memory_stage stage;
    int wrong = blocks.empty() ? 1 : 0;
    if (blocks.empty()) std::printf("%s: nothing in it\n", path.c_str());
    for (auto& block : blocks) {
        std::vector<std::string> came;
        for (auto const& step : block.steps) {
            auto const lines = stage.perform(step);
            if (!lines) {
                std::printf("%s:%zu: %s\n", path.c_str(), block.line, lines.error().c_str());
                return wrong + 1;
            }
            came.insert(came.end(), lines->begin(), lines->end());
        }
        if (came != block.expected && !rewrite) {
            ++wrong;
            std::printf("%s:%zu: %s\n", path.c_str(), block.line, block.steps.back().c_str());
            show("  expected:", block.expected);
            show("  came:", came);
        }
        block.expected = std::move(came);
    }
    for (auto const& broken : stage.broken()) {
        ++wrong;
        std::printf("%s: invariant: %s\n", path.c_str(), broken.c_str());
    }
    if (rewrite) std::ofstream(path, std::ios::binary) << test::write_blocks(blocks, "");
    return wrong;
}

bool is_child_step(memory_stage const& stage, std::string_view step) {
    return stage.with().index_of(test::take_word(step)) < stage.with().rules.children.size();
}

// The steps of a file with the n-th step of a child failed; `there` says whether there is such a step.
int run_failed(std::string const& path, std::vector<test::block> const& blocks, std::size_t nth,
               memory_stage::fault fault, bool& there) {
    memory_stage stage;
    std::size_t seen = 0;
    std::size_t lost = ~std::size_t{0};
    std::string at;
    there = false;
    for (auto const& block : blocks) {
        for (auto const& step : block.steps) {
            std::string_view rest = step;
            auto const who = stage.with().index_of(test::take_word(rest));
            if (is_child_step(stage, step)) {
                if (who == lost) continue;
                if (seen++ == nth) {
                    there = true;
                    lost = who;
                    at = step;
                    stage.inject(static_cast<core::child_index>(who), fault);
                    continue;
                }
            }
            // A real MTA waits for its answer, and a child has its time.
            if (step.starts_with("mta ") && stage.begun())
                while (stage.unanswered() > 0 && !stage.finished() && !stage.run_out().empty()) {
                }
            static_cast<void>(stage.perform(step));
        }
    }
    stage.run_out();
    int wrong = 0;
    auto const complain = [&](std::string const& what) {
        ++wrong;
        std::printf("%s: with step \"%s\" failed (fault %d): %s\n", path.c_str(), at.c_str(),
                    static_cast<int>(fault), what.c_str());
    };
    for (auto const& broken : stage.broken())
        complain("invariant: " + broken);
    if (there && stage.begun() && !stage.finished() && stage.unanswered() > 0)
        complain("a command of the MTA was never answered");
    return wrong;
}

int run_with_failures(std::string const& path, std::size_t& runs) {
    using fault = memory_stage::fault;
    auto const blocks = test::read_blocks(read_file(path));
    int wrong = 0;
    bool there = true;
    for (std::size_t nth = 0; there; ++nth)
        for (auto const how : {fault::closes, fault::cut, fault::garbage, fault::silence}) {
            wrong += run_failed(path, blocks, nth, how, there);
            runs += there ? 1 : 0;
        }
    return wrong;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> paths(argv + 1, argv + argc);
    bool const rewrite = !paths.empty() && paths.front() == "--rewrite";
    if (rewrite) paths.erase(paths.begin());
    int wrong = 0;
    std::size_t failed_runs = 0;
    for (auto const& path : paths) {
        wrong += run(path, rewrite);
        wrong += run_with_failures(path, failed_runs);
    }
    std::printf("%zu scenarios, %zu runs with a failed step, %d wrong\n", paths.size(), failed_runs, wrong);
    return wrong == 0 && !paths.empty() && failed_runs > 0 ? 0 : 1;
}
