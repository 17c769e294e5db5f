// A process captured again and again, each time as a summary that outlives the capture: what watch and top
// have in common.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "lib/compare/heap_summary.h"
#include "lib/open/open_heap.h"

namespace heapglass {

// What of the heap a sample has beyond types, RSS and pause.
struct SampleNeeds {
  bool owners = false;
  bool retained = false;  // by type; takes owners
  bool bill = false;      // the memory accounting
};

struct Sample {
  double seconds = 0;       // since the sampler was made
  double processor_ms = 0;  // of heapglass, its helper processes included
  std::string freeze;       // the mode that was used: precopy falls back to copy where it cannot be used
  HeapSummary summary;
};

class Sampler {
 public:
  // Borrowed; heapglass keeps its rights, as another capture follows. `command` is for messages.
  Sampler(const CommonOptions& common, std::string command);

  // Captures once; `also` is asked while the heap is there. False: the process has ended since an earlier
  // sample, and ended() says so. Throws Error: there is no such process, it does not run, it is no Python.
  bool take(const SampleNeeds& needs, const std::function<void(const Heap&)>& also = {});

  std::uint64_t count() const { return count_; }
  const Sample& first() const { return *first_; }
  const Sample& latest() const { return *latest_; }
  const Sample* before() const { return before_.get(); }  // null: latest() is the first
  // To be kept when the next one is taken; never changed.
  const std::shared_ptr<const Sample>& shared_latest() const { return latest_; }
  const std::string& ended() const { return ended_; }
  double seconds() const;

 private:
  const CommonOptions& common_;
  const std::string command_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::uint64_t count_ = 0;
  std::shared_ptr<const Sample> first_, before_, latest_;
  std::string ended_;
};

// Processor time of this process and of those children of it that have been waited for, in milliseconds.
double processor_ms();

}  // namespace heapglass
