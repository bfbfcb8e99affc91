#include "chaos/seat.h"

#include <fmt/format.h>
#include <signal.h>

namespace schedctl::chaos {
namespace {

using namespace std::chrono_literals;

// The longest handler and everything that a run may wait for: the lease, a server that is starting.
constexpr auto patience = 60s;

std::vector<std::string> draw_arguments(Dice& dice) {
  if (dice.chance(0.35)) return {"process", "--linger", fmt::format("{}s", dice.between(1, 5))};
  if (dice.chance(0.2)) return {"process", "--limit", std::to_string(dice.between(1, 10))};
  return {"process"};
}

}  // namespace

Seat::Seat(const Arena& arena, int host, Dice& dice)
    : arena_(arena), host_(host), dice_(dice), start_at_(Clock::now()) {}

std::string Seat::tend(bool may_start) {
  if (!run_) {
    if (may_start && Clock::now() >= start_at_) start();
    return "";
  }
  if (run_->running()) {
    if (Clock::now() < end_by_ || frozen()) return "";
    end_by_ = Clock::time_point::max();
    return fmt::format("run {} of host-{} does not end: {}", run_->pid(), host_, run_->err());
  }
  const auto said = fault(run_->wait());
  run_.reset();
  thaw_at_.reset();
  start_at_ = Clock::now() + dice_.pause(80ms);
  return said;
}

void Seat::start() {
  run_.emplace(arena_.start(host_, draw_arguments(dice_)));
  sent_.clear();
  end_by_ = Clock::now() + patience;
  doom_.reset();
  if (dice_.chance(0.12)) doom_ = Clock::now() + dice_.pause(60ms);
}

void Seat::signal(int number) {
  sent_.insert(number);
  run_->kill(number);
}

void Seat::freeze(Clock::time_point until) {
  frozen_at_ = Clock::now();
  thaw_at_ = until;
  signal(SIGSTOP);
}

void Seat::thaw() {
  thaw_at_.reset();
  end_by_ = Clock::now() + patience;
  signal(SIGCONT);
}

// A signal may come before the run is ready for it.
std::string Seat::fault(const test::ProcessResult& end) const {
  const bool expected = end.signal != 0 ? sent_.contains(end.signal)
                                        : end.exit_code == 0 || end.exit_code == 75 ||
                                              sent_.contains(end.exit_code - 128);
  if (expected) return "";
  return fmt::format("a run of host-{} ended with {}: {}", host_,
                     end.signal != 0 ? fmt::format("signal {}", end.signal)
                                     : fmt::format("exit code {}", end.exit_code),
                     end.err);
}

}  // namespace schedctl::chaos
