#include "db/greeting.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "db/errors.h"

namespace schedctl::db {
namespace {

using Clock = std::chrono::steady_clock;

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

// The timeline of a primary is in the names of its files; what pg_control_checkpoint() says is that
// of the last checkpoint, which after a promotion is long the old one.
constexpr const char* question =
    "select pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), "
    "pg_catalog.current_setting('transaction_read_only'), "
    "(select system_identifier from pg_catalog.pg_control_system()), "
    "case when not pg_catalog.pg_is_in_recovery() then "
    "substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) end";

// False: there is nothing to be got by then.
bool await_answer(PGconn* connection, Clock::time_point until) {
  while (PQisBusy(connection) != 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd fd{PQsocket(connection), POLLIN, 0};
    if (left <= 0 || poll(&fd, 1, static_cast<int>(left)) == 0) return false;
    if (PQconsumeInput(connection) == 0) return true;  // the result says why
  }
  return true;
}

std::string_view text(const Answer& answer, int column) {
  return {PQgetvalue(answer.get(), 0, column),
          static_cast<std::size_t>(PQgetlength(answer.get(), 0, column))};
}

std::optional<Greeting> read(const Answer& answer) {
  if (PQntuples(answer.get()) != 1 || PQnfields(answer.get()) != 5) return std::nullopt;
  Greeting greeting;
  const auto pid = text(answer, 0), timeline = text(answer, 4);
  std::from_chars(pid.data(), pid.data() + pid.size(), greeting.backend_pid);
  greeting.in_recovery = text(answer, 1) == "t";
  greeting.read_only = text(answer, 2) == "on";
  greeting.server.system_identifier = text(answer, 3);
  std::from_chars(timeline.data(), timeline.data() + timeline.size(), greeting.server.timeline, 16);
  if (greeting.backend_pid == 0) return std::nullopt;
  return greeting;
}

}  // namespace

std::optional<Greeting> greet(PGconn* connection, const std::string& settings,
                              Clock::time_point until, std::string& fault) {
  fault = "no answer in time";
  if (PQsendQuery(connection, (settings + question).c_str()) == 0) return std::nullopt;
  Answer last;
  for (;;) {  // to the end of the answers, without which no other question can be asked
    if (!await_answer(connection, until)) return std::nullopt;
    Answer answer(PQgetResult(connection));
    if (!answer) break;
    const auto status = PQresultStatus(answer.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      fault = first_line(PQerrorMessage(connection));
      return std::nullopt;
    }
    last = std::move(answer);
  }
  fault = "its answer makes no sense";
  return last ? read(last) : std::nullopt;
}

}  // namespace schedctl::db
