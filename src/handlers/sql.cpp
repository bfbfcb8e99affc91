#include "handlers/sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "handlers/json_text.h"
#include "handlers/output_log.h"
#include "sql/handlers.h"
#include "util/text.h"

namespace schedctl::handlers {
namespace {

using namespace std::chrono_literals;
using job::Outcome;
using job::Result;

using Clock = std::chrono::steady_clock;

// A statement can catch its being cancelled, which the server does at the deadline and we do when
// the run must end: so much later its session is cut off.
constexpr auto patience = 2s;
// Of what a statement raises beside its result.
constexpr std::int64_t notice_limit_bytes = 256 * 1024;

// Cancels the statement on the server when the run must end, again and again, as a cancel that
// comes between two statements is lost. Also at the deadline, if the server does not know of it.
class Canceller {
 public:
  Canceller(db::Connection& connection, const Context& context, bool keeps_deadline)
      : connection_(connection),
        context_(context),
        keeps_deadline_(keeps_deadline),
        thread_([this](const std::stop_token& done) { watch(done); }) {}

 private:
  void watch(const std::stop_token& done) {
    std::unique_lock lock(mutex_);
    auto cut_off_at = Clock::time_point::max();
    if (context_.deadline) cut_off_at = *context_.deadline + patience;
    while (!done.stop_requested()) {
      wake_.wait_for(lock, done, 100ms, [] { return false; });
      if (done.stop_requested()) return;
      const bool late = keeps_deadline_ && context_.deadline && Clock::now() >= *context_.deadline;
      const bool stopping = context_.stop.stop_requested();
      if (stopping) cut_off_at = std::min(cut_off_at, Clock::now() + patience);
      if ((stopping && context_.kill_now()) || Clock::now() >= cut_off_at)
        connection_.sever();
      else if (stopping || late)
        connection_.cancel();
    }
  }

  db::Connection& connection_;
  const Context& context_;
  const bool keeps_deadline_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: ends first
};

bool uses_payload(const std::string& statement) {
  for (auto at = statement.find("$1"); at != std::string::npos; at = statement.find("$1", at + 2))
    if (at + 2 >= statement.size() || !std::isdigit(static_cast<unsigned char>(statement[at + 2])))
      return true;
  return false;
}

// A single JSON object is the result; else how many rows there were.
std::string result_of(const db::Result& rows) {
  if (rows.size() == 1 && rows.columns() == 1 && !rows[0][0].is_null()) {
    const std::string text(rows[0][0].c_str(), rows[0][0].size());
    if (is_jsonb_object(text)) return text;
  }
  return fmt::format(R"({{"rows":{}}})", rows.columns() > 0
                                             ? static_cast<long>(rows.size())
                                             : static_cast<long>(rows.affected_rows()));
}

class Sql final : public Handler {
 public:
  explicit Sql(const config::SqlHandler& settings)
      : settings_(settings), uses_payload_(uses_payload(settings.statement)) {}

  Outcome run(const job::Claim& claim, Context& context) const override {
    std::optional<db::Connection> connection;
    try {
      connection.emplace(*context.database, db::Session::handler);
    } catch (const Error& e) {  // not the job's fault
      return {
          .result = Result::given_back, .error_class = "no_resources", .error_message = e.what()};
    }
    OutputLog notices(notice_limit_bytes, context.log);
    connection->on_notice([&notices](std::string_view line) {
      notices.write(Stream::err, line);
      notices.write(Stream::err, "\n");
    });
    auto outcome = run_on(*connection, claim, context);
    notices.finish();
    return outcome;
  }

 private:
  Outcome run_on(db::Connection& connection, const job::Claim& claim, Context& context) const {
    try {
      const bool bare = settings_.autonomous && context.database->pooled;
      const Canceller canceller(connection, context, bare);
      return settings_.autonomous ? run_autonomous(connection, claim, context)
                                  : run_in_transaction(connection, claim, context);
    } catch (const DatabaseError& e) {
      return failure(e, context);
    }
  }

  void enter(db::Transaction& tx, const job::Claim& claim, const Context& context,
             bool local) const {
    std::int64_t timeout_ms = 0;
    if (context.deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          *context.deadline - std::chrono::steady_clock::now());
      timeout_ms = std::max<std::int64_t>(left.count(), 1);
    }
    tx.exec(sql::handlers::sql_enter, timeout_ms, settings_.role, local, std::to_string(claim.id),
            std::to_string(claim.execution_id), std::to_string(claim.attempt), claim.slot,
            context.deadline_utc, claim.idempotency_key);
  }

  // False: this is not the transaction that was entered.
  static bool leave(db::Transaction& tx, const job::Claim& claim, const Context& context) {
    const auto left = tx.exec(sql::handlers::sql_leave, context.database->schema,
                              std::to_string(claim.execution_id));
    return *left[0]["same"].c_str() == 't';
  }

  db::Result execute(db::Transaction& tx, const job::Claim& claim) const {
    if (uses_payload_) return tx.exec_text(settings_.statement, {claim.payload});
    return tx.exec_text(settings_.statement);
  }

  Outcome run_in_transaction(db::Connection& connection, const job::Claim& claim,
                             Context& context) const {
    db::Transaction tx(connection);
    enter(tx, claim, context, true);
    Outcome outcome{.result = Result::completed, .json = result_of(execute(tx, claim))};
    if (!connection.in_transaction() || !leave(tx, claim, context))
      return {.result = Result::rejected,
              .error_class = "sql",
              .error_message = "the statement ended its transaction: set autonomous = true"};
    if (!context.record_in(tx, outcome))
      return {.result = Result::interrupted,
              .error_class = "fence",
              .error_message = "the claim was lost; rolled back"};
    tx.commit();
    outcome.stored = true;
    return outcome;
  }

  Outcome run_autonomous(db::Connection& connection, const job::Claim& claim,
                         const Context& context) const {
    db::Transaction tx(connection, db::bare);
    // What would be set for the session would stay there for the next client of the pooler.
    if (!context.database->pooled) enter(tx, claim, context, false);
    return {.result = Result::completed, .json = result_of(execute(tx, claim))};
  }

  static Outcome failure(const DatabaseError& e, const Context& context) {
    Outcome outcome{
        .result = Result::failed, .error_class = "sql", .error_message = make_storable(e.what())};
    if (!e.sqlstate().empty()) outcome.error_message += fmt::format(" (SQLSTATE {})", e.sqlstate());
    if (e.sqlstate() == "57014" || e.connection_lost()) {
      if (context.stop_reason() == StopReason::cancelled)
        outcome.result = Result::cancelled;
      else if (context.stop_reason() != StopReason::none)
        outcome.result = Result::interrupted;
      else if (context.deadline && std::chrono::steady_clock::now() >= *context.deadline) {
        outcome.result = Result::timeout;
        outcome.error_class = "timeout";
      }
    }
    return outcome;
  }

  const config::SqlHandler settings_;
  const bool uses_payload_;
};

}  // namespace

std::unique_ptr<Handler> make_sql(const config::Handler& handler) {
  return std::make_unique<Sql>(std::get<config::SqlHandler>(handler.how));
}

}  // namespace schedctl::handlers
