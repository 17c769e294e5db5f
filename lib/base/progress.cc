#include "lib/base/progress.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

namespace heapglass {
namespace {

constexpr std::size_t kStages = static_cast<std::size_t>(Stage::kCount);

struct StageRow {
  std::string_view words;
  double ms_per_million;  // objects, as measured on one machine: what counts is how they stand to each other
};
constexpr std::array<StageRow, kStages> kRows{{{"making the answer", 0},
                                               {"copying its memory", 40},
                                               {"reading the snapshot", 60},
                                               {"finding objects", 150},
                                               {"reading references", 130},
                                               {"looking through the allocators", 10},
                                               {"finding referrers", 35},
                                               {"finding roots", 30},
                                               {"finding dominators", 130},
                                               {"finding root paths", 40},
                                               {"finding owners", 40},
                                               {"looking for garbage", 55},
                                               {"looking for leaks", 150},
                                               {"adding up its memory", 120},
                                               {"comparing", 150},
                                               {"noting what answers read", 50},
                                               {"writing the snapshot", 430},
                                               {"drawing", 100},
                                               {"writing", 450}}};

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
constexpr std::size_t place(Stage stage) { return static_cast<std::size_t>(stage); }

// One thread writes, others read: each value for itself, an estimate from two moments is one too.
struct State {
  std::atomic<std::thread::id> thread{};
  std::atomic<std::int64_t> began{0}, mark{0};
  std::atomic<Stage> current{Stage::kStart};
  std::atomic<Stages> planned{0}, not_taken{0};
  std::array<std::atomic<bool>, kStages> ended{};
  std::array<std::atomic<std::int64_t>, kStages> took{};
  std::atomic<std::uint64_t> objects{0};
  std::atomic<std::size_t> rounds_done{0}, rounds{0};

  void charge(Stage stage, std::int64_t now) {
    took[place(stage)] += now - mark;
    mark = now;
  }
};
State g_state;

double expected_ms(std::size_t stage) {
  return kRows[stage].ms_per_million * static_cast<double>(g_state.objects) / 1e6;
}

// How many times as long as expected the stages took that have ended.
double slowness() {
  double took = 0, expected = 0;
  for (std::size_t i = 0; i < kStages; ++i)
    if (g_state.ended[i] && kRows[i].ms_per_million > 0) {
      took += static_cast<double>(g_state.took[i]) / 1e6;
      expected += expected_ms(i);
    }
  constexpr double kFewest = 50;  // milliseconds that tell something
  return took < kFewest || expected <= 0 ? 1 : std::clamp(took / expected, 0.1, 50.0);
}

std::optional<std::uint64_t> left_of_rounds(double elapsed_ms) {
  const std::size_t done = g_state.rounds_done, all = g_state.rounds;
  if (done == 0 || all <= done) return std::nullopt;
  return static_cast<std::uint64_t>(elapsed_ms / static_cast<double>(done) * static_cast<double>(all - done));
}

std::optional<std::uint64_t> left_of_stages(Stage current, double in_current_ms) {
  if (g_state.objects == 0) return std::nullopt;
  const double times = slowness();
  double left = 0;
  for (std::size_t i = 0; i < kStages; ++i) {
    const double expected = expected_ms(i) * times;
    if (i == place(current))
      left += std::max(expected - in_current_ms, expected / 10);  // it is not over yet
    else if ((g_state.planned & ~g_state.not_taken) >> i & 1 && !g_state.ended[i])
      left += expected;
  }
  return static_cast<std::uint64_t>(left);
}

}  // namespace

std::string_view words_for(Stage stage) { return kRows[place(stage)].words; }

InStage::InStage(Stage stage) : counts_(std::this_thread::get_id() == g_state.thread.load()) {
  if (!counts_) return;
  before_ = g_state.current;
  g_state.charge(before_, now_ns());
  g_state.current = stage;
}

InStage::~InStage() {
  if (!counts_) return;
  const Stage stage = g_state.current;
  g_state.charge(stage, now_ns());
  g_state.ended[place(stage)] = true;
  g_state.current = before_;
}

void begin_progress(Stages stages) {
  g_state.thread = std::this_thread::get_id();
  g_state.began = g_state.mark = now_ns();
  g_state.current = Stage::kStart;
  g_state.planned = stages;
  begin_heap(0, 0);
}

bool has_progress() { return g_state.planned != 0; }

void begin_heap(std::uint64_t expected_objects, Stages not_taken) {
  g_state.not_taken = not_taken;
  for (std::size_t i = 0; i < kStages; ++i) {
    g_state.ended[i] = false;
    g_state.took[i] = 0;
  }
  g_state.objects = expected_objects;
}

void expect_objects(std::uint64_t count) { g_state.objects = count; }

void expect_rounds(std::size_t done, std::size_t all) {
  g_state.rounds_done = done;
  g_state.rounds = all;
}

Progress progress() {
  const std::int64_t now = now_ns();
  const Stage current = g_state.current;
  const double elapsed = static_cast<double>(now - g_state.began) / 1e6;
  const double in_current = static_cast<double>(now - g_state.mark + g_state.took[place(current)]) / 1e6;
  Progress out{.stage = current,
               .elapsed_ms = static_cast<std::uint64_t>(std::max(elapsed, 0.0)),
               .rounds = g_state.rounds};
  out.round = out.rounds ? std::min(g_state.rounds_done + 1, out.rounds) : 0;
  out.left_ms = out.rounds ? left_of_rounds(elapsed) : left_of_stages(current, in_current);
  return out;
}

double took_ms(Stage stage) { return static_cast<double>(g_state.took[place(stage)]) / 1e6; }

}  // namespace heapglass
