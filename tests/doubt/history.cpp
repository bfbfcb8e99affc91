#include "doubt/history.h"

#include <sstream>

namespace schedctl::test {
namespace {

template <typename Row, typename Read>
std::vector<Row> rows_of(const Server& server, const std::string& sql, const Read& read) {
  std::vector<Row> rows;
  std::istringstream lines(server.value("set search_path = schedctl; " + sql));
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

void add_witness(Host& host) {
  host.configure(
      fmt::format("\n[handler.witness]\ntype = \"command\"\n"
                  "argv = [\"{}\", \"{}\", \"witness\", \"{{payload.plan}}\"]\n"
                  "env = [\"CHAOS_HOST\"]\n",
                  SCHEDCTL_WITNESS, host.folder.path()));
  host.env.push_back("CHAOS_HOST=host-a");
  chaos::Ledger(host.folder.path()).sweep();  // makes the journal
}

std::string witness_payload(const std::string& plan) {
  return fmt::format("{{\"plan\":\"{}\"}}", plan);
}

std::vector<chaos::Record> starts(const Host& host) {
  auto records = chaos::read_journal(host.folder.path());
  std::erase_if(records, [](const auto& one) { return one.kind != chaos::Record::Kind::start; });
  return records;
}

chaos::Record await_start(const Host& host, std::size_t n) {
  wait_until([&] { return starts(host).size() >= n; }, fmt::format("start {} of a handler", n));
  return starts(host).at(n - 1);
}

std::string server_time(const Server& server) { return server.value("select clock_timestamp()"); }

std::optional<double> first_claim_since(const Server& server, const std::string& then) {
  const auto seconds = server.value(
      fmt::format("select extract(epoch from min(locked_at) - '{0}') from schedctl.job_queue "
                  "where status = 'running' and locked_at > '{0}'",
                  then));
  if (seconds.empty()) return std::nullopt;
  return std::stod(seconds);
}

void check_history(const Host& host, const Server& server,
                   const std::set<chaos::JobId>& acknowledged) {
  chaos::Ledger(host.folder.path()).sweep();
  chaos::History history;
  history.bounds = {4, 3, {}};
  history.witnessed = {"witness"};
  history.acknowledged = acknowledged;
  history.journal = chaos::read_journal(host.folder.path());
  history.queue = rows_of<chaos::QueueRow>(
      server,
      "select id || ' ' || status || ' ' || (coalesce(error_message, '') <> '')::int "
      "from job_queue",
      read_queue_row);
  history.executions = rows_of<chaos::ExecutionRow>(
      server,
      "select concat_ws(' ', id, job_queue_id, job_type, attempt, status, "
      "(started_at is not null)::int, (finished_at is not null)::int, "
      "(coalesce(error_class, '') <> '' and coalesce(error_message, '') <> '')::int) "
      "from job_executions order by id",
      read_execution);
  for (const auto& fault : chaos::judge(history))
    CHECK_MESSAGE(false, fault.invariant << ", job " << fault.job << ": " << fault.what);
}

}  // namespace schedctl::test
