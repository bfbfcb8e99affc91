#include "chaos/torment.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "util/process_tree.h"

namespace schedctl::chaos {
namespace {

using namespace std::chrono_literals;

constexpr auto usual_pause = 150ms;  // between two acts
constexpr auto feed_interval = 100ms;
constexpr auto longest_wait = 20ms;
constexpr auto between_crashes = 8s;
constexpr auto errand_patience = 60s;
constexpr auto drain_patience = 120s;
constexpr std::size_t seats_per_host = 2;
constexpr std::size_t most_frozen = 2;
// R10 is 0.4 s; more is left to a machine on which everything happens at once.
constexpr auto tree_patience = 3s;
// When renewals have stopped for 6 s reapers kill what they run; see R10.
constexpr auto frozen_patience = 6s + tree_patience;

bool is_stopped(pid_t pid) { return state_of(pid) == 'T'; }

}  // namespace

const std::vector<Torment::Act> Torment::acts = {
    {"kill a run", 20, &Torment::kill_run},
    {"kill a reaper", 10, &Torment::kill_reaper},
    {"stop a reaper", 5, &Torment::stop_reaper},
    {"freeze a run", 4, &Torment::freeze_run},
    {"SIGTERM", 5, &Torment::ask_to_end},
    {"SIGINT", 4, &Torment::interrupt},
    {"SIGINT twice", 4, &Torment::interrupt_twice},
    {"cut sessions", 10, &Torment::cut_sessions},
    {"crash the server", 3, &Torment::crash_server},
    {"job cancel", 10, &Torment::cancel_job},
    {"job retry", 10, &Torment::retry_job},
    {"enqueue", 6, &Torment::enqueue},
    {"pause", 2, &Torment::pause},
    {"resume", 2, &Torment::resume},
    {"cleanup-stuck", 4, &Torment::clean_up},
};

Torment::Torment(Arena& arena, std::uint64_t seed)
    : arena_(arena), dice_(seed), feed_dice_(seed + 1), feed_(feed_dice_) {
  for (std::size_t i = 0; i < hosts * seats_per_host; ++i)
    seats_.emplace_back(arena, static_cast<int>(i / seats_per_host), dice_);
}

void Torment::rage(std::chrono::seconds duration) {
  raging_ = true;
  const auto end = Clock::now() + duration;
  auto act_at = Clock::now() + 1s, feed_at = Clock::now();
  while (Clock::now() < end) {
    turn(std::min(act_at, feed_at));
    if (Clock::now() >= feed_at) {
      feed_.top_up(arena_);
      feed_at = Clock::now() + feed_interval;
    }
    if (Clock::now() < act_at) continue;
    act();
    act_at = Clock::now() + dice_.pause(usual_pause);
  }
  raging_ = false;
}

void Torment::calm() {
  const auto began = Clock::now();
  for (auto& seat : seats_) {
    seat.pardon();
    if (seat.frozen()) thaw(seat);
  }
  auto deadline = Clock::now() + drain_patience;
  while (!errands_.empty()) turn(deadline);
  arena_.insist("select resume()");
  const auto left = [&] {
    return arena_
        .insist("select count(*) from job_queue where status in ('pending', 'running')")[0][0]
        .as<int>();
  };
  for (auto look_at = Clock::now(); Clock::now() < deadline;) {
    turn(look_at);
    if (Clock::now() < look_at) continue;
    if (left() == 0) break;
    look_at = Clock::now() + feed_interval;
  }
  starting_ = false;
  deadline = Clock::now() + drain_patience;
  while (busy() && Clock::now() < deadline) turn(deadline);
  Ledger(arena_.folder()).sweep();
  toll_.calmed_in = Clock::now() - began;
}

void Torment::act() {
  std::vector<double> weights;
  for (const auto& one : acts) weights.push_back(one.weight);
  const auto& chosen = acts[dice_.weighted(weights)];
  if ((this->*chosen.perform)()) ++toll_.acts[chosen.name];
}

void Torment::note(const std::string& act, pid_t run, JobId job) {
  Record record;
  record.kind = Record::Kind::act;
  record.name = act;
  record.run = run;
  record.job = job;
  Ledger(arena_.folder()).append(record);
}

// One of the runs that fit.
Seat* Torment::some_run(const std::function<bool(Seat&)>& fit) {
  std::vector<Seat*> found;
  for (auto& seat : seats_)
    if (seat.run() && seat.run()->running() && !seat.spared() && fit(seat)) found.push_back(&seat);
  return found.empty() ? nullptr : dice_.pick(found);
}

std::vector<Ledger::Entry> Torment::handlers_of(pid_t run) const {
  auto entries = Ledger(arena_.folder()).roster();
  std::erase_if(entries,
                [&](const auto& entry) { return entry.run != run || !alive(entry.process); });
  return entries;
}

void Torment::kill(Seat& seat) {
  const auto pid = seat.pid();
  Dying dying;
  for (const auto& entry : handlers_of(pid)) dying.processes.push_back(entry.process);
  note(killed_run, pid);
  seat.signal(SIGKILL);
  dying.since = Clock::now();
  if (!dying.processes.empty()) dying_.push_back(std::move(dying));
}

bool Torment::kill_run() {
  auto* seat = some_run([](Seat&) { return true; });
  if (seat) kill(*seat);
  return seat;
}

std::vector<pid_t> Torment::reapers_of(pid_t run) {
  std::vector<pid_t> reapers;
  for (const pid_t child : children_of(run)) {
    std::string name;
    std::ifstream(fmt::format("/proc/{}/comm", child)) >> name;
    if (name == "schedctl-reaper") reapers.push_back(child);
  }
  return reapers;
}

bool Torment::kill_reaper() {
  auto* seat = some_run([](Seat& s) { return !s.frozen(); });
  if (!seat) return false;
  const auto reapers = reapers_of(seat->pid());
  if (reapers.empty()) return false;
  note("kill-reaper", seat->pid());
  ::kill(dice_.pick(reapers), SIGKILL);
  seat->spare(2s);
  return true;
}

// Whatever happens next to its run, but for being frozen: nobody would be left to act.
bool Torment::stop_reaper() {
  auto* seat = some_run([](Seat& s) { return !s.frozen(); });
  if (!seat) return false;
  const auto reapers = reapers_of(seat->pid());
  if (reapers.empty()) return false;
  note("stop-reaper", seat->pid());
  ::kill(dice_.pick(reapers), SIGSTOP);
  return true;
}

// Most for longer than their lease, some so shortly that nobody may notice.
bool Torment::freeze_run() {
  const auto frozen = std::ranges::count_if(seats_, [](const Seat& s) { return s.frozen(); });
  auto* seat = some_run([&](Seat& s) {
    return !s.frozen() && !handlers_of(s.pid()).empty() &&
           std::ranges::none_of(reapers_of(s.pid()), is_stopped);
  });
  if (!seat || static_cast<std::size_t>(frozen) >= most_frozen) return false;
  const int milliseconds =
      dice_.chance(0.7) ? dice_.between(15'500, 19'000) : dice_.between(100, 5000);
  note("freeze", seat->pid());
  seat->freeze(Clock::now() + std::chrono::milliseconds(milliseconds));
  return true;
}

void Torment::thaw(Seat& seat) {
  note("thaw", seat.pid());
  if (seat.frozen_for() > frozen_patience)
    for (const auto& entry : handlers_of(seat.pid()))
      blame("R5",
            fmt::format("process {} of execution {} outlives the renewals of its frozen run {}",
                        entry.process.pid, entry.execution, seat.pid()));
  seat.thaw();
}

bool Torment::ask_to_end() {
  auto* seat = some_run([](Seat&) { return true; });
  if (!seat) return false;
  note("SIGTERM", seat->pid());
  seat->signal(SIGTERM);
  return true;
}

bool Torment::interrupt() {
  auto* seat = some_run([](Seat&) { return true; });
  if (!seat) return false;
  note("SIGINT", seat->pid());
  seat->signal(SIGINT);
  return true;
}

bool Torment::interrupt_twice() {
  auto* seat = some_run([](Seat& s) { return !s.frozen(); });
  if (!seat) return false;
  note("SIGINT", seat->pid());
  seat->signal(SIGINT);
  second_signals_.push_back({Clock::now() + dice_.pause(100ms), seat->pid()});
  return true;
}

bool Torment::cut_sessions() {
  note("cut-sessions");
  const auto cut = arena_.ask(
      "select pg_terminate_backend(pid) from (select pid from pg_stat_activity "
      "where application_name = 'schedctl' and pid <> pg_backend_pid() "
      "order by random() limit $1) as chosen",
      {dice_.between(1, 3)});
  return cut && !cut->empty();
}

// One of its processes is killed, so the server ends all sessions and starts again.
bool Torment::crash_server() {
  if (Clock::now() < crash_again_at_) return false;
  const auto session = arena_.ask(
      "select pid from pg_stat_activity where backend_type = 'client backend' "
      "order by random() limit 1");
  if (!session || session->empty()) return false;
  note("crash-server");
  crash_again_at_ = Clock::now() + between_crashes;
  return ::kill((*session)[0][0].as<pid_t>(), SIGKILL) == 0;
}

bool Torment::cancel_job() {
  const auto job = feed_.recent();
  if (job == 0) return false;
  note("cancel", 0, job);
  send({"job", "cancel", std::to_string(job), "--reason", "chaos"});
  return true;
}

bool Torment::retry_job() {
  const auto dead = arena_.ask(
      "select id from job_queue where status in ('failed', 'timeout', 'cancelled') "
      "order by random() limit 1");
  if (!dead || dead->empty()) return false;
  note("retry", 0, (*dead)[0][0].as<JobId>());
  send({"job", "retry", (*dead)[0][0].c_str()});
  return true;
}

bool Torment::enqueue() {
  send(draw_enqueue(dice_));
  return true;
}

bool Torment::pause() {
  send({"pause", "--until", fmt::format("{}ms", dice_.between(300, 2000)), "--reason", "chaos"});
  return true;
}

bool Torment::resume() {
  send({"resume"});
  return true;
}

bool Torment::clean_up() {
  send({"cleanup-stuck", "--older-than", "2s"});
  return true;
}

void Torment::send(std::vector<std::string> arguments) {
  auto what = fmt::format("{}", fmt::join(arguments, " "));
  const bool enqueues = arguments[0] == "enqueue";
  const int host = dice_.between(0, hosts - 1);
  errands_.push_back({std::move(what), arena_.start(host, std::move(arguments)),
                      Clock::now() + errand_patience, enqueues});
}

void Torment::turn(Clock::time_point next) {
  tend_seats();
  tend_errands();
  send_second_signals();
  watch_the_dying();
  std::vector<const test::Process*> running;
  for (auto& seat : seats_)
    if (seat.run() && seat.run()->running()) running.push_back(seat.run());
  for (auto& errand : errands_)
    if (errand.process.running()) running.push_back(&errand.process);
  const auto wait = std::min<Clock::duration>(next - Clock::now(), longest_wait);
  test::wait_for_any(running, std::chrono::ceil<std::chrono::milliseconds>(wait));
}

void Torment::tend_seats() {
  for (auto& seat : seats_) {
    if (const auto fault = seat.tend(starting_); !fault.empty()) blame("I6", fault);
    if (!raging_ || !seat.run()) continue;
    if (seat.thaws_now()) thaw(seat);
    if (seat.doomed_now() && !seat.spared()) {
      seat.pardon();
      kill(seat);
      ++toll_.acts["kill a young run"];
    }
  }
}

void Torment::tend_errands() {
  for (auto& errand : errands_) {
    if (errand.process.running()) {
      if (Clock::now() < errand.end_by) continue;
      blame("I6", errand.what + " does not end");
      errand.process.kill(SIGKILL);
      errand.end_by = Clock::time_point::max();
      continue;
    }
    const auto end = errand.process.wait();
    if (end.exit_code != 0 && end.exit_code != 1 && end.exit_code != 75)
      blame("I7", fmt::format("{} ended with {}: {}", errand.what, end.exit_code, end.err));
    if (errand.enqueues && end.exit_code == 0) feed_.acknowledge(std::stoll(end.out));
    errand.what.clear();  // done
  }
  std::erase_if(errands_, [](const Errand& errand) { return errand.what.empty(); });
}

void Torment::send_second_signals() {
  std::erase_if(second_signals_, [&](const SecondSignal& second) {
    if (Clock::now() < second.at) return false;
    for (auto& seat : seats_)
      if (seat.pid() == second.pid && seat.run()->running()) seat.signal(SIGINT);
    return true;
  });
}

void Torment::watch_the_dying() {
  for (auto& dying : dying_) {
    std::erase_if(dying.processes, [](const ProcessId& process) { return !alive(process); });
    const auto lasted = Clock::now() - dying.since;
    if (dying.processes.empty()) toll_.tree_deaths.push_back(lasted);
    if (lasted < tree_patience || dying.processes.empty()) continue;
    blame("R10", fmt::format("process {} has outlived its run", dying.processes[0].pid));
    toll_.tree_deaths.push_back(lasted);
    dying.processes.clear();
  }
  std::erase_if(dying_, [](const Dying& dying) { return dying.processes.empty(); });
}

bool Torment::busy() {
  return std::ranges::any_of(seats_, [](Seat& seat) { return seat.run() != nullptr; });
}

void Torment::blame(const char* invariant, const std::string& what) {
  toll_.violations.push_back({invariant, 0, what});
}

}  // namespace schedctl::chaos
