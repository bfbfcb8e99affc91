#include "schedule/declare.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <set>

#include "support/planning.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::Planning;

namespace {

Time at(const std::string& clock) { return parse_time("2026-03-10T" + clock + "Z"); }

std::string definition(const std::string& name, const std::string& keys) {
  return fmt::format("[job.{}]\nhandler = \"noop\"\n{}\n", name, keys);
}

std::string hourly(const std::string& keys = "") {
  return definition("a", "cron = \"0 * * * *\"\ntimezone = \"UTC\"\n" + keys);
}

}  // namespace

TEST_SUITE("schedule::declare [db]") {
  TEST_CASE("the database knows of a definition all that a planner needs, on any host") {
    Planning here;

    const auto declared = here.declare(
        "[handler.h]\ntype = \"command\"\nargv = [\"true\"]\n[job.a]\nhandler = \"h\"\ndescription "
        "= \"d\"\n"
        "cron = { hour = 2, minute = \"0,30\" }\ntimezone = \"Europe/Berlin\"\npayload = { n = 1 "
        "}\npriority = 9\n"
        "timeout = \"5m\"\nmax_retries = 2\nmisfire = \"all\"\noverlap = \"queue\"\ngroup = "
        "\"g\"\n",
        at("12:00:00"));

    CHECK(declared.written == 1);
    CHECK(declared.left_out.empty());
    CHECK(here.database.value("select concat_ws('|', handler, description, schedule, timezone, "
                              "payload, priority, timeout_ms, "
                              "max_retries, concurrency_limit, is_active, next_run_at = "
                              "'2026-03-11 01:00+00', last_slot, "
                              "policies ->> 'misfire', policies ->> 'overlap', policies ->> "
                              "'group') from job_definitions") ==
          "h|d|hour = 2, minute = 0,30|Europe/Berlin|{\"n\":1}|9|300000|2|1|t|t|all|queue|g");
    CHECK(here.database.value("select concat(definition, host) from declarations") == "aa");
    here.plan(parse_time("2026-03-11T01:00:00Z"));
    CHECK(here.jobs("a") == "01:00:00");
  }

  TEST_CASE("every change of a file changes its hash, and nothing else does") {
    test::ConfigFolder folder;
    schedule::Zones zones;
    const auto hash = [&](const std::string& toml) {
      const auto config = folder.load(toml);
      return schedule::Declarations(config.definitions, zones).hash();
    };

    CHECK(hash("") == "");
    CHECK(hash(hourly()) == hash("# a comment\n" + hourly() + "\n[retry]\nmax_retries = 9\n"));
    std::set<std::string> hashes{hash(hourly())};
    for (const auto* keys :
         {"priority = 6", "enabled = false", "error_threshold = 3", "jitter = \"1s\"",
          "description = \"x\"", "payload = { a = 1 }", "first_run = \"now\""})
      hashes.insert(hash(hourly(keys)));
    hashes.insert(hash(definition("b", "cron = \"0 * * * *\"\ntimezone = \"UTC\"\n")));
    hashes.insert(hash(definition("a", "cron = \"0 * * * *\"\ntimezone = \"Asia/Tokyo\"\n")));
    CHECK(hashes.size() == 10);
  }

  TEST_CASE(
      "a changed schedule begins after the change; what was due before is one skipped execution") {
    Planning here;
    here.declare(hourly(), at("08:30:00"));

    here.declare(definition("a", "cron = \"15 * * * *\"\ntimezone = \"UTC\"\n"), at("11:20:00"));
    CHECK(here.plan(at("12:14:59")).definitions == 0);
    here.plan(at("12:15:00"));

    CHECK(here.gaps("a") == "changed 3 09:00:00-11:00:00");
    CHECK(here.jobs("a") == "12:15:00");
  }

  TEST_CASE("a change of anything else leaves what is due to be planned, the new way") {
    Planning here;
    here.declare(hourly(), at("08:30:00"));

    here.declare(hourly("priority = 8\nmisfire = \"all\""), at("11:20:00"));
    here.plan(at("11:20:01"));

    CHECK(here.jobs("a") == "09:00:00 10:00:00 11:00:00");
    CHECK(here.gaps("a") == "");
    CHECK(here.database.value("select min(priority) from job_queue") == "8");
  }

  TEST_CASE("a schedule that is changed back and forth never gives a slot twice") {
    Planning here;
    here.declare(hourly("overlap = \"allow\""), at("08:30:00"));
    here.plan(at("09:00:00"));
    here.declare(hourly("overlap = \"allow\"\nstart = 2026-03-10T00:00:00Z"), at("09:00:00"));
    here.plan(at("09:00:01"));
    here.declare(hourly("overlap = \"allow\""), at("08:59:00"));  // the clock went back, too
    here.plan(at("09:00:00"));
    here.plan(at("10:00:00"));

    CHECK(here.jobs("a") == "09:00:00 10:00:00");
  }

  TEST_CASE("a disabled definition is declared and not planned; enabled again it starts afresh") {
    Planning here;
    here.declare(hourly(), at("08:30:00"));
    here.declare(hourly("enabled = false"), at("10:30:00"));
    CHECK(here.of("a", "is_active::text || coalesce(next_run_at::text, '')") == "false");
    CHECK(here.gaps("a") == "disabled 2 09:00:00-10:00:00");
    CHECK(here.plan(at("12:00:00")).definitions == 0);

    here.declare(hourly(), at("14:30:00"));
    here.plan(at("15:00:00"));

    CHECK(here.jobs("a") == "15:00:00");
    CHECK(here.gaps("a") == "disabled 2 09:00:00-10:00:00");
  }

  TEST_CASE("a definition that no host declares any more is retired, and its history stays") {
    Planning here;
    here.declare(hourly(), at("08:30:00"), "x");
    here.declare(hourly(), at("08:31:00"), "y");
    here.plan(at("09:00:00"));
    here.finish("a");

    CHECK(here.declare("", at("09:30:00"), "x").retired == 0);
    here.plan(at("10:00:00"));
    CHECK(here.jobs("a") == "09:00:00 10:00:00");
    CHECK(here.declare("", at("11:30:00"), "y").retired == 1);

    CHECK(here.plan(at("12:00:00")).definitions == 0);
    CHECK(here.of("a", "is_active") == "f");
    CHECK(here.gaps("a") == "retired 1 11:00:00-11:00:00");
    CHECK(here.jobs("a") == "09:00:00 10:00:00");
    here.declare(hourly(), at("12:30:00"), "x");
    CHECK(here.of("a", "is_active") == "t");
  }

  TEST_CASE(
      "a host that was not heard of for 30 days declares nothing any more, until it comes back") {
    Planning here;
    here.declare(hourly(), at("08:30:00"), "lost");
    here.declare(definition("b", "every = \"1d\"") + hourly(), at("08:30:00"), "other");
    here.declare(definition("b", "every = \"1d\""), at("08:31:00"), "other");
    here.database.query("update hosts set last_tick_at = $1::timestamptz - interval '30 days'",
                        {at("11:30:00")});
    here.database.query("update hosts set last_tick_at = $1::timestamptz where host = 'other'",
                        {at("11:30:00")});
    auto connection = here.database.connect(db::Session::claiming);
    db::Transaction tx(connection);
    CHECK(schedule::upkeep(tx, here.zones, at("11:29:59")).forgotten.empty());

    const auto done = schedule::upkeep(tx, here.zones, at("11:30:01"));
    tx.commit();

    CHECK(done.forgotten == std::vector<std::string>{"lost"});
    CHECK(done.retired == 1);
    CHECK(here.gaps("a") == "retired 3 09:00:00-11:00:00");
    CHECK(here.of("b", "is_active") == "t");
    CHECK(here.database.value("select definitions_hash from hosts where host = 'lost'") == "");
    here.declare(hourly(), at("12:30:00"), "lost");
    CHECK(here.of("a", "is_active") == "t");
  }

  TEST_CASE("of two hosts with different files the one that was changed last is followed") {
    Planning here;
    here.declare(hourly("priority = 1"), at("08:00:00"), "x");
    const auto first = here.declare(hourly("priority = 2"), at("08:01:00"), "y");
    CHECK(here.of("a", "priority") == "2");
    REQUIRE(first.differing.size() == 1);
    CHECK(first.differing[0] == std::pair<std::string, std::string>("a", "x"));

    // Not changed: not fought over, and not reported again.
    const auto again = here.declare(hourly("priority = 1"), at("08:02:00"), "x");
    CHECK(again.written == 0);
    CHECK(again.differing.empty());
    CHECK(here.of("a", "priority") == "2");

    here.declare(hourly("priority = 3"), at("08:03:00"), "x");
    CHECK(here.of("a", "priority") == "3");
    CHECK(here.declare(hourly("priority = 3"), at("08:04:00"), "y").differing.empty());
  }

  TEST_CASE("when nobody declares any more what is in force, the others' declaration is followed") {
    Planning here;
    here.declare(hourly("priority = 1"), at("08:00:00"), "x");
    here.declare(hourly("priority = 2"), at("08:01:00"), "y");
    CHECK(here.database.value("select definitions_hash = 'again' from hosts where host = 'x'") ==
          "f");

    here.declare("", at("08:02:00"), "y");
    CHECK(here.of("a", "priority::text || is_active") == "2true");
    CHECK(here.database.value("select definitions_hash = 'again' from hosts where host = 'x'") ==
          "t");
    here.declare(hourly("priority = 1"), at("08:03:00"), "x");

    CHECK(here.of("a", "priority") == "1");
  }

  TEST_CASE(
      "a definition that cannot be used is left out with its reason, and the others are not") {
    Planning here;
    const auto declared = here.declare(
        hourly() + definition("zone", "cron = \"0 * * * *\"\ntimezone = \"Moon/Tycho\"") +
            definition("second", "at = \"2026-12-31T23:59:60Z\"") +
            definition("never", "cron = \"0 0 31 2 *\"") +
            definition("past", "at = 2020-01-01T00:00:00Z") +
            definition("far", "at = 2100-01-01T00:00:00Z") +
            definition("large", "cron = \"0 * * * *\"\npayload = { text = \"0123456789\" }"),
        at("08:30:00"));

    CHECK(declared.written == 2 + 1);
    std::map<std::string, schedule::LeftOut> out;
    for (const auto& one : declared.left_out) out[one.name] = one;
    REQUIRE(out.size() == 4);
    CHECK(out["zone"].why.find("schedctl.toml:") != std::string::npos);
    CHECK(out["zone"].why.find("job.zone.timezone: \"Moon/Tycho\" is unknown") !=
          std::string::npos);
    CHECK(out["second"].why.find("23:59:60") != std::string::npos);
    CHECK(out["never"].why.find("cron") != std::string::npos);
    CHECK(out["past"].for_good);
    CHECK_FALSE(out["zone"].for_good);
    CHECK(here.database.value("select definitions_hash like '% incomplete' from hosts") == "t");
    CHECK(here.of("far", "next_run_at = '2100-01-01'") == "t");
    here.plan(at("09:00:00"));
    CHECK(here.jobs("a") == "09:00:00");

    here.database.query("update settings set value = '10' where key = 'payload_limit'");
    const auto less = here.declare(
        definition("large", "cron = \"0 * * * *\"\npayload = { text = \"0123456789\" }"),
        at("09:30:00"), "other");
    REQUIRE(less.left_out.size() == 1);
    CHECK(less.left_out[0].why.find("job.large: payload") == 0);
  }

  TEST_CASE("what is declared once keeps its single run, and does not get another") {
    Planning here;
    const auto once = definition("once", "at = 2026-03-10T09:00:00Z");
    here.declare(once, at("08:30:00"));
    here.plan(at("09:00:30"));
    CHECK(here.jobs("once") == "09:00:00");
    CHECK(here.of("once", "next_run_at") == "");
    here.finish("once");

    CHECK(here.declare(once, at("10:00:00")).left_out.empty());
    CHECK(here.declare(once, at("10:00:00"), "new").left_out.empty());
    CHECK(here.plan(at("11:00:00")).definitions == 0);
    CHECK(here.jobs("once") == "09:00:00");
  }

  TEST_CASE("first_run: one extra run when a name is first seen, ever") {
    Planning here;
    CHECK(here.declare(hourly("first_run = \"now\""), at("08:30:00")).jobs == 1);
    CHECK(here.declare(hourly("first_run = \"now\""), at("08:31:00"), "other").jobs == 0);
    here.declare("", at("08:32:00"));
    here.declare("", at("08:32:00"), "other");
    CHECK(here.declare(hourly("first_run = \"now\""), at("08:33:00")).jobs == 0);

    CHECK(here.database.value(
              "select concat(count(*), max(slot), bool_and(limited)) from job_queue") == "1t");
  }

  TEST_CASE("@reboot: one run for each start of each host that declares it") {
    Planning here;
    const auto toml = definition("boot", "cron = \"@reboot\"");
    CHECK(here.declare(toml, at("08:00:00"), "x", "boot-1").jobs == 1);
    CHECK(here.declare(toml, at("08:00:00"), "y", "boot-a").jobs == 0);  // the first is not over
    here.finish("boot");
    CHECK(here.declare(toml, at("08:01:00"), "x").jobs == 0);
    CHECK(here.declare(toml, at("09:00:00"), "x", "boot-2").jobs == 1);
    here.finish("boot");
    here.database.query("select pause_definition('boot')");
    CHECK(here.declare(toml, at("10:00:00"), "x", "boot-3").jobs == 0);

    CHECK(here.gaps("boot") == "overlap 1 08:00:00-08:00:00, paused 1 10:00:00-10:00:00");
    CHECK(here.database.value("select boot_id from hosts where host = 'x'") == "boot-3");
  }

  TEST_CASE("a pause belongs to the database, whatever files say") {
    Planning here;
    here.declare(hourly(), at("08:30:00"));
    here.database.query("select pause_definition('a', reason => 'r')");
    here.declare(hourly("priority = 8"), at("08:40:00"));
    here.declare("", at("08:41:00"));
    here.declare(hourly(), at("08:42:00"));

    CHECK(here.of("a", "paused_since is not null and pause_reason = 'r'") == "t");
  }

  TEST_CASE("ten thousand definitions are handed over at once") {
    Planning here;
    std::string toml;
    for (int i = 0; i < 10000; ++i)
      toml +=
          definition(fmt::format("d{}", i), "cron = \"0 2 * * *\"\ntimezone = \"Europe/Berlin\"");
    CHECK(here.declare(toml, at("08:30:00")).written == 10000);
    CHECK(here.declare(toml, at("08:31:00")).written == 0);

    CHECK(here.database.value("select count(*) from declarations") == "10000");
  }
}
