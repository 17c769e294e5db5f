#include "lib/sample/live_sampler.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "lib/base/error.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kBetweenBills = std::chrono::seconds(20);
constexpr auto kLongestEnd = std::chrono::seconds(5);

}  // namespace

struct LiveSampler::Shared {
  // Set by the user of it, under the lock.
  mutable std::mutex lock;
  std::condition_variable wake, between_steps;
  bool stop = false, ended = false, suspended = false, is_suspended = false, paused = false, owners = false;
  std::string target;
  std::uint64_t generation = 0;  // of the target
  std::optional<Question> question;
  std::uint64_t question_number = 0;
  Clock::time_point due{};  // of the next sample
  // Set by the thread, under the lock.
  LiveSamples samples;
  std::optional<Answered> answer;

  const CommonOptions common;
  const Pace pace;
  const std::function<void()> changed;

  Shared(CommonOptions options, Pace how, std::function<void()> call)
      : common(std::move(options)), pace(how), changed(std::move(call)) {}

  void run();

 private:
  void answer_question(std::unique_lock<std::mutex>& held);
  void list_processes(std::unique_lock<std::mutex>& held);
  void take_sample(std::unique_lock<std::mutex>& held);
  void publish(std::uint64_t of_generation);
  void say_error(const Error& error, std::uint64_t of_generation);

  // The thread's own.
  std::unique_ptr<CommonOptions> options_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<ResidentMeter> meter_;
  std::uint64_t sampled_generation_ = ~std::uint64_t{0};
  Clock::time_point bill_{};
};

void LiveSampler::Shared::run() {
  std::unique_lock<std::mutex> held(lock);
  while (!stop) {
    if (suspended) {
      is_suspended = true;
      between_steps.notify_all();
      wake.wait(held);
      is_suspended = false;
      continue;
    }
    if (question) {
      answer_question(held);
      continue;
    }
    const bool is_new = generation != sampled_generation_;
    const bool is_over = !is_new && !samples.ended.empty();
    if (is_over || (paused && !is_new)) {
      wake.wait(held);
      continue;
    }
    if (!is_new && Clock::now() < due) {
      wake.wait_until(held, due);
      continue;
    }
    if (is_new) {
      sampled_generation_ = generation;
      sampler_.reset();
      meter_.reset();
      bill_ = {};
      samples = {};
      samples.target = target;
    }
    const Clock::time_point began = Clock::now();
    const double before_ms = processor_ms();
    target.empty() ? list_processes(held) : take_sample(held);
    const double took = processor_ms() - before_ms;
    due = began + pace.interval;
    if (pace.share > 0)
      due = std::max(due, began + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double, std::milli>(took / pace.share)));
    held.unlock();
    changed();
    held.lock();
  }
  ended = true;
  between_steps.notify_all();
}

void LiveSampler::Shared::answer_question(std::unique_lock<std::mutex>& held) {
  const Question asked = std::move(*question);
  const std::uint64_t number = question_number;
  question.reset();
  held.unlock();
  Answered answered;
  try {
    CommonOptions options = common;
    options.target = asked.target;
    answered.lines = asked.ask(*open_heap(options, {.references = asked.references}));
  } catch (const Error& error) {
    answered.failure = error.what();
  } catch (const std::exception& error) {
    answered.failure = std::string("it failed: ") + error.what();
  }
  held.lock();
  if (number == question_number) answer = std::move(answered);
  held.unlock();
  changed();
  held.lock();
}

void LiveSampler::Shared::list_processes(std::unique_lock<std::mutex>& held) {
  held.unlock();
  auto found = std::make_shared<const PythonProcesses>(
      pace.listed.given() ? heapglass::list_processes(pace.listed) : python_processes({.sharing = true}));
  held.lock();
  if (generation != sampled_generation_) return;
  samples.processes = std::move(found);
  samples.taken = Clock::now();
  ++samples.count;
}

void LiveSampler::Shared::take_sample(std::unique_lock<std::mutex>& held) {
  const std::uint64_t of_generation = sampled_generation_;
  SampleNeeds needs{.owners = owners};
  const std::string of = target;
  held.unlock();
  needs.bill = bill_ == Clock::time_point{} || Clock::now() - bill_ >= kBetweenBills;
  try {
    if (!sampler_) {
      options_ = std::make_unique<CommonOptions>(common);
      options_->target = of;
      sampler_ = std::make_unique<Sampler>(*options_, "top");
    }
    const bool there = sampler_->take(needs);
    held.lock();
    if (there) {
      if (needs.bill) bill_ = Clock::now();
      publish(of_generation);
      return;
    }
    if (generation != of_generation) return;
    // It may only have been too busy to be stopped in time.
    if (meter_ && meter_->read())
      samples.failure = sampler_->ended();
    else
      samples.ended = sampler_->ended();
  } catch (const Error& error) {
    held.lock();
    say_error(error, of_generation);
  } catch (const std::bad_alloc&) {
    held.lock();
    if (generation == of_generation) samples.failure = "not enough memory for a copy of the target";
  }
}

void LiveSampler::Shared::say_error(const Error& error, std::uint64_t of_generation) {
  if (generation != of_generation) return;
  if (samples.count > 0 && meter_ && meter_->read()) {
    samples.failure = error.what();
    return;
  }
  samples.ended = error.what();
  samples.hint = error.hint();
  samples.kind = static_cast<int>(error.kind());
  samples.never = samples.count == 0;
}

void LiveSampler::Shared::publish(std::uint64_t of_generation) {
  if (generation != of_generation) return;
  const auto& now = sampler_->shared_latest();
  if (!meter_) meter_ = std::make_unique<ResidentMeter>(now->summary.pid);
  if (samples.latest) samples.every = now->seconds - samples.latest->seconds;
  samples.before = std::exchange(samples.latest, now);
  if (!samples.first) samples.first = now;
  if (samples.before && !samples.before->summary.owners.empty()) samples.before_with_owners = samples.before;
  if (!samples.first_with_owners && !now->summary.owners.empty()) samples.first_with_owners = now;
  if (now->summary.bill || !now->summary.why_no_bill.empty()) samples.latest_bill = now;
  samples.count = sampler_->count();
  samples.longest_pause_ms = std::max(samples.longest_pause_ms, now->summary.pause_ms);
  samples.taken = Clock::now();
  samples.failure.clear();
}

LiveSampler::LiveSampler(CommonOptions common, Pace pace, std::function<void()> changed)
    : shared_(std::make_shared<Shared>(std::move(common), pace, std::move(changed))) {}

LiveSampler::~LiveSampler() {
  {
    std::unique_lock<std::mutex> held(shared_->lock);
    shared_->stop = true;
    shared_->wake.notify_all();
    if (thread_.joinable() &&
        !shared_->between_steps.wait_for(held, kLongestEnd, [this] { return shared_->ended; })) {
      // The program ends with it, and the kernel detaches from the target.
      thread_.detach();
      return;
    }
  }
  if (thread_.joinable()) thread_.join();
}

void LiveSampler::watch(const std::string& target) {
  const std::lock_guard<std::mutex> held(shared_->lock);
  shared_->target = target;
  ++shared_->generation;
  shared_->samples = {};
  shared_->samples.target = target;
  if (!thread_.joinable()) thread_ = std::thread([shared = shared_] { shared->run(); });
  shared_->wake.notify_all();
}

void LiveSampler::pause(bool paused) {
  const std::lock_guard<std::mutex> held(shared_->lock);
  shared_->paused = paused;
  shared_->wake.notify_all();
}

void LiveSampler::with_owners(bool owners) {
  const std::lock_guard<std::mutex> held(shared_->lock);
  // They are not waited for.
  if (owners && !shared_->owners) shared_->due = {};
  shared_->owners = owners;
  shared_->wake.notify_all();
}

void LiveSampler::suspend() {
  std::unique_lock<std::mutex> held(shared_->lock);
  shared_->suspended = true;
  shared_->wake.notify_all();
  if (thread_.joinable())
    shared_->between_steps.wait_for(held, kLongestEnd,
                                    [this] { return shared_->is_suspended || shared_->ended; });
}

void LiveSampler::resume() {
  const std::lock_guard<std::mutex> held(shared_->lock);
  shared_->suspended = false;
  shared_->wake.notify_all();
}

void LiveSampler::ask(Question question) {
  const std::lock_guard<std::mutex> held(shared_->lock);
  shared_->question = std::move(question);
  ++shared_->question_number;
  shared_->answer.reset();
  shared_->wake.notify_all();
}

void LiveSampler::drop_question() {
  const std::lock_guard<std::mutex> held(shared_->lock);
  shared_->question.reset();
  ++shared_->question_number;
  shared_->answer.reset();
}

LiveSamples LiveSampler::samples() const {
  const std::lock_guard<std::mutex> held(shared_->lock);
  return shared_->samples;
}

std::optional<Answered> LiveSampler::take_answer() {
  const std::lock_guard<std::mutex> held(shared_->lock);
  return std::exchange(shared_->answer, std::nullopt);
}

ResidentMeter::ResidentMeter(pid_t pid)
    : fd_(open(("/proc/" + std::to_string(pid) + "/statm").c_str(), O_RDONLY | O_CLOEXEC)) {}

ResidentMeter::~ResidentMeter() {
  if (fd_ >= 0) close(fd_);
}

std::optional<std::uint64_t> ResidentMeter::read() const {
  char text[128] = {};
  // Of a process that is gone it fails; of one that has ended and was not waited for all numbers are 0.
  if (fd_ < 0 || pread(fd_, text, sizeof text - 1, 0) <= 0) return std::nullopt;
  unsigned long long size = 0, resident = 0;
  if (std::sscanf(text, "%llu %llu", &size, &resident) != 2 || size == 0) return std::nullopt;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace heapglass
