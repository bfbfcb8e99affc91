#include "doubt/remote.h"

#include <sstream>

namespace schedctl::test {
namespace {

constexpr const char* here_address = "10.77.0.1";
constexpr const char* there_address = "10.77.0.2";
constexpr const char* access = "host all all 10.77.0.0/16 scram-sha-256\n";

std::vector<chaos::Record> starts(const std::string& folder) {
  auto records = chaos::read_journal(folder);
  std::erase_if(records, [](const auto& one) { return one.kind != chaos::Record::Kind::start; });
  return records;
}

template <typename Row, typename Read>
std::vector<Row> rows_of(const Island& island, const std::string& sql, const Read& read) {
  std::vector<Row> rows;
  std::istringstream lines(island.value(sql));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    rows.push_back(read(words));
  }
  return rows;
}

chaos::QueueRow read_queue_row(std::istream& words) {
  chaos::QueueRow row;
  words >> row.job >> row.status >> row.has_reason;
  return row;
}

chaos::ExecutionRow read_execution(std::istream& words) {
  chaos::ExecutionRow row;
  words >> row.id >> row.job >> row.type >> row.attempt >> row.status >> row.has_start >>
      row.has_end >> row.has_reason;
  return row;
}

}  // namespace

Remote::Remote(const std::string& toml)
    : wire(here, here_address, there, there_address),
      island(toml, {.access = access, .network = there.descriptor()}),
      url(island.server.url_at(there_address)) {
  const auto folder = island.host.folder.path();
  island.host.configure(
      fmt::format("\n[handler.witness]\ntype = \"command\"\n"
                  "argv = [\"{}\", \"{}\", \"witness\", \"{{payload.plan}}\"]\n"
                  "env = [\"CHAOS_HOST\"]\n",
                  SCHEDCTL_WITNESS, folder));
  island.host.folder.write("journal", "");
}

Process Remote::start_a(const std::vector<std::string>& arguments) const {
  ProcessOptions options;
  options.env = island.host.env;
  options.env.insert(options.env.end(), {"SCHEDCTL_DATABASE_URL=" + url, "CHAOS_HOST=host-a"});
  options.network = here.descriptor();
  auto argv = arguments;
  argv.insert(argv.begin(), binary());
  return test::start(argv, options);
}

Process Remote::start_b(const std::vector<std::string>& arguments) const {
  return island.host.start(
      arguments, {"SCHEDCTL_DATABASE_URL=" + island.server.socket_url(), "SCHEDCTL_HOST=host-b",
                  "CHAOS_HOST=host-b", "SCHEDCTL_STATE_DIR=" + (island.host.folder / "state-b")});
}

Process Remote::start_lingering_b() const {
  auto run = start_b({"process", "--linger", "55s"});
  wait_until(
      [&] { return island.value("select count(*) from workers where host = 'host-b'") == "1"; },
      "host b");
  return run;
}

job::JobId Remote::enqueue_witness(const std::string& plan) const {
  return island.enqueue("witness", fmt::format("{{\"plan\":\"{}\"}}", plan));
}

chaos::Record Remote::await_start(std::size_t n, std::chrono::milliseconds deadline) const {
  const auto folder = island.host.folder.path();
  wait_until([&] { return starts(folder).size() >= n; }, fmt::format("start {} of a handler", n),
             deadline);
  return starts(folder).at(n - 1);
}

bool Remote::has_started(std::size_t n) const {
  return starts(island.host.folder.path()).size() >= n;
}

void Remote::check_history() const {
  chaos::Ledger(island.host.folder.path()).sweep();
  chaos::History history;
  history.bounds = {4, 3, {}};
  history.witnessed = {"witness"};
  history.journal = chaos::read_journal(island.host.folder.path());
  history.queue = rows_of<chaos::QueueRow>(
      island,
      "select id || ' ' || status || ' ' || (coalesce(error_message, '') <> '')::int "
      "from job_queue",
      read_queue_row);
  history.executions = rows_of<chaos::ExecutionRow>(
      island,
      "select concat_ws(' ', id, job_queue_id, job_type, attempt, status, "
      "(started_at is not null)::int, (finished_at is not null)::int, "
      "(coalesce(error_class, '') <> '' and coalesce(error_message, '') <> '')::int) "
      "from job_executions order by id",
      read_execution);
  for (const auto& fault : chaos::judge(history))
    CHECK_MESSAGE(false, fault.invariant << ", job " << fault.job << ": " << fault.what);
}

}  // namespace schedctl::test
