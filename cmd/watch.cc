// heapglass watch: a process over time, a line a look; plotted, and with the lines that its memory grew
// under.
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <deque>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/compare/type_growth.h"
#include "lib/open/line_samples.h"
#include "lib/render/csv.h"
#include "lib/render/json.h"
#include "lib/render/numbers.h"
#include "lib/render/output.h"
#include "lib/render/plot.h"
#include "lib/render/utf8.h"
#include "lib/render/write_report.h"
#include "lib/report/about.h"
#include "lib/report/metrics.h"
#include "lib/report/thresholds.h"
#include "lib/sample/sampler.h"
#include "platform/files/regular_file.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

// Ctrl-C ends the watching, not the program: the plot and the table of lines are still to come.
volatile sig_atomic_t g_stopped = 0;
// Asked twice, it means at once.
void on_stop(int signal) {
  if (g_stopped) end_by_signal(signal);
  g_stopped = 1;
}

struct WatchOptions {
  std::chrono::milliseconds interval{}, duration{};
  std::size_t top = 3, most_lines = 20;
  std::string format, plot;
  bool lines = false;
  MetricsOptions metrics;
};

// "app.Session +500 (+28.0 kB), ..." of the types that grew most.
std::vector<TypeGrowth> growers(const HeapSummary& before, const HeapSummary& now, std::size_t most) {
  std::vector<TypeGrowth> rows = type_growth(before.types, now.types);
  std::erase_if(rows, [](const TypeGrowth& r) { return r.bytes_delta() <= 0 && r.count_delta() <= 0; });
  std::stable_sort(rows.begin(), rows.end(), [](const TypeGrowth& a, const TypeGrowth& b) {
    return a.bytes_delta() > b.bytes_delta();
  });
  if (rows.size() > most) rows.resize(most);
  return rows;
}

class Printer {
 public:
  Printer(const WatchOptions& options, bool csv_raw, std::ostream& out)
      : options_(options), csv_raw_(csv_raw), out_(out) {}

  void print(const Sample& look, const Sample* before) {
    const auto grown =
        before ? growers(before->summary, look.summary, options_.top) : std::vector<TypeGrowth>();
    if (options_.format == "json")
      print_json(look, grown);
    else if (options_.format == "csv")
      print_csv(look, grown);
    else
      print_text(look, grown);
    out_.flush();
    first_ = false;
  }

 private:
  static std::string format_count(const std::vector<TypeGrowth>& grown) {
    std::string text;
    for (const TypeGrowth& g : grown) {
      const std::string name = g.type.starts_with("builtins.") ? g.type.substr(9) : g.type;
      text += (text.empty() ? "" : ", ") + name + " " + signed_count(g.count_delta()) + " (" +
              signed_bytes(g.bytes_delta()) + ")";
    }
    return text;
  }
  static Cell rss(const HeapSummary& m) { return m.resident ? Cell(m.resident->rss) : Cell(); }
  static Cell peak(const HeapSummary& m) { return m.resident ? Cell(m.resident->peak) : Cell(); }

  void print_text(const Sample& look, const std::vector<TypeGrowth>& grown) {
    const HeapSummary& m = look.summary;
    if (first_) {
      char head[160];
      std::snprintf(head, sizeof head, "%8s  %9s  %9s  %9s  %12s  %9s  %s\n", "time", "RSS", "peak", "Python",
                    "objects", "pause", "grew most");
      out_ << head;
    }
    const std::time_t when = static_cast<std::time_t>(m.time);
    std::tm local{};
    localtime_r(&when, &local);
    char clock[16], line[200];
    std::strftime(clock, sizeof clock, "%H:%M:%S", &local);
    std::snprintf(line, sizeof line, "%8s  %9s  %9s  %9s  %12s  %9s  ", clock,
                  m.resident ? human_bytes(m.resident->rss).c_str() : "-",
                  m.resident ? human_bytes(m.resident->peak).c_str() : "-", human_bytes(m.bytes).c_str(),
                  grouped(m.objects).c_str(), human_milliseconds(m.pause_ms).c_str());
    out_ << line << printable(format_count(grown)) << "\n";
  }

  std::vector<Field> fields(const Sample& look) const {
    const HeapSummary& m = look.summary;
    return {{{"time", "", Kind::kPlainNumber}, std::int64_t{m.time}},
            {{"elapsed", "", Kind::kPlainNumber}, std::round(look.seconds * 1000) / 1000},
            {{"rss", "", Kind::kBytes}, rss(m)},
            {{"peak", "", Kind::kBytes}, peak(m)},
            {{"python_bytes", "", Kind::kBytes}, m.bytes},
            {{"objects", "", Kind::kCount}, m.objects},
            {{"pause_ms", "", Kind::kMilliseconds}, m.pause_ms}};
  }

  void print_json(const Sample& look, const std::vector<TypeGrowth>& grown) {
    Record record{{{"about", ""}, about(look.summary.origin)}};
    for (Field& field : fields(look)) record.push_back(std::move(field));
    List rows;
    for (const TypeGrowth& g : grown)
      rows.push_back(Record{{{"type", ""}, g.type},
                            {{"count_delta", ""}, g.count_delta()},
                            {{"bytes_delta", ""}, g.bytes_delta()}});
    record.push_back({{"growers", ""}, std::move(rows)});
    out_ << json_value(std::move(record)) << "\n";
  }

  void print_csv(const Sample& look, const std::vector<TypeGrowth>& grown) {
    Table table{.key = "looks"};
    Row row;
    for (Field& f : fields(look)) {
      table.columns.push_back(std::move(f.column));
      row.push_back(std::move(f.value));
    }
    table.columns.push_back({"growers", "", Kind::kText});
    row.push_back(format_count(grown));
    table.rows.push_back(std::move(row));
    Document document;
    document.sections.push_back(std::move(table));
    std::ostringstream text;
    render_csv(document, {.csv_raw = csv_raw_}, text);
    const std::string all = text.str();
    out_ << (first_ ? all : all.substr(all.find('\n') + 1));  // its header once
  }

  const WatchOptions& options_;
  const bool csv_raw_;
  std::ostream& out_;
  bool first_ = true;
};

using Points = std::vector<std::pair<double, double>>;  // seconds, bytes

Plot plot_of(Points python_objects, const Points& rss, const std::string& title) {
  Plot plot{.title = title, .x_title = "seconds", .y_title = "memory"};
  PlotSeries resident{.name = "RSS", .colour = "#0072b2", .points = rss, .marks = true, .peak = true};
  PlotSeries python{
      .name = "Python objects", .colour = "#009e73", .points = std::move(python_objects), .marks = true};
  plot.series = {std::move(resident), std::move(python)};
  return plot;
}

// The line of a file as the process sees it; empty where it cannot be read.
std::string source_line(pid_t pid, const std::string& file, int number) {
  if (!file.starts_with('/')) return {};
  constexpr std::size_t kLongest = 16 << 20;
  // The name is the target's: it may be a FIFO's, or a file without end.
  const FileDescriptor fd = open_regular_file_in("/proc/" + std::to_string(pid) + "/root", file);
  if (!fd) return {};
  std::istringstream in(first_bytes(fd.get(), kLongest));
  std::string text;
  for (int i = 0; i < number; ++i)
    if (!std::getline(in, text)) return {};
  return valid_utf8(text.substr(std::min(text.find_first_not_of(" \t"), text.size())));
}

Document lines_report(const LineSamples& samples,
                      const std::map<std::pair<std::string, int>, std::string>& sources, std::size_t most) {
  std::vector<LineUse> rows;
  double growth = 0;
  for (const auto& [at, use] : samples.lines()) {
    rows.push_back(use);
    growth += use.growth;
  }
  std::stable_sort(rows.begin(), rows.end(), [](const LineUse& a, const LineUse& b) {
    return a.cumulative_growth != b.cumulative_growth ? a.cumulative_growth > b.cumulative_growth
                                                      : a.cumulative_samples > b.cumulative_samples;
  });
  const std::size_t in_all = rows.size();
  if (most && rows.size() > most) rows.resize(most);
  auto bytes = [](double n) { return static_cast<std::int64_t>(std::llround(n)); };
  Table table{.key = "lines",
              .title = "Lines that the memory grew under",
              .columns = {{"file", "file", Kind::kText},
                          {"line", "line", Kind::kPlainNumber},
                          {"function", "function", Kind::kText, Audience::kPrograms},
                          {"growth_below", "grew", Kind::kBytesDelta},
                          {"growth", "on it alone", Kind::kBytesDelta},
                          {"samples_below", "samples", Kind::kCount},
                          {"samples", "on it alone", Kind::kCount},
                          {"source", "source", Kind::kText}}};
  for (const LineUse& use : rows) {
    const auto source = sources.find({use.file, use.line});
    table.rows.push_back({use.file, use.line, use.function, bytes(use.cumulative_growth), bytes(use.growth),
                          use.cumulative_samples, use.samples,
                          source == sources.end() ? std::string() : source->second});
  }
  if (rows.size() < in_all)
    table.notes.push_back(std::to_string(in_all - rows.size()) + " more lines: --lines-limit 0 shows all");
  Document document;
  document.fields.push_back({{"samples", "", Kind::kCount, Audience::kPrograms}, samples.samples()});
  document.fields.push_back({{"torn", "", Kind::kCount, Audience::kPrograms}, samples.torn()});
  document.fields.push_back(
      {{"rss_growth", "", Kind::kBytesDelta, Audience::kPrograms}, bytes(samples.growth())});
  document.fields.push_back(
      {{"unseen", "", Kind::kBytesDelta, Audience::kPrograms}, bytes(samples.growth_unseen())});
  const double elsewhere = samples.growth() - samples.growth_unseen() - growth;
  document.fields.push_back({{"elsewhere", "", Kind::kBytesDelta, Audience::kPrograms}, bytes(elsewhere)});
  document.notes.push_back(grouped(samples.samples()) + " looks without a stop, " + grouped(samples.torn()) +
                           " of threads thrown away as torn; the RSS became " +
                           signed_bytes(bytes(samples.growth())) + ", of it " +
                           signed_bytes(bytes(samples.growth_unseen())) +
                           " while the heap was copied or nobody looked, and " +
                           signed_bytes(bytes(elsewhere)) + " while no thread was seen to run Python");
  document.sections.push_back(std::move(table));
  return document;
}

class Watch {
 public:
  Watch(const CommonOptions& common, const WatchOptions& options, const Thresholds& thresholds)
      : common_(common), options_(options), thresholds_(thresholds), output_(common.output, common.mode) {}

  int run() {
    Printer printer(options_, common_.csv_raw, output_.stream());
    const Clock::time_point began = Clock::now();
    int code = kExitDone;
    for (std::size_t i = 0;; ++i) {
      const Clock::time_point due = began + static_cast<long long>(i) * options_.interval;
      if (options_.duration.count() > 0 && due > began + options_.duration) break;
      wait_until(due, began);
      if (g_stopped) break;
      if (!sample()) {
        std::cerr << "heapglass: " << printable(sampler_.ended()) << ": it was looked at " << sampler_.count()
                  << (sampler_.count() == 1 ? " time\n" : " times\n");
        break;
      }
      printer.print(sampler_.latest(), sampler_.before());
      const auto reasons = thresholds_.exceeded(sampler_.first().summary, sampler_.latest().summary);
      if (!options_.metrics.file.empty())
        write_metrics(gauges_of(sampler_.latest().summary, i > 0 ? &sampler_.first().summary : nullptr,
                                !reasons.empty(), options_.metrics),
                      options_.metrics, common_.mode);
      if (!reasons.empty()) {
        code = kExitExceeded;
        break;
      }
    }
    finish();
    output_.commit();
    return g_stopped ? 130 : code;
  }

 private:
  // False: the process has ended.
  bool sample() {
    const bool owners = !options_.metrics.file.empty() || thresholds_.needs_owners();
    if (!sampler_.take({.owners = owners, .retained = owners},
                       [this](const Heap& heap) { note_lines(heap); }))
      return false;
    const Sample& now = sampler_.latest();
    python_.emplace_back(now.seconds, static_cast<double>(now.summary.bytes));
    if (now.summary.resident) rss_.emplace_back(now.seconds, static_cast<double>(now.summary.resident->rss));
    return true;
  }

  void note_lines(const Heap& heap) {
    if (!options_.lines) return;
    if (!lines_) lines_ = std::make_unique<LineSamples>(heap.target().pid());
    lines_->name(heap);
    for (const auto& [at, use] : lines_->lines())
      if (!sources_.count(at)) sources_[at] = source_line(heap.target().pid(), use.file, use.line);
    layout_ = std::make_unique<PyRuntime>(heap.python());
  }

  // With --lines the memory is looked at meanwhile, and the threads where it grew.
  void wait_until(Clock::time_point due, Clock::time_point began) {
    constexpr auto kEvery = std::chrono::microseconds(50);
    Clock::time_point last_rss = Clock::now();
    while (!g_stopped && Clock::now() < due) {
      if (!lines_ || !layout_) {
        std::this_thread::sleep_for(
            std::min<Clock::duration>(due - Clock::now(), std::chrono::milliseconds(100)));
        continue;
      }
      if (!lines_->take(*layout_)) return;
      if (Clock::now() - last_rss > std::chrono::milliseconds(100)) {
        last_rss = Clock::now();
        rss_.emplace_back(std::chrono::duration<double>(last_rss - began).count(), lines_->resident_bytes());
      }
      std::this_thread::sleep_for(kEvery);
    }
  }

  void finish() {
    if (lines_) {
      Document document = lines_report(*lines_, sources_, options_.most_lines);
      document.about = about(sampler_.latest().summary.origin);
      std::ostream& out = output_.stream();
      RenderOptions render{.exact_bytes = common_.exact_bytes, .one_line = true};
      render.width = output_.columns();
      if (options_.format == "text") out << "\n";
      // CSV has its looks; a second table would make it none.
      if (options_.format != "csv") find_format(options_.format).render(document, render, out);
    }
    if (options_.plot.empty()) return;
    Output plot(options_.plot, common_.mode);
    const std::string ending = options_.plot.substr(options_.plot.rfind('.') + 1);
    plot.stream() << draw_plot(
        plot_of(python_, rss_, sampler_.count() == 0 ? "" : sampler_.first().summary.command_line), ending);
    plot.commit();
  }

  const CommonOptions& common_;
  const WatchOptions& options_;
  const Thresholds& thresholds_;
  Output output_;
  Sampler sampler_{common_, "watch"};
  Points rss_, python_;
  std::unique_ptr<LineSamples> lines_;
  std::unique_ptr<PyRuntime> layout_;
  std::map<std::pair<std::string, int>, std::string> sources_;
};

}  // namespace

int run_watch(const std::vector<std::string>& arguments) {
  CommandLine line("watch", "a process over time: memory, objects, what grows, and under which lines");
  WatchOptions o;
  ThresholdOptions fail_if;
  std::string duration = "60";
  std::optional<std::chrono::milliseconds> interval;
  bool csv = false;
  line.option("interval", &interval, "time between two samples: 500ms, 5s (default), 2m");
  line.option("duration", &duration, "TIME",
              "how long to watch: 60s (default), 2h; 0: until the process ends or Ctrl-C");
  line.count("top", &o.top, 0, 1000, "print the N types that grew most since the sample before (default 3)");
  line.flag("csv", &csv, "the same as --format csv");
  line.written_file(
      "plot", &o.plot,
      "also draw RSS and Python's objects over time, as mprof plot does, to a file name that ends in .svg, "
      ".png or .pdf");
  line.flag(
      "lines", &o.lines,
      "between samples read every few milliseconds, without stopping the target, which lines the threads are "
      "on, and print at the end the lines under which memory grew");
  line.count("lines-limit", &o.most_lines, 0, 1'000'000, "print N lines (default 20), 0: all");
  line.thresholds(&fail_if, "as soon as THRESHOLD is exceeded, such as 'growth(rss) > 5%'");
  line.metrics(&o.metrics);
  if (!line.parse(arguments)) return kExitDone;
  line.common().more_captures = true;  // it looks until it is ended
  o.format = csv ? "csv" : line.common().format.empty() ? "text" : line.common().format;
  if (o.format != "text" && o.format != "json" && o.format != "csv")
    throw Error(ErrorKind::kUsage, "watch prints text, json or csv, not '" + o.format + "'",
                "--plot FILE draws a picture");
  o.interval = interval.value_or(std::chrono::seconds(5));
  o.duration = duration == "0" ? std::chrono::milliseconds(0) : parse_time("--duration", duration);
  if (!o.metrics.file.empty())
    line.common().extra_outputs.emplace_back(o.metrics.file, mode_of_metrics(line.common().mode));
  if (!o.plot.empty()) {
    const std::string ending = o.plot.substr(o.plot.rfind('.') + 1);
    if (ending != "svg" && ending != "png" && ending != "pdf")
      throw Error(ErrorKind::kUsage, "--plot '" + o.plot + "' is no .svg, .png or .pdf");
    line.let_drawing_program_run(arguments);
  }
  const Thresholds thresholds(fail_if);
  signal(SIGINT, on_stop);
  return Watch(line.common(), o, thresholds).run();
}

}  // namespace heapglass
