#include "schedule/simulate.h"

#include <algorithm>
#include <map>

#include "schedule/definition.h"
#include "schedule/step.h"

namespace schedctl::schedule {
namespace {

constexpr std::chrono::microseconds moment(1);

struct State {
  const SimulatedDefinition* definition;
  std::optional<Time> next;
  std::optional<Time> waiting_since;
  std::optional<Time> look_at;
  std::optional<std::pair<Time, Time>> pause;  // that is not accounted for
  int waiting = 0;                             // jobs
  int running = 0;
  std::string last_status = "completed";

  bool unfinished() const { return waiting + running > 0; }
  // When the planner has to look.
  std::optional<Time> due() const {
    if (!next) return std::nullopt;
    Time at = std::max(*next, look_at.value_or(*next));
    if (pause && *next >= pause->first) at = std::max(at, pause->second);
    return at;
  }
};

struct Job {
  State* state;
  Time slot;
  Time due_at;
};

struct Run {
  State* state;
  std::size_t index;  // in Simulated::runs
};

class Simulator {
 public:
  Simulator(const Simulation& simulation, std::size_t most)
      : simulation_(simulation), most_(most), now_(simulation.from) {
    for (const auto& definition : simulation.definitions) {
      State state{&definition, {}, {}, {}, definition.pause};
      if (definition.schedule)
        if (const auto slot = next_slot(*definition.schedule, simulation.from - moment))
          state.next = slot->utc;
      states_.push_back(std::move(state));
    }
    for (auto& state : states_) order_.push_back(&state);
    std::ranges::stable_sort(order_, std::greater<>(),
                             [](const State* state) { return state->definition->priority; });
  }

  Simulated run() {
    while (now_ < simulation_.to && !is_full()) {
      plan(end_runs());
      if (end_runs()) plan(true);  // those that were cancelled
      start();
      const auto next = next_event();
      if (!next) break;
      now_ = *next;
    }
    result_.never_started = static_cast<long>(jobs_.size());
    result_.complete = !is_full();
    return std::move(result_);
  }

 private:
  bool is_full() const { return result_.runs.size() + result_.gaps.size() >= most_; }

  // Somebody is there to plan and claim at once only while a run of schedctl is at work.
  Time when_noticed(Time at) const {
    if (simulation_.tick.count() == 0 || !running_.empty()) return std::max(at, now_ + moment);
    const auto grid = std::chrono::microseconds(simulation_.tick);
    const auto rest = std::max(at, now_ + moment).time_since_epoch() % grid;
    return std::max(at, now_ + moment) + (rest.count() == 0 ? rest : grid - rest);
  }

  std::optional<Time> next_event() const {
    std::optional<Time> next;
    const auto add = [&](Time at) { next = std::min(next.value_or(at), at); };
    for (const auto& state : states_)
      if (const auto due = state.due(); due && *due < simulation_.to) add(when_noticed(*due));
    for (const auto& job : jobs_)
      if (job.due_at > now_) add(when_noticed(job.due_at));
    for (const auto& run : running_) add(result_.runs[run.index].ends_at);
    return next;
  }

  bool end_runs() {
    const auto over = [&](const Run& run) {
      const auto& shown = result_.runs[run.index];
      if (shown.ends_at > now_) return false;
      --run.state->running;
      run.state->last_status = shown.cancelled ? "cancelled" : "completed";
      return true;
    };
    return std::erase_if(running_, over) > 0;
  }

  Dependencies dependencies() const {
    std::map<std::string, Dependencies::State> states;
    for (const auto& state : states_) {
      const auto due = state.due();
      states[state.definition->name] = {true, (due && *due <= now_) || state.waiting_since,
                                        state.unfinished(), state.last_status};
    }
    return Dependencies(std::move(states));
  }

  // `eager`: something has ended, for which others may have waited.
  void plan(bool eager) {
    const auto states = dependencies();
    std::vector<std::pair<State*, Step>> steps;
    for (auto* state : order_) {
      const auto due = state->due();
      const bool waits = eager && state->waiting_since && !state->pause;
      if (!due || (*due > now_ && !waits)) continue;
      Due one;
      one.name = state->definition->name;
      one.schedule = *state->definition->schedule;
      one.policies = state->definition->policies;
      one.slots.from = *state->next;
      one.slots.now = std::min(now_, simulation_.to - moment);
      one.slots.pause = state->pause;
      one.slots.waiting_since = state->waiting_since;
      one.unfinished = state->unfinished();
      steps.emplace_back(state, step(std::move(one), states));
    }
    for (auto& [state, taken] : steps) take(*state, taken);
  }

  void take(State& state, Step& taken) {
    state.waiting_since = taken.waiting_since;
    state.look_at = taken.look_at;
    if (taken.waiting_since) return;
    if (taken.cancels) cancel(state);
    state.next = taken.next_run;
    if (state.pause && state.pause->second <= now_) state.pause.reset();
    for (auto& gap : taken.verdict.gaps)
      result_.gaps.push_back({state.definition->name, now_, std::move(gap)});
    const auto delay = delay_of(state.definition->name, state.definition->policies.jitter);
    for (const auto slot : taken.verdict.runs) {
      jobs_.push_back({&state, slot, slot + delay});
      ++state.waiting;
    }
  }

  void cancel(State& state) {
    std::erase_if(jobs_, [&](const Job& job) { return job.state == &state; });
    state.waiting = 0;
    for (const auto& run : running_) {
      auto& shown = result_.runs[run.index];
      if (run.state != &state || shown.ends_at <= now_) continue;
      shown.ends_at = now_;
      shown.cancelled = true;
    }
  }

  int running_of(const auto& matches) const {
    return static_cast<int>(std::ranges::count_if(
        running_, [&](const Run& run) { return matches(*run.state->definition); }));
  }

  bool may_start(const Job& job) const {
    const auto& definition = *job.state->definition;
    if (job.due_at > now_) return false;
    if (definition.limit && job.state->running >= *definition.limit) return false;
    if (!definition.group.empty() &&
        running_of([&](const auto& other) { return other.group == definition.group; }) > 0)
      return false;
    for (const auto& [type, limit] : simulation_.type_limits)
      if (type == definition.handler &&
          running_of([&](const auto& other) { return other.handler == type; }) >= limit)
        return false;
    return true;
  }

  // As jobs are claimed: the more urgent first, then those that are longest overdue.
  void start() {
    std::ranges::stable_sort(jobs_, {}, [](const Job& job) {
      return std::pair(-job.state->definition->priority, job.due_at);
    });
    std::vector<Job> left;
    for (const auto& job : jobs_) {
      if (static_cast<int>(running_.size()) >= simulation_.places || !may_start(job)) {
        left.push_back(job);
        continue;
      }
      const auto& definition = *job.state->definition;
      --job.state->waiting;
      ++job.state->running;
      running_.push_back({job.state, result_.runs.size()});
      result_.runs.push_back({definition.name, job.slot, now_, now_ + definition.duration});
    }
    jobs_ = std::move(left);
  }

  const Simulation& simulation_;
  const std::size_t most_;
  Time now_;
  std::vector<State> states_;
  std::vector<State*> order_;  // the more urgent first
  std::vector<Job> jobs_;      // that wait
  std::vector<Run> running_;
  Simulated result_;
};

}  // namespace

Simulated simulate(const Simulation& simulation, std::size_t most) {
  return Simulator(simulation, most).run();
}

}  // namespace schedctl::schedule
