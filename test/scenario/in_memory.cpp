// Runs scenario files against core::session in memory: in_memory [--rewrite] FILE... Fails when what comes is
// not what stands in the file, or an invariant is broken; then again with each step of each child failed in
// turn, when only the invariants count. --rewrite puts what came into the files, to be read before it is
// believed.
#include "support/failed_run.hpp"
#include "support/words.hpp"

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

struct tally {
    std::size_t runs = 0;
    std::size_t gone_on = 0; // with the further message
};

// Each step of a child in turn, in every way of failing.
int run_with_failures(std::string const& path, tally& count) {
    auto const blocks = test::read_blocks(read_file(path));
    auto const cast = test::read_cast(blocks);
    if (!cast) return std::printf("%s: %s\n", path.c_str(), cast.error().c_str()), 1;
    auto const steps = test::single_steps(blocks, *cast);
    int wrong = 0;
    bool there = true;
    for (std::size_t nth = 0; there; ++nth)
        for (auto const how : memory_stage::all_faults) {
            test::failed_run run(*cast, steps);
            there = run.play(nth, how);
            if (!there) continue;
            ++count.runs;
            if (run.goes_on()) ++count.gone_on;
            for (auto const& what : run.wrong()) {
                ++wrong;
                std::printf("%s: with \"%s\" (step %zu of a child) failed by %s: %s\n", path.c_str(),
                            run.failed_step().c_str(), nth, test::name_of(how).c_str(), what.c_str());
            }
        }
    return wrong;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> paths(argv + 1, argv + argc);
    bool const rewrite = !paths.empty() && paths.front() == "--rewrite";
    if (rewrite) paths.erase(paths.begin());
    int wrong = 0;
    tally failed;
    for (auto const& path : paths) {
        wrong += run(path, rewrite);
        wrong += run_with_failures(path, failed);
    }
    std::printf("%zu scenarios, %zu runs with a failed step, %zu of them with a further message, %d wrong\n",
                paths.size(), failed.runs, failed.gone_on, wrong);
    return wrong == 0 && !paths.empty() && failed.gone_on > 0 ? 0 : 1;
}
