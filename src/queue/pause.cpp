#include "queue/pause.h"

#include "sql/queue.h"

namespace schedctl::queue {
namespace {

std::optional<std::int64_t> length_ms(const PauseRequest& request) {
  if (!request.length) return std::nullopt;
  return request.length->count();
}

}  // namespace

Pause pause(db::Transaction& tx, const PauseRequest& request) {
  return *read_pause(
      tx.exec(sql::queue::pause, request.until, length_ms(request), request.reason)[0]);
}

Pause pause_definition(db::Transaction& tx, const std::string& name, const PauseRequest& request) {
  return *read_pause(tx.exec(sql::queue::pause_definition, name, request.until, length_ms(request),
                             request.reason)[0]);
}

bool resume_definition(db::Transaction& tx, const std::string& name) {
  return *tx.exec(sql::queue::resume_definition, name)[0][0].c_str() == 't';
}

bool resume(db::Transaction& tx) { return *tx.exec(sql::queue::resume)[0][0].c_str() == 't'; }

std::optional<Pause> current_pause(db::Transaction& tx) {
  const auto rows = tx.exec(sql::queue::current_pause);
  return rows.empty() ? std::nullopt : read_pause(rows[0]);
}

std::optional<Pause> read_pause(const db::Row& row) {
  const auto since = db::optional_time_of(row["paused_since"]);
  if (!since) return std::nullopt;
  return Pause{*since, db::optional_time_of(row["paused_until"]), row["pause_reason"].c_str(),
               row["paused_by"].c_str()};
}

}  // namespace schedctl::queue
