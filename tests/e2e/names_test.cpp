// Names that are meant to confuse a program, a terminal or a shell.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

struct Name {
  std::string text;
  bool good;
};

const Name names[] = {
    {"it's \"quoted\" \\", true},
    {"--help", true},
    {"-x", true},
    {"%s%n%x", true},
    {"../../etc/passwd", true},
    {"$(touch canary)`touch canary`;touch canary", true},
    {"'; drop table job_queue; --", true},
    {"*", true},
    {"\xC3\xBC\xE2\x80\xAE\xF0\x9F\x98\x80", true},
    {std::string(200, 'n'), true},
    {"process", true},
    {" x ", true},
    {"a\nb", false},
    {"a\tb", false},
    {"a\x1b[31mb", false},
    {"a\x7f", false},
    {"a\xC2\x9B"
     "b",
     false},
    {"a\xff", false},
    {"", false},
    {std::string(10'000, 'n'), false},
};

std::string column_of_last(Host& host, const std::string& column) {
  return host.database.value("select " + column + " from job_queue order by id desc limit 1");
}

// Nothing in it can steer a terminal or break a line.
void check_harmless(const std::string& text) {
  const auto control = [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; };
  CHECK(std::none_of(text.begin(), text.end(), control));
  CHECK(text.find("\xE2\x80\xAE") == std::string::npos);
}

void check_stored_or_refused(Host& host, const Name& name,
                             const std::vector<std::string>& arguments, const std::string& column) {
  CAPTURE(name.text.substr(0, 100));
  CAPTURE(column);
  const int before = host.count("job_queue");
  const auto end = host.run(arguments);
  CAPTURE(end.err);
  if (name.good) {
    CHECK(end.exit_code == 0);
    CHECK(host.count("job_queue") == before + 1);
    CHECK(column_of_last(host, column) == name.text);
  } else {
    CHECK((end.exit_code == 64 || end.exit_code == 65));
    check_refused(end, end.exit_code, "");
    CHECK(end.err.size() < 500);
    check_harmless(end.err);
    CHECK(host.count("job_queue") == before);
  }
}

// All but folders.
std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (!entry.is_directory()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_SUITE("e2e::names [db]") {
  TEST_CASE("a name is stored exactly as it is, or refused in one line") {
    Host host;
    for (const auto& name : names) {
      check_stored_or_refused(host, name, {"enqueue", "--force", "--", name.text}, "job_type");
      check_stored_or_refused(host, name, {"enqueue", "noop", "--group=" + name.text}, "group_key");
      check_stored_or_refused(host, name, {"enqueue", "noop", "--unique=" + name.text},
                              "unique_key");
    }
  }

  TEST_CASE("no name leads to a file outside the folders of the configuration") {
    Host host;
    std::filesystem::create_directory(host.folder / "inner");
    host.env.push_back("SCHEDCTL_STATE_DIR=" + (host.folder / "inner/state"));
    host.env.push_back("SCHEDCTL_HOST=../../escaped");
    const std::vector<std::string> odd = {
        "../escaped", "../../../../../../../../tmp/escaped-" + std::to_string(getpid()),
        host.folder / "escaped", std::string(190, '.') + "/x", "a/../../escaped"};
    std::string handlers;
    for (const auto& name : odd)
      handlers +=
          fmt::format("[handler.\"{}\"]\ntype = \"command\"\nargv = [\"echo\", \"x\"]\n", name);
    host.configure(handlers);
    const auto before = files_below(host.folder.path());
    std::vector<job::JobId> jobs;
    for (const auto& name : odd) {
      const auto enqueued = host.run({"enqueue", name, "--group", name, "--unique", name});
      CHECK(enqueued.exit_code == 0);
      jobs.push_back(std::stol("0" + enqueued.out));
    }

    host.tick();

    for (const auto job : jobs) CHECK(host.status(job) == "completed");
    auto after = files_below(host.folder.path());
    std::erase_if(after, [&](const std::string& path) {
      return path.starts_with(host.folder / "inner/state/process-");
    });
    CHECK(after == before);
    CHECK_FALSE(std::filesystem::exists("/tmp/escaped-" + std::to_string(getpid())));
    check_refused(host.start({"process"}, {"SCHEDCTL_HOST=" + std::string(5000, 'h')}).wait(), 78,
                  "SCHEDCTL_HOST");
  }

  TEST_CASE("a blank name of a job type is refused, whatever the blanks are") {
    Host host;
    for (const std::string blank : {" ", "   ", "\xE2\x80\x83"})
      check_refused(host.run({"enqueue", "--force", "--", blank}), 65, "job_type");
    CHECK(host.count("job_queue") == 0);
  }

  TEST_CASE("odd names are shown so that they cannot steer a terminal, and found by themselves") {
    Host host("[retry]\nmax_retries = 0\n");
    std::vector<job::JobId> jobs;
    for (const auto& name : names)
      if (name.good)
        jobs.push_back(
            host.database
                .query("select enqueue($1, group_key => $1, unique_key => $1)", {name.text})[0][0]
                .as<job::JobId>());
    host.database.query(
        "insert into job_executions (id, job_queue_id, job_type, status, started_at, finished_at, "
        "attempt, error_class, error_message) select nextval('execution_ids'), id, job_type, "
        "'failed', now(), now(), 1, 'exit', E'\\x1b[31m' || job_type from job_queue");
    host.database.query("update job_queue set status = 'failed', error_message = E'\\x1b[2J'");

    using Words = std::vector<std::string>;
    for (const auto& command :
         {Words{"status"}, Words{"history"}, Words{"job", "show", std::to_string(jobs[0])},
          Words{"job", "show", std::to_string(jobs[8])}}) {
      const auto shown = host.run(command);
      CHECK(shown.exit_code == 0);
      check_harmless(shown.out);
    }
    for (const auto& name : names) {
      if (!name.good) continue;
      CAPTURE(name.text);
      const auto found = host.run({"history", "--json", "--type=" + name.text});
      CHECK(found.exit_code == 0);
      CHECK(host.database.value("select count(*) = 1 and bool_and(e ->> 'job_type' = $2) from "
                                "json_array_elements($1::json -> 'executions') e",
                                {found.out, name.text}) == "t");
    }
    CHECK(host.read("canary") == "");
  }

  TEST_CASE("reasons and hosts with odd characters are kept, and harmless where they are shown") {
    Host host;
    const std::string odd = "it's \x1b[31m \xE2\x80\xAE %s\n$(id)";
    const auto job = host.enqueue("noop");

    CHECK(host.run({"job", "cancel", std::to_string(job), "--reason=" + odd}).exit_code == 0);
    CHECK(host.run({"pause", "--reason=" + odd}).exit_code == 0);

    CHECK(host.database.value("select detail ->> 'reason' from audit_log order by id limit 1") ==
          odd);
    using Words = std::vector<std::string>;
    for (const auto& command : {Words{"status"}, Words{"job", "show", std::to_string(job)},
                                Words{"process", "--dry-run"}})
      check_harmless(host.run(command).out);
    host.env.push_back("SCHEDULER_ENABLE_CONSOLE=true");
    const auto told = host.process();
    CHECK(std::count(told.err.begin(), told.err.end(), '\n') == 1);
    check_harmless(told.err);
    CHECK(host.start({"status"}, {"SCHEDCTL_HOST=" + odd}).wait().exit_code == 78);
  }
}
