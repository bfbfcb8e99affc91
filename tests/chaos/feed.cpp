#include "chaos/feed.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace schedctl::chaos {
namespace {

using nlohmann::json;

constexpr int enough = 80;
constexpr int most_at_once = 20;
constexpr std::size_t recent_jobs = 200;

std::string draw_group(Dice& dice, const char* prefix, int groups) {
  return fmt::format("{}{}", prefix, dice.between(1, groups));
}

void draw_end(Dice& dice, std::string& plan) {
  if (dice.chance(0.03)) plan += " doze";
  if (dice.chance(0.03)) plan += " code=65";
  if (dice.chance(0.03)) plan += " code=99";
  if (!dice.chance(0.25)) return;
  plan += " code=1";
  if (dice.chance(0.8)) plan += fmt::format(" fails={}", dice.between(1, 2));
}

json witnessed(Dice& dice) {
  json job{{"job_type", dice.chance(0.15) ? "limited" : "plain"}};
  const bool slow = dice.chance(0.012), late = !slow && dice.chance(0.03);
  const int work = slow ? dice.between(2000, 9000) : late ? 2000 : dice.between(1, 200);
  auto plan = fmt::format("work={}", work);
  if (dice.chance(0.4)) {
    // Slow ones in groups of their own, or the others would wait for them most of the time.
    const auto group = slow ? draw_group(dice, "slow-", 12) : draw_group(dice, "g", 8);
    job["group_key"] = group;
    plan += " group=" + group;
  }
  draw_end(dice, plan);
  if (dice.chance(0.12)) plan += " child";
  if (dice.chance(0.1)) plan += " deaf";
  if (late) job["timeout_ms"] = 300;
  job["payload"] = {{"plan", plan}};
  return job;
}

json noop(Dice& dice) {
  json job{{"job_type", "noop"}};
  if (dice.chance(0.5)) job["group_key"] = draw_group(dice, "g", 8);
  return job;
}

json effect(Dice& dice) {
  return {{"job_type", "effect"}, {"payload", {{"seconds", dice.between(0, 200) / 1000.0}}}};
}

}  // namespace

std::string draw_job(Dice& dice) {
  constexpr std::array likely{82, 8, 10};
  const auto kind = dice.weighted(likely);
  json job = kind == 0 ? witnessed(dice) : kind == 1 ? noop(dice) : effect(dice);
  if (dice.chance(0.05)) job["unique_key"] = draw_group(dice, "u", 5);
  if (dice.chance(0.3)) job["priority"] = dice.between(0, 9);
  return job.dump();
}

std::vector<std::string> draw_enqueue(Dice& dice) {
  const auto job = witnessed(dice);
  std::vector<std::string> arguments{"enqueue", job["job_type"], "--payload",
                                     job["payload"].dump()};
  if (job.contains("group_key")) arguments.insert(arguments.end(), {"--group", job["group_key"]});
  if (job.contains("timeout_ms"))
    arguments.insert(arguments.end(), {"--timeout", job["timeout_ms"].dump() + "ms"});
  return arguments;
}

void Feed::top_up(Arena& arena) {
  const auto waiting =
      arena.ask("select count(*) from job_queue where status in ('pending', 'running')");
  if (!waiting) return;
  const int missing = std::min(enough - (*waiting)[0][0].as<int>(), most_at_once);
  if (missing <= 0) return;
  std::string jobs = "[";
  for (int i = 0; i < missing; ++i) jobs += (i > 0 ? "," : "") + draw_job(dice_);
  const auto stored = arena.ask("select id from enqueue_many($1)", {jobs + "]"});
  if (!stored) return;  // whether it took effect is unknown
  for (const auto& row : *stored) acknowledge(row[0].as<JobId>());
}

void Feed::acknowledge(JobId job) {
  acknowledged_.insert(job);
  recent_.push_back(job);
  if (recent_.size() > recent_jobs) recent_.pop_front();
}

JobId Feed::recent() { return recent_.empty() ? 0 : dice_.pick(recent_); }

}  // namespace schedctl::chaos
