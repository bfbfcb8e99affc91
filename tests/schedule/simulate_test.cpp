#include "schedule/simulate.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "schedule/pretend.h"
#include "schedule/schedules.h"
#include "support/planning.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;
using Overlap = Policies::Overlap;

Time at(const std::string& text) { return parse_time("2026-03-10T" + text + "Z"); }
std::string clock(Time time) { return format_utc(time).substr(11, 5); }

SimulatedDefinition definition(const std::string& name, const std::string& expression,
                               Duration duration = 0s) {
  SimulatedDefinition one;
  one.name = name;
  one.handler = "h";
  one.schedule = cron(expression);
  one.duration = duration;
  one.limit = 1;
  return one;
}

Simulation between(const std::string& from, const std::string& to,
                   std::vector<SimulatedDefinition> definitions) {
  return {std::move(definitions), at(from), at(to), 1min, 3, {}};
}

// "a 12:00-12:25", in the order of their starts, and what is skipped behind them.
Texts simulated(const Simulation& simulation) {
  const auto result = simulate(simulation, 1000);
  Texts texts;
  for (const auto& run : result.runs)
    texts.push_back(fmt::format("{} {}-{}{}", run.definition, clock(run.starts_at),
                                clock(run.ends_at), run.cancelled ? " cancelled" : ""));
  for (const auto& gap : result.gaps)
    texts.push_back(fmt::format("{} {} {} {}", gap.definition, name_of(gap.gap.reason),
                                gap.gap.slots.count, clock(gap.gap.slots.first)));
  return texts;
}

}  // namespace

TEST_SUITE("schedule::simulate") {
  TEST_CASE("slots run at their times, from the first instant to before the last") {
    CHECK(simulated(between("10:00:00", "12:00:00", {definition("a", "0 * * * *", 5min)})) ==
          Texts{"a 10:00-10:05", "a 11:00-11:05"});
    CHECK(simulated(between("10:00:01", "10:59:59", {definition("a", "0 * * * *")})).empty());
  }

  TEST_CASE("a run that outlasts its next slots is shown by what is skipped, queued or cancelled") {
    auto one = definition("a", "*/10 * * * *", 25min);
    CHECK(simulated(between("10:00:00", "10:40:00", {one})) ==
          Texts{"a 10:00-10:25", "a 10:30-10:55", "a overlap 1 10:10", "a overlap 1 10:20"});
    one.policies.overlap = Overlap::queue;
    CHECK(simulated(between("10:00:00", "10:40:00", {one})) ==
          Texts{"a 10:00-10:25", "a 10:25-10:50"});
    one.policies.overlap = Overlap::cancel;
    CHECK(simulated(between("10:00:00", "10:30:00", {one})) ==
          Texts{"a 10:00-10:10 cancelled", "a 10:10-10:20 cancelled", "a 10:20-10:45"});
    one.policies.overlap = Overlap::allow;
    one.limit.reset();
    CHECK(simulated(between("10:00:00", "10:30:00", {one})) ==
          Texts{"a 10:00-10:25", "a 10:10-10:35", "a 10:20-10:45"});
  }

  TEST_CASE("places, groups and limits of handlers make runs wait, the less urgent longer") {
    auto low = definition("low", "0 * * * *", 10min), high = definition("high", "0 * * * *", 10min);
    high.priority = 9;
    auto simulation = between("10:00:00", "10:50:00", {low, high});
    CHECK(simulated(simulation) == Texts{"high 10:00-10:10", "low 10:00-10:10"});
    simulation.places = 1;
    const Texts one_after_the_other{"high 10:00-10:10", "low 10:10-10:20"};
    CHECK(simulated(simulation) == one_after_the_other);
    simulation.places = 3;
    simulation.type_limits = {{"h", 1}};
    CHECK(simulated(simulation) == one_after_the_other);
    simulation.type_limits.clear();
    for (auto& one : simulation.definitions) one.group = "g";
    CHECK(simulated(simulation) == one_after_the_other);
    simulation.to = at("10:05:00");
    CHECK(simulate(simulation, 1000).never_started == 1);
  }

  TEST_CASE("a dependant starts when its dependency has ended, or is skipped") {
    auto backup = definition("backup", "0 * * * *", 10min),
         report = definition("report", "0 * * * *");
    report.policies.depends_on = {"backup"};
    CHECK(simulated(between("10:00:00", "10:50:00", {backup, report})) ==
          Texts{"backup 10:00-10:10", "report 10:10-10:10"});
    report.policies.dependency_timeout = 5min;
    CHECK(simulated(between("10:00:00", "10:50:00", {backup, report})) ==
          Texts{"backup 10:00-10:10", "report dependency 1 10:00"});
  }

  TEST_CASE("what falls into a pause is skipped; without an end nothing runs") {
    auto one = definition("a", "0 * * * *");
    one.pause = {at("10:30:00"), at("12:30:00")};
    CHECK(simulated(between("10:00:00", "13:30:00", {one})) ==
          Texts{"a 10:00-10:00", "a 13:00-13:00", "a paused 2 11:00"});
    one.pause = {at("10:30:00"), slots_end};
    CHECK(simulated(between("11:00:00", "13:30:00", {one})).empty());
  }

  TEST_CASE("runs of schedctl that are far apart plan late; one that lingers plans each slot") {
    auto seconds = definition("a", "*/20 * * * * *");
    auto simulation = between("10:00:00", "10:02:00", {seconds});
    CHECK(simulate(simulation, 1000).runs.size() == 2);
    CHECK(simulate(simulation, 1000).gaps.size() == 1);
    simulation.tick = 0s;
    CHECK(simulate(simulation, 1000).runs.size() == 6);
    CHECK(simulate(simulation, 4).runs.size() == 4);
    CHECK_FALSE(simulate(simulation, 4).complete);
  }
}

TEST_SUITE("schedule::simulate [db]") {
  TEST_CASE("pretend time is planned as real time is") {
    test::Planning here;
    std::string toml;
    const auto add = [&](const std::string& name, const std::string& keys) {
      toml += fmt::format("[job.{}]\nhandler = \"noop\"\ntimezone = \"Europe/Berlin\"\n{}\n", name,
                          keys);
    };
    add("a", "cron = \"*/7 * * * *\"");
    add("b", "every = \"17m\"\noffset = \"5m\"\nmisfire = \"all\"");
    add("c", "every = \"90s\"\nmisfire = \"skip\"");
    add("d", "cron = \"30 * * * *\"\njitter = \"5m\"\npriority = 9");
    const Time from = parse_time("2026-03-28T23:00:00Z"), to = from + 3h;
    here.declare(toml, from - 1us);
    auto connection = here.database.connect();
    db::Transaction tx(connection);
    Simulation simulation;
    const auto pretended = pretend(tx, here.zones, 0s, 0s);
    simulation.definitions = pretended.definitions;
    simulation.from = from;
    simulation.to = to;

    const auto result = simulate(simulation, 10'000);
    for (Time now = from; now < to; now += 1min) {
      here.plan(now);
      for (const auto* name : {"a", "b", "c", "d"}) here.finish(name);
    }

    std::map<std::string, std::string> slots;
    for (const auto& run : result.runs)
      slots[run.definition] += format_utc(run.slot).substr(11, 8) + " ";
    REQUIRE(slots.size() == 4);
    for (auto& [name, text] : slots) {
      text.pop_back();
      CHECK(text ==
            here.database.value(
                "select string_agg(to_char(j.slot at time zone 'UTC', 'HH24:MI:SS'), ' ' order by "
                "j.slot) "
                "from jobs j join job_definitions d on d.id = j.definition_id where d.name = $1",
                {name}));
    }
    CHECK(std::to_string(result.gaps.size()) ==
          here.database.value("select count(*) from job_executions where job_queue_id is null"));
  }

  TEST_CASE("runs take what they usually took, or what is said") {
    test::Planning here;
    here.declare(
        "[job.a]\nhandler = \"noop\"\nevery = \"1h\"\n[job.b]\nhandler = \"noop\"\nevery = "
        "\"1h\"\n",
        at("10:00:00"));
    for (const int ms : {100, 5000, 7000})
      here.database.query(
          "insert into job_executions (id, job_queue_id, job_definition_id, job_type, status, "
          "finished_at, attempt, "
          "duration_ms) select nextval('execution_ids'), $1, id, 'noop', 'completed', now(), 1, $1 "
          "from job_definitions where name = 'a'",
          {ms});
    auto connection = here.database.connect();
    db::Transaction tx(connection);

    const auto usual = pretend(tx, here.zones, {}, 1s), said = pretend(tx, here.zones, 3s, 1s);

    REQUIRE(usual.definitions.size() == 2);
    CHECK(usual.definitions[0].duration == 5s);
    CHECK(usual.definitions[1].duration == 1s);
    CHECK(usual.unknown_duration == Texts{"b"});
    CHECK(said.definitions[0].duration == 3s);
    CHECK(said.unknown_duration.empty());
  }
}

}  // namespace schedctl::schedule
