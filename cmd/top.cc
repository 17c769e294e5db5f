// heapglass top: the live screen. Without a target the Python processes, with one its types and owners.
#include <signal.h>

#include <atomic>
#include <ctime>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/render/numbers.h"
#include "lib/render/unfinished.h"
#include "lib/render/utf8.h"
#include "lib/sample/live_sampler.h"
#include "lib/sample/own_command.h"
#include "lib/screen/draw_top.h"
#include "lib/screen/row_detail.h"
#include "lib/screen/terminal.h"
#include "lib/screen/top_rows.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kInstead[] = "heapglass watch prints a line per sample, heapglass ps the processes";
constexpr std::size_t kMostHistory = 1000;  // points of the sparkline, one a second

// What signals ask for; the screen is drawn and left by the main thread alone.
std::atomic<int> g_ends{0};
std::atomic<bool> g_resized{false}, g_suspend{false};

void on_end(int signal) {
  // Asked twice, it means at once.
  if (g_ends.exchange(signal) != 0) end_by_signal(signal);
  Terminal::wake();
}
void on_resize(int) {
  g_resized = true;
  Terminal::wake();
}
void on_suspend(int) {
  g_suspend = true;
  Terminal::wake();
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

struct TopOptions {
  Pace pace;
};

// How the screen was left.
struct Ending {
  int code = kExitDone;
  std::string line;  // for the standard error
  std::optional<Error> error;
};

class Top {
 public:
  Top(const CommonOptions& common, const TopOptions& options)
      : common_(common), terminal_(common.color, kInstead), sampler_(common, options.pace, [this] {
          changed_ = true;
          Terminal::wake();
        }) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) handle(signal, on_end);
    handle(SIGWINCH, on_resize);
    handle(SIGTSTP, on_suspend);
    state_.has_list = common.target.empty();
    open(common.target);
  }

  Ending run() {
    Clock::time_point next_second = Clock::now();
    bool draw = true;
    while (!ending_) {
      if (const int signal = g_ends) return {128 + signal, "", std::nullopt};
      if (g_suspend.exchange(false)) suspend();
      if (g_resized.exchange(false)) terminal_.resized();
      if (Clock::now() >= next_second) {
        next_second = Clock::now() + std::chrono::seconds(1);
        draw |= every_second();
      }
      if (changed_.exchange(false)) draw |= take_samples();
      draw |= finish_command();
      draw |= press_keys();
      if (ending_) break;
      if (draw || !state_.paused) terminal_.put(draw_top(state_, terminal_.size(), terminal_.text()));
      draw = false;
      terminal_.wait(std::max(std::chrono::milliseconds(1),
                              std::chrono::ceil<std::chrono::milliseconds>(next_second - Clock::now())));
      draw |= g_resized;
    }
    return *ending_;
  }

 private:
  void open(const std::string& target) {
    target_ = target;
    state_.view = target.empty() ? TopView::kProcesses : TopView::kTypes;
    state_.target = {};
    state_.target.command = target;
    for (const TopView view : {TopView::kTypes, TopView::kOwners})
      state_.tables[static_cast<std::size_t>(view)] = TopTable(view);
    meter_.reset();
    cancel();
    sampler_.with_owners(false);
    sampler_.watch(target);
  }

  void suspend() {
    sampler_.suspend();
    terminal_.suspend();
    sampler_.resume();
  }

  void cancel() {
    sampler_.drop_question();
    state_.waiting.clear();
  }

  // The RSS without a capture, and the age of the last sample.
  bool every_second() {
    if (state_.paused) return false;
    TopTarget& t = state_.target;
    if (taken_ != Clock::time_point{}) t.age = std::chrono::duration<double>(Clock::now() - taken_).count();
    const double now_ms = processor_ms(), now = static_cast<double>(std::time(nullptr));
    if (meter_) {
      if (const auto rss = meter_->read()) add_rss(*rss);
      if (t.rss_history.size() > 1)
        t.growth =
            (t.rss_history.back() - t.rss_history.front()) / static_cast<double>(t.rss_history.size() - 1);
    }
    share_.emplace_back(now, now_ms);
    constexpr std::size_t kShareOver = 30;  // seconds
    if (share_.size() > kShareOver) share_.erase(share_.begin());
    if (share_.size() > 1 && now > share_.front().first)
      t.share = (now_ms - share_.front().second) / 1000 / (now - share_.front().first);
    return true;
  }

  void add_rss(std::uint64_t rss) {
    TopTarget& t = state_.target;
    t.rss = rss;
    t.rss_history.push_back(static_cast<double>(rss));
    if (t.rss_history.size() > kMostHistory) t.rss_history.erase(t.rss_history.begin());
  }

  bool take_samples() {
    if (auto answer = sampler_.take_answer()) show_answer(std::move(*answer));
    const LiveSamples samples = sampler_.samples();
    if (samples.target != target_) return false;
    if (!samples.ended.empty()) {
      end_of_target(samples);
      return true;
    }
    if (!samples.failure.empty()) state_.notice = "no sample: " + samples.failure;
    if (state_.paused || samples.count == 0) return true;
    if (samples.failure.empty() && state_.notice.starts_with("no sample: ")) state_.notice.clear();
    taken_ = samples.taken;
    if (samples.processes) {
      const double now = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
      state_.table().set_rows(process_rows_.rows(*samples.processes, now));
      state_.target.samples = samples.count;
    } else {
      show_target(samples);
    }
    return true;
  }

  void show_target(const LiveSamples& samples) {
    const HeapSummary& now = samples.latest->summary;
    TopTarget& t = state_.target;
    t.pid = now.pid;
    t.command = now.command_line;
    t.python = "CPython " + now.python;
    if (now.resident) t.rss = now.resident->rss;
    if (now.resident) t.peak = now.resident->peak;
    if (!meter_) meter_ = std::make_unique<ResidentMeter>(now.pid);
    t.samples = samples.count;
    t.objects = now.objects;
    t.bytes = now.bytes;
    t.pause_ms = now.pause_ms;
    t.longest_pause_ms = samples.longest_pause_ms;
    t.freeze = samples.latest->freeze;
    t.every = samples.every;
    t.age = 0;
    t.caveats.clear();
    for (const Caveat& caveat : now.caveats) t.caveats.push_back(caveat.text);
    if (samples.latest_bill) {
      const HeapSummary& billed = samples.latest_bill->summary;
      t.parts = billed.bill ? parts_of(*billed.bill) : std::vector<TopPart>();
      t.why_no_parts = billed.why_no_bill;
    }
    show_rows(samples);
  }

  void show_rows(const LiveSamples& samples) {
    auto& types = state_.tables[static_cast<std::size_t>(TopView::kTypes)];
    types.set_rows(type_rows(*samples.latest, samples.before.get(), samples.first.get()));
    if (samples.latest->summary.owners.empty()) return;
    auto& owners = state_.tables[static_cast<std::size_t>(TopView::kOwners)];
    owners.set_rows(
        owner_rows(*samples.latest, samples.before_with_owners.get(), samples.first_with_owners.get()));
  }

  void end_of_target(const LiveSamples& samples) {
    const std::string times = grouped(samples.count) + (samples.count == 1 ? " time" : " times");
    const std::string line = samples.ended + (samples.never ? "" : ": it was looked at " + times);
    if (state_.has_list) {
      state_.notice = line;
      open("");
    } else if (samples.never) {
      ending_ =
          Ending{kExitDone, "", Error(static_cast<ErrorKind>(samples.kind), samples.ended, samples.hint)};
    } else {
      ending_ = Ending{kExitDone, line, std::nullopt};
    }
  }

  bool press_keys() {
    bool any = false;
    for (Key key = terminal_.key(); key.kind != Key::kNone && !ending_; key = terminal_.key()) {
      any = true;
      const bool paused = state_.paused, with_owners = state_.view == TopView::kOwners;
      const TopAction action = state_.press(key, page_of(state_, terminal_.size(), terminal_.text()));
      if (paused != state_.paused) sampler_.pause(state_.paused);
      if (paused && !state_.paused) changed_ = true;
      if (with_owners != (state_.view == TopView::kOwners)) sampler_.with_owners(!with_owners);
      act(action);
      if (key.kind == Key::kClosed) ending_ = Ending{128 + SIGHUP, "", std::nullopt};
    }
    return any;
  }

  void act(TopAction action) {
    if (action != TopAction::kNone) state_.notice.clear();
    switch (action) {
      case TopAction::kNone:
        break;
      case TopAction::kQuit:
        ending_ = Ending{};
        break;
      case TopAction::kOpen:
        state_.view == TopView::kProcesses ? open(state_.table().selected_row()->id) : ask_detail();
        break;
      case TopAction::kBack:
        open("");
        break;
      case TopAction::kCancel:
        cancel();
        break;
      case TopAction::kSnapshot:
        start_command("snapshot", ".hg");
        break;
      case TopAction::kReport:
        start_command("report", ".html");
        break;
      case TopAction::kCount:
        ask_count();
        break;
    }
  }

  void ask_detail() {
    const std::string id = state_.table().selected_row()->id;
    const bool owner = state_.view == TopView::kOwners;
    const std::size_t columns = terminal_.size().columns;
    const ScreenText how = terminal_.text();
    asked_ = id;
    counts_ = false;
    state_.waiting = "looking for who holds " + id;
    sampler_.ask({target_, [=](const Heap& heap) {
                    return owner ? owner_detail(heap, id, columns, how) : type_detail(heap, id, columns, how);
                  }});
  }

  void ask_count() {
    asked_ = state_.table().selected_row()->id;
    counts_ = true;
    state_.waiting = "counting the objects of process " + asked_;
    sampler_.ask(
        {asked_,
         [](const Heap& heap) { return std::vector<std::string>{std::to_string(heap.graph().nodes())}; },
         false});
  }

  void show_answer(Answered answer) {
    state_.waiting.clear();
    if (!answer.failure.empty()) {
      state_.notice = answer.failure;
    } else if (counts_) {
      process_rows_.set_objects(asked_, std::stoull(answer.lines.at(0)));
    } else {
      state_.text = TopText{"Who holds " + asked_, std::move(answer.lines), 0};
    }
  }

  // Another process does it, and the screen stays.
  void start_command(const std::string& command, const std::string& ending) {
    if (command_) {
      state_.notice = "one file at a time: " + file_ + " is being written";
      return;
    }
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    char time[32];
    std::strftime(time, sizeof time, "%Y%m%dT%H%M%S", &local);
    const std::string pid = state_.target.pid ? std::to_string(state_.target.pid) : target_;
    file_ = "heapglass-" + pid + "-" + time + ending;
    std::vector<std::string> arguments{command,    pid,
                                       "-o",       file_,
                                       "--freeze", std::string(name_of(common_.freeze.mode)),
                                       "--nice",   std::to_string(common_.nice)};
    if (common_.freeze.max_pause_ms)
      arguments.insert(arguments.end(), {"--max-pause", plain(*common_.freeze.max_pause_ms)});
    try {
      command_ = std::make_unique<OwnCommand>(arguments);
      state_.notice = "writing " + file_;
    } catch (const Error& error) {
      state_.notice = error.what();
    }
  }

  bool finish_command() {
    if (!command_ || !command_->poll()) return false;
    const std::string said = command_->said();
    state_.notice =
        command_->exit_code() == 0
            ? file_ + " has been written"
            : "not written: " + (said.empty() ? "exit code " + std::to_string(command_->exit_code()) : said);
    command_.reset();
    return true;
  }

  const CommonOptions& common_;
  Terminal terminal_;
  TopState state_;
  std::atomic<bool> changed_{true};
  std::string target_, asked_, file_;
  bool counts_ = false;  // asked_: of a process, how many objects it has
  std::unique_ptr<ResidentMeter> meter_;
  std::unique_ptr<OwnCommand> command_;
  ProcessRows process_rows_;
  std::vector<std::pair<double, double>> share_;  // seconds, milliseconds of processor time
  Clock::time_point taken_{};
  std::optional<Ending> ending_;
  LiveSampler sampler_;  // the first to go: its thread uses what is above
};

}  // namespace

int run_top(const std::vector<std::string>& arguments) {
  CommandLine line("top",
                   "the live screen: the Python processes, or types and owners of one by size and growth; "
                   "captures are by --freeze precopy where nothing else is asked for");
  TopOptions options;
  std::optional<std::chrono::milliseconds> interval;
  int share = 10;
  line.target_may_be_missing();
  line.lists_processes();
  line.option("interval", &interval, "time between two samples: 500ms, 1s (default), 5s");
  line.count("share", &share, 0, 10'000,
             "take no more than PERCENT of one processor for samples (default 10), by longer times between "
             "them; 0: whatever they take",
             "PERCENT");
  line.common().freeze.mode = FreezeMode::kPrecopy;
  if (!line.parse(arguments)) return kExitDone;
  CommonOptions& common = line.common();
  if (!common.format.empty() || !common.output.empty())
    throw Error(ErrorKind::kUsage, "top is a screen: it takes no --format and no --output", kInstead);
  common.more_captures = true;  // until it is ended
  common.verbose = false;       // it would be written over the screen
  options.pace.interval =
      std::max(interval.value_or(std::chrono::seconds(1)), std::chrono::milliseconds(100));
  options.pace.share = share / 100.0;
  options.pace.listed = line.processes();
  // Before there is a screen: what selects nothing is told here.
  if (options.pace.listed.given()) (void)select_processes(options.pace.listed);
  const Ending ending = Top(common, options).run();
  if (ending.error) throw Error(*ending.error);
  if (!ending.line.empty()) std::cerr << "heapglass: " << printable(ending.line) << "\n";
  return ending.code;
}

}  // namespace heapglass
