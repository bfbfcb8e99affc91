// Payloads from the command line to the handler: their sizes, their values, their keys.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <set>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

constexpr std::size_t limit = 16 * 1024 * 1024;

std::string payload_of(std::size_t bytes) {
  return bytes < 10 ? "{}" : "{\"x\":\"" + std::string(bytes - 8, 'x') + "\"}";
}

ProcessResult enqueue_from_stdin(const Host& host, const std::string& payload) {
  ProcessOptions options;
  options.env = host.env;
  options.stdin_text = payload;
  return run({binary(), "enqueue", "keep", "--payload", "-"}, options);
}

ProcessResult enqueue_from_file(const Host& host, const std::string& payload) {
  return host.run({"enqueue", "keep", "--payload", "@" + host.folder.write("payload", payload)});
}

ProcessResult enqueue_from_argument(const Host& host, const std::string& payload) {
  return host.run({"enqueue", "keep", "--payload", payload});
}

// What the handler got.
std::string kept(const Host& host, const ProcessResult& enqueued) {
  return host.read("kept." + std::to_string(std::stol("0" + enqueued.out)));
}

void add_keeper(Host& host) { host.handler("keep", "exec cat >kept.$SCHEDCTL_JOB_ID"); }

int peak_rss_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoi(line.substr(6));
  return -1;
}

std::string nested(int levels) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += "{\"a\":";
  return text + "1" + std::string(static_cast<std::size_t>(levels), '}');
}

}  // namespace

TEST_SUITE("e2e::payload [db]") {
  TEST_CASE("a payload of any allowed size arrives byte for byte, from wherever it comes") {
    Host host;
    add_keeper(host);
    std::vector<std::pair<ProcessResult, std::size_t>> enqueued;
    for (const std::size_t bytes : {std::size_t{2}, std::size_t{100'000}})
      enqueued.emplace_back(enqueue_from_argument(host, payload_of(bytes)), bytes);
    for (const std::size_t bytes : {std::size_t{2}, std::size_t{1'000'000}, limit})
      for (const auto& from : {enqueue_from_file, enqueue_from_stdin}) {
        const auto began = Clock::now();
        enqueued.emplace_back(from(host, payload_of(bytes)), bytes);
        if (bytes == 1'000'000 && !sanitized) CHECK(Clock::now() - began <= 1s);
      }

    host.tick();

    for (const auto& [end, bytes] : enqueued) {
      CAPTURE(bytes);
      CHECK(end.exit_code == 0);
      CHECK((kept(host, end) == payload_of(bytes)));
    }
  }

  TEST_CASE("nothing, and more than the limit, is refused before there is a row") {
    Host host;
    add_keeper(host);

    for (const auto& from : {enqueue_from_argument, enqueue_from_file, enqueue_from_stdin})
      check_refused(from(host, ""), 65, "payload is empty");
    for (const auto& from : {enqueue_from_file, enqueue_from_stdin}) {
      check_refused(from(host, payload_of(limit + 1)), 65, "at most 16777216 bytes");
      check_refused(from(host, payload_of(100'000'000)), 65, "at most 16777216 bytes");
    }
    CHECK(host.count("job_queue") == 0);
  }

  TEST_CASE("a payload takes at most eight times its size, when it is stored and when it is run") {
    if (sanitized) return;
    Host host;
    host.handler("keep", "cat >/dev/null; echo >kept; while [ ! -e go ]; do sleep 0.01; done");
    const auto idle_kib = 90 * 1024;  // addresses that the libraries take, whatever the payload
    host.folder.write("payload", payload_of(limit));

    const auto enqueued =
        host.shell(fmt::format("ulimit -v {}; exec \"$S\" enqueue keep --payload \"@$D\"",
                               idle_kib + 8 * limit / 1024),
                   {"D=" + (host.folder / "payload")});
    CHECK(enqueued.err == "");
    CHECK(enqueued.exit_code == 0);

    auto run = host.start_process();
    wait_until([&] { return host.lines("kept") == 1; }, "the handler to have its payload");
    const auto peak = peak_rss_kib(run.pid());
    host.folder.write("go", "");
    CHECK(run.wait().exit_code == 0);
    MESSAGE("peak of a run with a payload of 16 MiB: " << peak / 1024 << " MiB");
    CHECK(peak > 0);
    CHECK(peak <= static_cast<int>(8 * limit / 1024));
  }

  TEST_CASE("many large payloads that are due together do not add up in a run's memory") {
    if (sanitized) return;
    Host host;
    host.handler("eat", "cat >/dev/null");
    host.database.query("select enqueue('eat', priority => 9) from generate_series(1, 200)");
    host.database.query(
        "select enqueue('eat', json_build_object('x', repeat('x', 8000000))) "
        "from generate_series(1, 60)");
    auto run = host.start_process({"--linger", "55s"});
    host.await("job_executions where status = 'completed'", 260);
    const auto peak = peak_rss_kib(run.pid());

    MESSAGE("peak of a run with sixty payloads of 8 MB: " << peak / 1024 << " MiB");
    CHECK(peak > 0);
    CHECK(peak < 160 * 1024);
    CHECK(host.count("job_executions") == 260);
  }

  TEST_CASE("unusual values arrive as they were written") {
    Host host;
    add_keeper(host);
    const std::vector<std::string> payloads = {
        "{}",
        "{\"a\":1,\"a\":2,\"a\":{\"a\":3}}",
        "{\"n\":123456789012345678901234567890,\"m\":-0.000000000000000000000000000001}",
        "{\"n\":-0.0,\"m\":1E+2,\"o\":1e308,\"p\":1e-4000}",
        "{\"emoji\":\"\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80\",\"rtl\":"
        "\"\xE2\x80\xAE\xD7\x90\"}",
        "{\"escaped\":\"\\u00e4\\ud83d\\ude00\\/\\n\\u007f\"}",
        " {\t\"space\" :\r\n [ 1 , 2 ] } \n",
        "{\"\":\"empty name\",\" \":null,\"\\\"\":true}",
        "{\"shell\":\"; touch canary `id` $(id) \\\" ' | & < > * ~ \\\\\"}",
        "{\"" + std::string(10'000, 'k') + "\":0}",
        nested(500),
    };
    std::vector<ProcessResult> enqueued;
    for (const auto& payload : payloads) enqueued.push_back(enqueue_from_argument(host, payload));

    host.tick();

    for (std::size_t i = 0; i < payloads.size(); ++i) {
      CAPTURE(payloads[i].substr(0, 100));
      CAPTURE(enqueued[i].err);
      CHECK(enqueued[i].exit_code == 0);
      CHECK((kept(host, enqueued[i]) == payloads[i]));
    }
    CHECK(host.read("canary") == "");
  }

  TEST_CASE("values that no handler could read are refused in one short line, also by SQL") {
    Host host;
    add_keeper(host);
    const std::string deep =
        "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
    const std::vector<std::string> payloads = {"{\"a\":\"\\u0000\"}",
                                               "{\"a\":\"\\ud800\"}",
                                               "{\"a\":\"\\udc00\\ud800\"}",
                                               "{\"a\":1e400000}",
                                               "{\"a\":NaN}",
                                               "{\"a\":Infinity}",
                                               "{\"a\":0x1}",
                                               "{\"a\":01}",
                                               "{\"a\":'b'}",
                                               "{\"a\":1,}",
                                               "{\"a\":\"\n\"}",
                                               "{a:1}",
                                               "{} {}",
                                               "null",
                                               "\"text\"",
                                               "42",
                                               "[{}]",
                                               "// {}\n{}",
                                               "\xEF\xBB\xBF{}",
                                               "{\"a\":\"\xff\"}",
                                               "{\"a\":\"\xed\xa0\x80\"}",
                                               "{\"a\":\"\xc0\x80\"}",
                                               deep};
    for (const auto& payload : payloads) {
      CAPTURE(payload.substr(0, 100));
      const auto end = enqueue_from_stdin(host, payload);
      check_refused(end, 65, "payload");
      CHECK(end.err.size() < 400);
    }

    for (const auto& payload :
         {deep, std::string("{\"a\":\"\\u0000\"}"), std::string("{\"a\":1e400000}")}) {
      std::string told;
      try {
        host.database.query("select enqueue('keep', $1::text)", {payload});
      } catch (const std::exception& error) {
        told = error.what();
      }
      CHECK(told.find("payload") != std::string::npos);
      CHECK(told.size() < 400);
    }
    CHECK(host.count("job_queue") == 0);
  }

  TEST_CASE("fifty producers with one unique key get one id, as long as its job is unfinished") {
    Host host;
    host.handler("wait", "echo >>begun; until [ -e go ]; do sleep 0.01; done");
    const auto fifty = [&] {
      std::vector<Process> producers;
      for (int i = 0; i < 50; ++i)
        producers.push_back(host.start({"enqueue", "wait", "--unique", "k"}));
      std::set<std::string> told;
      for (auto& producer : producers) {
        const auto end = producer.wait();
        CHECK(end.exit_code == 0);
        CHECK(end.err == "");
        told.insert(end.out);
      }
      CHECK(told.size() == 1);
      return *told.begin();
    };

    const auto pending = fifty();
    auto run = host.start_process();
    host.await_line("begun");
    const auto running = fifty();
    host.folder.write("go", "");
    CHECK(run.wait().exit_code == 0);
    const auto finished = fifty();

    CHECK(running == pending);
    CHECK(finished != pending);
    CHECK(host.count("jobs") == 2);
  }
}
